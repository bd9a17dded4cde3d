"""What the tests of watch/ share."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections.abc import Callable
from typing import Any

from livy_magic.errors import NotFound, Unreachable
from livy_magic.protocol.models import BatchId, BatchInfo, BatchPage, LogPage
from livy_magic.watch.watch import Watch
from livy_magic.watch.watcher import Watcher

SOON = 20.0  # seconds by which what a test waits for has happened, even on a busy machine


NIGHTLY = BatchInfo(id=7, name="nightly", state="running")


JITTER = random.Random(0)  # noqa: S311 -- no secret


DOWN = Unreachable("GET …: cannot connect", request="GET …", sent=False)


class Server:
    """A Livy with scripted batches, in place of the client."""

    def __init__(self, *batches: BatchInfo) -> None:
        self.batches = {batch.id: batch for batch in batches}
        self.logs: dict[BatchId, list[str]] = {batch.id: [] for batch in batches}
        self.calls: list[str] = []
        self.down: Exception | None = None
        self.list_down: Exception | None = None
        self.log_down: Exception | None = None
        self.has_log = True
        self.before_log: Callable[[], None] = lambda: None

    def becomes(self, key: BatchId, **changes: Any) -> None:
        self.batches[key] = dataclasses.replace(self.batches[key], **changes)

    def _find(self, call: str, key: BatchId) -> BatchInfo:
        self.calls.append(f"{call} {key}")
        if self.down is not None:
            raise self.down
        for batch in self.batches.values():
            if key in (batch.id, batch.name):
                return batch
        raise NotFound("no such batch", request=call)

    def _view(self, batch: BatchInfo) -> BatchInfo:
        entries = ("stdout: ", *self.logs.get(batch.id, ())[-200:], "\nstderr: ")
        return dataclasses.replace(batch, log=entries[-10:] if self.has_log else ())

    def batch(self, key: BatchId) -> BatchInfo:
        return self._view(self._find("batch", key))

    def page(self, start: int = 0, size: int = 100) -> BatchPage:
        self.calls.append(f"page {start} {size}")
        for failure in (self.down, self.list_down):
            if failure is not None:
                raise failure
        batches = [self._view(batch) for batch in self.batches.values()]
        return BatchPage(start, len(batches), tuple(batches[start : start + size]))

    def log(
        self, key: BatchId, start: int = 0, size: int = -1, *, of: BatchId | None = None
    ) -> LogPage:
        self.before_log()
        batch = self._find("log", key)
        if self.log_down is not None:
            raise self.log_down
        entries = ["stdout: ", *self.logs[batch.id][-200:], "\nstderr: "] if self.has_log else []
        return LogPage(start, len(entries), tuple(entries[start:]))


class Clock:
    """Time that passes when a test says so: looks happen when they are asked for, and only then."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Stepped(Watcher):
    """A watcher of which one can tell when a tick is over."""

    def __init__(self, server: Server, clock: Clock) -> None:
        super().__init__(server, clock=clock, rng=JITTER)  # type: ignore[arg-type]
        self._whole = threading.Lock()

    def tick(self) -> None:
        with self._whole:
            super().tick()

    def pause(self) -> float:
        if self.is_this_thread():
            return super().pause()
        with self._whole:
            return super().pause()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "livy-magic-watcher"]


def texts(watch: Watch) -> list[str]:
    return [line.text for line in watch.lines()]

"""Limits how many batches run at once: the others wait, in the order of their submission.

Each batch has a ticket: a file that its spark-submit locks. The lock is released whenever its
process ends, so a killed batch blocks no place. This loads only the standard library, like
``spark_submit``.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

NEEDED = 1 << 30  # bytes of free memory for one more batch: Spark's driver, and its Python
PAUSE = 0.2  # seconds between two checks of the tickets

_WAITING, _RUNNING = "waiting", "running"


def most_at_once(running: int) -> int:
    """Return how many batches may run at once: one per core, as far as memory allows, at least one.

    Args:
        running: How many run now; their memory no longer counts as free.
    """
    free = _free_memory()
    fits = running + free // NEEDED if free is not None else running + 1
    return max(1, min(_cores(), fits))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _free_memory() -> int | None:
    """Return the bytes of memory available to programs; None on systems other than Linux."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    return None


class Queue:
    """The batches of a server that run or wait.

    Args:
        folder: Folder of their tickets.
        most: Takes the number of running batches, and returns how many may run at once.
    """

    def __init__(self, folder: Path, most: Callable[[int], int]) -> None:
        self._folder = folder
        self._most = most

    @contextlib.contextmanager
    def place(self, pause: Callable[[float], None], tell: Callable[[int], None]) -> Iterator[None]:
        """Wait for a place, and hold it for the block.

        Args:
            pause: Waits for the given seconds; an exception from it ends the waiting.
            tell: Called with the number of batches that must end first, whenever it changes.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ticket = self._folder / f"{_WAITING}-{_began():020d}-{os.getpid():010d}"
        with self._alone():
            held = os.open(ticket, os.O_CREAT | os.O_RDWR, 0o600)
            _lock(held)
        try:
            told = 0
            while ahead := self._ahead(ticket):
                if ahead != told:
                    tell(ahead)
                told = ahead
                pause(PAUSE)
            ticket = _running(ticket)
            yield
        finally:
            ticket.unlink(missing_ok=True)
            os.close(held)

    def _ahead(self, ticket: Path) -> int:
        """Return how many batches must end first; if none, mark the ticket as running."""
        with self._alone():
            running = older = 0
            for other in self._folder.glob("*-*-*"):
                if other == ticket or not _is_held(other):
                    continue
                running += other.name.startswith(_RUNNING)
                older += other.name.startswith(_WAITING) and other.name < ticket.name
            ahead = max(0, running + older - self._most(running) + 1)
            if not ahead:
                ticket.rename(_running(ticket))
            return ahead

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from the tickets for the block."""
        with (self._folder / "lock").open("w") as file:
            _lock(file.fileno())
            yield


def _lock(descriptor: int, *, wait: bool = True) -> bool:
    """Lock a file until it is closed; return False if another process holds it and ``wait`` is off."""
    import fcntl  # Windows has none, and must be able to import the rest

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _running(ticket: Path) -> Path:
    return ticket.with_name(ticket.name.replace(_WAITING, _RUNNING, 1))


def _is_held(ticket: Path) -> bool:
    """Return whether the ticket's process lives; if not, remove the ticket."""
    with contextlib.suppress(FileNotFoundError), ticket.open("rb") as file:
        if not _lock(file.fileno(), wait=False):
            return True
        ticket.unlink()
    return False


def _began() -> int:
    """Return when this process began, in clock ticks since boot; if that is unknown, the time now."""
    with contextlib.suppress(OSError):
        # The name, in brackets, may contain anything; the 20th word after it is the start time.
        stat = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace")
        return int(stat.rpartition(")")[2].split()[19])
    return int(time.monotonic() * 100)

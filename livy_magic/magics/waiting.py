"""Waiting for batches in a cell, and following one: what is printed meanwhile and at the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence

from ..batch import Batch
from ..display import status_line
from ..errors import BatchFailed, BatchGone, WaitInterrupted, WaitTimeout
from ..redact import plain
from .progress_bar import WaitProgress

MOST_LINES = 500  # of a program's output that the end of a wait shows


def wait(batches: Sequence[Batch], timeout: float | None = None, *, quiet: bool = False) -> None:
    """Wait for all, then show what they printed; the first failure is raised at the end."""
    deadline = None if timeout is None else time.monotonic() + timeout
    failures: list[BatchFailed | BatchGone] = []
    try:
        with contextlib.nullcontext() if quiet else WaitProgress(batches):
            for batch in batches:
                rest = None if deadline is None else max(0.0, deadline - time.monotonic())
                try:
                    batch.wait(rest)
                except (BatchFailed, BatchGone) as failure:
                    failures.append(failure)
    except WaitTimeout:
        raise WaitTimeout(_still_running(batches)) from None
    except KeyboardInterrupt:
        raise WaitInterrupted(_still_running(batches)) from None
    if not quiet:
        for batch in batches:
            if batch.succeeded:
                if len(batches) > 1:
                    print(f"── batch {batch.info.label}")
                _print_output(batch)
    if failures:
        raise failures[0]


def follow(batch: Batch, *, output: bool) -> None:
    """Print the log as it comes, or only the program's ``output``; a failed batch raises at its end."""
    try:
        for text in batch.follow(output=output):
            print(plain(text))
    except KeyboardInterrupt:
        raise WaitInterrupted(_still_running([batch])) from None
    try:
        batch.wait()
    except BatchFailed as failure:  # its lines have just been printed
        raise BatchFailed(status_line(batch.snapshot), batch=batch) from failure


def _still_running(batches: Iterable[Batch]) -> str:
    running = [batch for batch in batches if not batch.done]
    names = ", ".join(batch.info.label for batch in running)
    ids = " ".join(str(batch.id) for batch in running)
    return (
        f"stopped waiting; still running: batch {names}\n"
        f"Wait on with %livy_wait {ids}, or end it with %livy_kill {ids}."
    )


def _print_output(batch: Batch) -> None:
    lines = batch.output()
    if len(lines) > MOST_LINES:
        print(f"… {len(lines) - MOST_LINES} lines before: %livy_log {batch.id} --output")
    print_lines(lines[-MOST_LINES:])


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of a server's, which are data: control characters are made visible."""
    for text in lines:
        print(plain(text))

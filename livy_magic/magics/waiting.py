"""Waiting for batches in a cell, and following one: the output meanwhile and at the end."""

from __future__ import annotations

import contextlib
import math
import queue
import time
from collections.abc import Iterable, Iterator, Sequence

from ..batch import Batch
from ..display import LONGEST_LINE, pace, status_line
from ..errors import BatchFailed, BatchGone, WaitInterrupted, WaitTimeout
from ..redact import plain
from ..watch.snapshot import Snapshot
from .output import Output
from .progress_bar import WaitProgress


def wait(batches: Sequence[Batch], timeout: float | None = None, *, quiet: bool = False) -> None:
    """Wait for all batches, showing their states, then raise the first failure, if any.

    One batch's output is printed as it arrives; that of several, in turn, when all have ended.

    Args:
        batches: The batches.
        timeout: Seconds to wait; None for no limit.
        quiet: Whether to show nothing.

    Raises:
        BatchFailed, BatchGone: A batch failed, or the server no longer knows it.
        WaitTimeout, WaitInterrupted: The wait stopped before all had ended.
    """
    progress = None if quiet else WaitProgress(batches)
    output = Output(batches[0]) if progress and len(batches) == 1 else None
    try:
        _until_the_end(batches, timeout, progress, output)
    except (KeyboardInterrupt, WaitTimeout) as stop:
        if output:
            output.stop()
        if progress:
            progress.show(stopped=True)
        kind = WaitTimeout if isinstance(stop, WaitTimeout) else WaitInterrupted
        raise kind(_still_running(batches)) from None
    failures = list(_failures(batches))
    if progress and not output:
        for batch in batches:
            if batch.succeeded:
                print(f"── batch {batch.info.label}")
                Output(batch).finish()
    if failures:
        raise _without_its_lines(failures[0]) if output and output.said else failures[0]


def _until_the_end(
    batches: Sequence[Batch],
    timeout: float | None,
    progress: WaitProgress | None,
    output: Output | None,
) -> None:
    """Return when all have ended; meanwhile, show new output and elapsed times."""
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    news: queue.SimpleQueue[None] = queue.SimpleQueue()  # an interrupt cannot leave it locked

    def tell(_: Snapshot) -> None:
        news.put(None)

    with contextlib.ExitStack() as stack:
        for batch in batches:
            stack.callback(batch.on_change(tell))
            stack.enter_context(batch.watch.awaited())
        if progress:
            progress.show()
        if output:
            stack.enter_context(batches[0].watch.looked_at())
            batches[0].look()  # the log of a batch that was found ended is still unread
        while running := [batch for batch in batches if not batch.done]:
            if progress:
                progress.show()
            if output:
                output.print_news()
            rest = deadline - time.monotonic()
            if rest <= 0:
                raise WaitTimeout
            youngest = max(batch.snapshot.first_seen for batch in running)
            with contextlib.suppress(queue.Empty):
                news.get(timeout=min(rest, pace(time.time() - youngest)))
                while True:
                    news.get_nowait()
        if output:
            output.finish()
        if progress:
            progress.show()


def _failures(batches: Iterable[Batch]) -> Iterator[BatchFailed | BatchGone]:
    for batch in batches:
        try:
            batch.wait()
        except (BatchFailed, BatchGone) as failure:
            yield failure


def _without_its_lines(failure: BatchFailed | BatchGone) -> BatchFailed | BatchGone:
    """Return a failure with only its cause, since its lines have just been printed."""
    if not isinstance(failure, BatchFailed):
        return failure
    from ..panel.notes import cause  # imported late: only a failed batch needs it

    why = cause(list(failure.lines), LONGEST_LINE)
    short = BatchFailed(
        status_line(failure.batch.snapshot), batch=failure.batch, lines=[why] if why else []
    )
    short.__cause__ = failure
    return short


def follow(batch: Batch, *, output: bool) -> None:
    """Print the log as it grows, or only the program's ``output``; raise at the end if it failed."""
    try:
        for text in batch.follow(output=output):
            print(plain(text))
    except KeyboardInterrupt:
        raise WaitInterrupted(_still_running([batch])) from None
    try:
        batch.wait()
    except BatchFailed as failure:
        raise _without_its_lines(failure)  # noqa: B904 -- its cause is set


def _still_running(batches: Iterable[Batch]) -> str:
    running = [batch for batch in batches if not batch.done]
    names = ", ".join(batch.info.label for batch in running)
    ids = " ".join(str(batch.id) for batch in running)
    return (
        f"stopped waiting; still running: batch {names}\n"
        f"Wait on with %livy_wait {ids}, or end it with %livy_kill {ids}."
    )


def print_lines(lines: Iterable[str]) -> None:
    """Print a server's lines as data, with control characters made visible."""
    for text in lines:
        print(plain(text))

"""Progress of long work, done in pieces and reported as lines of text."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from .files import opened

Report: TypeAlias = Callable[[str], None]

_EVERY = 2.0  # seconds
_CHUNK = 1 << 20  # bytes
_MB = 1_000_000  # bytes


class Progress(str):
    """A line of progress, of which a display can also make a bar, in one place for each activity.

    Attributes:
        activity: What is being done; a later line of the same activity may replace this one.
        part: How far it is, from 0 to 1, which is its end; None when nobody knows.
    """

    __slots__ = ("activity", "part")

    activity: str
    part: float | None

    def __new__(cls, text: str, activity: str, part: float | None = None) -> Progress:  # noqa: PYI034 -- Python 3.10 has no Self
        """See the class."""
        self = super().__new__(cls, text)
        self.activity, self.part = activity, part
        return self


def silent(_: str) -> None:
    """Report nothing."""


class Patient:
    """A filter that passes on at most one line of progress every two seconds.

    Work that takes less than two seconds reports nothing. Where it has passed on a line of an
    activity, it passes on the activity's end in any case.

    Args:
        report: Receives the lines.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._last = time.monotonic()
        self._activity: str | None = None  # of the last line that was passed on

    def __call__(self, text: str) -> None:
        """Report a line of progress, if two seconds have passed since the last, or it is an end."""
        progress = text if isinstance(text, Progress) else None
        is_end = progress and progress.part == 1.0 and progress.activity == self._activity
        if is_end or time.monotonic() - self._last >= _EVERY:
            self._report(text)
            self._last = time.monotonic()
            self._activity = progress.activity if progress else None


def chunks(source: os.PathLike[str] | bytes) -> Iterator[bytes]:
    """Yield a file's content in pieces of 1 MiB; yield bytes whole."""
    if isinstance(source, bytes):
        yield source
        return
    with opened(source) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def counted(pieces: Iterable[bytes], what: str, total: int, report: Report) -> Iterator[bytes]:
    """Yield the pieces, and report the progress after each: ``staging x.jar: 45 of 120 MB``.

    Args:
        pieces: The pieces to process.
        what: The work, for the report: ``staging x.jar``.
        total: Size of all pieces together, in bytes.
        report: Receives a line for each piece; wrap it in :class:`Patient` to thin them out.
    """
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        far = f": {done / _MB:.0f} of {total / _MB:.0f} MB" if total >= _MB else ""
        report(Progress(what + far, what, min(done / total, 1.0) if total else None))

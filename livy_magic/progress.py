"""What may take long, in pieces, and how far it is as lines of text."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

Report: TypeAlias = Callable[[str], None]

_EVERY = 2.0  # seconds
_CHUNK = 1 << 20  # bytes
_MB = 1_000_000  # bytes


def silent(_: str) -> None:
    """Report nothing."""


class Patient:
    """Passes on a line of progress every two seconds, and none of what takes less.

    Args:
        report: Gets the lines.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._last = time.monotonic()

    def __call__(self, text: str) -> None:
        """Take note of a line of progress."""
        if time.monotonic() - self._last >= _EVERY:
            self._report(text)
            self._last = time.monotonic()


def chunks(source: os.PathLike[str] | bytes) -> Iterator[bytes]:
    """Yield what a file holds, or the bytes themselves, in pieces that take no long to work off."""
    if isinstance(source, bytes):
        yield source
        return
    with Path(source).open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def counted(pieces: Iterable[bytes], what: str, total: int, report: Report) -> Iterator[bytes]:
    """Yield the pieces, and report after each how far it is: ``staging x.jar: 45 of 120 MB``.

    Args:
        pieces: What is worked off.
        what: What is being done.
        total: Bytes of all pieces together.
        report: Gets a line for each piece; a :class:`Patient` one passes on few.
    """
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        far = f": {done / _MB:.0f} of {total / _MB:.0f} MB" if total >= _MB else ""
        report(what + far)

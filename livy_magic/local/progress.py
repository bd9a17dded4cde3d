"""Progress of what takes long, as lines of text."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[str], None]

_EVERY = 2.0  # seconds


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

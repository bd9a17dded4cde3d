"""Warnings that the history cannot be used, and why, printed after a cell has run."""

from __future__ import annotations

import logging
from collections import deque


class HistoryWarnings(logging.Handler):
    """Collects warnings, which may come from any thread, and prints them after a cell has run."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[str] = deque()

    def emit(self, record: logging.LogRecord) -> None:
        """Collect a warning."""
        self._lines.append(record.getMessage())

    def show(self, *_result: object) -> None:
        """Print the collected warnings, each once."""
        while self._lines:
            print(self._lines.popleft())

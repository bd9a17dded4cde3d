"""What a person is told that nobody waits for: that the history cannot be used, and why."""

from __future__ import annotations

import logging
from collections import deque


class HistoryWarnings(logging.Handler):
    """Keeps warnings, which may come from any thread, until a cell has run, and prints them then."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[str] = deque()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a warning."""
        self._lines.append(record.getMessage())

    def show(self, *_result: object) -> None:
        """Print what has come, each once."""
        while self._lines:
            print(self._lines.popleft())

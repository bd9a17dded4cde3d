"""The causes of failed batches, read from the history if the list's part of the log lacks them.

The list has only the last ten lines of a log, and after a program's last lines Spark logs its
shutdown. The history has the whole log of each batch that was submitted from here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ..batch import last_words
from ..display import first_line
from ..errors import HistoryError
from ..history import Entry, History, recorder
from ..livy import Livy
from .notes import cause
from .rows import Row, Rows

AT_ONCE = 20  # batches, the newest, to look up in the history at a time
PATIENCE = 60.0  # seconds to wait for the history to record a batch's end

_log = logging.getLogger(__name__)


class Causes:
    """A search for causes in the history, called in the controller's thread.

    Args:
        livy: The server.
        found: Called, in another thread, with a row's number and the cause of its batch's failure.
    """

    def __init__(self, livy: Livy, found: Callable[[int, str], None]) -> None:
        self._livy = livy
        self._found = found

    def seek(self, rows: Rows) -> None:
        """Start a thread that finds the causes of the batches whose whole log is in the history."""
        ended: list[tuple[int, Entry]] = []
        for number in sorted(rows.unexplained, reverse=True)[:AT_ONCE]:
            entry = self._livy.remembered(rows[number].info)
            if entry is not None and entry.ended is not None:
                ended.append((number, entry))
            elif not _is_late(rows[number]):
                continue
            rows.unexplained.discard(number)
        if ended:
            threading.Thread(
                target=self._read, args=[ended], name="livy-magic-panel-causes", daemon=True
            ).start()

    def _read(self, ended: list[tuple[int, Entry]]) -> None:
        recorder.flush()
        for number, entry in ended:
            try:
                why = cause_of(self._livy.history, entry)
            except HistoryError as problem:
                _log.warning("the panel cannot find why batches failed: %s", first_line(problem))
                return
            self._found(number, why)


def cause_of(history: History, entry: Entry) -> str:
    """Return in one line why a submission's batch failed, from the end of its saved log; "" if that says nothing.

    Raises:
        HistoryError: The history cannot be used.
    """
    lines = history.end_of_log(entry.key)
    return cause(last_words(lambda kinds: (line for line in lines[::-1] if line.kind in kinds)))


def _is_late(row: Row) -> bool:
    return time.time() - (row.ended or row.first_seen) > PATIENCE

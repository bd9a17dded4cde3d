"""What magics display: tables of batches and submissions, and the private Livy's status."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from .. import local
from ..batch import Batch
from ..display import Row, history_html, history_text, table_html, table_text
from ..history import Entry, History
from ..protocol.models import is_final, is_success

CAUSES = 100  # failed submissions whose logs are read for a cause, at 3 ms each


class BatchList(list[Batch]):
    """A list of batches, displayed as a table."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        super().__init__(batches)
        self._listed = time.time()

    def __repr__(self) -> str:
        return table_text(self._rows())

    def _repr_html_(self) -> str:
        return table_html(self._rows())

    def _rows(self) -> list[Row]:
        now = time.time()
        return [
            Row(batch.info, *batch.times(), now if batch.is_watched else self._listed)
            for batch in self
        ]


class EntryList(list[Entry]):
    """A list of submissions, displayed as a table.

    Args:
        entries: The submissions; the table has the causes of the first ``CAUSES`` that failed.
        history: The history that they are from.
    """

    def __init__(self, entries: Sequence[Entry], history: History) -> None:
        super().__init__(entries)
        self._causes = {
            entry.key: entry.reason.partition("\n")[0] for entry in entries if entry.reason
        }
        from ..panel.causes import cause_of  # imported late: only the history needs the panel

        for entry in [one for one in entries if _has_failed(one)][:CAUSES]:
            self._causes[entry.key] = cause_of(history, entry)

    def __repr__(self) -> str:
        return history_text(self, self._causes)

    def _repr_html_(self) -> str:
        return history_html(self, self._causes)


def _has_failed(entry: Entry) -> bool:
    """Return whether the batch failed by itself; a killed one needs no cause."""
    return (
        entry.info is not None
        and is_final(entry.state)
        and not is_success(entry.state)
        and entry.state != "killed"
    )


def status_text(status: local.Status) -> str:
    """Return the private Livy's status, one line per fact."""
    server = status.server
    first = "no private Livy is running"
    if server is not None:
        first = (
            f"running at {server.url.removeprefix('http://')} with Spark {server.spark_version} on Java"
            f" {server.java_version}, {status.active} batches running"
        )
    disk = [f"{size / 1e6:6.1f} MB  {status.folders[name]}" for name, size in status.disk.items()]
    quick = [f"quick start: {status.quick_start}"] if status.quick_start else []
    return "\n".join([first, *quick, *disk])

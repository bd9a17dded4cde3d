"""What magics return or print, as a person sees it: tables, and how the private Livy is."""

from __future__ import annotations

from .. import local
from ..batch import Batch
from ..display import history_html, history_text, table_html, table_text
from ..history import Entry


class BatchList(list[Batch]):
    """Batches that show as a table."""

    def __repr__(self) -> str:
        return table_text(batch.info for batch in self)

    def _repr_html_(self) -> str:
        return table_html(batch.info for batch in self)


class EntryList(list["Entry"]):
    """Submissions that show as a table."""

    def __repr__(self) -> str:
        return history_text(self)

    def _repr_html_(self) -> str:
        return history_html(self)


def status_text(status: local.Status) -> str:
    """Return how the private Livy is, a line for each thing."""
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

"""How long the history keeps what: by age and by size, and how what goes leaves no trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.log_format import Line
from .database import pragma, transaction
from .saved_logs import pack

if TYPE_CHECKING:
    import sqlite3

DAY = 86400.0  # seconds
SLICE = 1000  # pages that are given back in one transaction, so that nobody waits long

REMOVED = Line("… lines were here: the history keeps no more, for want of room …", "gap")


def tidy(connection: sqlite3.Connection, now: float, keep_days: float, keep_bytes: int) -> None:
    """Remove what is too old or too much, unless some kernel did so within the last day.

    Of what is too much, the oldest logs go first, then the oldest entries.
    """
    (last,) = connection.execute("SELECT at FROM tidied").fetchone()
    if last > now - DAY:  # usually so, and then nothing is written: a reader needs no lock
        return
    due = connection.execute("UPDATE tidied SET at = ? WHERE at = ?", (now, last))
    if due.rowcount == 0:  # another kernel was faster
        return
    connection.execute("DELETE FROM entry WHERE submitted < ?", (now - keep_days * DAY,))
    while _used(connection) > keep_bytes and (_drop_log(connection) or _drop_entry(connection)):
        pass
    free(connection)


def free(connection: sqlite3.Connection) -> None:
    """Give the room of what was removed back to the disk."""
    for _ in range(0, pragma(connection, "freelist_count"), SLICE):
        # Its rows have no columns, and only a script goes through those to the end.
        connection.executescript(f"PRAGMA incremental_vacuum({SLICE})")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _used(connection: sqlite3.Connection) -> int:
    pages = pragma(connection, "page_count") - pragma(connection, "freelist_count")
    return pages * pragma(connection, "page_size")


def _drop_log(connection: sqlite3.Connection) -> bool:
    """Replace the oldest log by a gap; say whether there was one."""
    with transaction(connection):
        (entry,) = connection.execute("SELECT min(entry) FROM log WHERE weight > 0").fetchone()
        if entry is None:
            return False
        connection.execute("DELETE FROM log WHERE entry = ?", (entry,))
        connection.execute(
            "INSERT INTO log (entry, weight, chunk) VALUES (?, 0, ?)", (entry, pack([REMOVED]))
        )
    return True


def _drop_entry(connection: sqlite3.Connection) -> bool:
    oldest = "DELETE FROM entry WHERE key = (SELECT min(key) FROM entry)"
    return connection.execute(oldest).rowcount > 0

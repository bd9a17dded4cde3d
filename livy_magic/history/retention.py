"""Retention: what the history removes by age and by size, and how it frees the disk space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.log_format import Line
from .database import pragma, transaction
from .saved_logs import pack

if TYPE_CHECKING:
    import sqlite3

DAY = 86400.0  # seconds
SLICE = 1000  # pages to free in one transaction, so that no other process waits long

REMOVED = Line("… lines removed here: the history had reached its size limit …", "gap")


def tidy(connection: sqlite3.Connection, now: float, keep_days: float, keep_bytes: int) -> None:
    """Remove old entries and excess data, unless any kernel did so within the last day.

    Above ``keep_bytes``, the oldest logs are removed first, then the oldest entries.

    Args:
        connection: The connection to the database.
        now: The time, in seconds since the epoch.
        keep_days: The age in days after which entries are removed.
        keep_bytes: The largest size of the data, in bytes.
    """
    (last,) = connection.execute("SELECT at FROM tidied").fetchone()
    if last > now - DAY:  # the usual case writes nothing, so a reader needs no lock
        return
    due = connection.execute("UPDATE tidied SET at = ? WHERE at = ?", (now, last))
    if due.rowcount == 0:  # another kernel was first
        return
    connection.execute("DELETE FROM entry WHERE submitted < ?", (now - keep_days * DAY,))
    while _used(connection) > keep_bytes and (_drop_log(connection) or _drop_entry(connection)):
        pass
    free(connection)


def free(connection: sqlite3.Connection) -> None:
    """Return the space of removed data to the file system."""
    for _ in range(0, pragma(connection, "freelist_count"), SLICE):
        # The pragma returns rows without columns; only executescript steps through all of them.
        connection.executescript(f"PRAGMA incremental_vacuum({SLICE})")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _used(connection: sqlite3.Connection) -> int:
    pages = pragma(connection, "page_count") - pragma(connection, "freelist_count")
    return pages * pragma(connection, "page_size")


def _drop_log(connection: sqlite3.Connection) -> bool:
    """Replace the oldest log by a gap line, and return whether there was a log."""
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

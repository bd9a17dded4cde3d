"""The history's entries, and the rows of the table that holds them, one for each submission."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..protocol.models import BatchId, BatchInfo, BatchRequest
from ..redact import mask_url
from .owner import Owner

if TYPE_CHECKING:
    import sqlite3

Outcome: TypeAlias = Literal["pending", "submitted", "rejected", "unknown"]

VIEW = ("owner", "proxy_user", "app_id", "driver_log_url", "spark_ui_url")  # from BatchInfo


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A submission that is about to be sent.

    Attributes:
        server: The server's URL, or another text that always means this server.
        request: The request to send, which has a name; its secrets are not stored.
        folder: The working folder.
        user: The user name on the server, if known.
        notebook: The path or title of the notebook, if it comes from one.
        cell: The cell's id, or the source line, if it comes from one.
        held: The ids of batches that already have the name, if a person chose the name.
    """

    server: str
    request: BatchRequest
    folder: str
    user: str | None = None
    notebook: str | None = None
    cell: str | None = None
    held: Sequence[BatchId] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A submission in the history. Times are seconds since the epoch.

    Attributes:
        key: The entry's number in the history, which is never reused.
        server: See :class:`Intent`; a password in it is masked.
        name: The batch's name.
        body: The POST body, secrets masked.
        folder: See :class:`Intent`.
        user: See :class:`Intent`.
        notebook: See :class:`Intent`.
        cell: See :class:`Intent`.
        held: See :class:`Intent`.
        submitted: The time just before it was sent.
        submitter: The process that sent it, or that took it over after that one died.
        outcome: The result of sending it; ``pending`` until that is known.
        reason: Why it was rejected, or why its outcome is unknown.
        adopted: Whether the batch was found by its name, because the answer was lost.
        info: The last view of the batch, without its log; None if there is no batch.
        states: Each state with the time when it was first seen.
        ended: The time when the batch's end was seen.
        lines: The number of log lines ever saved.
    """

    key: int
    server: str
    name: str
    body: Mapping[str, Any]
    folder: str
    user: str | None
    notebook: str | None
    cell: str | None
    held: tuple[BatchId, ...]
    submitted: float
    submitter: Owner
    outcome: Outcome
    reason: str | None
    adopted: bool
    info: BatchInfo | None
    states: tuple[tuple[str, float], ...]
    ended: float | None
    lines: int

    @property
    def state(self) -> str:
        """The batch's state in Livy's words; if there is no batch, the outcome."""
        return self.outcome if self.info is None else self.info.state

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Entry:
        """Return the entry in a row of the table."""
        same = ("key", "server", "name", "folder", "user", "notebook", "cell", "submitted",
                "outcome", "reason", "ended", "lines")  # fmt: skip
        info = None
        if row["id"] is not None:
            view = {column: row[column] for column in VIEW}
            info = BatchInfo(id=json.loads(row["id"]), name=row["name"], state=row["state"], **view)
        return cls(
            **{column: row[column] for column in same},
            body=json.loads(row["body"]),
            held=tuple(json.loads(row["held"])),
            submitter=Owner(row["host"], row["boot"], row["pid"], row["started"]),
            adopted=bool(row["adopted"]),
            info=info,
            states=tuple((state, at) for state, at in json.loads(row["states"])),
        )


def select(
    connection: sqlite3.Connection, condition: str, values: Sequence[object] | Mapping[str, object]
) -> list[Entry]:
    """Return the entries that meet an SQL condition."""
    rows = connection.execute(f"SELECT * FROM entry WHERE {condition}", values)  # noqa: S608 -- our own conditions
    return [Entry.from_row(row) for row in rows.fetchall()]


def update(connection: sqlite3.Connection, key: int | None, **columns: object) -> None:
    """Change columns of an entry; do nothing if there is no such entry."""
    changes = ", ".join(f"{column} = :{column}" for column in columns)
    connection.execute(f"UPDATE entry SET {changes} WHERE key = :key", columns | {"key": key})  # noqa: S608 -- our own columns


def insert(connection: sqlite3.Connection, columns: Mapping[str, object]) -> int:
    """Add an entry, and return its key."""
    names, values = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    statement = f"INSERT INTO entry ({names}) VALUES ({values})"  # noqa: S608 -- our own columns
    key = connection.execute(statement, columns).lastrowid
    assert key is not None
    return key


def intent_row(intent: Intent, submitted: float) -> dict[str, object]:
    """Return the columns of a new submission's row."""
    return {
        "server": storable(mask_url(intent.server)),
        "user": storable(intent.user),
        "name": storable(intent.request.name),
        "body": json.dumps(intent.request.shown()),
        "notebook": storable(intent.notebook),
        "cell": storable(intent.cell),
        "folder": storable(intent.folder),
        "submitted": submitted,
        "held": json.dumps(list(intent.held)),
        **owner_row(Owner.this_process()),
    }


def owner_row(owner: Owner) -> dict[str, object]:
    """Return the columns that identify the process that owns a row."""
    return {"host": owner.host, "boot": owner.boot, "pid": owner.pid, "started": owner.started}


def view_row(info: BatchInfo) -> dict[str, object]:
    """Return the columns that describe the batch, except those that the server did not send."""
    known = {column: value for column in VIEW if (value := getattr(info, column)) is not None}
    row: dict[str, object] = {column: storable(mask_url(text)) for column, text in known.items()}
    # As JSON, which keeps 7 and "7" apart, and holds a number of any size.
    return row | {"id": json.dumps(info.id)}


def storable(text: str | None) -> str | None:
    r"""Return the text with lone surrogates, as from a file name's bytes, written as ``\udc80``."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")

"""What the history holds of a submission, and its table, which has a row for each."""

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

VIEW = ("owner", "proxy_user", "app_id", "driver_log_url", "spark_ui_url")  # of a BatchInfo


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A submission about to be made.

    Attributes:
        server: The server's URL, or another text that always means this server.
        request: What is about to be sent; it has a name. Its secrets are not stored.
        folder: The working folder.
        user: Who one is on the server, if that is known.
        notebook: Path or title of the notebook, if it comes from one.
        cell: The cell's id, or the source line, if it comes from one.
        held: Ids of batches that had the name before, where a person chose it.
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
    """A submission as the history has it. Times are seconds since the epoch.

    Attributes:
        key: The history's own number of it, never another one's.
        server: See :class:`Intent`; a password in it is masked.
        name: The batch's name.
        body: The POST body, secrets masked.
        folder: See :class:`Intent`.
        user: See :class:`Intent`.
        notebook: See :class:`Intent`.
        cell: See :class:`Intent`.
        held: See :class:`Intent`.
        submitted: When it was about to be sent.
        submitter: The process that sent it, or that saw to it after that one died.
        outcome: What became of sending it; ``pending`` as long as nobody knows.
        reason: Why it was rejected, or is unknown.
        adopted: Whether the batch was found by its name, for want of an answer.
        info: The batch as last seen, once there is one; without its log.
        states: Each state with the time at which it was first seen.
        ended: When its end was seen.
        lines: Lines of log ever saved.
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
        """Livy's word for the batch's state; as long as there is no batch, the outcome."""
        return self.outcome if self.info is None else self.info.state

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Entry:
        """Read a row of the table."""
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
    """Return the entries for which an SQL condition holds."""
    rows = connection.execute(f"SELECT * FROM entry WHERE {condition}", values)  # noqa: S608 -- our own conditions
    return [Entry.from_row(row) for row in rows.fetchall()]


def update(connection: sqlite3.Connection, key: int | None, **columns: object) -> None:
    """Change columns of an entry, if it is there."""
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
    """Return the columns of a new row."""
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
    """Return the columns that say which process a row belongs to."""
    return {"host": owner.host, "boot": owner.boot, "pid": owner.pid, "started": owner.started}


def view_row(info: BatchInfo) -> dict[str, object]:
    """Return the columns that say which batch it is, as far as the server told."""
    known = {column: value for column in VIEW if (value := getattr(info, column)) is not None}
    row: dict[str, object] = {column: storable(mask_url(text)) for column, text in known.items()}
    # As JSON, in which 7 and "7" differ, and any number has room.
    return row | {"id": json.dumps(info.id)}


def storable(text: str | None) -> str | None:
    r"""Return the text, with bytes of a file name or halves of a character as ``\udc80``."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")

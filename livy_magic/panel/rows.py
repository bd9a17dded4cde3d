"""The rows of the panel's list: one a batch, with a number that never means another one.

Rows come from the server's list and from the history. A row's number says its age, too: a higher one
is of a newer batch. What changed since the last time is told as whole rows; nothing here knows of
Jupyter.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..display import FROM_HISTORY
from ..history import Entry
from ..protocol.identity import contradicts, is_another
from ..protocol.models import BatchId, BatchInfo, is_final, is_success
from ..redact import plain
from ..watch.server_list import ListSnapshot
from .notes import note

COLUMNS = (
    "row", "id", "name", "owner", "state", "app", "mine", "start", "exact", "end",
    "note", "part", "ui", "driver", "known", "again",
)  # fmt: skip

CONTINUOUS = 30.0  # seconds between two looks: what is new in the later one began between them


@dataclass
class Row:
    """One batch in the list. Times are seconds since the epoch.

    Attributes:
        number: The panel's own.
        info: What the server last said, or the history.
        first_seen: When it was first seen in the list.
        is_new: It was not there a moment before that.
        entry: Its submission, if that was made from here.
        ended: When its end was seen.
        killed: It was killed from here, so a list that still has it is older than that.
        known: The server lists it.
        cause: Why it failed, if the history had to say so.
        cells: What is shown, in the order of :data:`COLUMNS`.
    """

    number: int
    info: BatchInfo
    first_seen: float
    is_new: bool = False
    entry: Entry | None = None
    ended: float | None = None
    killed: bool = False
    known: bool = True
    cause: str = ""
    cells: tuple[Any, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Changes:
    """What is to be told: rows that are new or changed, and the numbers of those that are gone."""

    rows: list[tuple[Any, ...]]
    gone: list[int]

    def __bool__(self) -> bool:
        return bool(self.rows or self.gone)


class Rows:
    """All rows of one server's panel. Only one thread may use it.

    Args:
        find: Finds the submission of a batch, if it was made from here.
        user: Returns who one is on the server.
    """

    def __init__(
        self, find: Callable[[BatchInfo], Entry | None], user: Callable[[], str | None]
    ) -> None:
        self._find = find
        self._user = user
        self._numbers = itertools.count(1)
        self._rows: dict[int, Row] = {}
        self._listed: dict[BatchId, Row] = {}
        self._submitted: dict[int, Row] = {}  # by the history's key
        self._seen: float | None = None  # when the list was read last
        self.kept: set[int] = set()  # rows that somebody looks at stay, whatever happens
        self.unexplained: set[int] = set()  # which failed, and the history may know why

    def __getitem__(self, number: int) -> Row:
        return self._rows[number]

    def __contains__(self, number: object) -> bool:
        return number in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def columns(self) -> dict[str, list[Any]]:
        """Return all that is shown, by column."""
        cells = [row.cells for row in self._rows.values()]
        columns = zip(*cells, strict=True) if cells else ((),) * len(COLUMNS)
        return {name: list(column) for name, column in zip(COLUMNS, columns, strict=True)}

    def tones(self) -> dict[str, str]:
        """Return what each state that occurs means: ``good``, ``bad`` or ``open``."""
        return {
            state: ("good" if is_success(state) else "bad") if is_final(state) else "open"
            for state in {row.info.state for row in self._rows.values()}
        }

    def infos(self) -> list[BatchInfo]:
        """Return what is known of all batches, the newest first; any thread may ask."""
        return [row.info for row in reversed(list(self._rows.values()))]

    def begin(self, entries: Sequence[Entry], snapshot: ListSnapshot) -> None:
        """Take the history, newest first, and the list as it was first seen.

        What the server has forgotten comes where its time puts it among those whose time is known.
        """
        by_batch = {(e.info.id, e.name): e for e in reversed(entries) if e.info is not None}
        listed: list[tuple[BatchInfo, Entry | None]] = []
        for info in snapshot.batches:
            entry = by_batch.get((info.id, info.name or ""))
            same = entry and entry.info and not is_another(entry.info, info)
            listed.append((info, entry if same else None))
        taken = {entry.key for _, entry in listed if entry}
        forgotten = [e for e in reversed(entries) if e.info is not None and e.key not in taken]
        for info, entry in listed:
            while entry and forgotten and forgotten[0].submitted < entry.submitted:
                self._forgotten(forgotten.pop(0))
            self._list(info, snapshot.seen or 0.0, entry=entry)
        for entry in forgotten:
            self._forgotten(entry)
        self._seen = snapshot.seen

    def update(self, snapshot: ListSnapshot) -> Changes:
        """Take the list as it is now, and return what changed."""
        if snapshot.seen is None or snapshot.seen == self._seen:
            return Changes([], [])
        now, before = snapshot.seen, self._seen
        changed: list[Row] = []
        vanished = dict(self._listed)
        for info in snapshot.batches:
            row = self._listed.get(info.id)
            if row is not None and row.killed and not contradicts(row.info, info):
                del vanished[info.id]
            elif row is None or is_another(row.info, info):
                is_new = before is not None and now - before < CONTINUOUS
                row = self._list(info, now, is_new=is_new, entry=self._find(info))
                changed.append(row)
            else:
                del vanished[info.id]
                if row.info is not info and self._renew(row, info, now):
                    changed.append(row)
        gone = [
            row.number
            for row in vanished.values()
            if row.first_seen < now and not self._unlist(row, changed)  # not what came meanwhile
        ]
        self._seen = now
        return Changes([row.cells for row in changed], gone)

    def end(self, number: int, state: str, now: float) -> Changes:
        """Take it that a batch was killed from here, and is no longer listed."""
        row = self._rows.get(number)
        if row is None:
            return Changes([], [])
        row.killed = True
        if not is_final(row.info.state):
            row.info, row.ended = replace(row.info, state=state), now
            row.cells = self._cells(row)
        return Changes([row.cells], [])

    def come(self, info: BatchInfo, now: float) -> tuple[Changes, int]:
        """Take a batch that was submitted from here just now; return the number of its row, too."""
        row = self._listed.get(info.id)
        if row is not None and not is_another(row.info, info):
            self._recall(row)
            row.cells = self._cells(row)
        else:
            row = self._list(info, now, is_new=True, entry=self._find(info))
        return Changes([row.cells], []), row.number

    def explain(self, number: int, cause: str) -> Changes:
        """Take why a batch failed."""
        row = self._rows.get(number)
        if row is None or not cause:
            return Changes([], [])
        row.cause = cause
        row.cells = self._cells(row)
        return Changes([row.cells], [])

    # -- inside --

    def _list(
        self, info: BatchInfo, now: float, *, is_new: bool = False, entry: Entry | None
    ) -> Row:
        row = self._submitted.get(entry.key) if entry else None
        if row is None:
            row = self._add(info, now, entry, is_new=is_new)
        row.known, row.info = True, info  # again, perhaps: the server could not be seen before
        row.cells = self._cells(row)
        self._listed[info.id] = row
        return row

    def _forgotten(self, entry: Entry) -> None:
        assert entry.info is not None
        row = self._add(entry.info, entry.submitted, entry, is_new=False)
        row.known = False
        row.cells = self._cells(row)

    def _add(self, info: BatchInfo, now: float, entry: Entry | None, *, is_new: bool) -> Row:
        ended = entry.ended if entry else None
        row = Row(next(self._numbers), info, now, is_new=is_new, entry=entry, ended=ended)
        self._rows[row.number] = row
        if entry:
            self._submitted[entry.key] = row
        return row

    def _renew(self, row: Row, info: BatchInfo, now: float) -> bool:
        """Take a newer view; say whether something that is shown changed."""
        if is_final(info.state) and not is_final(row.info.state):
            row.ended = now
        row.info = info
        if row.is_new:
            self._recall(row)
        cells = self._cells(row)
        row.cells, before = cells, row.cells
        return cells != before

    def _recall(self, row: Row) -> None:
        """Look again for a submission from here: the list may be faster than the history."""
        row.entry = row.entry or self._find(row.info)
        if row.entry is not None:
            self._submitted[row.entry.key] = row

    def _unlist(self, row: Row, changed: list[Row]) -> bool:
        """The server no longer lists a batch; say whether the row stays."""
        if self._listed.get(row.info.id) is row:
            del self._listed[row.info.id]
        entry = self._find(row.info)
        if entry is None and row.number not in self.kept:
            del self._rows[row.number]
            return False
        row.known = False
        if entry is not None:
            row.entry, row.ended = entry, row.ended or entry.ended
            if is_final(entry.state):
                row.info = replace(row.info, state=entry.state)
        row.cells = self._cells(row)
        changed.append(row)
        return True

    def _cells(self, row: Row) -> tuple[Any, ...]:
        info, entry = row.info, row.entry
        text, part = note(info) if row.known else (FROM_HISTORY, None)
        text = text or row.cause
        failed = is_final(info.state) and not is_success(info.state)
        if failed and entry is not None and not text:
            self.unexplained.add(row.number)
        else:
            self.unexplained.discard(row.number)
        user = self._user()
        is_mine = entry is not None or (info.owner is not None and info.owner == user)
        start: float | None = row.first_seen
        exact = row.is_new
        if entry is not None:
            start, exact = entry.submitted, True
        elif is_final(info.state) and not row.is_new:
            start = None if row.ended is None else start  # it ended at some time before
        return (
            row.number,
            info.id,
            plain(info.name or ""),
            plain(info.owner or ""),
            plain(info.state),
            plain(info.app_id or ""),
            int(is_mine),
            None if start is None else round(start),
            int(exact),
            None if row.ended is None else round(row.ended),
            text,
            None if part is None else round(part, 3),
            info.spark_ui_url or "",
            info.driver_log_url or "",
            int(row.known),
            int(entry is not None),
        )

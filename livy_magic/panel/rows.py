"""The rows of the panel's list: one for each batch, with a number that is never reused.

Rows come from the server's list and from the history. A higher number means a newer batch. Changes
are sent as whole rows. This module must not know Jupyter.
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

# If two lists are less than these seconds apart, a batch that only the later one has is new.
CONTINUOUS = 30.0


@dataclass
class Row:
    """One batch in the list. Times are seconds since the epoch.

    Attributes:
        number: The row's number.
        info: The batch's last view, from the server or from the history.
        first_seen: When the batch was first seen in the list.
        is_new: Whether the list just before that did not have it, so it began at that time.
        entry: Its entry in the history, if it was submitted from here.
        ended: When its end was seen.
        killed: Whether the panel killed it; a list that still has it is then out of date.
        known: Whether the server lists it.
        cause: Why it failed, if that was read from the history.
        cells: The values to show, in the order of :data:`COLUMNS`.
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
    """Changes to send: the cells of new or changed rows, and the numbers of those that are gone."""

    rows: list[tuple[Any, ...]]
    gone: list[int]

    def __bool__(self) -> bool:
        return bool(self.rows or self.gone)


class Rows:
    """All rows of one server's panel. Only one thread may use it.

    Args:
        find: Returns a batch's entry in the history, or None.
        user: Returns the user name on the server, or None.
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
        self._seen: float | None = None  # when the list was last read
        self.kept: set[int] = set()  # rows that stay in any case, because their log is open
        self.unexplained: set[int] = set()  # failed rows whose cause may be in the history

    def __getitem__(self, number: int) -> Row:
        return self._rows[number]

    def __contains__(self, number: object) -> bool:
        return number in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def columns(self) -> dict[str, list[Any]]:
        """Return the cells of all rows, by column."""
        cells = [row.cells for row in self._rows.values()]
        columns = zip(*cells, strict=True) if cells else ((),) * len(COLUMNS)
        return {name: list(column) for name, column in zip(COLUMNS, columns, strict=True)}

    def tones(self) -> dict[str, str]:
        """Return the tone of each state that occurs: ``good``, ``bad`` or ``open``."""
        return {
            state: ("good" if is_success(state) else "bad") if is_final(state) else "open"
            for state in {row.info.state for row in self._rows.values()}
        }

    def infos(self) -> list[BatchInfo]:
        """Return the last view of each batch, the newest first; any thread may call this."""
        return [row.info for row in reversed(list(self._rows.values()))]

    def begin(self, entries: Sequence[Entry], snapshot: ListSnapshot) -> None:
        """Fill the rows from the history and the first list.

        A batch that the server has forgotten is placed by its time among those whose time is known.

        Args:
            entries: The history's entries, the newest first.
            snapshot: The first list.
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
        """Update the rows from the current list, and return the changes."""
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
            if row.first_seen < now and not self._unlist(row, changed)  # newer rows stay
        ]
        self._seen = now
        return Changes([row.cells for row in changed], gone)

    def end(self, number: int, state: str, now: float) -> Changes:
        """Record that the panel killed a batch, which the server no longer lists.

        Args:
            number: The row's number.
            state: The batch's last state.
            now: The time, in seconds since the epoch.
        """
        row = self._rows.get(number)
        if row is None:
            return Changes([], [])
        row.killed = True
        if not is_final(row.info.state):
            row.info, row.ended = replace(row.info, state=state), now
            row.cells = self._cells(row)
        return Changes([row.cells], [])

    def come(self, info: BatchInfo, now: float) -> tuple[Changes, int]:
        """Add a batch that the panel just submitted; return the changes and the row's number."""
        row = self._listed.get(info.id)
        if row is not None and not is_another(row.info, info):
            self._recall(row)
            row.cells = self._cells(row)
        else:
            row = self._list(info, now, is_new=True, entry=self._find(info))
        return Changes([row.cells], []), row.number

    def explain(self, number: int, cause: str) -> Changes:
        """Set the cause of a batch's failure."""
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
        row.known, row.info = True, info  # perhaps again, after the row came from the history
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
        """Update a row from a newer view, and return whether its cells changed."""
        if is_final(info.state) and not is_final(row.info.state):
            row.ended = now
        row.info = info
        if row.is_new:
            self._recall(row)
        cells = self._cells(row)
        row.cells, before = cells, row.cells
        return cells != before

    def _recall(self, row: Row) -> None:
        """Look up a row's entry again: the server's list may be faster than the history."""
        row.entry = row.entry or self._find(row.info)
        if row.entry is not None:
            self._submitted[row.entry.key] = row

    def _unlist(self, row: Row, changed: list[Row]) -> bool:
        """Handle a batch that the server no longer lists, and return whether its row stays.

        Args:
            row: The batch's row.
            changed: Gets the row appended if it stays.
        """
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
            start = None if row.ended is None else start  # it ended before the panel saw it
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

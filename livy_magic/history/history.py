"""The history of one user's submissions: written before each POST, and while the batch runs."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import logging
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import HistoryError
from ..protocol.log_format import Line
from ..protocol.models import BatchId, BatchInfo, is_final
from ..redact import mask_url
from . import retention, saved_logs
from .database import Database, MovedAside, place, transaction
from .owner import Owner
from .records import (
    Entry,
    Intent,
    insert,
    intent_row,
    owner_row,
    select,
    storable,
    update,
    view_row,
)

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

PAUSE = 60.0  # seconds after a failure before the database is tried again
AT_ONCE = 360.0  # seconds that a submission may be in flight, waiting for room included

_log = logging.getLogger(__package__)


def current() -> History:
    """Return this process's one history at the path that ``LIVY_HISTORY`` names now.

    It reports its first failure as a warning of the logger ``livy_magic.history``.
    """
    return _at(place())


@cache
def _at(path: Path) -> History:
    return History(path)


class History:
    """All submissions of this user, from all kernels and notebooks.

    The methods that record never block a submission or make it fail: if the database cannot be
    used, they do nothing, call ``on_trouble`` once, and try again a minute later. The methods that
    answer a person raise :class:`HistoryError` instead. Any thread may call any method, and so may
    a forked child.

    Args:
        path: The database file; by default ``LIVY_HISTORY``, else one in the user's data folder.
        on_trouble: Receives one line that says what is wrong, and what to do.
        keep_days: The age in days after which entries are removed.
        keep_bytes: The size in bytes above which the oldest logs are removed, then entries.
    """

    def __init__(
        self,
        path: Path | None = None,
        on_trouble: Callable[[str], None] = _log.warning,
        *,
        keep_days: float = 180,
        keep_bytes: int = 1_000_000_000,
    ) -> None:
        self.path = place() if path is None else path

        def prepare(connection: sqlite3.Connection) -> None:
            connection.create_function("matches", 2, fnmatch.fnmatchcase)
            retention.tidy(connection, time.time(), keep_days, keep_bytes)

        self._database = Database(self.path, prepare)
        self._untold = [on_trouble]
        self._resume = 0.0  # by the monotonic clock

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()

    # -- recording: during a submission, and in the watcher's thread ------------------------------

    def intend(self, intent: Intent) -> int | None:
        """Record a submission before it is sent, and return its key.

        The record outlives this process, however that ends. It is not synced to disk: that would
        take as long as the submission, and help only if the machine lost power at that moment.

        Returns:
            The key, or None if the history cannot be used; with None, the other methods do nothing.
        """

        def record(connection: sqlite3.Connection) -> int:
            return insert(connection, intent_row(intent, time.time()))

        return self._attempt(record, None)

    def accepted(self, key: int | None, info: BatchInfo, *, adopted: bool = False) -> None:
        """Record that the submission started this batch.

        Args:
            key: The submission's key.
            info: The batch.
            adopted: Whether the batch was found by its name, after the answer was lost.
        """
        view = view_row(info) | {"adopted": int(adopted)}
        self._progress(key, info.state, None, ended=is_final(info.state), **view)

    def rejected(self, key: int | None, reason: str) -> None:
        """Record that the submission provably started no batch."""
        self._update(key, outcome="rejected", reason=storable(reason))

    def unsettled(self, key: int | None, reason: str) -> None:
        """Record that it is unknown whether the submission started a batch."""
        self._update(key, outcome="unknown", reason=storable(reason))

    def seen(self, key: int | None, info: BatchInfo, at: float | None = None) -> bool:
        """Record the server's view of the batch; write nothing if nothing changed.

        Values that the server no longer sends are kept, and a recorded end is final.

        Args:
            key: The submission's key.
            info: The server's view.
            at: The time of that view, in seconds since the epoch; now if not given.

        Returns:
            Whether the view is written.
        """
        return self._progress(key, info.state, at, ended=is_final(info.state), **view_row(info))

    def ended(self, key: int | None, state: str, at: float | None = None) -> bool:
        """Record the end of the watch: the batch ended in this state, or was last seen in it.

        Args:
            key: The submission's key.
            state: The last state.
            at: The time when that was seen, in seconds since the epoch; now if not given.

        Returns:
            Whether the end is written.
        """
        return self._progress(key, state, at, ended=True)

    def append(self, key: int | None, lines: Sequence[Line]) -> int:
        """Append lines to the batch's saved log, and return how many of them are written.

        These are the first ones; pass the others again next time.
        """
        saved = 0
        for part in saved_logs.divided(lines):
            if not self._attempt(partial(saved_logs.append, key=key, lines=part), False):
                break
            saved += len(part)
        return saved

    def saved_lines(self, key: int) -> list[Line] | None:
        """Return the saved log, or None, unlike :meth:`log`, if the history cannot be used."""
        return self._attempt(partial(saved_logs.read, key=key), None)

    def find(self, server: str, batch_id: BatchId, name: str | None) -> Entry | None:
        """Return the submission that started this batch, or None if it is not in the history.

        Ids start again when a server restarts, and a name is free once its batch is gone. So only
        the newest submission with this name counts, and only if its batch has this id.

        Args:
            server: The server's URL, or the other text that means this server.
            batch_id: The batch's id.
            name: The batch's name.
        """
        condition = "server = ? AND name = ? AND id IS NOT NULL ORDER BY key DESC LIMIT 1"

        def newest(connection: sqlite3.Connection) -> Entry | None:
            for entry in select(connection, condition, [mask_url(server), storable(name)]):
                if entry.info is not None and entry.info.id == batch_id:
                    return entry
            return None

        return self._attempt(newest, None)

    def recall(self, server: str, batch: BatchId) -> Entry | None:
        """Return the newest submission that started a batch with this id or name, or None."""
        ids = {json.dumps(batch), json.dumps(str(batch))}
        if str(batch).isdecimal():  # the server reads 007 as 7
            ids.add(str(int(batch)))
        condition = f"""server = ? AND id IS NOT NULL
            AND (name = ? OR id IN ({", ".join("?" * len(ids))})) ORDER BY key DESC LIMIT 1"""
        values = [mask_url(server), storable(str(batch)), *ids]

        def newest(connection: sqlite3.Connection) -> Entry | None:
            return next(iter(select(connection, condition, values)), None)

        return self._attempt(newest, None)

    def rivals(self, key: int | None, batch_id: BatchId) -> list[Entry]:
        """Return other submissions of the same name and time that may have started a batch.

        Args:
            key: The submission's key.
            batch_id: The id of the batch, which was found by its name.
        """

        def find(connection: sqlite3.Connection) -> list[Entry]:
            others = "server = ? AND name = ? AND key != ? AND submitted > ?"
            return [
                entry
                for mine in select(connection, "key = ?", [key])
                for entry in select(
                    connection, others, [mine.server, mine.name, key, mine.submitted - AT_ONCE]
                )
                if entry.outcome in {"pending", "unknown"}
                # Ids start again with the server: this id may be an earlier batch's.
                or (
                    entry.info and entry.info.id == batch_id and entry.states[0][1] > mine.submitted
                )
            ]

        return self._attempt(find, [])

    def take_over(self, key: int) -> bool | None:
        """Make this process the owner of a submission whose process is provably dead.

        Returns:
            Whether this process owns it now; None if the history cannot be used.
        """

        def take(connection: sqlite3.Connection) -> bool | None:
            with transaction(connection):
                mine = Owner.this_process()
                for entry in select(connection, "key = ?", [key]):
                    if entry.submitter != mine and not entry.submitter.is_dead():
                        return False
                update(connection, key, **owner_row(mine))
            return True

        return self._attempt(take, None)

    def take_orphans(self, server: str) -> list[Entry]:
        """Take over a server's pending submissions whose process is provably dead, and return them.

        Each goes to one process only, until that process has died in turn.
        """
        condition = "server = ? AND outcome = 'pending' ORDER BY key"

        def take(connection: sqlite3.Connection) -> list[Entry]:
            with transaction(connection):
                pending = select(connection, condition, [mask_url(server)])
                orphans = [entry for entry in pending if entry.submitter.is_dead()]
                mine = Owner.this_process()
                for entry in orphans:
                    update(connection, entry.key, **owner_row(mine))
            return [dataclasses.replace(entry, submitter=mine) for entry in orphans]

        return self._attempt(take, [])

    # -- answers to a person ---------------------------------------------------------------------

    def entries(
        self,
        *,
        state: str | None = None,
        name: str | None = None,
        owner: str | None = None,
        server: str | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        """Return submissions, the newest first.

        Args:
            state: Only those last seen in this state, or with this outcome.
            name: Only those whose name matches this glob.
            owner: Only those that this user owns on the server, or that this user submitted.
            server: Only those to this server.
            limit: The largest number to return.

        Raises:
            HistoryError: The history cannot be used.
        """
        condition = """
            (:state IS NULL OR lower(:state) IN (lower(state), outcome))
            AND (:name IS NULL OR matches(name, :name))
            AND (:owner IS NULL OR :owner IN (owner, user))
            AND (:server IS NULL OR server = :server)
            ORDER BY key DESC LIMIT :limit"""
        filters = {
            "state": storable(state),
            "name": storable(name),
            "owner": storable(owner),
            "server": server and storable(mask_url(server)),
            "limit": -1 if limit is None else limit,
        }
        return self._database.run(lambda connection: select(connection, condition, filters))

    def entry(self, key: int) -> Entry:
        """Return one submission.

        Raises:
            HistoryError: There is no entry with this key, or the history cannot be used.
        """
        found = self._database.run(lambda connection: select(connection, "key = ?", [key]))
        if not found:
            raise HistoryError(f"the history has no entry {key}")
        return found[0]

    def log(self, key: int) -> list[Line]:
        """Return the saved log of a submission's batch.

        Raises:
            HistoryError: The history cannot be used.
        """
        return self._database.run(partial(saved_logs.read, key=key))

    def end_of_log(self, key: int) -> list[Line]:
        """Return the last lines of the saved log, of which there may be very many.

        Raises:
            HistoryError: The history cannot be used.
        """
        return self._database.run(partial(saved_logs.end, key=key))

    def forget(
        self, *, key: int | None = None, name: str | None = None, before: float | None = None
    ) -> int:
        """Remove submissions and their logs, free their disk space, and return their number.

        Args:
            key: Only this one.
            name: Only those whose name matches this glob.
            before: Only those submitted before this time, in seconds since the epoch.

        Raises:
            HistoryError: The history cannot be used.
        """
        statement = """DELETE FROM entry WHERE (:key IS NULL OR key = :key)
            AND (:name IS NULL OR matches(name, :name))
            AND (:before IS NULL OR submitted < :before)"""

        def remove(connection: sqlite3.Connection) -> int:
            cursor = connection.execute(
                statement, {"key": key, "name": storable(name), "before": before}
            )
            retention.free(connection)
            return cursor.rowcount

        return self._database.run(remove)

    def size(self) -> int:
        """Return the size of the history on disk, in bytes.

        Raises:
            HistoryError: The history cannot be used.
        """
        return self._database.run(lambda _: self._database.size())

    # -- inside ----------------------------------------------------------------------------------

    def _update(self, key: int | None, **values: Any) -> None:
        self._attempt(partial(update, key=key, **values), None)

    def _progress(
        self, key: int | None, state: str, at: float | None, *, ended: bool, **view: object
    ) -> bool:
        """Record the batch's state, unless its end is known, and the other columns in ``view``."""
        at, state = time.time() if at is None else at, str(storable(state))

        def progress(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                for known in connection.execute("SELECT * FROM entry WHERE key = ?", (key,)):
                    changes = dict(view)
                    if view:
                        changes |= {"outcome": "submitted", "reason": None}
                    if known["ended"] is None:
                        states = json.loads(known["states"])
                        if not states or states[-1][0] != state:
                            states.append([state, at])
                        changes |= {"state": state, "states": json.dumps(states)}
                        changes |= {"ended": at} if ended else {}
                    news = {name: new for name, new in changes.items() if new != known[name]}
                    if news:
                        update(connection, key, **news)
            return True

        return self._attempt(progress, False)

    def _attempt(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Return what ``work`` returns, or ``otherwise`` if the history cannot be used."""
        if time.monotonic() < self._resume:
            return otherwise
        try:
            try:
                return self._database.run(work)
            except MovedAside as moved:
                self._tell(moved)
                return self._database.run(work)
        except HistoryError as trouble:
            self._resume = time.monotonic() + PAUSE
            self._tell(trouble)
            return otherwise

    def _tell(self, trouble: HistoryError) -> None:
        try:
            on_trouble = self._untold.pop()
        except IndexError:  # reported already, perhaps just now by another thread
            return
        on_trouble(f"the history is incomplete: {'. '.join(str(trouble).splitlines())}")

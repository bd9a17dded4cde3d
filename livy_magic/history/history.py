"""The history of one user's submissions: written before each POST, and as its batch goes on."""

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

PAUSE = 60.0  # seconds in which nothing is tried after a failure
AT_ONCE = 360.0  # seconds for which a submission may be on its way, waiting for room included

_log = logging.getLogger(__package__)


def current() -> History:
    """Return the one history of this process, at the place that ``LIVY_HISTORY`` names now.

    Its trouble is a warning of the logger ``livy_magic.history``, once.
    """
    return _at(place())


@cache
def _at(path: Path) -> History:
    return History(path)


class History:
    """Every submission of this user, from all kernels and notebooks.

    What records never stands in the way of a submission: when the database cannot be used, it
    does nothing, ``on_trouble`` is told so once, and after a while it is tried again. What a person
    asks for raises :class:`HistoryError` instead. Any thread may call any method; a forked child
    may go on using it, too.

    Args:
        path: The database file; by default ``LIVY_HISTORY``, else one in the user's data folder.
        on_trouble: Takes one line: what is wrong, and what to do.
        keep_days: Older entries are removed.
        keep_bytes: When the database is larger, the oldest logs are removed, then entries.
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
        """Let go of the file; the next use opens it again."""
        self._database.close()

    # -- recording: on the way of a submission, and in the watcher's thread ----------------------

    def intend(self, intent: Intent) -> int | None:
        """Record a submission before it is sent, and return its key.

        It outlives this process, however that ends. It is not forced onto the disk: that would take
        as long as the submission, and helps only where the machine loses its power in that moment.

        The other methods take a key of None, which this returns when the history cannot be used,
        and do nothing then.
        """

        def record(connection: sqlite3.Connection) -> int:
            return insert(connection, intent_row(intent, time.time()))

        return self._attempt(record, None)

    def accepted(self, key: int | None, info: BatchInfo, *, adopted: bool = False) -> None:
        """Record that the submission became this batch.

        Args:
            key: The submission.
            info: The batch.
            adopted: It was found by its name, after the answer had been lost.
        """
        view = view_row(info) | {"adopted": int(adopted)}
        self._progress(key, info.state, None, ended=is_final(info.state), **view)

    def rejected(self, key: int | None, reason: str) -> None:
        """Record that the submission started no batch, and that this is certain."""
        self._update(key, outcome="rejected", reason=storable(reason))

    def unsettled(self, key: int | None, reason: str) -> None:
        """Record that nobody can say what became of the submission."""
        self._update(key, outcome="unknown", reason=storable(reason))

    def seen(self, key: int | None, info: BatchInfo, at: float | None = None) -> bool:
        """Record what the server says of the batch; what is no news costs nothing.

        What it no longer tells stays known, and an end stays the end. Returns whether that is safe.

        Args:
            key: The submission.
            info: The server's view.
            at: When it said so; now, if not given.
        """
        return self._progress(key, info.state, at, ended=is_final(info.state), **view_row(info))

    def ended(self, key: int | None, state: str, at: float | None = None) -> bool:
        """Record that there is nothing more to see: it ended in this state, or was last seen in it.

        Returns whether that is safe.

        Args:
            key: The submission.
            state: The last state.
            at: When that was seen; now, if not given.
        """
        return self._progress(key, state, at, ended=True)

    def append(self, key: int | None, lines: Sequence[Line]) -> int:
        """Save further lines of the batch's log; return how many of them are safe.

        The first so many are; the others have to be given again next time.
        """
        saved = 0
        for part in saved_logs.divided(lines):
            if not self._attempt(partial(saved_logs.append, key=key, lines=part), False):
                break
            saved += len(part)
        return saved

    def saved_lines(self, key: int) -> list[Line] | None:
        """Return the saved log; None, unlike :meth:`log`, when the history cannot be used."""
        return self._attempt(partial(saved_logs.read, key=key), None)

    def find(self, server: str, batch_id: BatchId, name: str | None) -> Entry | None:
        """Return the submission that became this batch, if it was made from here.

        Ids start anew when a server restarts, and a name is free when its batch is gone: it is the
        newest submission under this name, or none.
        """
        condition = "server = ? AND name = ? AND id IS NOT NULL ORDER BY key DESC LIMIT 1"

        def newest(connection: sqlite3.Connection) -> Entry | None:
            for entry in select(connection, condition, [mask_url(server), storable(name)]):
                if entry.info is not None and entry.info.id == batch_id:
                    return entry
            return None

        return self._attempt(newest, None)

    def recall(self, server: str, batch: BatchId) -> Entry | None:
        """Return the newest submission that became a batch of this id or name, if there is one."""
        ids = {json.dumps(batch), json.dumps(str(batch))}
        if str(batch).isdecimal():  # as the server reads it: 007 is 7
            ids.add(str(int(batch)))
        condition = f"""server = ? AND id IS NOT NULL
            AND (name = ? OR id IN ({", ".join("?" * len(ids))})) ORDER BY key DESC LIMIT 1"""
        values = [mask_url(server), storable(str(batch)), *ids]

        def newest(connection: sqlite3.Connection) -> Entry | None:
            return next(iter(select(connection, condition, values)), None)

        return self._attempt(newest, None)

    def rivals(self, key: int | None, batch_id: BatchId) -> list[Entry]:
        """Return the other submissions under the same name, at about the same time, that a batch may be.

        Args:
            key: The submission.
            batch_id: The batch, found by its name.
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
                # Ids start anew with the server: it may have got this one for another batch before.
                or (
                    entry.info and entry.info.id == batch_id and entry.states[0][1] > mine.submitted
                )
            ]

        return self._attempt(find, [])

    def take_over(self, key: int) -> bool | None:
        """Make a submission ours whose process is provably dead.

        Returns:
            Whether it is ours now, or was before; None when the history cannot be used.
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
        """Return pending submissions to a server whose process is provably dead, and make them ours.

        Each is given to one process only: to another one not before that has died in turn.
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

    # -- asked for by a person -------------------------------------------------------------------

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
            owner: Only those that this user owns on the server, or submitted as.
            server: Only those to this server.
            limit: At most so many.

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
            HistoryError: There is none of this key, or the history cannot be used.
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

    def forget(
        self, *, key: int | None = None, name: str | None = None, before: float | None = None
    ) -> int:
        """Remove submissions with their logs, and give the room back; return how many there were.

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
        """Return how many bytes the history takes on the disk.

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
        """Record the batch's state, unless its end is known, and what else is known of it."""
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
        """Return what ``work`` does; if the history cannot be used, ``otherwise``."""
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
        except IndexError:  # told already, perhaps just now by another thread
            return
        on_trouble(f"not everything is remembered: {'. '.join(str(trouble).splitlines())}")

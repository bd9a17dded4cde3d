"""One batch being watched: its newest snapshot, its log, and how to look once. Nothing here prints."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Protocol

from ..errors import LivyError, NotFound, ServerError, Unauthorized
from ..protocol.client import LivyClient
from ..protocol.identity import contradicts
from ..protocol.log_format import KINDS, Kind, Line, waits
from ..protocol.models import BatchInfo, LogPage, is_final
from ..threads import Published
from .captured_log import CapturedLog, Piece, backwards
from .log_tail import Glimpses, LogTail
from .schedule import SHORTEST, log_pause
from .snapshot import Snapshot, explained

LATE = 1.0  # YARN may tell a batch's end before Livy has its last lines (protocol, part 3)
BIRTH = 10.0  # seconds in which a batch that is registered shows a log (protocol, part 1)
PATIENCE = 60.0  # seconds in which an ended batch's last lines are tried for


class Looks(Protocol):
    """What a watch needs of the thread that looks: :class:`~livy_magic.watch.watcher.Watcher` is it."""

    def wake(self, watch: Watch) -> None:
        """Take account at once of what changed about a watch."""

    def is_this_thread(self) -> bool:
        """Return whether the caller runs in the thread that looks."""

    def has_ended(self, problem: LivyError) -> bool:
        """Return whether the server is gone for good, and did not just fail to answer."""


class Watch(Published[Snapshot]):
    """One batch being watched. Every method may be called from any thread.

    The end is told last: when a snapshot becomes ``done``, the log is as complete as it gets. Of a
    batch that had already ended when it was first seen, :meth:`refresh` fetches the log.

    Watches come from :meth:`Watcher.watch`.
    """

    def __init__(
        self,
        watcher: Looks,
        info: BatchInfo,
        *,
        submitted: float | None,
        clock: Callable[[], float],
    ) -> None:
        super().__init__()
        now = clock()
        self._watcher = watcher
        self._clock = clock
        self._key = info.address
        self._snapshot = Snapshot(
            info,
            first_seen=now if submitted is None else submitted,
            submitted=submitted,
            ended=now if submitted is not None and is_final(info.state) else None,
        )
        self._lines = CapturedLog()
        self._lookers = self._waiters = 0
        self._asked = self._served = 0  # refreshes
        # The rest belongs to the watcher's thread.
        self._tail = LogTail()
        self._glimpses = Glimpses()
        self._view = info  # as it came
        self._waits = ""
        self._unread = 0.0  # lines that came since the log was read, at least
        self._info = info  # knows an end before it is published
        self._end_seen = now if is_final(info.state) else None
        self._looked = self._read = now
        self._flow = 0.0
        self._has_log = True  # as far as it was read: Livy's markers, at least
        self._at_rest = False  # the same view again would tell nothing

    # -- for those who want to know --

    @property
    def snapshot(self) -> Snapshot:
        """What is known now."""
        return self._snapshot

    def lines(self, start: int = 0, stop: int | None = None) -> list[Line]:
        """Return a copy of the log captured so far, or of its lines from ``start`` on up to ``stop``."""
        with self._lock:
            return self._lines.between(start, stop)

    def pieces(self, start: int = 0) -> list[Piece]:
        """Return the same as :meth:`lines` from ``start``, a multiple of 1,000, but packed."""
        with self._lock:
            return self._lines.pieces(start)

    def backwards(self, kinds: Collection[Kind] = KINDS) -> Iterator[Line]:
        """Yield the lines of some kinds captured so far, the last one first."""
        return backwards(self.pieces(), kinds)

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Block until ``predicate()`` is true, trying it at each change; an interrupt ends it.

        Args:
            predicate: Asks this watch's snapshot or lines.
            timeout: Seconds to wait at most.

        Returns:
            What the predicate said last.

        Raises:
            LivyError: Called by a subscriber: the thread that brings the news cannot wait for it.
        """
        if self._watcher.is_this_thread() and not predicate():
            raise LivyError("a callback of the watcher cannot wait for it; wait in another thread")
        with self.awaited(), self._lock:
            return self._changed.wait_for(predicate, timeout)

    def refresh(self, timeout: float | None = None) -> Snapshot:
        """Have the watcher look now, wait until it has, and return what it saw.

        When everything is known already, this returns at once and asks the server nothing. If the
        server cannot be asked, the snapshot says so, as always.

        Args:
            timeout: Seconds to wait at most.
        """
        with self._lock:
            self._asked += 1
            ticket = self._asked
        self.wait_for(lambda: self._snapshot.complete or self._served >= ticket, timeout)
        return self._snapshot

    def follow(self) -> Iterator[Line]:
        """Yield the log's lines from the first one on, as they come, until the batch is done."""
        with self.looked_at():
            self.refresh()
            start = 0
            while True:
                done = self._snapshot.done  # asked before the lines: those of the end are there
                for line in self.lines(start):
                    start += 1
                    yield line
                if done:
                    return
                self.wait_for(self._has_news(start))

    def _has_news(self, start: int) -> Callable[[], bool]:
        return lambda: self._snapshot.done or self._snapshot.lines > start

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """Say that somebody waits meanwhile: the end is seen within 2 % of the batch's age."""
        with self._lock:
            self._waiters += 1
        self._watcher.wake(self)
        try:
            yield
        finally:
            with self._lock:
                self._waiters -= 1

    @contextlib.contextmanager
    def looked_at(self) -> Iterator[None]:
        """Say that a person looks at this batch meanwhile: news come within 2 s, or 5 of an old one."""
        with self._lock:
            self._lookers += 1
        self._watcher.wake(self)
        try:
            yield
        finally:
            with self._lock:
                self._lookers -= 1

    def end(self, state: str) -> None:
        """Say that the batch was deleted; ``state`` is its last one, if no other end was seen."""
        info, ended = self._snapshot.info, self._snapshot.ended
        if not is_final(info.state):
            info, ended = dataclasses.replace(info, state=state), self._clock()
        self._publish(info=info, ended=ended, gone=True, last=True, final_word=True)

    def lose(self) -> None:
        """Say that the server will never tell more; what was last seen is all there is."""
        self._publish(gone=True, last=True)

    def recall(self, lines: Sequence[Line], ended: float | None) -> None:
        """Take what the history has of a batch that the server forgot before anybody looked."""
        self._publish(lines, ended=ended, gone=True, recalled=True, last=True)

    # -- for the watcher --

    @property
    def asked(self) -> int:
        """How often somebody has asked for a look until now."""
        return self._asked

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a look right now."""
        return self._asked > self._served and not self._snapshot.complete

    @property
    def is_looked_at(self) -> bool:
        """Whether a person looks."""
        return self._lookers > 0

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for what comes."""
        return self._waiters > 0

    @property
    def is_ending(self) -> bool:
        """Whether the end was seen, but is not published yet, for want of the last lines."""
        return self._end_seen is not None and not self._snapshot.done

    @property
    def turnover(self) -> float:
        """Seconds in which its log fills the server's window, at the pace of the last look."""
        return self._tail.room / self._flow if self._flow else math.inf

    def look(
        self,
        client: LivyClient,
        seen: BatchInfo | LivyError | None = None,
        watched: int = 1,
        *,
        asked: int,
    ) -> LivyError | None:
        """Look once, and publish what there is to see; only ever called in one thread.

        Args:
            client: The server.
            seen: What its list has just said of this batch, or why there was none; without, the
                batch is asked for alone.
            watched: How many batches are watched.
            asked: What :attr:`asked` was before anything of this was read.

        Returns:
            What went wrong with the state or the log, if anything did.
        """
        if self._at_rest and seen is self._view and asked == self._served:  # as most are
            self._looked = self._clock()
            return None
        self._at_rest = False
        try:
            problem = self._look(client, seen, watched)
        except Exception as failure:  # noqa: BLE001 -- a surprise must not end all other watching
            problem, now = explained(failure), self._clock()
            if self._watcher.has_ended(problem):
                self.lose()
            since = self._snapshot.stale_since
            self._publish(
                error=problem,
                stale_since=now if since is None else since,
                **self._verdict(now, wait=PATIENCE),
            )
        if asked != self._served:
            with self._lock:
                self._served = asked
                self._changed.notify_all()
        return problem

    def _look(
        self, client: LivyClient, view: BatchInfo | LivyError | None, watched: int
    ) -> LivyError | None:
        if isinstance(view, LivyError):
            raise view
        now, gone = self._clock(), False
        lines: list[Line] = []
        problem: LivyError | None = None
        log_error = self._snapshot.log_error
        try:
            # The view comes first: a log that is read after the end is complete.
            if view is None or self._is_another(view):
                view = client.batch(self._key)
            gone = self._is_another(view)  # the name or id is another batch's
            if not gone:
                before = self._info
                news = self._take(view)
                if self._is_to_be_read(now, watched):
                    lines, problem = self._read_log(client)
                    log_error, news = problem, len(lines)
                    # Of a batch without a name, only the log may tell it from a later one's.
                    if self._tail.is_anothers and view.name is None:
                        self._info, lines, gone = before, [], True
                self._flow = news / max(now - self._looked, SHORTEST) if news < math.inf else 0.0
                if not lines and not gone and self._is_known(log_error, now):
                    self._looked = now
                    self._at_rest = not (news or self._unread or log_error)
                    return problem
        except NotFound:
            gone = True
        self._looked = now
        if self._end_seen is None and is_final(self._info.state):
            self._end_seen = now
        wait = 0.0 if gone else self._time_for_last_lines(log_error)
        settled = gone or (self._end_seen is not None and now - self._end_seen >= wait)
        self._publish(
            lines,
            last=settled and log_error is None,
            gone=gone,
            log_error=log_error,
            stillborn=not gone and self._is_stillborn(now),
            waits="" if gone else self._waits,
            **self._verdict(now, wait),
        )
        return problem

    def _is_stillborn(self, now: float) -> bool:
        late = now - self._snapshot.first_seen > BIRTH
        return late and self._info.state == "starting" and not self._has_log

    def _is_another(self, view: BatchInfo) -> bool:
        return view is not self._view and contradicts(self._info, view)

    def _take(self, view: BatchInfo) -> float:
        """Take what a view says; return how many lines came since the one before."""
        news = self._glimpses.news(view.log)
        self._unread += news
        if view is not self._view:
            self._view = view
            self._waits = "" if is_final(view.state) else waits(view.log)
            info = dataclasses.replace(view, log=())
            if info != self._info:
                self._info = info
        return news

    def _is_known(self, log_error: LivyError | None, now: float) -> bool:
        """Say whether nothing is to be published, but new lines: for most looks, and so at once."""
        known = self._snapshot
        return (
            known.info is self._info
            and known.error is None
            and known.log_error is log_error
            and known.stillborn == self._is_stillborn(now)
            and known.waits == self._waits
            and self._end_seen is None
        )

    def _is_to_be_read(self, now: float, watched: int) -> bool:
        """Say whether the log has to be read now, that nothing of it is lost or late."""
        if self.wanted or is_final(self._info.state):
            return True
        rested = now - self._read >= log_pause(now - self._snapshot.first_seen, watched)
        if self._snapshot.log_error is not None:
            return rested
        if self._unread >= self._tail.room / 2:
            return True
        return self._unread > 0 and (self.is_looked_at or rested)

    def _read_log(self, client: LivyClient) -> tuple[list[Line], LivyError | None]:
        """Return the new lines; and why not, if the state can be seen, but the log cannot."""
        self._read = self._clock()
        try:
            page = self._log_page(client)
            self._has_log = bool(page.entries)
            lines = self._tail.feed(page)
            if lines is None:
                lines = self._tail.feed(self._log_page(client)) or []
        except NotFound:
            raise
        except ServerError as failure:
            return [], failure
        self._unread = 0.0
        return lines, None

    def _log_page(self, client: LivyClient) -> LogPage:
        return client.log(self._key, *self._tail.next_query(), of=self._info.id)

    def _time_for_last_lines(self, log_error: LivyError | None) -> float:
        """Return how long after the end lines may still come."""
        if log_error is None or isinstance(log_error, Unauthorized):
            # Where a cluster manager tells the end, Livy may have the last lines a little later.
            return LATE if self._info.app_id else 0.0
        return PATIENCE

    def _verdict(self, now: float, wait: float) -> dict[str, Any]:
        """Return what may be said of the state: an end not before the last lines had ``wait``."""
        if self._end_seen is None:
            return {"info": self._info}
        if self._snapshot.done or now - self._end_seen < wait:
            return {}
        return {"info": self._info, "ended": self._end_seen}

    def _publish(
        self,
        lines: Sequence[Line] = (),
        *,
        error: LivyError | None = None,
        stale_since: float | None = None,
        last: bool = False,
        final_word: bool = False,
        **changes: Any,
    ) -> None:
        """Make a new snapshot public: one without an error, unless one is given.

        Args:
            lines: New lines of the log.
            error: See :class:`Snapshot`.
            stale_since: See :class:`Snapshot`.
            last: Nothing can be added after this.
            final_word: It counts even so.
            **changes: Other members of the snapshot.
        """
        with self._lock:
            if self._snapshot.complete and not final_word:
                return  # a look was under way while the batch was deleted
            self._lines.extend(lines)
            snapshot = dataclasses.replace(
                self._snapshot,
                error=error,
                stale_since=stale_since,
                lines=len(self._lines),
                complete=last,
                **changes,
            )
            if snapshot == self._snapshot:
                return
            self._snapshot = snapshot
            self._changed.notify_all()
        self._tell(snapshot)

"""One watched batch: its newest snapshot, its log, and a single look at it. Nothing here prints."""

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

LATE = 1.0  # seconds: YARN may report an end before Livy has the last lines (protocol, part 3)
BIRTH = 10.0  # seconds after which a live batch shows a log (protocol, part 1)
PATIENCE = 60.0  # seconds after the end to keep trying to read the last lines


class Looks(Protocol):
    """The interface of :class:`~livy_magic.watch.watcher.Watcher` that a watch uses."""

    def wake(self, watch: Watch) -> None:
        """Reconsider at once when to look, because a watch changed."""

    def is_this_thread(self) -> bool:
        """Return whether the caller runs in the watcher's thread."""

    def has_ended(self, problem: LivyError) -> bool:
        """Return whether the server has stopped for good, and did not just fail to answer."""


class Watch(Published[Snapshot]):
    """One watched batch, created by :meth:`Watcher.watch`. Any thread may call any method.

    The end is published last: when a snapshot becomes ``done``, the log is as complete as it gets.
    For a batch that had ended before it was first seen, :meth:`refresh` fetches the log.
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
        # Only the watcher's thread uses the rest.
        self._tail = LogTail()
        self._glimpses = Glimpses()
        self._view = info  # the server's last view, unchanged
        self._waits = ""
        self._unread = 0.0  # least number of lines since the log was last read
        self._info = info  # may have an end that is not published yet
        self._end_seen = now if is_final(info.state) else None
        self._looked = self._read = now
        self._flow = 0.0
        self._has_log = True  # whether the last log had any entry, Livy's markers included
        self._at_rest = False  # whether the same view again would hold no news

    # -- for readers --

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._snapshot

    def lines(self, start: int = 0, stop: int | None = None) -> list[Line]:
        """Return a copy of the captured log lines from ``start`` on, up to but without ``stop``."""
        with self._lock:
            return self._lines.between(start, stop)

    def pieces(self, start: int = 0) -> list[Piece]:
        """Return the captured log lines from ``start`` on, a multiple of 1,000, packed."""
        with self._lock:
            return self._lines.pieces(start)

    def backwards(self, kinds: Collection[Kind] = KINDS) -> Iterator[Line]:
        """Yield the captured log lines of some kinds, last first."""
        return backwards(self.pieces(), kinds)

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Block until ``predicate()`` is true, which each change checks; an interrupt ends it.

        Args:
            predicate: Reads this watch's snapshot or lines.
            timeout: Seconds to wait at most.

        Returns:
            The last value of ``predicate()``.

        Raises:
            LivyError: A subscriber called this: the thread that looks cannot wait for its own news.
        """
        if self._watcher.is_this_thread() and not predicate():
            raise LivyError("a callback of the watcher cannot wait for it; wait in another thread")
        with self.awaited(), self._lock:
            return self._changed.wait_for(predicate, timeout)

    def refresh(self, timeout: float | None = None) -> Snapshot:
        """Have the watcher look now, wait until it has, and return the snapshot.

        If the snapshot is already complete, this returns at once and sends no request. If the look
        fails, the snapshot has the error.

        Args:
            timeout: Seconds to wait at most.
        """
        with self._lock:
            self._asked += 1
            ticket = self._asked
        self.wait_for(lambda: self._snapshot.complete or self._served >= ticket, timeout)
        return self._snapshot

    def follow(self) -> Iterator[Line]:
        """Yield the log's lines from the first on, as they arrive, until the batch is done."""
        with self.looked_at():
            self.refresh()
            start = 0
            while True:
                done = self._snapshot.done  # read first, so that the lines include the last ones
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
        """Look often during the block: the end is seen within 2 % of the batch's age."""
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
        """Look often during the block, for a viewer: news arrives within 2 s, if old within 5 s."""
        with self._lock:
            self._lookers += 1
        self._watcher.wake(self)
        try:
            yield
        finally:
            with self._lock:
                self._lookers -= 1

    def end(self, state: str) -> None:
        """Record that the batch was deleted; ``state`` is its last one, unless an end was seen."""
        info, ended = self._snapshot.info, self._snapshot.ended
        if not is_final(info.state):
            info, ended = dataclasses.replace(info, state=state), self._clock()
        self._publish(info=info, ended=ended, gone=True, last=True, final_word=True)

    def lose(self) -> None:
        """Record that the server will never answer again; the last view is final."""
        self._publish(gone=True, last=True)

    def recall(self, lines: Sequence[Line], ended: float | None) -> None:
        """Load the log and end of a batch from the history, because the server has forgotten it.

        Args:
            lines: The saved log.
            ended: When the batch ended, in seconds since the epoch, or None.
        """
        self._publish(lines, ended=ended, gone=True, recalled=True, last=True)

    # -- for the watcher --

    @property
    def asked(self) -> int:
        """Number of refreshes requested so far."""
        return self._asked

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a look now."""
        return self._asked > self._served and not self._snapshot.complete

    @property
    def is_looked_at(self) -> bool:
        """Whether a person views this batch."""
        return self._lookers > 0

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for news."""
        return self._waiters > 0

    @property
    def is_ending(self) -> bool:
        """Whether the end was seen, but is not published until the last lines arrive."""
        return self._end_seen is not None and not self._snapshot.done

    @property
    def turnover(self) -> float:
        """Seconds in which the log fills the server's window, at the rate of the last look."""
        return self._tail.room / self._flow if self._flow else math.inf

    def look(
        self,
        client: LivyClient,
        seen: BatchInfo | LivyError | None = None,
        watched: int = 1,
        *,
        asked: int,
    ) -> LivyError | None:
        """Look once, and publish the result; called only in the watcher's thread.

        Args:
            client: The server.
            seen: This batch's view in the list just read, or the error of reading it; if None, the
                batch is requested by itself.
            watched: Number of watched batches.
            asked: The value of :attr:`asked` before any of this was read.

        Returns:
            The error of reading the state or the log, or None.
        """
        if self._at_rest and seen is self._view and asked == self._served:  # the usual case
            self._looked = self._clock()
            return None
        self._at_rest = False
        try:
            problem = self._look(client, seen, watched)
        except Exception as failure:  # noqa: BLE001 -- must not stop the other watches
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
            # Read the view first: a log that is read after the end is complete.
            if view is None or self._is_another(view):
                view = client.batch(self._key)
            gone = self._is_another(view)  # another batch has the name or id now
            if not gone:
                before = self._info
                news = self._take(view)
                if self._is_to_be_read(now, watched):
                    lines, problem = self._read_log(client)
                    log_error, news = problem, len(lines)
                    # If a batch has no name, only the log may distinguish it from a later one.
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
        """Take a view; return the least number of log lines since the last one."""
        news = self._glimpses.news(view.log)
        self._unread += news
        if view is not self._view:
            self._view = view
            self._waits = "" if is_final(view.state) else waits(view.log)
            known = self._info.id  # the same id, even if this view has it as text, or not at all
            id_ = view.id if known == self._info.name else known
            info = dataclasses.replace(view, log=(), id=id_)
            if info != self._info:
                self._info = info
        return news

    def _is_known(self, log_error: LivyError | None, now: float) -> bool:
        """Return whether only new lines need publishing; fast, since that is true of most looks."""
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
        """Return whether the log must be read now, so that no line is lost or late."""
        if self.wanted or is_final(self._info.state):
            return True
        rested = now - self._read >= log_pause(now - self._snapshot.first_seen, watched)
        if self._snapshot.log_error is not None:
            return rested
        if self._unread >= self._tail.room / 2:
            return True
        return self._unread > 0 and (self.is_looked_at or rested)

    def _read_log(self, client: LivyClient) -> tuple[list[Line], LivyError | None]:
        """Return the new lines, and the error if the log cannot be read though the state can."""
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
        """Return for how many seconds after the end lines may still arrive."""
        if log_error is None or isinstance(log_error, Unauthorized):
            # If a cluster manager reports the end, Livy may get the last lines a little later.
            return LATE if self._info.app_id else 0.0
        return PATIENCE

    def _verdict(self, now: float, wait: float) -> dict[str, Any]:
        """Return the state to publish: an end only ``wait`` seconds after it was seen."""
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
        """Publish a new snapshot, without an error unless one is given.

        Args:
            lines: New lines of the log.
            error: See :class:`Snapshot`.
            stale_since: See :class:`Snapshot`.
            last: Whether this snapshot is complete.
            final_word: Whether to publish even after a complete snapshot.
            **changes: Other attributes of the snapshot.
        """
        with self._lock:
            if self._snapshot.complete and not final_word:
                return  # the batch was deleted during a look
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

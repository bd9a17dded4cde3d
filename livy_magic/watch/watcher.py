"""The background thread of a server, which decides when to look at which batch, and looks."""

from __future__ import annotations

import atexit
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from ..errors import LivyError, ServerError, Unauthorized, Unreachable
from ..protocol.client import LivyClient
from ..protocol.identity import contradicts
from ..protocol.models import BatchId, BatchInfo
from ..threads import Shared
from .list_pages import ListPages
from .schedule import LONGEST, backoff, interval
from .server_list import ServerList
from .snapshot import explained
from .watch import LATE, Watch


class Watcher(Shared):
    """Polls the watched batches of one server, in one thread that lives as long as there are any.

    While a person views the server's whole list, it polls that as well.

    Args:
        client: The server.
        may_return: Returns whether a server that does not answer may answer again.
        clock: Returns the time in seconds since the epoch, by which ages and pauses are measured.
        rng: The source of the jitter in pauses after failures.

    Attributes:
        server_list: The server's whole list.
    """

    def __init__(
        self,
        client: LivyClient,
        *,
        may_return: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__()
        self._client = client
        self._may_return = may_return
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 -- jitter needs no secure random numbers
        self._watched: list[Watch] = []
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._pages = ListPages(client, clock)
        self.server_list = ServerList(self._pages, clock, wake=self._wake)
        self._ticked = clock()
        self._failures = 0
        self._backoff = 0.0

    def watch(self, info: BatchInfo, *, submitted: float | None = None) -> Watch:
        """Return the watch of a batch: while it is watched, all callers share one.

        If the batch has ended, only :meth:`Watch.refresh` makes the watcher look at it.

        Args:
            info: The batch.
            submitted: When it was submitted from here, in seconds since the epoch, or None.
        """
        with self._lock:
            for watch in self._watched:
                if not contradicts(watch.snapshot.info, info):
                    return watch
            watch = Watch(self, info, submitted=submitted, clock=self._clock)
            self.wake(watch)
            return watch

    def wake(self, watch: Watch) -> None:
        """Reconsider at once when to look, because a watch is new, refreshed, awaited or viewed."""
        if watch.snapshot.done and not watch.wanted:
            return
        with self._lock:
            if watch not in self._watched:
                self._watched.append(watch)
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            self._stopping = False
            if self._thread is None or not self._thread.is_alive():  # it is not in a forked child
                self._start()
            self._changed.notify_all()

    def stop(self, timeout: float = 1.0) -> None:
        """Stop looking; watches keep their last snapshots until somebody wakes the watcher again.

        Args:
            timeout: Seconds to wait for the thread; a request that takes longer ends by itself.
        """
        with self._lock:
            self._stopping = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def is_this_thread(self) -> bool:
        """Return whether the caller runs in the watcher's thread."""
        return threading.current_thread() is self._thread

    @property
    def is_looking(self) -> bool:
        """Whether its thread runs: else what is known of running batches may be old."""
        return self._thread is not None and not self._stopping

    def has_ended(self, problem: LivyError) -> bool:
        """Return whether the server has stopped for good, and did not just fail to answer."""
        return isinstance(problem, Unreachable) and not self._may_return()

    def pause(self) -> float:
        """Return the seconds until the next tick."""
        with self._lock:
            if self.server_list.wanted or any(watch.wanted for watch in self._watched):
                return 0.0
            return self._rest()

    def tick(self) -> None:
        """Look at every batch if it is time, else only at those that somebody waits for."""
        with self._lock:
            due = self._rest() <= 0
            # What is read now for earlier callers may be too old for those who ask from here on.
            asked = {watch: watch.asked for watch in self._watched if due or watch.wanted}
            watched = len(self._watched)
            with_list = self.server_list.wanted or (due and self.server_list.is_looked_at)
        problems = [self.server_list.look()] if with_list else []
        seen = self._views([watch.snapshot.info.id for watch in asked], with_list=with_list)
        for watch, before in asked.items():
            if self._stopping:
                return
            view = seen.get(watch.snapshot.info.id)
            problems.append(watch.look(self._client, view, watched, asked=before))
        with self._lock:
            if due:
                self._ticked = self._clock()
            if any(watch.snapshot.error is None for watch in asked) or problems[:1] == [None]:
                self._failures = 0
            elif due:
                self._failures += 1
            self._back_off(problems)
            self._watched = [
                watch for watch in self._watched if watch.wanted or not watch.snapshot.done
            ]

    def _views(
        self, ids: Sequence[BatchId], *, with_list: bool
    ) -> Mapping[BatchId, BatchInfo | LivyError]:
        """Return the views of batches in the server's list, or the error of reading it, by id."""
        if with_list:
            problem = self.server_list.snapshot.error
            if problem is None:
                return self.server_list.fresh
            if isinstance(problem, (Unreachable, Unauthorized)):
                return dict.fromkeys(ids, problem)
        try:
            return self._pages.views(ids)
        except Exception as failure:  # noqa: BLE001 -- the snapshots report it
            return dict.fromkeys(ids, explained(failure))

    def _back_off(self, problems: Sequence[LivyError | None]) -> None:
        asked = [one.retry_after for one in problems if isinstance(one, ServerError)]
        longest = max((seconds for seconds in asked if seconds), default=None)
        troubled = self._failures > 0 or longest is not None
        self._backoff = backoff(self._failures, longest, self._rng) if troubled else 0.0

    def _rest(self) -> float:
        """Return the seconds until it is time to look at every batch."""
        now = self._clock()
        every = self._backoff or self._interval(now)
        return min(every, self._ticked + every - now)  # no longer, even if the clock was set back

    def _interval(self, now: float) -> float:
        watches = self._watched
        every = LONGEST
        if watches:
            every = interval(
                min(now - watch.snapshot.first_seen for watch in watches),
                awaited=any(watch.is_awaited for watch in watches),
                looked_at=any(watch.is_looked_at for watch in watches),
                turnover=min(watch.turnover for watch in watches),
            )
        if self.server_list.is_looked_at:
            every = min(every, self.server_list.pause)
        return min(every, LATE) if any(watch.is_ending for watch in watches) else every

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="livy-magic-watcher", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._sleep():
            self.tick()

    def _sleep(self) -> bool:
        """Wait for the next tick; return False if there is none, so that the thread ends."""
        with self._lock:
            while (self._watched or self.server_list.is_looked_at) and not self._stopping:
                pause = self.pause()
                if pause <= 0:
                    return True
                self._changed.wait(pause)
            self._thread = None
            return False


@atexit.register
def _stop_all() -> None:
    """Stop all watchers when the interpreter exits, without waiting: that could hang it."""
    for one in list(Shared.everything):
        if isinstance(one, Watcher):
            one.stop(timeout=0.0)

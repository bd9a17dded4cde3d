"""The background thread of a server: it decides when to look at which batch, and looks."""

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
    """Looks at the watched batches of one server, in one thread that lives as long as there are any.

    It looks at the server's whole list as well, as long as a person does.

    Args:
        client: The server.
        may_return: Says whether a server that does not answer may do so again.
        clock: Seconds since the epoch; ages, times and pauses are measured by it.
        rng: Where the jitter of pauses after failures comes from.

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
        self._rng = rng or random.Random()  # noqa: S311 -- jitter is no secret
        self._watched: list[Watch] = []
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._pages = ListPages(client, clock)
        self.server_list = ServerList(self._pages, clock, wake=self._wake)
        self._ticked = clock()
        self._failures = 0
        self._backoff = 0.0

    def watch(self, info: BatchInfo, *, submitted: float | None = None) -> Watch:
        """Return the watch of a batch, one for all who ask while it is watched.

        A batch that has ended is looked at when :meth:`Watch.refresh` asks for it, not before.

        Args:
            info: The batch.
            submitted: When it was submitted, in seconds since the epoch, if that was from here.
        """
        with self._lock:
            for watch in self._watched:
                if not contradicts(watch.snapshot.info, info):
                    return watch
            watch = Watch(self, info, submitted=submitted, clock=self._clock)
            self.wake(watch)
            return watch

    def wake(self, watch: Watch) -> None:
        """Take account at once of what changed about a watch: it is new, wanted, or looked at."""
        if watch.snapshot.done and not watch.wanted:
            return
        with self._lock:
            if watch not in self._watched:
                self._watched.append(watch)
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            self._stopping = False
            if self._thread is None or not self._thread.is_alive():  # in a forked child it is not
                self._start()
            self._changed.notify_all()

    def stop(self, timeout: float = 1.0) -> None:
        """Stop looking; what is watched stays as last seen until somebody wants to know again.

        Args:
            timeout: Seconds to wait for the thread; a request that takes longer is left to end
                by itself.
        """
        with self._lock:
            self._stopping = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def is_this_thread(self) -> bool:
        """Say whether the caller runs in the watcher's own thread."""
        return threading.current_thread() is self._thread

    @property
    def is_looking(self) -> bool:
        """Whether its thread runs: else what is known of running batches may be old."""
        return self._thread is not None and not self._stopping

    def has_ended(self, problem: LivyError) -> bool:
        """Say whether the server is gone for good, and did not just fail to answer."""
        return isinstance(problem, Unreachable) and not self._may_return()

    def pause(self) -> float:
        """Return the seconds until the next tick, from the clock and what is known of the batches."""
        with self._lock:
            if self.server_list.wanted or any(watch.wanted for watch in self._watched):
                return 0.0
            return self._rest()

    def tick(self) -> None:
        """Look at every batch; before the time is up, only at those that somebody waits for."""
        with self._lock:
            due = self._rest() <= 0
            # Who asks from here on, may not be answered by what is read for those before.
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
        """Return what the server's list says of batches, or why it cannot be had."""
        if with_list:
            problem = self.server_list.snapshot.error
            if problem is None:
                return self.server_list.fresh
            if isinstance(problem, (Unreachable, Unauthorized)):
                return dict.fromkeys(ids, problem)
        try:
            return self._pages.views(ids)
        except Exception as failure:  # noqa: BLE001 -- no look fails but in its snapshot
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
        return min(every, self._ticked + every - now)  # not longer, even if the clock was set back

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
        """Wait for the next tick; False when there is none, and the thread ends."""
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
    """Have no thread look while the interpreter is taken down; waiting for one could hang it."""
    for one in list(Shared.everything):
        if isinstance(one, Watcher):
            one.stop(timeout=0.0)

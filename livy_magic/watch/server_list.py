"""The server's whole list, as a person looks at it: kept current at the least cost.

A short list is one request. Of a long one, the newest part is read, and those parts that hold what
still runs; the whole of it again only when something was removed from it (protocol, part 2: the
list has no filter and no version, but a total).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from ..errors import LivyError
from ..protocol.models import BatchId, BatchInfo, BatchPage, is_final
from ..threads import Published
from .list_pages import NEAR, ListPages
from .schedule import list_pause
from .snapshot import explained

SHORT = 200  # batches up to which all of the list is read each time
NEWEST = 20  # known batches that are read again with those that are new
AT_ONCE = 640  # batches a request, while all of a long list is read
AGAIN = 30.0  # seconds between two readings of all of a long list, from which some were removed


@dataclass(frozen=True)
class ListSnapshot:
    """What is known of the list at one moment. Times are seconds since the epoch.

    Attributes:
        batches: The views, the oldest batch first.
        seen: When it was last read; None as long as it never was.
        error: Why it could not be read the last time. ``batches`` is as it was at ``seen``.
        stale_since: When reading it began to fail; set exactly when ``error`` is.
    """

    batches: tuple[BatchInfo, ...] = ()
    seen: float | None = None
    error: LivyError | None = None
    stale_since: float | None = None


class ServerList(Published[ListSnapshot]):
    """The list of one server, for those who look at it. Any thread may call the public methods.

    Args:
        pages: Where batches stand in the list.
        clock: Seconds since the epoch.
        wake: Tells the watcher's thread that somebody looks, or wants to know now.

    Attributes:
        fresh: The views that the last look brought, for the watcher.
    """

    def __init__(
        self, pages: ListPages, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        super().__init__()
        self._pages = pages
        self._clock = clock
        self._wake = wake
        self._snapshot = ListSnapshot()
        self._lookers = 0
        self._wanted = False
        self._changed_at = clock()
        # The rest belongs to the watcher's thread.
        self.fresh: dict[BatchId, BatchInfo] = {}
        self._total = 0
        self._running = 0
        self._read_whole = float("-inf")  # when all of a long list was read

    @property
    def snapshot(self) -> ListSnapshot:
        """What is known now."""
        return self._snapshot

    @contextlib.contextmanager
    def looked_at(self) -> Iterator[None]:
        """Say that a person looks at the list meanwhile."""
        with self._lock:
            self._lookers += 1
        self.refresh()
        try:
            yield
        finally:
            with self._lock:
                self._lookers -= 1

    def refresh(self) -> None:
        """Have the list read now, if somebody looks: something was done that changes it."""
        if self._lookers:
            self._wanted = True
            self._wake()

    # -- for the watcher --

    @property
    def is_looked_at(self) -> bool:
        """Whether a person looks."""
        return self._lookers > 0

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a look right now."""
        return self._wanted and self.is_looked_at

    @property
    def pause(self) -> float:
        """Seconds between two looks."""
        return list_pause(self._clock() - self._changed_at, self._running)

    def look(self) -> LivyError | None:
        """Read what may have changed, and publish it; only ever called in one thread.

        Returns:
            Why that failed, if it did.
        """
        self._wanted = False
        self.fresh = {}
        now, known = self._clock(), self._snapshot
        try:
            batches = self._read(known.batches, now)
        except Exception as failure:  # noqa: BLE001 -- no look fails but in its snapshot
            problem = explained(failure)
            since = now if known.stale_since is None else known.stale_since
            self._publish(dataclasses.replace(known, error=problem, stale_since=since))
            return problem
        if batches != known.batches:
            self._changed_at = now
        self._publish(ListSnapshot(batches, seen=now))
        return None

    def _read(self, known: tuple[BatchInfo, ...], now: float) -> tuple[BatchInfo, ...]:
        running = {info.id for info in known if not is_final(info.state)}
        self._running = len(running)
        total = self._total
        page = self._read_from(self._start(running))
        if page.start and page.total < total:  # some were removed: the end is further to the front
            page = self._read_from(self._start(()))
        if page.start == 0 and len(page.batches) >= page.total:
            return page.batches
        known_ids = {info.id for info in known}
        new = [info for info in page.batches if info.id not in known_ids]
        if len(known) + len(new) != page.total and now - self._read_whole >= AGAIN:
            self._read_whole = now
            return self._read_all(page.total)
        self.fresh |= self._pages.views(running - self.fresh.keys(), least=1)
        return (*(self.fresh.get(info.id, info) for info in known), *new)

    def _start(self, running: Collection[BatchId]) -> int:
        """Return from where on the list is read: what runs near its end is read with that."""
        if self._total <= SHORT:
            return 0
        start = max(0, self._total - NEWEST)
        for place in sorted(self._pages.places(running), reverse=True):
            if place < start - NEAR:
                break
            start = min(start, place)
        return start

    def _read_from(self, start: int) -> BatchPage:
        page = self._pages.read(start, max(self._total - start, 0) + AT_ONCE)
        self._total = page.total
        self.fresh = {info.id: info for info in page.batches}
        return page

    def _read_all(self, total: int) -> tuple[BatchInfo, ...]:
        """Read it in parts, from the end: what is removed meanwhile makes the rest move to the front."""
        found: dict[BatchId, BatchInfo] = {}
        end = total
        while end > 0:
            start = max(0, end - AT_ONCE)
            for info in reversed(self._pages.read(start, end - start).batches):
                found.setdefault(info.id, info)
            end = start
        self.fresh = found
        return tuple(reversed(found.values()))

    def _publish(self, snapshot: ListSnapshot) -> None:
        self._snapshot = snapshot
        self._tell(snapshot)

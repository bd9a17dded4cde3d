"""The server's whole list, as a person looks at it: kept current at the least cost.

A short list is one request. Of a long one, the newest part is read, and those parts that hold what
still runs; the whole of it again only when something was removed from it (protocol, part 2: the
list has no filter and no version, but a total).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .errors import LivyError
from .listing import Listing
from .models import BatchId, BatchInfo, is_final
from .shared import Shared, call
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


class Roster(Shared):
    """The list of one server, for those who look at it. Any thread may call the public methods.

    Args:
        listing: Where batches stand in the list.
        clock: Seconds since the epoch.
        wake: Tells the watcher's thread that somebody looks, or wants to know now.

    Attributes:
        fresh: The views that the last look brought, for the watcher.
    """

    def __init__(
        self, listing: Listing, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        super().__init__()
        self._listing = listing
        self._clock = clock
        self._wake = wake
        self._snapshot = ListSnapshot()
        self._subscribers: list[Callable[[ListSnapshot], None]] = []
        self._lookers = 0
        self._wanted = False
        self._changed_at = clock()
        # The rest belongs to the watcher's thread.
        self.fresh: Mapping[BatchId, BatchInfo] = {}
        self._total = 0
        self._read_whole = float("-inf")  # when all of a long list was read

    @property
    def snapshot(self) -> ListSnapshot:
        """What is known now."""
        return self._snapshot

    def subscribe(self, callback: Callable[[ListSnapshot], None]) -> Callable[[], None]:
        """Call ``callback(snapshot)`` after each look; it must not block, and harms nobody.

        Returns:
            What ends the subscription; calling it again does no harm.
        """

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        with self._lock:
            self._subscribers.append(callback)
        return unsubscribe

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
        return self._wanted and self._lookers > 0

    @property
    def quiet(self) -> float:
        """Seconds in which nothing in it changed."""
        return self._clock() - self._changed_at

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
        start = max(0, self._total - NEWEST) if self._total > SHORT else 0
        page = self._listing.read(start, AT_ONCE)
        if page.total < self._total and start:  # so many were removed that the end is elsewhere
            start = max(0, page.total - NEWEST) if page.total > SHORT else 0
            page = self._listing.read(start, AT_ONCE)
        self._total = page.total
        fresh = {info.id: info for info in page.batches}
        self.fresh = fresh
        if start == 0 and len(page.batches) >= page.total:
            return page.batches
        new = fresh.keys() - {info.id for info in known}
        if len(known) + len(new) != page.total and now - self._read_whole >= AGAIN:
            self._read_whole = now
            return self._read_all(page.total)
        running = {info.id for info in known if not is_final(info.state)}
        fresh |= self._listing.views(running - fresh.keys(), least=1)
        kept = [fresh.get(info.id, info) for info in known]
        return (*kept, *(info for info in page.batches if info.id in new))

    def _read_all(self, total: int) -> tuple[BatchInfo, ...]:
        """Read it in parts, from the end: what is removed meanwhile makes the rest move to the front."""
        found: dict[BatchId, BatchInfo] = {}
        end = total
        while end > 0:
            start = max(0, end - AT_ONCE)
            for info in reversed(self._listing.read(start, end - start).batches):
                found.setdefault(info.id, info)
            end = start
        self.fresh = found
        return tuple(reversed(found.values()))

    def _publish(self, snapshot: ListSnapshot) -> None:
        with self._lock:
            self._snapshot = snapshot
            subscribers = list(self._subscribers)
        for callback in subscribers:
            call(callback, snapshot)

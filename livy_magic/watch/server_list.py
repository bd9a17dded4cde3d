"""The server's whole list, kept current while a person views it, with as few requests as possible.

A short list takes one request. Of a long one, only the newest part and the parts with running
batches are read; the whole list is read again only after a batch was removed from it (protocol,
part 2: the list has no filter and no version, but a total).
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

SHORT = 200  # largest list, in batches, that is read as a whole each time
NEWEST = 20  # known batches to read again with the new ones
AT_ONCE = 640  # batches per request while a whole long list is read
AGAIN = 30.0  # shortest time between two reads of a whole long list, in seconds


@dataclass(frozen=True)
class ListSnapshot:
    """The state of the list at one moment. Times are in seconds since the epoch.

    Attributes:
        batches: The views, oldest batch first, from the time ``seen``.
        seen: When the list was last read; None if it never was.
        error: The error of the last attempt to read it, or None.
        stale_since: When reading began to fail; None if ``error`` is None.
    """

    batches: tuple[BatchInfo, ...] = ()
    seen: float | None = None
    error: LivyError | None = None
    stale_since: float | None = None


class ServerList(Published[ListSnapshot]):
    """The list of one server, for its viewers. Any thread may call the public methods.

    Args:
        pages: The reader of the list.
        clock: Returns the time in seconds since the epoch.
        wake: Wakes the watcher's thread, for a new viewer or a refresh.

    Attributes:
        fresh: The views that the last look read, for the watcher.
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
        # Only the watcher's thread uses the rest.
        self.fresh: dict[BatchId, BatchInfo] = {}
        self._total = 0
        self._running = 0
        self._read_whole = float("-inf")  # when the whole of a long list was last read

    @property
    def snapshot(self) -> ListSnapshot:
        """The newest snapshot."""
        return self._snapshot

    @contextlib.contextmanager
    def looked_at(self) -> Iterator[None]:
        """Keep the list current during the block, because a person views it."""
        with self._lock:
            self._lookers += 1
        self.refresh()
        try:
            yield
        finally:
            with self._lock:
                self._lookers -= 1

    def refresh(self) -> None:
        """Have the list read now if somebody views it; call this after changing it."""
        if self._lookers:
            self._wanted = True
            self._wake()

    # -- for the watcher --

    @property
    def is_looked_at(self) -> bool:
        """Whether a person views the list."""
        return self._lookers > 0

    @property
    def wanted(self) -> bool:
        """Whether the list must be read now, for a viewer."""
        return self._wanted and self.is_looked_at

    @property
    def pause(self) -> float:
        """Seconds between two reads of the list."""
        return list_pause(self._clock() - self._changed_at, self._running)

    def look(self) -> LivyError | None:
        """Read what may have changed, and publish it; called only in the watcher's thread.

        Returns:
            The error, or None.
        """
        self._wanted = False
        self.fresh = {}
        now, known = self._clock(), self._snapshot
        try:
            batches = self._read(known.batches, now)
        except Exception as failure:  # noqa: BLE001 -- the snapshot reports it
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
        if page.start and page.total < total:  # some were removed: the end moved
            page = self._read_from(self._start(()))
        if page.start == 0 and len(page.batches) >= page.total:
            return tuple(self.fresh.values())  # each once, even if the server lists one twice
        known_ids = {info.id for info in known}
        new = [info for info in self.fresh.values() if info.id not in known_ids]
        if len(known) + len(new) != page.total and now - self._read_whole >= AGAIN:
            self._read_whole = now
            return self._read_all(page.total)
        self.fresh |= self._pages.views(running - self.fresh.keys(), least=1)
        return (*(self.fresh.get(info.id, info) for info in known), *new)

    def _start(self, running: Collection[BatchId]) -> int:
        """Return the position to read from: near the end, with running batches close to that."""
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
        """Read the list in parts, from the end, since removals move the rest towards the front."""
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

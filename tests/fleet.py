"""A thousand notebooks that watch batches on one server, in virtual time."""

from __future__ import annotations

import dataclasses
import heapq
import random
from collections import Counter
from contextlib import ExitStack

from livy_magic.errors import Unreachable
from livy_magic.protocol.models import BatchId, BatchInfo, BatchPage, LogPage
from livy_magic.watch.list_pages import ListPages
from livy_magic.watch.server_list import ServerList
from livy_magic.watch.watcher import Watcher

NOTEBOOKS, RUNNING = 1000, 2
PANEL, WAITS = 3, 10  # one in so many has an open panel, or waits in a cell
OPENING = 40  # seconds in which they are opened
BEFORE, OUTAGE, AFTER = 60, 60, 90  # seconds
CHATTY = 0.1  # of the batches write to their log
PACE = 1.0  # lines a second that these write: what spark-submit reports of a YARN application


class Server:
    """One Livy for all: it counts the requests of each second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.down = False
        self.requests: Counter[int] = Counter()
        self.batches: list[BatchInfo] = []

    def clock(self) -> float:
        return self.now

    def add(self, chatty: bool) -> BatchInfo:
        number = len(self.batches)
        self.batches.append(
            BatchInfo(id=number, state="running", owner="chatty" if chatty else None)
        )
        return self.batches[-1]

    def _ask(self) -> None:
        if self.down:
            raise Unreachable("refused", request="GET …", sent=False)
        self.requests[int(self.now)] += 1

    def _view(self, batch: BatchInfo) -> BatchInfo:
        return dataclasses.replace(batch, log=self._entries(batch, 9)[1:])

    def _entries(self, batch: BatchInfo, lines: int = 50) -> tuple[str, ...]:
        end = int(self.now * PACE) + 300 if batch.owner == "chatty" else 300
        return ("stdout: ", *map(str, range(end - lines, end)), "\nstderr: ")

    def page(self, start: int = 0, size: int = 100) -> BatchPage:
        self._ask()
        views = tuple(map(self._view, self.batches[start : start + size]))
        return BatchPage(start, len(self.batches), views)

    def batch(self, key: BatchId) -> BatchInfo:
        self._ask()
        return self._view(self.batches[int(key)])

    def log(
        self, key: BatchId, start: int = 0, size: int = -1, *, of: BatchId | None = None
    ) -> LogPage:
        assert size == -1
        self._ask()
        entries = self._entries(self.batches[int(key)])
        return LogPage(start, len(entries), entries[start:])


class Threadless(Watcher):
    """A watcher whose ticks come from the simulation."""

    def _start(self) -> None:
        pass


class OneRequest(ServerList):
    """A list of which a look takes one request, as in ``test_server_list``; only one's own is made up."""

    def __init__(self, server: Server, mine: list[BatchInfo]) -> None:
        super().__init__(ListPages(server, server.clock), server.clock, wake=lambda: None)  # type: ignore[arg-type]
        self._server, self._mine = server, mine

    def _read(self, known: tuple[BatchInfo, ...], now: float) -> tuple[BatchInfo, ...]:
        self._server._ask()
        self._running = len(self._server.batches)
        self.fresh = {info.id: self._server._view(info) for info in self._mine}
        return tuple(self.fresh.values())


def age_in_practice(rng: random.Random) -> float:
    """Return how long a batch that runs now has been running.

    Batches take five minutes in the median, one in ten less than half a minute, one in ten more than
    an hour. One that is met running is most likely a long one: that squares the weight of length,
    and so moves the logarithm's mean by its variance.
    """
    mean, deviation = 5.7, 2.0
    return rng.random() * rng.lognormvariate(mean + deviation**2, deviation)


def requests_of_each_second() -> list[int]:
    """Return them from when all watch in peace, through an outage, to what comes after."""
    rng = random.Random(7)  # noqa: S311 -- no secret
    server = Server()
    watchers: list[Threadless] = []
    due: list[tuple[float, int]] = []
    with ExitStack() as people:
        for number in range(NOTEBOOKS):
            server.now = number * OPENING / NOTEBOOKS
            watcher = Threadless(server, clock=server.clock, rng=rng)  # type: ignore[arg-type]
            for _ in range(RUNNING):
                info = server.add(chatty=rng.random() < CHATTY)
                watch = watcher.watch(info, submitted=server.now - age_in_practice(rng))
                watch._asked += 1  # as refresh() does, which would wait: it is displayed
                if number % WAITS == 1:
                    people.enter_context(watch.awaited())
            if number % PANEL == 0:
                watcher.server_list = OneRequest(server, server.batches[-RUNNING:])
                people.enter_context(watch.looked_at())  # a log is open in it
                people.enter_context(watcher.server_list.looked_at())
            watcher.tick()
            watchers.append(watcher)
            heapq.heappush(due, (server.now + watcher.pause(), number))
        start = 2 * OPENING  # by then each knows its batches
        while due[0][0] < start + BEFORE + OUTAGE + AFTER:
            server.now, number = heapq.heappop(due)
            server.down = start + BEFORE <= server.now < start + BEFORE + OUTAGE
            watchers[number].tick()
            pause = max(watchers[number].pause(), 0.001)  # rounding may leave a little
            heapq.heappush(due, (server.now + pause, number))
    return [server.requests[start + second] for second in range(BEFORE + OUTAGE + AFTER)]

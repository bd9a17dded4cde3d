from __future__ import annotations

from livy_magic.errors import Unreachable
from livy_magic.protocol.client import LivyClient
from livy_magic.protocol.models import BatchId, BatchInfo, BatchPage
from livy_magic.watch.list_pages import ListPages
from livy_magic.watch.server_list import AGAIN, ListSnapshot, ServerList
from livy_magic.watch.watcher import Watcher

DOWN = Unreachable("GET …: cannot connect", request="GET …", sent=False)


class Server:
    """A list of batches, the oldest first, in place of the client."""

    def __init__(self, count: int, running: set[BatchId] = frozenset()) -> None:  # type: ignore[assignment]
        self.batches = [
            BatchInfo(id=n, name=f"etl-{n}", state="running" if n in running else "success")
            for n in range(count)
        ]
        self.asked: list[tuple[int, int]] = []
        self.single: list[BatchId] = []
        self.down: Exception | None = None

    def page(self, start: int = 0, size: int = 100) -> BatchPage:
        self.asked.append((start, size))
        if self.down is not None:
            raise self.down
        return BatchPage(start, len(self.batches), tuple(self.batches[start : start + size]))

    def batch(self, key: BatchId) -> BatchInfo:
        self.single.append(key)
        return next(info for info in self.batches if key in {info.id, info.name})

    def becomes(self, number: int, state: str) -> None:
        at = next(at for at, info in enumerate(self.batches) if info.id == number)
        self.batches[at] = BatchInfo(id=number, name=f"etl-{number}", state=state)

    def add(self, number: int) -> None:
        self.batches.append(BatchInfo(id=number, name=f"etl-{number}", state="running"))


class Looked:
    """A server_list, its server and its clock."""

    def __init__(self, server: Server) -> None:
        self.now = 1000.0
        self.server = server
        client: LivyClient = server  # type: ignore[assignment]
        self.server_list = ServerList(ListPages(client, self.clock), self.clock, wake=lambda: None)

    def clock(self) -> float:
        return self.now

    def look(self, seconds: float = 2.0) -> int:
        """Look once more; return how many requests that took."""
        self.now += seconds
        before = len(self.server.asked)
        self.server_list.look()
        return len(self.server.asked) - before

    @property
    def states(self) -> list[tuple[BatchId, str]]:
        return [(info.id, info.state) for info in self.server_list.snapshot.batches]

    def is_exact(self) -> bool:
        return list(self.server_list.snapshot.batches) == self.server.batches


def test_a_short_list_is_one_request_each_time() -> None:
    looked = Looked(Server(5, {3}))
    assert looked.look() == 1
    looked.server.becomes(3, "dead")
    del looked.server.batches[0]
    looked.server.add(5)
    assert looked.look() == 1
    assert looked.is_exact()


def test_of_a_long_list_only_what_may_change_is_read_again() -> None:
    looked = Looked(Server(10_000, {17, 9_990}))
    looked.look()
    assert looked.is_exact()
    looked.server.becomes(17, "dead")
    looked.server.becomes(9_990, "success")
    looked.server.add(10_000)
    assert looked.look() <= 3
    assert looked.is_exact()
    assert looked.look() == 1  # nothing runs but the newest


def test_a_single_running_batch_far_from_the_end_is_kept_current() -> None:
    looked = Looked(Server(5_000, {3}))
    looked.look()
    looked.look()
    looked.server.becomes(3, "killed")
    assert looked.look() == 2
    assert (3, "killed") in looked.states


def test_what_was_removed_from_a_long_list_is_gone_after_a_while() -> None:
    looked = Looked(Server(2_000))
    looked.look()
    del looked.server.batches[100:150]
    looked.server.add(2_000)
    looked.look()
    assert looked.states[-1] == (2_000, "running")  # the new one is there at once
    looked.look(AGAIN)
    assert looked.is_exact()


def test_a_server_that_starts_anew_is_believed_at_once() -> None:
    looked = Looked(Server(2_000))
    looked.look()
    looked.server.batches = [BatchInfo(id=0, name="first", state="starting")]
    looked.look()
    assert looked.is_exact()


def test_a_failure_leaves_the_list_as_it_was_and_says_since_when() -> None:
    looked = Looked(Server(3))
    looked.look()
    told: list[ListSnapshot] = []
    looked.server_list.subscribe(told.append)
    looked.server.down = DOWN
    looked.look()
    looked.look()
    [first, second] = told
    assert len(second.batches) == 3
    assert second.error is DOWN
    assert second.stale_since == first.stale_since == 1004.0
    assert second.seen == 1002.0
    looked.server.down = None
    looked.look()
    assert told[-1].error is None


def test_what_a_subscriber_raises_harms_nobody() -> None:
    looked = Looked(Server(3))
    told: list[ListSnapshot] = []

    def fail(_: ListSnapshot) -> None:
        raise RuntimeError

    looked.server_list.subscribe(fail)
    looked.server_list.subscribe(told.append)
    looked.look()
    assert len(told) == 1


class Stepped(Watcher):
    """A watcher without a thread."""

    def _start(self) -> None:
        pass


def test_the_list_that_somebody_looks_at_serves_the_watches_as_well() -> None:
    server = Server(5, {3, 4})
    watcher = Stepped(server, clock=lambda: 1000.0)  # type: ignore[arg-type]
    watch = watcher.watch(server.batches[3])
    with watcher.server_list.looked_at():
        watcher.tick()
        server.becomes(3, "dead")
        server.asked.clear()
        watcher.server_list.refresh()
        watcher._ticked = 0.0
        server.log = lambda *_, **__: None  # type: ignore[attr-defined] # the log is another matter
        watcher.tick()
    assert len(server.asked) == 1
    assert server.single == []
    assert watch._info.state == "dead"


def test_nothing_is_asked_while_nobody_looks() -> None:
    server = Server(5)
    watcher = Stepped(server, clock=lambda: 1000.0)  # type: ignore[arg-type]
    with watcher.server_list.looked_at():
        assert watcher.pause() == 0.0
    watcher.tick()
    watcher.server_list.refresh()
    watcher.tick()
    assert server.asked == []


def test_a_batch_that_the_server_lists_twice_is_there_once() -> None:
    for count in (3, 300):  # a short list, and one that is read in parts
        looked = Looked(Server(count, running={2}))
        looked.look()
        looked.server.batches.append(looked.server.batches[-1])
        looked.look()
        ids = [info.id for info in looked.server_list.snapshot.batches]
        assert ids == list(range(count))

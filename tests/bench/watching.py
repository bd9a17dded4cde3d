"""What watching costs: the server, the network, the kernel; and how soon and how fully one sees."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from fleet import AFTER, BEFORE, NOTEBOOKS, requests_of_each_second
from report import Reading, amount
from stub import Stub, line, running

from livy_magic.protocol.client import LivyClient
from livy_magic.protocol.models import BatchInfo
from livy_magic.watch.watch import Watch
from livy_magic.watch.watcher import Watcher

SIZES = (1, 10, 50, 1000)
TICKS = 30


def figures() -> Iterator[Reading]:
    """Measure all of it against the stub."""
    with running() as stub:
        for size in SIZES:
            yield from _ticks(stub, size, 0)
        yield from _ticks(stub, 50, 1)
        for age in (5, 30, 120, 600):
            yield _end(stub, age)
        yield _burst(stub)
        yield _flow(stub)
        yield _long_log(stub)
        yield _busy_kernel(stub)
    yield from _many_notebooks()


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


class Stepped(Watcher):
    """A watcher without a thread: it ticks when it is told to, at every tick if it is to."""

    every_time = False

    def _start(self) -> None:
        pass

    def _rest(self) -> float:
        return 0.0 if self.every_time else super()._rest()


def _info(number: int) -> BatchInfo:
    return BatchInfo(id=number, name=f"etl-{number}", state="running")


@dataclass(frozen=True)
class Watched:
    """What a tick costs, in the mean: what the stub counted, and seconds of processor time."""

    counts: dict[str, float]
    cpu: float


def watched(stub: Stub, size: int, pace: int) -> Watched:
    """Tick once a second over running batches that write ``pace`` lines a second."""
    clock = Clock()
    watcher = Stepped(LivyClient(stub.url), clock=clock)
    watcher.every_time = True
    stub.set(batches=size, written=300)
    for number in range(size):
        watcher.watch(_info(number), submitted=clock.now - 3600)
    for _ in range(3):  # after which it knows where they are, and their logs
        watcher.tick()
        clock.now += 1
    stub.count()
    cpu = 0.0
    for tick in range(TICKS):
        stub.set(batches=size, written=300 + (tick + 1) * pace)
        start = time.thread_time()
        watcher.tick()
        cpu += time.thread_time() - start
        clock.now += 1
    counts = {name: number / TICKS for name, number in stub.count().items()}
    return Watched(counts, cpu / TICKS)


def _ticks(stub: Stub, size: int, pace: int) -> Iterator[Reading]:
    tick = watched(stub, size, pace)
    what = f"{size:,} watched, {'flowing' if pace else 'quiet'} logs, a tick"
    counts = tick.counts
    yield Reading(f"{what}: requests", [counts["requests"]], None if pace else 1, "requests")
    yield Reading(f"{what}: bytes both ways", [counts["up"] + counts["down"]], None, "B")
    goal = 3 if size == SIZES[-1] else None
    yield Reading(f"{what}: of a core, at 1 s ticks", [tick.cpu * 100], goal, "%")


def _end(stub: Stub, age: float) -> Reading:
    """Wait for ends that come at any moment, of a batch as old as that."""
    late = []
    for _ in range(3 if age > 100 else 8):
        stub.set(batches=1, written=300)
        watcher = Watcher(LivyClient(stub.url))
        watch = watcher.watch(_info(0), submitted=time.time() - age)
        watch.refresh()
        ended: list[float] = []

        def end(ended: list[float] = ended) -> None:
            stub.set(batches=1, written=305, ended=[0])
            ended.append(time.time())

        timer = threading.Timer(random.uniform(0.5, 2.0), end)  # noqa: S311 -- no secret
        timer.start()
        watch.wait_for(lambda watch=watch: watch.snapshot.done)  # type: ignore[misc]
        late.append(time.time() - ended[0])
        watcher.stop()
    goal = 0.7 if age < 60 else min(0.02 * age, 10)
    worst = f"at most {max(late):.2f} s"
    return Reading(f"end of a batch of {age} s until wait() returns", late, goal, "s", worst)


def _in_virtual_time(
    stub: Stub, written: Callable[[float], int], seconds: float, **server: int
) -> tuple[Watch, int]:
    """Watch a batch that writes, as the schedule has it; return its watch and what was written."""
    clock = Clock()
    begin = clock.now
    watcher = Stepped(LivyClient(stub.url), clock=clock)
    stub.set(batches=1, written=0, **server)
    watch = watcher.watch(_info(0), submitted=begin)
    stub.count()
    while clock.now < begin + seconds:
        clock.now += max(watcher.pause(), 0.01)
        stub.set(batches=1, written=written(clock.now - begin))
        watcher.tick()
    stub.set(batches=1, written=written(seconds), ended=[0])
    while not watch.snapshot.done:
        clock.now += max(watcher.pause(), 0.01)
        watcher.tick()
    texts = [one.text for one in watch.lines() if one.kind != "gap"]
    assert len(set(texts)) == len(texts), "a line came twice"
    return watch, written(seconds)


def _burst(stub: Stub) -> Reading:
    """1,000 lines at once, 4 s of silence, 500 lines: through a window of 200."""
    watch, written = _in_virtual_time(stub, lambda t: 1000 * (t > 1) + 500 * (t > 5), 7)
    lines = watch.lines()
    seen, expected, unmarked = sum(one.kind != "gap" for one in lines), 0, 0
    place = {line(0, n): n for n in range(written)}
    for one, before in zip(lines, [None, *lines], strict=False):
        if one.kind != "gap":
            if place[one.text] != expected and (before is None or before.kind != "gap"):
                unmarked += 1
            expected = place[one.text] + 1
    gaps = sum(one.kind == "gap" for one in lines)
    what = f"burst of {written:,} lines through 200: lines lost without a mark"
    return Reading(what, [unmarked], 0, "lines", f"{seen} seen, {gaps} gaps, none twice")


def _flow(stub: Stub) -> Reading:
    watch, written = _in_virtual_time(stub, lambda t: int(40 * min(t, 60)), 61)
    seen = sum(one.kind != "gap" for one in watch.lines())
    return Reading("40 lines/s for 60 s through 200: lines lost", [written - seen], 0, "lines")


def _long_log(stub: Stub) -> Reading:
    watch, written = _in_virtual_time(stub, lambda t: int(500 * min(t, 200)), 201, keeps=200_000)
    assert watch.snapshot.lines == written
    size = sum(len(line(0, n)) + 1 for n in range(written))
    counts = stub.count()
    wire = f"{counts['down'] / size:.2f} B on the wire, compressed"
    return Reading(
        f"{written:,} lines, a large window: bytes read per byte of log",
        [counts["log"] / size],
        1.1,
        "×",
        wire,
    )


def _many_notebooks() -> Iterator[Reading]:
    """Have 1,000 notebooks watch one server, in virtual time, with an outage of a minute."""
    requests = requests_of_each_second()
    mean = statistics.mean(requests[:BEFORE])
    what = f"{NOTEBOOKS:,} notebooks, one server: requests a second, "
    yield Reading(f"{what}in the mean", [mean], 200, "requests")
    yield Reading(
        f"{what}at most after an outage", [max(requests[-AFTER:]) / mean], 2, "× the mean"
    )


def _busy_kernel(stub: Stub) -> Reading:
    """Count in Python while 1,000 batches and 5 logs are watched.

    A loop's time is compared with its own processor time: the rest is what it waited for the
    watcher's thread. A loop alone would be a reference, too, but machines change their pace by more
    than is measured here.
    """
    stub.set(batches=1000, written=300, flows=dict.fromkeys(range(5), 5))
    watcher = Watcher(LivyClient(stub.url))
    watches = [watcher.watch(_info(n), submitted=time.time() - 600) for n in range(1000)]
    watches[-1].refresh()
    while any(watch.snapshot.lines == 0 for watch in watches):
        time.sleep(0.1)
    with ExitStack() as people:
        for watch in watches[:5]:
            people.enter_context(watch.looked_at())
        waited = [_count() for _ in range(15)]
    watcher.stop()
    what = "1,000 watched, of which 5 are looked at: a busy loop waits, of its processor time"
    return Reading(what, waited, 3, "%", f"alone: {amount(_count(), '%')}")


def _count() -> float:
    """Return how much longer than its processor time a loop of several ticks takes, in per cent."""
    start, cpu, number = time.perf_counter() - _queued(), time.thread_time(), 0
    while number < 200_000_000:
        number += 1
    return ((time.perf_counter() - _queued() - start) / (time.thread_time() - cpu) - 1) * 100


def _queued() -> float:
    """Return the seconds in which this thread waited for a core, not for Python's lock, so far."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:  # only Linux tells
        return 0.0

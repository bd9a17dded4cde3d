from __future__ import annotations

import dataclasses
import http.server
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest

from livy_magic.errors import LivyError, NotFound, NotLivy, ServerError, Unauthorized, Unreachable
from livy_magic.protocol.client import LivyClient
from livy_magic.protocol.identity import contradicts
from livy_magic.protocol.models import BatchId, BatchInfo, BatchPage, LogPage
from livy_magic.settings.auth import RenewingAuth
from livy_magic.watch.schedule import backoff, interval, log_pause
from livy_magic.watch.snapshot import Snapshot
from livy_magic.watch.watch import Watch
from livy_magic.watch.watcher import Watcher

SOON = 20.0  # seconds by which what a test waits for has happened, even on a busy machine
NIGHTLY = BatchInfo(id=7, name="nightly", state="running")
JITTER = random.Random(0)  # noqa: S311 -- no secret
DOWN = Unreachable("GET …: cannot connect", request="GET …", sent=False)


class Server:
    """A Livy with scripted batches, in place of the client."""

    def __init__(self, *batches: BatchInfo) -> None:
        self.batches = {batch.id: batch for batch in batches}
        self.logs: dict[BatchId, list[str]] = {batch.id: [] for batch in batches}
        self.calls: list[str] = []
        self.down: Exception | None = None
        self.list_down: Exception | None = None
        self.log_down: Exception | None = None
        self.has_log = True
        self.before_log: Callable[[], None] = lambda: None

    def becomes(self, key: BatchId, **changes: Any) -> None:
        self.batches[key] = dataclasses.replace(self.batches[key], **changes)

    def _find(self, call: str, key: BatchId) -> BatchInfo:
        self.calls.append(f"{call} {key}")
        if self.down is not None:
            raise self.down
        for batch in self.batches.values():
            if key in (batch.id, batch.name):
                return batch
        raise NotFound("no such batch", request=call)

    def _view(self, batch: BatchInfo) -> BatchInfo:
        entries = ("stdout: ", *self.logs.get(batch.id, ())[-200:], "\nstderr: ")
        return dataclasses.replace(batch, log=entries[-10:] if self.has_log else ())

    def batch(self, key: BatchId) -> BatchInfo:
        return self._view(self._find("batch", key))

    def page(self, start: int = 0, size: int = 100) -> BatchPage:
        self.calls.append(f"page {start} {size}")
        for failure in (self.down, self.list_down):
            if failure is not None:
                raise failure
        batches = [self._view(batch) for batch in self.batches.values()]
        return BatchPage(start, len(batches), tuple(batches[start : start + size]))

    def log(
        self, key: BatchId, start: int = 0, size: int = -1, *, of: BatchId | None = None
    ) -> LogPage:
        self.before_log()
        batch = self._find("log", key)
        if self.log_down is not None:
            raise self.log_down
        entries = ["stdout: ", *self.logs[batch.id][-200:], "\nstderr: "] if self.has_log else []
        return LogPage(start, len(entries), tuple(entries[start:]))


class Clock:
    """Time that passes when a test says so: looks happen when they are asked for, and only then."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Stepped(Watcher):
    """A watcher of which one can tell when a tick is over."""

    def __init__(self, server: Server, clock: Clock) -> None:
        super().__init__(server, clock=clock, rng=JITTER)  # type: ignore[arg-type]
        self._whole = threading.Lock()

    def tick(self) -> None:
        with self._whole:
            super().tick()

    def pause(self) -> float:
        if self.is_this_thread():
            return super().pause()
        with self._whole:
            return super().pause()


@pytest.fixture
def server() -> Server:
    return Server(NIGHTLY)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watcher(server: Server, clock: Clock) -> Iterator[Watcher]:
    watcher = Stepped(server, clock)
    yield watcher
    watcher.stop()
    assert not threads()


@pytest.fixture
def watch(watcher: Watcher) -> Watch:
    return watcher.watch(NIGHTLY)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "livy-magic-watcher"]


def texts(watch: Watch) -> list[str]:
    return [line.text for line in watch.lines()]


# -- the schedule ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "seconds"),
    [(0, 0.25), (9.9, 0.25), (10, 0.5), (59, 0.5), (100, 1.8), (500, 9), (1e6, 9.5)],
)
def test_the_older_the_youngest_batch_the_rarer_the_looks(age: float, seconds: float) -> None:
    assert interval(age, awaited=True, looked_at=False) == pytest.approx(seconds)


@given(age=st.floats(0, 1e6))
def test_an_end_is_seen_soon(age: float) -> None:
    look = 0.1  # seconds that two requests take
    assert interval(age, awaited=True, looked_at=False) + look <= (
        0.7 if age < 60 else min(0.02 * age, 10)
    )


def test_what_a_person_looks_at_is_never_old() -> None:
    assert interval(300, awaited=False, looked_at=True) == 2
    assert interval(86400, awaited=True, looked_at=True) == 5
    assert interval(25, awaited=True, looked_at=True) == 0.5


def test_what_nobody_waits_for_is_seen_later() -> None:
    assert interval(25, awaited=False, looked_at=False) == 1.5
    assert interval(86400, awaited=False, looked_at=False) == 28.5


def test_a_log_that_flows_is_read_before_half_of_its_window_is_gone() -> None:
    assert interval(3600, awaited=False, looked_at=False, turnover=5) == 2.5
    assert interval(3600, awaited=False, looked_at=False, turnover=0.001) == 0.25
    assert interval(3600, awaited=False, looked_at=False, turnover=2000) == 28.5


def test_logs_that_nobody_looks_at_are_read_rarely_and_the_rarer_the_more_there_are() -> None:
    assert log_pause(5, watched=1) == 2
    assert log_pause(100, watched=1) == 10
    assert log_pause(86400, watched=1) == 60
    assert log_pause(5, watched=1000) == 100


@given(failures=st.integers(0, 10**9), asked=st.none() | st.floats(0, 600), rng=st.randoms())
def test_a_failing_server_is_left_alone_for_longer_and_longer(
    failures: int, asked: float | None, rng: random.Random
) -> None:
    seconds = backoff(failures, asked, rng)
    granted = min(asked or 0, 300)
    assert seconds >= granted
    assert 0.25 <= seconds <= max(30, 1.2 * granted)
    if failures > 6:
        assert seconds >= 15


# -- from the first look to the end ---------------------------------------------------------------


def test_a_batch_is_seen_until_its_end_with_its_whole_log(server: Server) -> None:
    watcher = Watcher(server)  # type: ignore[arg-type] # in real time
    server.batches[7] = dataclasses.replace(NIGHTLY, state="starting")
    watch = watcher.watch(server.batches[7])
    states = []
    watch.subscribe(lambda snapshot: states.append(snapshot.info.state))
    server.logs[7] += ["one"]
    assert watch.wait_for(lambda: watch.snapshot.lines == 1, SOON)
    server.becomes(7, state="running")
    assert watch.wait_for(lambda: watch.snapshot.info.state == "running", SOON)
    server.logs[7] += ["two"]
    server.becomes(7, state="success")
    assert watch.wait_for(lambda: watch.snapshot.done, SOON)
    assert texts(watch) == ["one", "two"]
    assert [state for i, state in enumerate(states) if state not in states[:i]] == [
        "starting",
        "running",
        "success",
    ]
    ended = watch.snapshot.ended
    assert ended is not None
    assert ended >= watch.snapshot.first_seen
    for thread in threads():  # it ends by itself
        thread.join(SOON)
    assert not threads()


def test_the_state_is_asked_before_the_log_so_that_the_end_has_all_lines(
    server: Server, watch: Watch
) -> None:
    def ends() -> None:
        server.logs[7] = ["last words"]
        server.becomes(7, state="dead")

    server.before_log = ends  # between the two questions
    assert not watch.refresh(SOON).done
    assert watch.refresh(SOON).info.state == "dead"
    assert texts(watch) == ["last words"]


def test_what_the_server_learns_later_is_shown(server: Server, watch: Watch) -> None:
    server.becomes(7, app_id="application_1", spark_ui_url="http://rm/1")
    assert watch.refresh(SOON).info == server.batches[7]


def test_a_state_never_heard_of_is_no_end(server: Server, watch: Watch) -> None:
    server.becomes(7, state="hibernating")
    snapshot = watch.refresh(SOON)
    assert snapshot.info.state == "hibernating"
    assert not snapshot.done


def test_yarns_end_is_told_when_the_last_lines_had_a_second_to_come(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    clock.now += 3600
    server.becomes(7, state="success", app_id="application_1")
    assert not watch.refresh(SOON).done
    assert watcher.pause() <= 1
    server.logs[7] += ["late"]
    clock.now += 1
    assert watch.wait_for(lambda: watch.snapshot.done, SOON)  # by itself
    assert texts(watch) == ["late"]
    assert watch.snapshot.info.app_id == "application_1"
    assert watch.snapshot.ended == clock.now - 1


def test_there_is_one_watch_for_a_batch_however_many_ask(watcher: Watcher, watch: Watch) -> None:
    assert watcher.watch(NIGHTLY) is watch
    assert watcher.watch(BatchInfo(id=8, state="running")) is not watch
    assert watcher.watch(dataclasses.replace(NIGHTLY, name="other")) is not watch
    assert len(threads()) == 1


def test_a_batch_that_has_ended_is_not_polled_but_its_log_can_be_read(
    server: Server, watcher: Watcher
) -> None:
    server.becomes(7, state="dead")
    server.logs[7] += ["why"]
    watch = watcher.watch(server.batches[7])
    assert watch.snapshot.done
    assert not threads()
    assert server.calls == []
    watch.refresh(SOON)
    assert texts(watch) == ["why"]
    asked = list(server.calls)
    assert watch.refresh(SOON).lines == 1
    assert server.calls == asked  # everything was known


def test_how_long_a_batch_took_is_said_only_where_its_beginning_was_seen(
    server: Server, watcher: Watcher, clock: Clock
) -> None:
    elsewhere = watcher.watch(NIGHTLY).snapshot
    assert (elsewhere.first_seen, elsewhere.submitted) == (clock.now, None)
    at_once = watcher.watch(BatchInfo(id=8, state="success"), submitted=clock.now - 1).snapshot
    assert (at_once.first_seen, at_once.ended) == (clock.now - 1, clock.now)


# -- many batches ---------------------------------------------------------------------------------


@pytest.fixture
def many(server: Server, watcher: Watcher, clock: Clock) -> list[Watch]:
    """Five watched batches with a log each, looked at already; from now on it takes a minute."""
    watches = []
    for number in range(5):
        server.batches[number] = BatchInfo(id=number, name=f"etl-{number}", state="running")
        server.logs[number] = ["one", "two"]
        watches.append(watcher.watch(server.batches[number], submitted=clock.now - 3600))
    del server.batches[7]
    for watch in watches:
        watch.refresh(SOON)
    clock.now += 60
    watcher.wake(watches[0])
    wait_for_call(server, "page")
    with watcher._whole:  # type: ignore[attr-defined] # of Stepped
        server.calls.clear()
    return watches


def wait_for_call(server: Server, name: str) -> None:
    deadline = time.monotonic() + SOON
    while not any(call.startswith(name) for call in server.calls):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_many_batches_with_nothing_new_cost_one_request(
    server: Server, watcher: Watcher, many: list[Watch], clock: Clock
) -> None:
    for _ in range(3):
        server.calls.clear()
        clock.now += 60
        watcher.wake(many[0])
        wait_for_call(server, "page")
        with watcher._whole:  # type: ignore[attr-defined] # of Stepped
            assert server.calls == ["page 0 5"]


def test_of_many_logs_only_those_with_news_are_read(
    server: Server, watcher: Watcher, many: list[Watch], clock: Clock
) -> None:
    server.logs[3] += ["three"]
    clock.now += 60
    watcher.wake(many[0])
    assert many[3].wait_for(lambda: many[3].snapshot.lines == 3, SOON)
    assert server.calls == ["page 0 5", "log etl-3"]
    assert texts(many[3]) == ["one", "two", "three"]


def test_the_end_of_one_of_many_is_told_with_its_whole_log(
    server: Server, watcher: Watcher, many: list[Watch], clock: Clock
) -> None:
    server.logs[2] += ["last words"]
    server.becomes(2, state="dead")
    clock.now += 60
    watcher.wake(many[2])
    assert many[2].wait_for(lambda: many[2].snapshot.done, SOON)
    assert texts(many[2]) == ["one", "two", "last words"]
    assert not many[1].snapshot.done


def test_one_of_many_that_is_forgotten_is_gone_and_the_others_are_not(
    server: Server, watcher: Watcher, many: list[Watch], clock: Clock
) -> None:
    del server.batches[1]
    clock.now += 60
    watcher.wake(many[1])
    assert many[1].wait_for(lambda: many[1].snapshot.gone, SOON)
    assert [watch.snapshot.done for watch in many] == [False, True, False, False, False]
    assert "batch etl-1" in server.calls  # it is not gone until the server says so


def test_another_batch_in_its_place_of_the_list_is_not_taken_for_it(
    server: Server, watcher: Watcher, many: list[Watch], clock: Clock
) -> None:
    server.batches[1] = BatchInfo(id=1, name="after-a-restart", state="success")
    clock.now += 60
    watcher.wake(many[1])
    assert many[1].wait_for(lambda: many[1].snapshot.gone, SOON)
    assert many[1].snapshot.info.state == "running"


def test_who_asks_while_the_list_is_read_is_not_answered_by_it(
    server: Server, watcher: Watcher, many: list[Watch], clock: Clock
) -> None:
    answered: list[Snapshot] = []
    asking = threading.Thread(target=lambda: answered.append(many[0].refresh(SOON)))
    is_asked = threading.Event()
    page = server.page

    def late(*given: int) -> BatchPage:
        answer = page(*given)
        if not is_asked.is_set():
            server.becomes(0, state="success")
            asking.start()
            deadline = time.monotonic() + SOON
            while not many[0].wanted and time.monotonic() < deadline:
                time.sleep(0.001)
            is_asked.set()
        return answer

    server.page = late  # type: ignore[method-assign]
    clock.now += 60
    watcher.wake(many[1])
    assert is_asked.wait(SOON)
    asking.join(SOON)
    assert answered[0].info.state == "success"


def test_trouble_is_met_once_and_shown_for_all(
    server: Server, watcher: Watcher, many: list[Watch], clock: Clock
) -> None:
    for trouble in (
        DOWN,
        Unauthorized("401", request="GET …", status=401),
        NotLivy("a login page", request="GET …", status=200),
    ):
        server.down = trouble
        server.calls.clear()
        clock.now += 60
        watcher.wake(many[0])
        for watch in many:
            assert watch.wait_for(lambda watch=watch: watch.snapshot.error is server.down, SOON)
        assert len(server.calls) == 1
        assert {watch.snapshot.info.state for watch in many} == {"running"}
    server.down = None
    clock.now += 60
    watcher.wake(many[0])
    for watch in many:
        assert watch.wait_for(lambda watch=watch: watch.snapshot.error is None, SOON)


# -- what one cannot see --------------------------------------------------------------------------


def test_a_server_out_of_reach_leaves_what_was_last_seen(
    server: Server, watch: Watch, clock: Clock
) -> None:
    server.logs[7] += ["one"]
    watch.refresh(SOON)
    server.down = DOWN
    since = clock.now = clock.now + 60
    watch.refresh(SOON)
    clock.now += 60
    snapshot = watch.refresh(SOON)
    assert (snapshot.error, snapshot.stale_since) == (DOWN, since)
    assert (snapshot.info, snapshot.done, snapshot.lines) == (NIGHTLY, False, 1)
    server.down = None
    server.logs[7] += ["two"]
    snapshot = watch.refresh(SOON)
    assert (snapshot.error, snapshot.stale_since) == (None, None)
    assert texts(watch) == ["one", "two"]


def test_a_server_that_fails_is_asked_less_often(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    assert watcher.pause() == 0.25
    server.down = DOWN
    pauses = []
    for _ in range(8):
        clock.now += 60  # each time it is due
        watch.refresh(SOON)
        pauses.append(watcher.pause())
    assert pauses[0] <= 1
    assert pauses[-1] > 10
    server.down = None
    watch.refresh(SOON)
    with watch.awaited():
        assert watcher.pause() <= 10


def test_a_server_that_asks_for_time_gets_it(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    clock.now += 60
    server.down = ServerError("slow down", request="GET …", status=429, retry_after=120)
    watch.refresh(SOON)
    assert watcher.pause() >= 120


@pytest.mark.parametrize("asked", [3600.0, 1e12, float("inf")])
def test_a_server_that_asks_for_an_hour_or_for_ever_is_asked_while_it_still_knows_a_batch(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock, asked: float
) -> None:
    clock.now += 60
    server.down = ServerError("slow down", request="GET …", status=429, retry_after=asked)
    watch.refresh(SOON)
    assert 300 <= watcher.pause() < 600
    server.down = None
    assert watch.refresh(SOON).error is None


def test_one_failing_batch_does_not_keep_the_others_waiting(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    server.batches[8] = BatchInfo(id=8, state="running")
    server.logs[8] = []
    other = watcher.watch(server.batches[8])
    find = server._find

    def broken(call: str, key: BatchId) -> BatchInfo:
        if key == "nightly":
            raise ServerError("500", request=call, status=500)
        return find(call, key)

    server._find = broken  # type: ignore[method-assign]
    server.list_down = ServerError("500", request="GET …", status=500)
    clock.now += 5
    server.becomes(8, state="recovering")
    assert other.refresh(SOON).info.state == "recovering"
    assert watch.wait_for(lambda: watch.snapshot.error is not None, SOON)
    assert other.snapshot.error is None
    assert watcher.pause() == 0.25


def test_a_batch_that_the_server_forgot_is_gone_with_what_was_last_seen(
    server: Server, watch: Watch
) -> None:
    del server.batches[7]
    snapshot = watch.refresh(SOON)
    assert (snapshot.gone, snapshot.done) == (True, True)
    assert (snapshot.info, snapshot.ended) == (NIGHTLY, None)


def test_an_end_seen_just_before_the_batch_was_forgotten_is_kept(
    server: Server, watch: Watch, clock: Clock
) -> None:
    server.before_log = server.batches.clear
    server.becomes(7, state="killed")
    snapshot = watch.refresh(SOON)
    assert snapshot.gone
    assert (snapshot.info.state, snapshot.ended) == ("killed", clock.now)


def test_a_batch_that_shows_no_log_at_all_is_said_to_be_stillborn_until_it_does(
    server: Server, watcher: Watcher, clock: Clock
) -> None:
    server.becomes(7, state="starting")
    server.has_log = False
    watch = watcher.watch(server.batches[7])
    assert not watch.refresh(SOON).stillborn
    clock.now += 20
    assert watch.refresh(SOON).stillborn
    assert not watch.snapshot.done
    server.has_log = True
    assert not watch.refresh(SOON).stillborn


@pytest.mark.parametrize(
    "other",
    [
        BatchInfo(id=9, name="nightly", state="dead"),
        BatchInfo(id=7, name="nightly", state="dead", owner="mallory"),
        BatchInfo(id=7, name="nightly", state="dead", app_id="application_2"),
    ],
)
def test_another_batch_under_the_same_name_is_not_taken_for_this_one(
    server: Server, watcher: Watcher, other: BatchInfo
) -> None:
    mine = dataclasses.replace(NIGHTLY, owner="alice", app_id="application_1")
    watch = watcher.watch(mine)
    server.batches[7] = other
    server.logs[other.id] = ["not mine"]
    snapshot = watch.refresh(SOON)
    assert (snapshot.gone, snapshot.info) == (True, mine)
    assert texts(watch) == []


def test_a_log_that_does_not_go_on_gives_a_reused_id_away(server: Server, watcher: Watcher) -> None:
    mine = server.batches[7] = BatchInfo(id=7, state="running", owner="alice")
    watch = watcher.watch(mine)
    server.logs[7] = ["mine"]
    watch.refresh(SOON)
    server.becomes(7, owner="bob")  # a restart; the state is the same
    server.logs[7] = ["his"]
    snapshot = watch.refresh(SOON)
    assert (snapshot.gone, snapshot.info) == (True, mine)
    assert texts(watch) == ["mine"]


def test_a_gap_is_shown_where_it_is_the_same_batch(server: Server, watch: Watch) -> None:
    server.logs[7] = ["one"]
    watch.refresh(SOON)
    server.logs[7] = [str(n) for n in range(300)]
    watch.refresh(SOON)
    assert [line.kind for line in watch.lines(1)] == ["gap"] + ["program"] * 200


def test_a_view_with_less_in_it_is_of_the_same_batch() -> None:
    known = dataclasses.replace(NIGHTLY, owner="alice", app_id="application_1")
    assert not contradicts(known, BatchInfo(id=7, state="dead"))
    assert not contradicts(BatchInfo(id=7, state="dead"), known)


def test_a_log_one_may_not_read_does_not_hide_the_state(server: Server, watch: Watch) -> None:
    server.log_down = Unauthorized("403", request="GET …", status=403)
    snapshot = watch.refresh(SOON)
    assert (snapshot.error, snapshot.log_error) == (None, server.log_down)
    server.becomes(7, state="success")
    assert watch.refresh(SOON).done


def test_an_end_is_told_after_a_minute_even_if_the_log_cannot_be_read(
    server: Server, watch: Watch, clock: Clock
) -> None:
    server.log_down = ServerError("500", request="GET …", status=500)
    server.becomes(7, state="success")
    assert not watch.refresh(SOON).done
    clock.now += 60
    snapshot = watch.refresh(SOON)
    assert snapshot.done
    assert snapshot.log_error is server.log_down
    server.log_down = None
    server.logs[7] += ["later"]
    assert watch.refresh(SOON).log_error is None
    assert texts(watch) == ["later"]


def test_a_surprise_while_looking_is_shown_and_logged_and_survived(
    server: Server, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    server.down = ZeroDivisionError("oops")
    snapshot = watch.refresh(SOON)
    assert isinstance(snapshot.error, LivyError)
    assert "oops" in str(snapshot.error)
    assert "ZeroDivisionError" in caplog.text
    server.down = None
    assert watch.refresh(SOON).error is None


# -- those who want to know -----------------------------------------------------------------------


def test_a_subscriber_hears_of_changes_only_and_until_it_unsubscribes(
    server: Server, watch: Watch
) -> None:
    heard: list[Snapshot] = []
    unsubscribe = watch.subscribe(heard.append)
    watch.refresh(SOON)
    assert heard == []
    server.logs[7] += ["one"]
    watch.refresh(SOON)
    assert [snapshot.lines for snapshot in heard] == [1]
    unsubscribe()
    unsubscribe()
    server.logs[7] += ["two"]
    watch.refresh(SOON)
    assert len(heard) == 1


def test_a_subscriber_that_fails_harms_nobody(
    server: Server, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Snapshot) -> None:
        raise ZeroDivisionError

    heard: list[Snapshot] = []
    watch.subscribe(fail)
    watch.subscribe(heard.append)
    server.logs[7] += ["one"]
    assert watch.refresh(SOON).error is None
    assert len(heard) == 1
    assert "a subscriber failed" in caplog.text


def test_a_subscriber_cannot_wait_for_the_thread_that_called_it(
    server: Server, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.subscribe(lambda _: watch.refresh() and None)
    server.logs[7] += ["one"]
    watch.refresh(SOON)
    assert "wait in another thread" in caplog.text


def test_at_the_end_a_subscriber_can_ask_for_the_log(server: Server, watch: Watch) -> None:
    seen: list[list[str]] = []

    def show(_: Snapshot) -> None:
        watch.refresh()
        seen.append(texts(watch))

    watch.subscribe(show)
    server.logs[7] += ["one"]
    server.becomes(7, state="success")
    watch.refresh(SOON)
    assert seen == [["one"]]


def test_a_follower_gets_every_line_until_the_end(server: Server) -> None:
    watcher = Watcher(server)  # type: ignore[arg-type] # in real time
    watch = watcher.watch(NIGHTLY)
    server.logs[7] += ["0"]
    lines = watch.follow()
    seen = [next(lines).text]
    server.logs[7] += ["1", "2"]
    seen += [next(lines).text, next(lines).text]
    server.logs[7] += ["3"]
    server.becomes(7, state="dead")
    seen += [line.text for line in lines]
    assert seen == ["0", "1", "2", "3"]
    assert not watch.is_looked_at
    watcher.stop()


def test_looking_at_an_old_batch_makes_it_fresh(
    watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    clock.now += 300
    watch.refresh(SOON)
    assert watcher.pause() > 2
    with watch.looked_at(), watch.looked_at():
        assert watcher.pause() <= 2
    assert watcher.pause() > 2


def test_waiting_ends_after_the_timeout(watch: Watch) -> None:
    assert not watch.wait_for(lambda: watch.snapshot.done, 0.01)


def test_waiting_ends_at_an_interrupt_and_leaves_nothing_locked(
    server: Server, watch: Watch
) -> None:
    main = threading.main_thread().ident
    assert main is not None
    server.before_log = lambda: signal.pthread_kill(main, signal.SIGINT)
    for _ in range(300):  # it strikes somewhere else each time
        with pytest.raises(KeyboardInterrupt):
            watch.refresh()
    server.before_log = lambda: None
    assert watch.refresh(SOON).error is None


def test_lines_can_be_read_by_many_while_they_come(server: Server, watch: Watch) -> None:
    wrong: list[object] = []

    def read() -> None:
        seen: list[str] = []

        def news() -> bool:
            return watch.snapshot.done or watch.snapshot.lines > len(seen)

        while not watch.snapshot.done:
            watch.wait_for(news, SOON)
            seen += [line.text for line in watch.lines(len(seen))]
        seen += [line.text for line in watch.lines(len(seen))]
        if seen != [str(n) for n in range(2000)]:
            wrong.append(seen)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for step in range(40):
        server.logs[7] += [str(step * 50 + n) for n in range(50)]
        watch.refresh(SOON)
    server.becomes(7, state="success")
    watch.refresh(SOON)
    for reader in readers:
        reader.join(SOON)
        assert not reader.is_alive()
    assert wrong == []


# -- the batch is killed --------------------------------------------------------------------------


def test_a_batch_that_was_deleted_ends_as_killed(
    server: Server, watch: Watch, clock: Clock
) -> None:
    watch.end("killed")
    snapshot = watch.snapshot
    assert (snapshot.info.state, snapshot.ended, snapshot.gone) == ("killed", clock.now, True)
    server.calls.clear()
    watch.refresh(SOON)
    assert server.calls == []


def test_a_batch_that_was_deleted_after_its_end_keeps_it(server: Server, watch: Watch) -> None:
    server.becomes(7, state="success")
    watch.refresh(SOON)
    watch.end("killed")
    assert (watch.snapshot.info.state, watch.snapshot.gone) == ("success", True)


def test_a_look_under_way_does_not_bring_a_deleted_batch_back(server: Server, watch: Watch) -> None:
    server.before_log = lambda: watch.end("killed")
    watch.refresh(SOON)
    assert watch.snapshot.info.state == "killed"


def test_a_deletion_that_was_noticed_as_a_disappearance_first_is_still_a_kill(
    server: Server, watch: Watch
) -> None:
    del server.batches[7]
    assert watch.refresh(SOON).gone
    watch.end("killed")
    assert watch.snapshot.info.state == "killed"


# -- the thread -----------------------------------------------------------------------------------


def test_stop_ends_the_thread_at_once_and_a_question_starts_it_again(
    server: Server, watcher: Watcher, watch: Watch
) -> None:
    watch.refresh(SOON)
    watcher.stop(SOON)
    watcher.stop(SOON)
    assert not threads()
    server.becomes(7, state="recovering")
    assert watch.refresh(SOON).info.state == "recovering"
    assert len(threads()) == 1


def test_stop_does_not_wait_for_a_request_that_hangs(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    server.batches[8] = BatchInfo(id=8, state="running")
    server.logs[8] = []
    watcher.watch(server.batches[8])
    asked, answer = threading.Event(), threading.Event()

    def hang() -> None:
        asked.set()
        answer.wait(SOON)

    server.before_log = hang
    clock.now += 60
    watcher.wake(watch)
    assert asked.wait(SOON)
    watcher.stop(timeout=0)  # returns though the answer is not there
    (thread,) = threads()
    answer.set()
    thread.join(SOON)
    assert not threads()
    assert server.calls.count("log nightly") == 1
    assert "log 8" not in server.calls  # no other batch was asked for


def test_a_subscriber_may_stop_the_watcher(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    stopped = threading.Event()

    def stop(_: Snapshot) -> None:
        watcher.stop(SOON)
        stopped.set()

    watch.subscribe(stop)
    server.logs[7] += ["one"]
    with watcher._lock:  # a look before it is woken would be followed by another
        clock.now += 60
        watcher.wake(watch)
    assert stopped.wait(SOON)
    for thread in threads():
        thread.join(SOON)
    assert not threads()


def test_the_clock_may_be_set_back(watcher: Watcher, watch: Watch, clock: Clock) -> None:
    clock.now -= 3600
    assert watcher.pause() == 0.25


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # newer Pythons warn of threads
def test_a_forked_child_watches_with_a_thread_of_its_own(
    server: Server, watcher: Watcher, watch: Watch
) -> None:
    held, forked = threading.Event(), threading.Event()

    def hold() -> None:
        with watcher._lock, watch._lock:
            held.set()
            forked.wait(SOON)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(SOON)
    server.becomes(7, state="success")
    child = os.fork()
    if child == 0:
        signal.alarm(int(SOON))  # it must not hang
        os._exit(0 if watch.refresh().info.state == "success" else 1)
    forked.set()
    holder.join(SOON)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# -- on the wire ----------------------------------------------------------------------------------


class Wire(http.server.ThreadingHTTPServer):
    """A Livy with one running batch, over HTTP: it notes who asked on which connection."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), WireHandler)
        self.token = "first"
        self.state = "running"
        self.connections: set[object] = set()
        self.hang = threading.Event()
        self.hang.set()
        self.url = f"http://127.0.0.1:{self.server_port}"


class WireHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Wire

    def do_GET(self) -> None:
        self.server.connections.add(self.client_address)
        self.server.hang.wait(SOON)
        known = self.headers.get("Authorization") in (f"Bearer {self.server.token}", None)
        view = {"id": 7, "state": self.server.state, "log": ["stdout: ", "\nstderr: "], "total": 2}
        body = json.dumps(view).encode()
        head = f"HTTP/1.1 {200 if known else 401} X\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def wire() -> Iterator[Wire]:
    server = Wire()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.hang.set()
    server.shutdown()
    server.server_close()
    thread.join()


class Token(RenewingAuth):
    """A bearer token that the server tells."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.wire, self.token, self.renewed = wire, wire.token, 0

    def apply(self, request: PreparedRequest) -> None:
        request.headers["Authorization"] = f"Bearer {self.token}"

    def renew(self) -> None:
        self.token, self.renewed = self.wire.token, self.renewed + 1


def test_a_token_that_expires_while_watching_is_renewed_on_the_same_connection(wire: Wire) -> None:
    token = Token(wire)
    watcher = Watcher(LivyClient(wire.url, auth=token))
    watch = watcher.watch(BatchInfo(id=7, state="running"))
    heard: list[Snapshot] = []
    watch.subscribe(heard.append)
    watch.refresh(SOON)
    wire.token = "second"
    wire.state = "success"
    assert watch.wait_for(lambda: watch.snapshot.done, SOON)
    assert token.renewed == 1
    assert [snapshot.error for snapshot in heard if snapshot.error] == []
    assert len(wire.connections) == 1
    watcher.stop(SOON)


ON_ITS_OWN = """
import importlib, sys, time
from livy_magic.protocol.client import LivyClient
from livy_magic.protocol.models import BatchInfo
from livy_magic.watch.watcher import Watcher
watcher = Watcher(LivyClient(sys.argv[1]))
watch = watcher.watch(BatchInfo(id=7, state="starting"))
"""


def on_its_own(wire: Wire, program: str) -> tuple[float, str]:
    """Run a Python that watches; return the seconds that it took, and what it printed."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ON_ITS_OWN + program, wire.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=3 * SOON,
    )
    return time.monotonic() - start, done.stdout


def test_a_request_that_hangs_does_not_keep_python_from_ending(wire: Wire) -> None:
    wire.hang.clear()
    seconds, printed = on_its_own(wire, "time.sleep(0.5)")
    assert seconds < SOON / 2
    assert printed == ""


def test_nothing_is_printed_whatever_goes_wrong(wire: Wire) -> None:
    _, printed = on_its_own(
        wire,
        """
def surprise(*_): raise ZeroDivisionError
watch.subscribe(surprise)
watch.refresh()
watcher._client.batch = surprise
watch.refresh()
assert "ZeroDivisionError" in str(watch.snapshot.error)
""",
    )
    assert printed == ""


def test_modules_may_be_loaded_again_while_they_watch(wire: Wire) -> None:
    wire.state = "success"
    _, printed = on_its_own(
        wire,
        """
for name in ("threads", "protocol.client"):
    importlib.reload(sys.modules["livy_magic." + name])
for name in ("snapshot", "schedule", "log_tail", "list_pages", "watch", "watcher"):
    importlib.reload(sys.modules["livy_magic.watch." + name])
assert watch.wait_for(lambda: watch.snapshot.done, 20)
assert watch.snapshot.info.state == "success"
""",
    )
    assert printed == ""


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # newer Pythons warn of threads
def test_a_forked_child_does_not_talk_on_its_parents_connection(wire: Wire) -> None:
    client = LivyClient(wire.url)
    assert client.batch(7).state == "running"
    child = os.fork()
    if child == 0:
        signal.alarm(int(SOON))
        os._exit(0 if client.batch(7).state == "running" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.batch(7).state == "running"
    assert len(wire.connections) == 2

"""The thread: when it looks, at how many, and what ends it"""

from __future__ import annotations

import http.server
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest
from watched_server import DOWN, SOON, Clock, Server, texts, threads

from livy_magic.errors import NotLivy, Unauthorized
from livy_magic.protocol.client import LivyClient
from livy_magic.protocol.models import BatchInfo, BatchPage
from livy_magic.settings.auth import RenewingAuth
from livy_magic.watch.schedule import backoff, interval, log_pause
from livy_magic.watch.snapshot import Snapshot
from livy_magic.watch.watch import Watch
from livy_magic.watch.watcher import Watcher

# -- the schedule ----------------------------------------------------------------------------------


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


# -- many batches ----------------------------------------------------------------------------------


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


# -- the thread ------------------------------------------------------------------------------------


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


# -- on the wire -----------------------------------------------------------------------------------


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

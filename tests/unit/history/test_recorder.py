"""What is seen of a batch that was submitted from here is in the history, and harms nobody."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from livy_magic import Livy, history
from livy_magic.batch import Batch
from livy_magic.history import Entry, History, Intent, Owner, recorder
from livy_magic.protocol.log_format import Line
from livy_magic.protocol.models import BatchInfo, BatchRequest
from livy_magic.watch.watch import Watch

URL = "http://livy.test"
NIGHTLY = BatchInfo(id=7, name="nightly", state="starting")


def intent() -> Intent:
    return Intent(server=URL, request=BatchRequest(file="/a.py", name="nightly"), folder="/")


def lines_of(*texts: str) -> list[Line]:
    return [Line(text, "program") for text in texts]


@pytest.fixture
def livy() -> Iterator[Livy]:
    with responses.RequestsMock():  # nobody answers
        livy = Livy(URL)
        yield livy
        livy.close()


@pytest.fixture
def key() -> int:
    key = history.current().intend(intent())
    assert key is not None
    history.current().accepted(key, NIGHTLY)
    return key


def a_watch(livy: Livy, info: BatchInfo = NIGHTLY) -> Watch:
    return Watch(livy.watcher, info, submitted=None, clock=time.time)


def entry_of(key: int) -> Entry:
    recorder.flush()
    return history.current().entry(key)


def log_of(key: int) -> list[str]:
    recorder.flush()
    return [line.text for line in history.current().log(key)]


def see(watch: Watch, state: str, *lines: str) -> None:
    """What the watcher does when it has looked."""
    info = BatchInfo(id=7, name="nightly", state=state)
    watch._publish(lines_of(*lines), info=info)


def test_states_lines_and_the_end_are_recorded_each_once(livy: Livy, key: int) -> None:
    watch = a_watch(livy)
    recorder.record(watch, key)
    see(watch, "running", "one")
    see(watch, "running", "two", "three")
    see(watch, "success", "four")
    entry = entry_of(key)
    assert [state for state, _ in entry.states] == ["starting", "running", "success"]
    assert entry.ended is not None
    assert log_of(key) == ["one", "two", "three", "four"]


def test_a_killed_batch_and_one_that_is_lost_are_recorded_as_ended(livy: Livy, key: int) -> None:
    watch = a_watch(livy)
    recorder.record(watch, key)
    watch.end("killed")
    assert (entry_of(key).state, entry_of(key).ended is None) == ("killed", False)
    other = history.current().intend(intent())
    history.current().accepted(other, NIGHTLY)
    lost = a_watch(livy)
    recorder.record(lost, other)
    lost.lose()
    assert (entry_of(other).state, entry_of(other).ended is None) == ("starting", False)


def test_a_log_that_is_read_after_the_end_is_recorded_too(livy: Livy, key: int) -> None:
    watch = a_watch(livy, BatchInfo(id=7, name="nightly", state="dead"))
    recorder.record(watch, key)
    assert log_of(key) == []
    watch._publish(lines_of("cause"))
    assert log_of(key) == ["cause"]


def test_a_locked_database_does_not_keep_the_watchers_thread(
    livy: Livy, key: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = a_watch(livy)
    recorder.record(watch, key)
    recorder.flush()
    locked, go_on = threading.Event(), threading.Event()
    append = History.append

    def slow(self, *args):
        locked.set()
        assert go_on.wait(10)
        return append(self, *args)

    monkeypatch.setattr(History, "append", slow)
    see(watch, "running", "one")  # as the watcher's thread does
    assert locked.wait(10)
    see(watch, "running", "two")
    go_on.set()
    assert log_of(key) == ["one", "two"]


def test_what_the_history_does_not_take_is_tried_again(
    livy: Livy, key: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY", 0.01)
    watch = a_watch(livy)
    recorder.record(watch, key)
    recorder.flush()
    refusals = iter([True, True])
    taken = threading.Event()
    append = History.append

    def moody(self, number, lines):
        if next(refusals, False):
            return 0
        saved = append(self, number, lines)
        if "two" in [line.text for line in lines]:
            taken.set()
        return saved

    monkeypatch.setattr(History, "append", moody)
    see(watch, "running", "one")
    see(watch, "success", "two")
    assert taken.wait(10)
    assert log_of(key) == ["one", "two"]
    assert entry_of(key).state == "success"


def test_two_handles_of_one_batch_record_it_once(livy: Livy, key: int) -> None:
    watch = a_watch(livy)
    recorder.record(watch, key)
    recorder.record(watch, key)
    see(watch, "running", "one")
    assert log_of(key) == ["one"]


def test_a_new_watch_of_a_batch_goes_on_where_the_one_before_ended(livy: Livy, key: int) -> None:
    old, new = a_watch(livy), a_watch(livy)
    recorder.record(old, key)
    see(old, "running", "one")
    recorder.flush()
    recorder.record(new, key)
    see(new, "running", "one", "two")
    see(old, "running", "two")
    see(new, "success", "three")
    assert log_of(key) == ["one", "two", "three"]
    assert entry_of(key).state == "success"


def pretend_submitter(key: int, owner: Owner) -> None:
    """Have the history believe that another process made the submission."""
    import sqlite3

    connection = sqlite3.connect(history.current().path)
    connection.execute(
        "UPDATE entry SET host = ?, boot = ?, pid = ?, started = ? WHERE key = ?",
        (owner.host, owner.boot, owner.pid, owner.started, key),
    )
    connection.commit()
    connection.close()


def test_a_batch_of_another_kernel_is_left_to_that(livy: Livy, key: int) -> None:
    pretend_submitter(key, Owner("another host", "", 1, ""))
    watch = a_watch(livy)
    recorder.record(watch, key)
    see(watch, "running", "one")
    assert log_of(key) == []
    assert entry_of(key).state == "starting"


@pytest.mark.parametrize(
    ("saved", "offered", "whole"),
    [
        (["a", "b"], ["a", "b", "c"], ["a", "b", "c"]),
        (["a", "b", "c"], ["b", "c", "d"], ["a", "b", "c", "d"]),
        (["a", "b"], ["a", "b"], ["a", "b"]),
        ([], ["a"], ["a"]),
        (["a"], ["x", "y"], ["a", recorder.LOST.text, "x", "y"]),
    ],
    ids=["from its start", "slid on", "nothing new", "nothing saved", "no longer to be found"],
)
def test_the_log_of_a_dead_kernels_batch_goes_on_where_that_ended(
    livy: Livy, key: int, saved: list[str], offered: list[str], whole: list[str]
) -> None:
    history.current().append(key, lines_of(*saved))
    dead = Owner.this_process()
    pretend_submitter(key, Owner(dead.host, dead.boot, 2**22 + 1, "long ago"))
    watch = a_watch(livy)
    recorder.record(watch, key)
    see(watch, "running", *offered)
    assert log_of(key) == whole
    assert entry_of(key).submitter == Owner.this_process()


@given(
    st.lists(st.integers(), unique=True, max_size=300),
    st.integers(0, 300),
    st.integers(0, 300),
)
def test_no_line_comes_twice_or_is_left_out(log: list[int], read: int, slid: int) -> None:
    every = lines_of(*map(str, log))
    known, offered = every[:read], every[slid:]
    overlap = recorder.overlap(known, offered)
    if slid < len(known):
        assert known + offered[overlap:] == every
    else:
        assert overlap == 0


def test_a_forked_child_leaves_the_recording_to_its_parent(livy: Livy, key: int) -> None:
    watch = a_watch(livy)
    recorder.record(watch, key)
    recorder.flush()
    child = os.fork()
    if child == 0:
        see(watch, "running", "the child's")
        recorder.flush()
        os._exit(0)
    os.waitpid(child, 0)
    see(watch, "running", "the parent's")
    assert log_of(key) == ["the parent's"]


def test_a_long_log_is_recorded_in_seconds_and_as_a_whole(livy: Livy, key: int) -> None:
    watch = a_watch(livy)
    recorder.record(watch, key)
    for start in range(0, 50_000, 5_000):
        see(watch, "running", *(f"line {number}" for number in range(start, start + 5_000)))
    recorder.flush(timeout=60)
    assert log_of(key) == [f"line {number}" for number in range(50_000)]


def test_a_batch_found_again_goes_on_being_recorded(livy: Livy, key: int) -> None:
    batch = Batch(livy, NIGHTLY)  # as from a list
    batch.watch.end("killed")
    assert batch.key == key
    assert entry_of(key).state == "killed"

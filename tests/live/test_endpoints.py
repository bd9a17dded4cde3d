"""Each endpoint as the real Livy answers; a stand-in for spark-submit makes batches cheap."""

from __future__ import annotations

import threading

import pytest
import requests

from livy_magic import (
    BatchFailed,
    BatchGone,
    BatchRequest,
    Livy,
    NotFound,
    NotSubmitted,
    ServerError,
    Unauthorized,
)
from livy_magic.display import status_line
from livy_magic.protocol.client import LivyClient
from livy_magic.protocol.models import is_final

pytestmark = pytest.mark.livy


@pytest.fixture
def livy(standin_server):
    server = standin_server.server
    livy = Livy(server.url, auth=server.auth, staging=server.staging)
    yield livy
    livy.close()


@pytest.fixture
def submit(livy, standin_server):
    """Submit lines that the stand-in understands, under a file's name."""

    def submit(script, /, *lines, **fields):
        return livy.submit(BatchRequest(file=standin_server.script(script, *lines), **fields))

    return submit


def test_the_version(livy):
    assert livy.version == "0.7.1-incubating"


def test_a_batch_by_id_and_by_name_gives_state_view_and_log(livy, submit):
    batch = submit("says", "print one", "error two", "print stdout: ", name="by é / name")
    batch.wait(30)
    for key in (batch.id, str(batch.id), "by é / name"):
        assert livy.client.batch(key).name == "by é / name"
        assert livy.client.state(key) == "success"
        assert livy.client.log(key).entries == ("stdout: ", "one", "two", "stdout: ", "\nstderr: ")
    assert batch.log() == ["one", "two", "stdout: "]


def test_deleting_frees_the_name_and_a_second_time_finds_nothing(livy, submit):
    batch = submit("sleeps", "sleep 600", name="delete me")
    livy.client.delete("delete me")
    for ask in (livy.client.batch, livy.client.state, livy.client.log, livy.client.delete):
        with pytest.raises(NotFound, match="'delete me' not found"):
            ask("delete me")
    with pytest.raises(BatchGone, match="nothing was killed"):
        batch.kill()
    assert batch.snapshot.gone


@pytest.mark.parametrize("key", ["no such name", 9999, -1, 99999999999])
def test_what_is_not_there_is_not_found(livy, key):
    with pytest.raises(NotFound):
        livy.client.batch(key)


def test_livys_own_refusals_are_readable(livy):
    class Raw:
        def __init__(self, body):
            self.body = body

        def to_json(self):
            return self.body

    for body, words in [
        ({}, "File is required."),
        ({"file": "a.py", "nope": 1}, 'Unrecognized field "nope"'),
        ({"file": "/a.py", "args": "x"}, "Cannot deserialize"),
        ({"file": "/a.py", "driverCores": "2"}, "ClassCastException"),
        ({"file": "/a.py", "name": "123"}, "Invalid session name: 123"),
    ]:
        with pytest.raises(ServerError, match=words):
            livy.client.create(Raw(body))
    for info in livy.client.newest():  # what such refusals leave behind (protocol, part 1)
        if info.state == "starting" and not info.log:
            livy.client.delete(info.id)


def test_a_submission_that_livy_refuses_after_registering_it_leaves_no_zombie(livy):
    with pytest.raises(NotSubmitted, match="Livy refused"):
        livy.submit(
            BatchRequest(file="hdfs:///a.py", name="zombie", conf={"spark.jars": "not/absolute"})
        )
    with pytest.raises(NotFound):
        livy.batch("zombie")


def test_what_another_program_left_half_registered_is_told_to_be_stillborn(livy, monkeypatch):
    monkeypatch.setattr("livy_magic.watch.watch.BIRTH", -1.0)
    with pytest.raises(ServerError, match="not absolute"):
        livy.client.create(BatchRequest(file="a.py", name="half"))
    batch = livy.batch("half")
    assert batch.look().stillborn
    assert f"%livy_kill {batch.id} removes it" in status_line(batch.snapshot)
    batch.kill()
    with pytest.raises(NotFound):
        livy.client.batch("half")


def test_two_submissions_of_one_name_start_one_batch(livy, submit, standin_server):
    first = submit("sleeps", "sleep 600", name="unique")
    with pytest.raises(NotSubmitted):
        submit("sleeps", "sleep 600", name="unique")
    with pytest.raises(ServerError, match="Duplicate session name"):
        livy.client.create(BatchRequest(file=standin_server.script("s"), name="unique"))
    assert not is_final(livy.batch("unique").state)
    first.kill()


def test_more_batches_than_a_page_are_listed_newest_first(livy, submit, standin_server):
    file = standin_server.script("empty")
    before = livy.client.page(size=0).total
    ids = [livy.client.create(BatchRequest(file=file)).id for _ in range(101)]
    listed = [info.id for info in livy.client.newest()]
    assert listed[:101] == list(reversed(ids))
    assert len(listed) == before + 101
    assert [batch.id for batch in livy.batches(limit=2)] == [ids[-1], ids[-2]]
    assert livy.client.page(start=5, size=2**31 - 1).batches  # clamped: Livy would overflow


def test_a_log_longer_than_any_window_poll_is_complete(submit):
    lines = [f"print line {number}" for number in range(5000)]
    batch = submit("long", *lines)
    assert batch.wait(60).log() == [line.removeprefix("print ") for line in lines]


def test_control_characters_bare_returns_and_long_lines_come_through(submit):
    batch = submit("odd", "print a\tb\x1b[31mred\x07", f"print {'x' * 100_000}", "print 🙂 ü")
    assert batch.wait(30).log() == ["a\tb\x1b[31mred\x07", "x" * 100_000, "🙂 ü"]


def test_an_exit_code_of_the_program_decides(submit):
    assert submit("fine", "exit 0").wait(30).succeeded
    failed = submit("fails", "print cause", "exit 3")
    with pytest.raises(BatchFailed, match=r"ended as dead\n  cause"):
        failed.wait(30)


def test_a_stranger_is_told_who_is_asked_for(standin_server):
    with pytest.raises(Unauthorized, match="set `auth`") as caught:
        LivyClient(standin_server.server.url).page()
    assert caught.value.status == 401


def test_the_csrf_filter_refuses_what_does_not_come_from_us(standin_server):
    server = standin_server.server
    answer = requests.post(f"{server.url}/batches", json={}, auth=server.auth, timeout=10)
    assert answer.status_code == 400
    assert "CSRF" in answer.reason


def test_many_batches_are_watched_to_their_ends(submit):
    batches = [submit(f"many-{n}", f"print {n}", f"exit {n % 2}") for n in range(20)]
    ended = threading.Semaphore(0)
    for batch in batches:
        batch.on_done(lambda _: ended.release())
    for _ in batches:
        assert ended.acquire(timeout=60)
    assert [batch.state for batch in batches] == ["success", "dead"] * 10
    assert [batch.log() for batch in batches] == [[str(n)] for n in range(20)]

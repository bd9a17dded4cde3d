"""Exactly once on the real Livy; a stand-in for spark-submit notes each start, and those are counted."""

from __future__ import annotations

import contextlib

import pytest

from livy_magic import BatchRequest, Livy, NotFound, NotSubmitted, Unreachable, history

pytestmark = pytest.mark.livy

MOST = 100  # batches that Livy runs at a time: its livy.server.session.max-creation


@pytest.fixture
def livy(standin_server):
    server = standin_server.server
    livy = Livy(server.url, auth=server.auth, staging=server.staging)
    yield livy
    livy.close()


@pytest.fixture
def request_for(standin_server):
    def request_for(name, *lines):
        return BatchRequest(file=standin_server.script(f"{name}.txt", *lines), name=name)

    return request_for


@pytest.fixture
def starts(standin_server):
    """Return how often a batch of a name was started."""

    def starts(name):
        return sum(["--name", name] in pairs(call) for call in standin_server.calls())

    return starts


def pairs(call):
    return [call[place : place + 2] for place in range(len(call))]


def lost(line="POST /batches"):
    return Unreachable(f"{line}: the connection broke", request=line, sent=True)


def broken_once(function, *, before):
    """The function, whose first answer is lost: before it has done its work, or afterwards."""
    pending = [lost()]

    def broken(*args):
        if pending and before:
            raise pending.pop()
        answer = function(*args)
        if pending:
            raise pending.pop()
        return answer

    return broken


@pytest.mark.parametrize("before", [True, False], ids=["not sent", "not answered"])
def test_a_lost_answer_ends_as_one_batch(before, livy, request_for, starts, monkeypatch):
    name = f"lost {before}"
    livy.submit(request_for("first of all"))  # from then on it is known who we are
    monkeypatch.setattr(livy.client, "create", broken_once(livy.client.create, before=before))
    told = []
    batch = livy.submit(request_for(name, "print once"), report=told.append)
    assert batch.wait(30).log() == ["once"]
    assert starts(name) == 1
    assert ("second attempt" if before else "was found by its name") in told[0]
    livy.client.delete("first of all")


def test_a_second_post_of_a_batch_that_is_there_is_a_duplicate_and_it_is_adopted(
    livy, request_for, starts, monkeypatch
):
    """The look after the lost answer comes too early: the first POST is still on its way."""
    look, pending = livy.client.batch, [NotFound("not yet", request="GET")]

    def too_early(key):
        if pending:
            raise pending.pop()
        return look(key)

    monkeypatch.setattr(livy.client, "create", broken_once(livy.client.create, before=False))
    monkeypatch.setattr(livy.client, "batch", too_early)
    request = request_for("early", "print once").replace(name=None)
    told = []
    batch = livy.submit(request, report=told.append)
    assert batch.wait(30).log() == ["once"]
    assert starts(batch.name) == 1
    assert "was found by its name" in told[0]


def test_a_refusal_leaves_its_name_free(livy, request_for, starts):
    request = request_for("refused", "print once")
    told = []
    with pytest.raises(NotSubmitted, match="Livy refused"):
        livy.submit(request.replace(conf={"spark.jars": "not/absolute"}), report=told.append)
    assert told[0].startswith("removed the dead entry")
    assert starts("refused") == 0
    assert livy.submit(request).wait(30).log() == ["once"]
    outcomes = [entry.outcome for entry in history.current().entries(name="refused")]
    assert outcomes == ["submitted", "rejected"]


def test_a_full_server_is_waited_for(livy, request_for, starts):
    long = request_for("long", "sleep 600")
    running = [livy.client.create(long.replace(name=f"long-{n}")).name for n in range(MOST)]
    told = []

    def make_room(line):
        told.append(line)
        livy.client.delete(running.pop())

    try:
        batch = livy.submit(request_for("patient", "print once"), report=make_room)
        assert batch.wait(30).log() == ["once"]
        assert starts("patient") == 1
        assert "too many sessions are being created" in told[0]
    finally:
        for name in running:
            with contextlib.suppress(NotFound):
                livy.client.delete(name)

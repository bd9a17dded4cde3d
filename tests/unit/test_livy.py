"""Submitting, on a made-up wire: what the real Livy cannot be made to answer."""

import json

import pytest
import requests

from livy_magic import (
    BatchFailed,
    BatchRequest,
    InvalidRequest,
    Livy,
    NotFound,
    NotSubmitted,
    SubmitUnknown,
    Unauthorized,
)
from livy_magic.submit import submission

URL = "http://livy.test"
REQUEST = BatchRequest(file="hdfs:///etl.py", name="nightly")
NO_BATCH = {"status": 404, "json": {"msg": "Session 'nightly' not found."}}


@pytest.fixture
def server(monkeypatch):
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE", "PATIENCE", "BIRTH"):
        monkeypatch.setattr(submission, name, 0.001)
    server = Livy(URL, user="alice")
    yield server
    server.close()


def view(**members):
    return {"id": 7, "name": "nightly", "owner": None, "state": "success"} | members


LOG = {"id": 7, "from": 0, "total": 2, "log": ["stdout: ", "\nstderr: "]}


def posts(wire):
    return [json.loads(call.request.body) for call in wire.calls if call.request.method == "POST"]


def deletes(wire):
    return [call.request.url for call in wire.calls if call.request.method == "DELETE"]


@pytest.fixture
def free_name(wire):
    """The first look finds nobody under the name."""
    wire.get(f"{URL}/batches/nightly", **NO_BATCH)


@pytest.mark.usefixtures("free_name")
@pytest.mark.parametrize(
    "lost",
    [
        {"body": requests.ConnectionError("Connection reset by peer")},
        {"body": requests.ReadTimeout("read timed out")},
        {"status": 502, "body": "<html><title>Bad Gateway</title></html>"},
        {"status": 503},
        {"status": 504},
        {"status": 200, "body": "<html><title>Sign in</title></html>"},
        {"status": 201, "body": '{"id": 7, "sta'},
        {"status": 302, "headers": {"Location": "http://sso.test/"}},
    ],
    ids=["reset", "time-out", "502", "503", "504", "html", "cut off", "redirect"],
)
def test_a_batch_whose_answer_was_lost_is_found_by_name_and_not_posted_again(server, wire, lost):
    wire.post(f"{URL}/batches", **lost)
    wire.get(f"{URL}/batches/nightly", json=view())
    assert server.submit(REQUEST).id == 7
    assert len(posts(wire)) == 1


@pytest.mark.usefixtures("free_name")
def test_a_lost_answer_without_a_batch_to_be_seen_is_said_to_be_unknown(server, wire):
    wire.post(f"{URL}/batches", status=503)
    with pytest.raises(SubmitUnknown, match="%livy_batches --name nightly") as caught:
        server.submit(REQUEST)
    assert caught.value.name == "nightly"
    assert len(posts(wire)) == 1


@pytest.mark.usefixtures("free_name")
def test_an_interrupt_while_submitting_says_that_a_batch_may_have_started(server, wire):
    def interrupted(request):
        raise KeyboardInterrupt

    wire.add_callback("POST", f"{URL}/batches", interrupted)
    with pytest.raises(SubmitUnknown, match="interrupted while batch 'nightly'"):
        server.submit(REQUEST)


@pytest.mark.usefixtures("free_name")
def test_an_interrupt_while_a_lost_answer_is_settled_says_so_as_well(server, wire):
    def interrupted(request):
        wire.replace("GET", f"{URL}/batches/nightly", **NO_BATCH)
        raise KeyboardInterrupt

    wire.post(f"{URL}/batches", status=503)
    wire.add_callback("GET", f"{URL}/batches/nightly", interrupted)
    with pytest.raises(SubmitUnknown, match="interrupted while batch 'nightly'"):
        server.submit(REQUEST)


@pytest.mark.usefixtures("free_name")
@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 401, "body": "<html><title>Error 401</title></html>"},
        {"status": 400, "json": {"msg": "Rejected, Reason: Duplicate session name: Some(nightly)"}},
    ],
    ids=["401", "duplicate"],
)
def test_a_refused_submission_is_not_submitted_and_touches_nobodys_batch(server, wire, refusal):
    wire.post(f"{URL}/batches", **refusal)
    wire.get(f"{URL}/batches/nightly", json=view(state="starting", log=[]))
    wire.delete(f"{URL}/batches/7")
    with pytest.raises(NotSubmitted):
        server.submit(REQUEST)
    if refusal["status"] != 401:
        assert deletes(wire) == []


@pytest.mark.usefixtures("free_name")
def test_what_a_rejected_post_left_in_the_list_is_removed(server, wire):
    wire.post(f"{URL}/batches", status=500, json="java.lang.ClassCastException: x")
    wire.get(f"{URL}/batches/nightly", json=view(state="starting", log=[]))
    wire.get(f"{URL}/batches/7/log", json={"id": 7, "from": 0, "total": 0, "log": []})
    wire.delete(f"{URL}/batches/7", json={"msg": "deleted"})
    with pytest.raises(NotSubmitted, match="ClassCastException"):
        server.submit(REQUEST)
    assert deletes(wire) == [f"{URL}/batches/7"]


def test_a_held_name_is_refused_with_who_holds_it_and_what_else_there_is(server, wire):
    wire.get(f"{URL}/batches/nightly", json=view(owner="bob", state="running"))
    with pytest.raises(NotSubmitted) as caught:
        server.submit(REQUEST)
    assert "held by batch 7 (bob, running)" in str(caught.value)
    assert "attach, replace or rename" in str(caught.value)
    assert posts(wire) == []


def test_rename_adds_a_suffix_to_a_held_name(server, wire):
    wire.get(f"{URL}/batches/nightly", json=view())
    wire.post(f"{URL}/batches", json=view(id=8, name=None), status=201)
    server.submit(REQUEST, if_exists="rename")
    [body] = posts(wire)
    assert body["name"].startswith("nightly-")


def test_replace_deletes_a_finished_batch_of_mine_only(server, wire):
    wire.get(f"{URL}/batches/nightly", json=view(owner="bob"))
    with pytest.raises(NotSubmitted, match="only a finished batch of your own can be replaced"):
        server.submit(REQUEST, if_exists="replace")
    assert deletes(wire) == []


def test_replace_deletes_my_finished_batch_and_takes_its_name(server, wire):
    wire.get(f"{URL}/batches/nightly", json=view(owner="alice"))
    wire.get(f"{URL}/batches/nightly/log", json=LOG)
    wire.delete(f"{URL}/batches/nightly", json={"msg": "deleted"})
    wire.post(f"{URL}/batches", json=view(id=8), status=201)
    assert server.submit(REQUEST, if_exists="replace").id == 8
    assert deletes(wire) == [f"{URL}/batches/nightly"]


def test_replace_deletes_nobody_who_has_the_name_by_then(server, wire):
    wire.get(f"{URL}/batches/nightly", json=view(owner="alice"))
    wire.get(f"{URL}/batches/nightly", json=view(id=0, owner="bob", state="running"))
    wire.post(f"{URL}/batches", status=400, json={"msg": "Duplicate session name: Some(nightly)"})
    with pytest.raises(NotSubmitted, match="Duplicate session name"):
        server.submit(REQUEST, if_exists="replace")
    assert deletes(wire) == []


def test_replace_deletes_nothing_when_there_is_nothing_to_take_its_place(server, wire):
    wire.get(f"{URL}/batches/nightly", json=view(owner="alice"))
    wire.delete(f"{URL}/batches/7", json={"msg": "deleted"})
    with pytest.raises(InvalidRequest, match=r"no such file: gone\.py"):
        server.submit(BatchRequest(file="gone.py", name="nightly"), if_exists="replace")
    assert deletes(wire) == []


def test_attach_returns_the_running_batch_of_the_same_request(server, wire):
    wire.get(f"{URL}/batches/nightly", **NO_BATCH)
    wire.post(f"{URL}/batches", json=view(state="running"), status=201)
    first = server.submit(REQUEST)
    wire.get(f"{URL}/batches/nightly", json=view(state="running"))
    assert server.submit(REQUEST, if_exists="attach") is first
    assert len(posts(wire)) == 1


@pytest.mark.usefixtures("free_name")
def test_a_batch_that_had_ended_when_it_was_answered_is_not_waited_for(server, wire):
    wire.post(f"{URL}/batches", json=view(state="success"), status=201)
    assert server.submit(REQUEST, wait=True).succeeded
    wire.post(f"{URL}/batches", json=view(id=8, state="dead"), status=201)
    wire.get(f"{URL}/batches/nightly", **NO_BATCH)
    wire.get(f"{URL}/batches/nightly", json=view(id=8, state="dead"))
    wire.get(f"{URL}/batches/nightly/log", json={"log": ["stdout: ", "cause", "\nstderr: "]})
    with pytest.raises(BatchFailed, match=r"dead\n  cause"):
        server.submit(REQUEST, wait=True)


@pytest.mark.usefixtures("free_name")
def test_a_failed_batch_has_failed_even_if_its_log_may_not_be_read(server, wire):
    wire.post(f"{URL}/batches", json=view(state="dead"), status=201)
    wire.get(f"{URL}/batches/nightly/log", status=403, json={})
    batch = server.submit(REQUEST)
    wire.get(f"{URL}/batches/nightly", json=view(state="dead"))
    with pytest.raises(BatchFailed, match="ended as dead"):
        batch.wait()
    with pytest.raises(Unauthorized):
        batch.log()


def test_a_batch_without_a_name_gets_one_that_nobody_else_has(server, wire):
    wire.post(f"{URL}/batches", json=view(name=None), status=201)
    for _ in range(2):
        server.submit(BatchRequest(file="hdfs:///jobs/etl.py"))
    first, second = (body["name"] for body in posts(wire))
    assert first.startswith("etl-")
    assert len(first) == len("etl-") + 10
    assert first != second


def test_the_profiles_defaults_fill_what_the_request_leaves_open(wire):
    server = Livy(URL, defaults={"queue": "etl", "conf": {"spark.a": "1", "spark.b": "1"}})
    request = BatchRequest(file="hdfs:///a.py", conf={"spark.b": "2"})
    body = server.plan(request).request.to_json()
    assert (body["queue"], body["conf"]) == ("etl", {"spark.a": "1", "spark.b": "2"})
    assert "queue" not in server.plan(request, defaults=False).request.to_json()


def test_a_name_from_the_profile_is_looked_up_like_ones_own(wire):
    server = Livy(URL, defaults={"name": "nightly"})
    wire.get(f"{URL}/batches/nightly", json=view(owner="bob", state="running"))
    with pytest.raises(NotSubmitted, match="held by batch 7"):
        server.submit(BatchRequest(file="hdfs:///a.py"))


@pytest.mark.parametrize(("choice", "known"), [("if_exists", "fail"), ("stage", "auto")])
def test_a_choice_that_does_not_exist_is_refused(server, choice, known):
    with pytest.raises(InvalidRequest, match=f"{choice}: 'skip' is none of {known}"):
        server.submit(REQUEST.replace(name=None), **{choice: "skip"})


def test_an_unknown_batch_is_not_found(server, wire):
    wire.get(f"{URL}/batches/nightly", **NO_BATCH)
    with pytest.raises(NotFound):
        server.batch("nightly")


def test_a_list_is_filtered_here_since_the_server_does_not(server, wire):
    views = [
        view(id=0, name="etl-1", owner="alice"),
        view(id=1, name="etl-2", owner="bob", state="dead"),
        view(id=2, name=None, owner="alice", state="dead"),
    ]

    def answer(request):
        start, size = int(request.params["from"]), int(request.params["size"])
        page = views[start : start + size]
        return 200, {}, json.dumps({"from": start, "total": 3, "sessions": page})

    wire.add_callback("GET", f"{URL}/batches", answer)

    def ids(**filters):
        return [batch.id for batch in server.batches(**filters)]

    assert ids() == [2, 1, 0]
    assert ids(state="dead") == [2, 1]
    assert ids(name="etl-*") == [1, 0]
    assert ids(owner="bob") == [1]
    assert ids(mine=True) == [2, 0]
    assert ids(limit=1) == [2]


def test_a_server_shows_no_credentials():
    assert "hunter2" not in repr(Livy("https://me:hunter2@host:8998"))

"""The right batch: an id never means another one, and what Livy forgot is in the history.

Ids begin anew when Livy restarts without recovery (protocol, part 5).
"""

import contextlib
import json
import re
from urllib.parse import unquote

import pytest
import requests
import responses

from livy_magic import (
    BatchFailed,
    BatchGone,
    BatchRequest,
    InvalidRequest,
    Livy,
    NotFound,
    NotSubmitted,
)

URL = "http://livy.test"
REQUEST = BatchRequest(file="hdfs:///etl.py", name="nightly")
NO_BATCH = {"status": 404, "json": {"msg": "Session 'nightly' not found."}}
LOG = ["stdout: ", "cause", "\nstderr: "]
OTHER = {"id": 7, "name": "somebody else's", "owner": "bob", "state": "running"}


@pytest.fixture
def server():
    server = Livy(URL, user="alice")
    yield server
    server.close()


@pytest.fixture
def free_name(wire):
    """The first look finds nobody under the name."""
    wire.get(f"{URL}/batches/nightly", **NO_BATCH)


def view(**members):
    return {"id": 7, "name": "nightly", "owner": None, "state": "success"} | members


def deletes(wire):
    return [call.request.url for call in wire.calls if call.request.method == "DELETE"]


def submitted(server, wire, **members):
    wire.post(f"{URL}/batches", json=view(owner="alice") | members, status=201)
    return server.submit(REQUEST)


def restart(wire, *views, log=LOG):
    """From now on the server has these batches and no others."""

    def get(request):
        address, _, part = unquote(request.path_url).removeprefix("/batches/").partition("/")
        for one in views:
            if address in {str(one["id"]), one["name"]}:
                return 200, {}, json.dumps({"log": log} if part.startswith("log") else one)
        if request.path_url.startswith("/batches?"):
            return 200, {}, json.dumps({"from": 0, "total": len(views), "sessions": views})
        return NO_BATCH["status"], {}, json.dumps(NO_BATCH["json"])

    wire.reset()
    wire.add_callback("GET", re.compile(f"{URL}/batches"), get)
    wire.delete(re.compile(f"{URL}/batches/"), json={"msg": "deleted"})


@pytest.mark.usefixtures("free_name")
def test_an_id_never_shows_another_batch_than_it_did_before(server, wire):
    submitted(server, wire)
    restart(wire, OTHER)
    batch = server.batch(7)
    assert (batch.name, batch.state, batch.gone) == ("nightly", "success", True)
    with pytest.raises(BatchGone, match="nothing was killed"):
        batch.kill()
    assert deletes(wire) == []
    assert server.batch("somebody else's").owner == "bob"


@pytest.mark.usefixtures("free_name")
def test_an_id_of_an_earlier_kernel_never_shows_another_batch(server, wire):
    submitted(server, wire)
    restart(wire, OTHER)
    later = Livy(URL, user="alice")
    assert later.batch("7").name == "nightly"
    later.close()


def test_an_id_means_another_batch_once_a_list_has_shown_it(server, wire):
    restart(wire, view())
    assert server.batch(7).name == "nightly"
    restart(wire, OTHER)
    with pytest.raises(BatchGone, match="batch 7 'nightly' is gone, and 7 is another batch now"):
        server.batch(7)
    assert [batch.name for batch in server.batches()] == ["somebody else's"]
    assert server.batch(7).name == "somebody else's"


@pytest.mark.parametrize("name", ["nightly", None])
def test_another_batch_under_the_same_id_is_never_killed(server, wire, name):
    restart(wire, view(name=name))
    batch = server.batch(7)
    restart(wire, OTHER)
    with contextlib.suppress(BatchGone):
        batch.kill()
    assert deletes(wire) == []


def test_another_batch_under_the_same_name_is_never_killed(server, wire):
    restart(wire, view(state="running", owner="alice"))
    batch = server.batch("nightly")
    restart(wire, view(state="running", owner="bob"))
    with pytest.raises(BatchGone, match="nothing was killed"):
        batch.kill()
    assert deletes(wire) == []


def test_a_lost_answer_to_a_kill_never_kills_another_batch(server, wire):
    restart(wire, view(state="running", owner="alice"))
    batch = server.batch("nightly")

    def restarts(request):
        restart(wire, view(state="running", owner="bob"))
        raise requests.ConnectionError("Connection reset by peer")

    wire.remove(responses.DELETE, re.compile(f"{URL}/batches/"))
    wire.add_callback("DELETE", f"{URL}/batches/nightly", restarts)
    batch.kill()
    assert batch.state == "killed"
    assert deletes(wire) == [f"{URL}/batches/nightly"]  # the one that was lost


def test_a_batch_is_killed_by_its_name(server, wire):
    restart(wire, view(state="running"))
    server.batch(7).kill()
    assert deletes(wire) == [f"{URL}/batches/nightly"]


def test_a_finished_batch_does_not_run_again_under_its_id(server, wire):
    restart(wire, view(name=None))
    old = server.batch(7)
    restart(wire, view(name=None, state="running"))
    with pytest.raises(BatchGone):
        server.batch(7)
    assert old.state == "success"


@pytest.mark.usefixtures("free_name")
def test_anothers_batch_of_my_old_name_and_id_is_not_mine(server, wire):
    submitted(server, wire)
    restart(wire, view(owner="bob"))
    with pytest.raises(NotSubmitted, match="only a finished batch of your own can be replaced"):
        server.submit(REQUEST, if_exists="replace")
    assert deletes(wire) == []


# -- what the history has ---------------------------------------------------------------------------


@pytest.mark.usefixtures("free_name")
def test_a_batch_that_livy_forgot_long_ago_still_opens(server, wire):
    wire.post(f"{URL}/batches", json=view(state="dead"), status=201)
    batch = server.submit(REQUEST.replace(conf={"spark.my.password": "hunter2"}))
    restart(wire, view(state="dead"))
    assert batch.log() == ["cause"]
    restart(wire)
    later = Livy(URL, user="alice")
    for address in ("nightly", 7, "7"):
        batch = later.batch(address)
        assert (batch.state, batch.gone, batch.log()) == ("dead", True, ["cause"])
        assert "from the history" in repr(batch)
        assert batch.body["conf"] == {"spark.my.password": "********"}
        with pytest.raises(BatchFailed, match=r"dead\n  cause"):
            batch.wait()
        with pytest.raises(BatchGone, match="nothing was killed"):
            batch.kill()
    later.close()


@pytest.mark.usefixtures("free_name")
def test_what_was_submitted_to_another_server_is_not_found_here(server, wire):
    submitted(server, wire)
    other = Livy("http://other.test")
    wire.get("http://other.test/batches/nightly", **NO_BATCH)
    with pytest.raises(NotFound):
        other.batch("nightly")


@pytest.mark.usefixtures("free_name")
def test_mine_is_what_an_earlier_kernel_submitted(server, wire):
    submitted(server, wire, owner=None)
    views = [view(), view(id=8, name="other")]
    wire.get(f"{URL}/batches", json={"from": 0, "total": 2, "sessions": views})
    later = Livy(URL)
    assert [batch.id for batch in later.batches(mine=True)] == [7]
    later.close()


@pytest.mark.usefixtures("free_name")
def test_what_an_earlier_kernel_submitted_is_known_of_a_batch_from_the_list(server, wire):
    submitted(server, wire)
    restart(wire, view(owner="alice"))
    later = Livy(URL)
    [batch] = later.batches()
    assert (batch.body, batch.given) == (REQUEST.shown(), REQUEST)
    assert batch.key == server.batch("nightly").key
    later.close()


@pytest.mark.usefixtures("free_name")
def test_what_an_earlier_kernel_submitted_is_not_said_to_come_from_elsewhere(server, wire):
    submitted(server, wire)
    restart(wire, view(owner="alice"))
    later = Livy(URL)
    with pytest.raises(InvalidRequest, match=r"by another kernel.*\nbatch\.resubmit"):
        later.batch("nightly").export("curl")
    later.close()


# -- Livy starts again with recovery, which it does on a cluster only (protocol, part 5) --------------

SPARK_SUBMIT = ["stdout: ", "uploading", "submitted application_1", "\nstderr: "]
NO_LOG = ["stdout: ", "\nstderr: "]  # spark-submit's lines are not kept


def on_yarn(state, log=NO_LOG):
    return view(owner="alice", state=state, appId="application_1", log=log)


@pytest.mark.usefixtures("free_name")
@pytest.mark.parametrize("end", ["success", "dead"])  # dead: there is no YARN to ask either
def test_a_batch_that_livy_recovered_is_the_same_one_and_keeps_its_log(server, wire, end):
    batch = submitted(server, wire, state="running", appId="application_1")
    restart(wire, on_yarn("running", SPARK_SUBMIT), log=SPARK_SUBMIT)
    assert batch.log() == ["uploading", "submitted application_1"]

    wire.reset()  # nobody answers
    assert batch.look().error is not None
    assert (batch.state, batch.gone) == ("running", False)

    restart(wire, on_yarn("recovering"), log=NO_LOG)
    assert batch.look().error is None
    assert (batch.state, batch.done, batch.gone) == ("recovering", False, False)

    said = [*NO_LOG, "\nYARN Diagnostics: ", "it is over"]
    restart(wire, on_yarn(end, said), log=said)
    with contextlib.suppress(BatchFailed):
        batch.wait(20)
    assert (batch.state, batch.gone) == (end, False)
    assert batch.log() == ["uploading", "submitted application_1", "it is over"]
    assert server.batch("nightly").state == end

"""A kill is told by what became of the batch, where the answer to it has other words than Livy's."""

import json
import re

import pytest

from livy_magic import BatchRequest, Livy, NotSubmitted
from livy_magic.errors import NotLivy, ServerError

URL = "http://livy.test"
REQUEST = BatchRequest(file="hdfs:///etl.py", name="nightly")
PAGE = "<html><title>Sign in</title></html>"

# What other servers answer to a DELETE (dialects, parts 1, 2, 8 and 11).
WORDS = {
    "204": {"status": 204},
    "202": {"status": 202},
    "202 with words": {"status": 202, "json": {"msg": "accepted"}},
    "empty": {"status": 200},
    "object": {"json": {}},
    "word": {"body": "deleted"},
    "string": {"json": "deleted"},
    "kyuubi": {"json": {"success": True, "msg": ""}},
}
in_other_words = pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)


class Server:
    """A server with one batch, of which a DELETE makes what a test says, in the words that it says.

    Attributes:
        view: The batch, or None.
        becomes: The views that the looks after the DELETE find, one after the other; the last one stays.
    """

    def __init__(self, wire):
        self.wire = wire
        self.view = {"id": 7, "name": "nightly", "owner": "alice", "state": "running", "log": []}
        self.becomes = []
        wire.add_callback("GET", re.compile(f"{URL}/batches/"), self.get)
        wire.get(f"{URL}/version", json={"version": "0.7.1"})

    def get(self, request):
        if self.deletes() and self.becomes:
            self.view = self.becomes.pop(0)
        if self.view is None:
            return 404, {}, '{"msg": "Session not found."}'
        is_log = "/log" in request.path_url
        return 200, {}, json.dumps({"log": []} if is_log else self.view)

    def answers(self, words, *states):
        self.becomes = [state and self.view | {"state": state} for state in states]
        self.wire.delete(re.compile(f"{URL}/batches/"), **words)

    def deletes(self):
        return [call for call in self.wire.calls if call.request.method == "DELETE"]


@pytest.fixture
def server(wire, monkeypatch):
    for name, seconds in {"KILL_PAUSE": 0.01, "KILL_SHOWS": 0.1, "REMOVAL_SHOWS": 0.1}.items():
        monkeypatch.setattr(f"livy_magic.batch.{name}", seconds)
    return Server(wire)


@pytest.fixture
def livy():
    livy = Livy(URL, user="alice")
    yield livy
    livy.close()


@in_other_words
@pytest.mark.parametrize("before", ["running", "success"])
def test_a_batch_that_is_gone_after_it_was_killed(livy, server, words, before):
    server.view["state"] = before
    batch = livy.batch("nightly")
    server.answers(words, None)
    batch.kill()
    assert (batch.state, batch.gone) == ({"running": "killed"}.get(before, before), True)
    assert len(server.deletes()) == 1


@in_other_words
@pytest.mark.parametrize("end", ["killed", "success"])
def test_a_batch_that_the_server_keeps_is_what_the_server_says(livy, server, words, end):
    batch = livy.batch("nightly")
    server.answers(words, "running", "shutting_down", end)
    batch.kill()
    batch.watch.wait_for(lambda: batch.done, 20)
    assert (batch.state, batch.gone) == (end, False)
    assert len(server.deletes()) == 1


def test_an_ended_batch_that_the_server_never_removes_is_no_error(livy, server):
    server.view["state"] = "dead"
    batch = livy.batch("nightly")
    server.answers(WORDS["204"])
    batch.kill()
    assert (batch.state, batch.gone) == ("dead", False)


@in_other_words
def test_a_batch_that_runs_on_is_not_said_to_be_killed(livy, server, words):
    batch = livy.batch("nightly")
    server.answers(words)
    with pytest.raises(ServerError, match=r"it is still running\nIt may run on"):
        batch.kill()
    assert (batch.state, batch.done) == ("running", False)


def test_a_login_page_kills_nothing_and_is_an_error_at_once(livy, server):
    batch = livy.batch("nightly")
    server.answers({"body": PAGE})
    with pytest.raises(NotLivy, match=r"a web page: Sign in(.|\n)*\nSo the batch may run on"):
        batch.kill()
    assert (batch.state, batch.done) == ("running", False)


def test_a_kill_ends_no_other_batch_of_that_name(livy, server):
    batch = livy.batch("nightly")
    server.answers(WORDS["202"])
    server.becomes = [server.view | {"owner": "bob", "id": 8}]
    batch.kill()
    assert batch.gone
    assert len(server.deletes()) == 1


@in_other_words
def test_a_finished_batch_is_replaced(livy, server, words):
    server.view |= {"state": "success"}
    server.answers(words, None)
    server.wire.post(f"{URL}/batches", json={"id": 8, "name": "nightly", "state": "starting"})
    assert livy.submit(REQUEST, if_exists="replace").id == 8


@pytest.mark.parametrize(("left", "told"), [(None, "removed"), ("starting", "may have left")])
def test_what_a_refusal_left_is_said_to_be_removed_when_it_is(
    livy, server, monkeypatch, left, told
):
    monkeypatch.setattr("livy_magic.submit.submission.time.sleep", lambda _: None)
    view, server.view = server.view | {"state": "starting"}, None
    server.answers(WORDS["204"])
    server.becomes = [left and view]
    reports = []

    def refuse(_):
        server.view = view
        return 400, {}, '{"msg": "requirement failed: x"}'

    server.wire.add_callback("POST", f"{URL}/batches", refuse)
    with pytest.raises(NotSubmitted) as refused:
        livy.submit(REQUEST, report=reports.append)
    assert told in "\n".join([*reports, str(refused.value)])
    assert len(reports) == (left is None)


@pytest.mark.parametrize(
    ("before", "states", "said"),
    [
        ("running", [None], "killed batch 7 'nightly'"),
        ("running", ["killed"], "killed batch 7 'nightly'"),
        ("running", ["success"], "success"),
        ("success", [None], "forgotten now"),
        ("success", [], "the server keeps it listed"),
    ],
)
def test_the_magic_says_what_became_of_it(shell, server, monkeypatch, capsys, before, states, said):
    monkeypatch.setenv("LIVY_URL", URL)
    server.view["state"] = before
    server.answers(WORDS["204"], *states)
    shell.run_line_magic("livy_kill", "nightly")
    printed = capsys.readouterr().out
    assert said in printed
    assert ("killed" in printed) == ("killed" in said)

"""What is asked for is what comes back: names that no URL carries, and answers about another batch."""

import itertools
import json
import re
from urllib.parse import unquote

import pytest

from livy_magic import BatchRequest, InvalidRequest, Livy, NotFound, NotLivy, SubmitUnknown, history
from livy_magic.history import Intent
from livy_magic.panel import forms
from livy_magic.submit.names import unique
from livy_magic.submit.orphans import settle_orphans

URL = "http://livy.test"
LOST = ["etl;v2", "a;b", ";", "p%2Fq", "p%23q", "%3F", ".", "..", "../etl", "a/../etl", "x" * 4001]


class FakeLivy:
    """Reads a path as Livy 0.7.1 does: up to the first `;`, and some signs are decoded twice."""

    def __init__(self, wire, *names):
        self.views = [
            {"id": id_, "name": name, "state": "running", "log": []}
            for id_, name in enumerate(names)
        ]
        self.lines = {name: [f"line of {name}"] for name in names}
        self.deleted = []
        wire.add_callback("GET", re.compile(f"{URL}/"), self.get)
        wire.add_callback("DELETE", re.compile(f"{URL}/"), self.delete)

    def find(self, path):
        name = unquote(unquote(path).partition(";")[0])
        for sign in "#/?":
            name = name.replace(f"%{ord(sign):02X}", sign)
        return next((one for one in self.views if name in {str(one["id"]), one["name"]}), None)

    def get(self, request):
        path, _, query = request.path_url.partition("?")
        if path == "/batches":
            start, size = (int(part.partition("=")[2]) for part in query.split("&"))
            part = self.views[start : start + size]
            return answer({"from": start, "total": len(self.views), "sessions": part})
        _, _, key, *rest = path.split("/")
        view = self.find(key)
        if view is None:
            return answer({"msg": f"Session '{key}' not found."}, 404)
        if rest == ["log"]:
            return answer(
                {"id": view["id"], "log": ["stdout: ", *self.lines[view["name"]], "\nstderr: "]}
            )
        return answer(view)

    def delete(self, request):
        view = self.find(request.path_url.rpartition("/")[2])
        self.views.remove(view)
        self.deleted.append(view["name"])
        return answer({"msg": "deleted"})


def answer(body, status=200):
    return status, {}, json.dumps(body)


@pytest.fixture
def livy():
    livy = Livy(URL, user="alice")
    yield livy
    livy.close()


# -- batches that others gave such a name -----------------------------------------------------------


@pytest.mark.parametrize("name", LOST)
def test_a_name_that_no_url_carries_is_found_in_the_list(livy, wire, name):
    cut = ["etl", "a", "p/q", "p#q", "?", "b"]
    server = FakeLivy(wire, *cut, name)
    batch = livy.batch(name)
    assert (batch.name, batch.log(), batch.gone) == (name, [f"line of {name}"], False)
    assert livy.client.state(name) == "running"
    assert livy.client.log(name).entries[1] == f"line of {name}"
    batch.kill()
    assert server.deleted == [name]
    assert [view["name"] for view in server.views] == cut


@pytest.mark.parametrize("name", LOST)
def test_without_such_a_batch_nothing_else_is_taken_for_it(livy, wire, name):
    server = FakeLivy(wire, "etl", "a", "p/q", "p#q", "?", "b")
    for ask in (
        livy.batch,
        livy.client.batch,
        livy.client.state,
        livy.client.log,
        livy.client.delete,
    ):
        with pytest.raises(NotFound):
            ask(name)
    assert server.deleted == []


def test_digits_are_an_id_and_never_a_name(livy, wire):
    server = FakeLivy(wire, "7", "other")
    batch = livy.batch("0")
    assert (batch.name, batch.log()) == ("7", ["line of 7"])
    batch.kill()
    assert server.deleted == ["7"]


def test_what_became_of_an_older_submission_is_settled_by_the_list(livy, wire, monkeypatch):
    FakeLivy(wire, "etl", "etl;v2")
    request = BatchRequest(file="hdfs:///etl.py", name="etl-v2")
    object.__setattr__(request, "name", "etl;v2")  # as an earlier version took it
    store = history.current()
    key = store.intend(Intent(server=URL, request=request, folder="/", user=None))
    monkeypatch.setattr(type(store), "take_orphans", lambda self, _: self.entries())
    settle_orphans(livy.client, store, URL)
    [entry] = store.entries()
    assert (entry.key, entry.outcome, entry.info.id) == (key, "submitted", 1)


# -- what is refused, and what is made --------------------------------------------------------------

REFUSED = {
    "etl;v2": "contains ';', where Livy cuts off the name in a URL; leave it out",
    "p%2Fq": "contains '%2F', which Livy decodes twice in a URL; leave it out",
    "p%23q": "contains '%23', which Livy decodes twice in a URL; leave it out",
    "..": "has '..' as a path segment, which URLs drop; leave it out",
    "./x": "has '.' as a path segment, which URLs drop; leave it out",
    "x" * 4001: "takes more than 4000 bytes in a URL; shorten it",
    "a\ud800b": "contains the invisible character U+D800; leave it out",
    "a\tb": "contains the invisible character U+0009; leave it out",
    "a\u00a0b": "contains the invisible character U+00A0; leave it out",
    "2026": "is all digits, which Livy takes for a batch id",
}


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_name_that_cannot_work_is_refused_in_one_line_that_says_what_to_do(name):
    with pytest.raises(InvalidRequest) as refused:
        BatchRequest(file="hdfs:///etl.py", name=name)
    assert REFUSED[name] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_so_it_is_wherever_a_name_is_given(livy, wire, shell, monkeypatch):
    monkeypatch.setenv("LIVY_URL", URL)
    wire.get(re.compile(f"{URL}/batches/"), status=404, json={"msg": "none"})
    wire.post(f"{URL}/batches", status=201, json={"id": 1, "name": "etl", "state": "dead"})
    batch = livy.submit(BatchRequest(file="hdfs:///etl.py", name="etl"))
    with pytest.raises(InvalidRequest, match="name: 'a;b' contains ';'"):
        batch.resubmit(name="a;b")
    with pytest.raises(InvalidRequest, match="name: 'a;b' contains ';'"):
        shell.run_line_magic("livy_submit", "--name 'a;b' hdfs:///etl.py")
    with pytest.raises(InvalidRequest, match="name: 'a;b' contains ';'"):
        shell.run_cell_magic("livy_batch", "", "#| name: a;b\nprint(1)")
    with pytest.raises(forms.FormErrors) as wrong:
        forms.request({"file": "hdfs:///etl.py", "name": "a;b"}, None)
    assert "contains ';'" in wrong.value.errors["name"]


def test_a_submission_of_old_under_such_a_name_can_be_made_again(livy, wire):
    FakeLivy(wire, "etl", "etl;v2")
    batch = livy.batch("etl;v2")
    batch._entry = type(
        "Entry", (), {"body": {"file": "hdfs:///etl.py", "name": "etl;v2"}, "key": 1}
    )
    assert batch.given == BatchRequest(file="hdfs:///etl.py")
    assert batch.given.replace(name="etl-v2").name == "etl-v2"


@pytest.mark.parametrize(
    ("file", "stem"),
    [
        ("etl;v2.py", "etl-v2"),
        ("hdfs:///my%2Fjob.py", "my-2Fjob"),
        ("a\tb\u00a0c.py", "a-b-c"),
        ("x" * 5000 + ".py", "x" * 100),
        (" padded .py", "padded"),
        ("éß 日.py", "éß 日"),
    ],
)
def test_a_made_name_has_only_what_works(file, stem):
    name = unique(file)
    assert BatchRequest(file=file, name=name).name == name
    assert name[:-11] == stem


def test_a_notebook_of_any_name_gives_one_that_works(monkeypatch):
    for name in ("etl;v2.ipynb", "/home/me/..ipynb", "\ud800.ipynb", "%2F%23.ipynb", "2026.ipynb"):
        monkeypatch.setenv("JPY_SESSION_NAME", name.encode("utf-8", "replace").decode())
        BatchRequest(file="a.py", name=unique(BatchRequest(file="a.py").file))
        assert BatchRequest(file="a.py", name=unique("\ud800.py"))


# -- answers about another batch ----------------------------------------------------------------------

ANOTHER = [
    {"id": 9, "name": "another", "state": "dead"},
    {"id": 9, "name": None, "state": "dead"},
    {"id": 9, "name": "ETL", "state": "dead"},
]


@pytest.mark.parametrize("key", ["etl", 7, "7"])
@pytest.mark.parametrize("view", ANOTHER)
def test_an_answer_about_another_batch_says_nothing_of_this_one(livy, wire, key, view):
    wire.get(f"{URL}/batches/{key}", json=view)
    with pytest.raises(NotLivy, match="the answer is about another batch than the requested one"):
        livy.batch(key)


@pytest.mark.parametrize("view", ANOTHER)
def test_a_batch_is_not_killed_while_the_server_answers_with_another(livy, wire, view):
    server = FakeLivy(wire, "etl")
    batch = livy.batch("etl")
    batch.look()
    server.find = lambda _: view
    server.lines = {view["name"]: []}
    with pytest.raises(NotLivy):
        batch.kill()
    assert server.deleted == []
    assert (batch.state, batch.gone) == ("running", False)
    assert isinstance(batch.look().error, NotLivy)


def test_the_log_of_another_batch_is_never_taken_for_this_ones(livy, wire):
    server = FakeLivy(wire, "etl", "other")
    batch = livy.batch("etl")
    asked = itertools.count()
    find = server.find
    server.find = lambda key: (
        server.views[1] if next(asked) % 2 else find(key)
    )  # each second: the log
    snapshot = batch.look()
    assert isinstance(snapshot.log_error, NotLivy)
    assert batch.watch.lines() == []


def test_the_parts_are_of_the_id_that_was_asked_for(livy, wire):
    wire.get(f"{URL}/batches/7/state", json={"id": 8, "state": "dead"})
    wire.get(f"{URL}/batches/etl/log", json={"id": 8, "log": []})
    with pytest.raises(NotLivy):
        livy.client.state(7)
    with pytest.raises(NotLivy):
        livy.client.log("etl", of=7)


@pytest.mark.parametrize(("key", "given"), [("7", 7), ("007", 7), (7, "7"), ("AB-1", "ab-1")])
def test_one_id_may_be_written_in_several_ways(livy, wire, key, given):
    wire.get(f"{URL}/batches/{key}", json={"id": given, "state": "dead"})
    wire.get(f"{URL}/batches/{key}/state", json={"id": given, "state": "dead"})
    assert livy.client.batch(key).state == livy.client.state(key) == "dead"


def test_a_lost_submission_never_becomes_another_batch(livy, wire, monkeypatch):
    monkeypatch.setattr("livy_magic.submit.submission.PATIENCE", 0.0)
    wire.get(f"{URL}/batches/etl", status=404, json={"msg": "none"})
    wire.get(f"{URL}/batches/etl", json={"id": 9, "name": None, "state": "running"})
    wire.post(f"{URL}/batches", status=502, body="")
    with pytest.raises(SubmitUnknown):
        livy.submit(BatchRequest(file="hdfs:///etl.py", name="etl"))
    assert [entry.info for entry in history.current().entries()] == [None]

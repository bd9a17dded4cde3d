"""A server that answers anything: only our own errors come of it, and never another batch than was meant.

The seed is the day, so that a run can be repeated; a failure prints it. The answers are made up by
:class:`Chaos`: any status, pages, halves of JSON, wrong shapes and types, views of another batch, totals
without end, redirects, and bodies that drip or are cut off.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from requests.auth import HTTPBasicAuth

from livy_magic import BatchRequest, Livy, LivyError, NotSubmitted, SubmitUnknown, history
from livy_magic.batch import Batch
from livy_magic.display import card
from livy_magic.history import recorder
from livy_magic.panel.rows import Rows
from livy_magic.protocol import client as client_module
from livy_magic.protocol.models import BatchInfo
from livy_magic.submit import submission

SEED = dt.datetime.now(dt.timezone.utc).date().toordinal()
SECRET = "hunter2"
OTHERS = "a line of another batch"
# What a server that has started the batch does not answer, unless it lies on purpose.
REFUSALS = frozenset(range(400, 500)) - {408, 424, 499} | {307, 308, 501, 505, 511}
LATE = 0.2  # seconds that the client waits for an answer


class Chaos(ThreadingHTTPServer):
    """Livy, with other answers than Livy's as often as a test says.

    Attributes:
        odds: The part of the requests that are answered with anything.
        listed: The batches, by name. The first one is another person's, and has ended.
        started: The names of all batches that it ever started.
        deleted: The ids that it was asked to delete.
    """

    daemon_threads = True

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rng = random.Random(seed)  # noqa: S311 -- to be repeatable is the point
        self.lock = threading.Lock()
        self.odds = 0.0
        self.listed: dict[str, dict[str, Any]] = {}
        self.started: list[str] = []
        self.deleted: list[int] = []
        self.add("other", owner="bob", state="dead", log=["stdout: ", OTHERS, "\nstderr: "])

    def add(self, name: str, **members: Any) -> dict[str, Any]:
        log = ["stdout: ", f"a line of {name}", "\nstderr: "]
        number = 7 + len(self.started) + len(self.listed)
        self.listed[name] = {
            "id": number, "name": name, "owner": "alice", "state": "running", "log": log,
        } | members  # fmt: skip
        return self.listed[name]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Chaos

    def log_message(self, *_: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, ValueError):  # the connection was cut, here or there
            self.close_connection = True

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = [unquote(part) for part in url.path.split("/")[1:]]
        query = {key: int(values[0]) for key, values in parse_qs(url.query).items()}
        self.answer(self.honest(path, query), path)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server, name = self.server, body["name"]
        with server.lock:
            is_honest = server.rng.random() >= server.odds
            starts = is_honest or server.rng.random() < 0.5
        if name in server.listed:
            self.send(400, {"msg": f"Duplicate session name: Some({name})"})
            return
        if starts:
            server.started.append(name)
            view = server.add(name)
        if is_honest:
            self.send(201, view)
        else:
            self.anything(never=REFUSALS if starts else frozenset())

    def do_DELETE(self) -> None:
        key = unquote(self.path.rpartition("/")[2])
        server = self.server
        view = next((v for v in server.listed.values() if key in (str(v["id"]), v["name"])), None)
        if view is None:
            self.send(404, {"msg": "Session not found."})
            return
        server.deleted.append(view["id"])
        with server.lock:
            is_honest = server.rng.random() >= server.odds
            ends = is_honest or server.rng.random() < 0.5
        if ends:
            del server.listed[view["name"]]
        if is_honest:
            self.send(200, {"msg": "deleted"})
        else:
            self.anything(never=frozenset({404}))

    def honest(self, path: list[str], query: dict[str, int]) -> Any:
        """What Livy would say; None for 404."""
        views = list(self.server.listed.values())
        if path == ["version"]:
            return {"version": "0.7.1"}
        if path == ["batches"]:
            start, size = query.get("from", 0), query.get("size", 100)
            return {"from": start, "total": len(views), "sessions": views[start : start + size]}
        view = next((view for view in views if path[1] in (str(view["id"]), view["name"])), None)
        if view is None or path[2:] in ([], ["state"]):
            return view
        log = view["log"]
        return {"id": view["id"], "from": 0, "total": len(log), "log": log}

    def answer(self, honest: Any, path: list[str]) -> None:
        with self.server.lock:
            is_honest = self.server.rng.random() >= self.server.odds
        if not is_honest:
            self.anything(never=frozenset({404}), honest=honest, path=path)
        elif honest is None:
            self.send(404, {"msg": "Session not found."})
        else:
            self.send(200, honest)

    def send(self, status: int, body: Any, **headers: str) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(text))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)

    def anything(
        self, *, never: frozenset[int], honest: Any = None, path: list[str] | None = None
    ) -> None:
        """Answer anything, but with none of some statuses."""
        with self.server.lock:
            rng = random.Random(self.server.rng.random())  # noqa: S311
        statuses = [
            s for s in (*range(300, 312), *range(400, 432), *range(499, 530)) if s not in never
        ]
        other = self.server.listed["other"]
        # What may hold a secret, as a page for developers does that repeats the request.
        echo = f"http://alice:{SECRET}@sso.test:1/in?token={SECRET} Authorization: Bearer {SECRET}"
        body = rng.choice([
            b"", b"<html><title>Sign in</title>" + echo.encode(), b"\xff\xfe\x00", b"[" * 50_000,
            b"9" * 5_000, b'"' + echo.encode() + b'"', {"msg": echo}, {"msg": None}, {}, [], 3, None,
            {"sessions": None}, {"total": 3}, [other], {"sessions": {}, "total": 1}, "deleted",
        ])  # fmt: skip
        kind = rng.randrange(7)
        if kind == 0:
            place = rng.choice([echo.partition(" ")[0], "/", "http://[no", "\x00"])
            wait = rng.choice(["0", "x", "-1", "9" * 400])
            self.send(rng.choice(statuses), body, Location=place, Retry_After=wait)
        elif kind == 1:
            self.send(200, body)
        elif kind == 2 and honest is not None:
            self.send(200, garbled(honest, rng))
        elif kind == 3 and path is not None:  # the answer for another batch
            self.send(200, self.honest([path[0], str(other["id"]), *path[2:]], {}))
        elif kind == 4:
            text = json.dumps(honest or other).encode()
            self.send(200, text[: rng.randrange(len(text))], Content_Length=str(len(text)))
            self.close_connection = True
        elif kind == 5 and rng.random() < 0.1:
            self.send(200, b"{", Content_Length="1000")
            time.sleep(2 * LATE)
            self.close_connection = True
        else:
            option = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
            self.rfile.close()
            self.wfile.close()
            self.connection.close()
            self.close_connection = True


def garbled(honest: Any, rng: random.Random) -> Any:
    """What Livy would say, with one member missing or of another kind; never with another meaning."""
    told = json.loads(json.dumps(honest))
    views = told.get("sessions")
    if views and rng.random() < 0.7:
        rng.shuffle(views)
        views.append(rng.choice([None, 3, "x", {}, {"id": None}, {"id": [1]}, views[0]]))
        return told
    key = rng.choice([key for key in told if key not in {"state", "sessions"}])
    if rng.random() < 0.2:
        del told[key]
    elif key == "id":
        told[key] = rng.choice([str(told[key]), "", True, None, [7]])
    elif key == "name":
        told[key] = rng.choice([3, "", True, None, []])
    elif key in {"from", "total"}:
        told[key] = rng.choice([-5, 10**12, "3", None, 1.5, True, [1]])
    elif key == "log":
        told[key] = rng.choice(["text", None, 3, {}, [None, 3, ["x"]], ["a\nb"], []])
    else:
        told[key] = rng.choice([None, 3, [], {}])
    return told


@pytest.fixture
def chaos() -> Iterator[Chaos]:
    print(f"seed {SEED}")  # shown when a test fails
    with Chaos(SEED) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def livy(chaos: Chaos, monkeypatch: pytest.MonkeyPatch) -> Iterator[Livy]:
    quick = client_module._GET_RETRIES.new(backoff_factor=0)
    monkeypatch.setattr(client_module, "_GET_RETRIES", quick)
    for name in ("KILL_PAUSE", "KILL_SHOWS", "REMOVAL_SHOWS"):
        monkeypatch.setattr(f"livy_magic.batch.{name}", 0.02)
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE", "BIRTH"):
        monkeypatch.setattr(submission, name, 0.01)
    for name in ("PATIENCE", "ROOM"):
        monkeypatch.setattr(submission, name, 0.5)
    monkeypatch.setattr(client_module, "ATTEMPTS", 2)
    url = f"http://127.0.0.1:{chaos.server_port}"
    auth = HTTPBasicAuth("alice", SECRET)
    livy = Livy(url, user="alice", auth=auth, timeout=(LATE, LATE), kill_timeout=LATE)
    yield livy
    livy.close()


def tried(call: Callable[[], Any]) -> Any:
    """What a call returns; or its error, which is one of ours, and shows no secret."""
    try:
        found = call()
    except LivyError as failure:
        found = failure
    assert SECRET not in f"{found!r} {found}"
    return found


def test_the_client_returns_what_it_was_asked_for_or_raises_an_error_of_ours(
    chaos: Chaos, livy: Livy
) -> None:
    mine = chaos.add("mine")["id"]
    client = livy.client
    calls: list[Callable[[], Any]] = [
        lambda: client.batch("mine"),
        lambda: client.batch(mine),
        client.page,
        lambda: client.page(0, 1),
        lambda: list(client.newest()),
        lambda: client.log("mine", of=mine),
        lambda: client.log(mine, 1, 1),
        lambda: client.state("mine", of=mine),
        client.version,
    ]
    chaos.odds = 0.7
    for _ in range(12):
        for call in calls:
            found = tried(call)
            if isinstance(found, BatchInfo):
                assert found.is_called("mine") or found.is_called(mine)
                assert found.owner != "bob"
            if hasattr(found, "entries"):
                assert OTHERS not in found.entries
                assert all(isinstance(entry, str) for entry in found.entries)


def test_the_watcher_shows_no_other_batch_and_sees_the_end_when_the_server_is_well(
    chaos: Chaos, livy: Livy
) -> None:
    chaos.add("mine")
    batch = livy.submit(BatchRequest(file="/a.py", name="nightly"))
    bystander = livy.batch("mine")
    rows = Rows(livy.remembered, lambda: "alice")
    rows.begin([], livy.watcher.server_list.snapshot)
    chaos.odds = 0.6
    with livy.watcher.server_list.looked_at():
        for _ in range(30):
            for one, name in ((batch, "nightly"), (bystander, "mine")):
                snapshot = one.look()
                assert (one.name, one.state, one.gone) == (name, "running", False)
                assert OTHERS not in [line.text for line in one.watch.lines()]
                assert SECRET not in f"{snapshot} {card(snapshot, ())}"
            livy.watcher.server_list.refresh()
            rows.update(livy.watcher.server_list.snapshot)
            for column in rows.columns().values():
                assert SECRET not in str(column)
            for info in rows.infos():
                assert (info.owner == "bob") == (info.name == "other")
        assert livy.watcher.is_looking
        chaos.odds = 0.0
        chaos.listed["nightly"]["state"] = "success"
        assert batch.look().error is None
        assert batch.wait(20).state == "success"
    recorder.flush()
    [entry] = history.current().entries()
    assert (entry.info.id, entry.name, entry.state) == (batch.id, "nightly", "success")
    lines = [line.text for line in history.current().log(entry.key)]
    assert "a line of nightly" in lines
    assert OTHERS not in lines


def test_a_submission_is_one_batch_or_none_or_says_that_it_does_not_know(
    chaos: Chaos, livy: Livy
) -> None:
    chaos.odds = 0.5
    for number in range(25):
        name = f"batch {number}"
        found = tried(lambda name=name: livy.submit(BatchRequest(file="/a.py", name=name)))
        if isinstance(found, Batch):
            assert found.name == name
            assert found.id in {name, chaos.listed[name]["id"]}  # the answer may have no id
        elif isinstance(found, NotSubmitted):
            assert name not in chaos.started
        else:
            assert isinstance(found, SubmitUnknown)
        assert chaos.started.count(name) <= 1
    recorder.flush()
    for entry in history.current().entries():
        assert SECRET not in f"{entry}"
        if entry.info is not None:
            assert entry.info.id in {entry.name, chaos.listed[entry.name]["id"]}


def test_a_kill_kills_no_other_batch_and_says_killed_only_of_what_is_gone(
    chaos: Chaos, livy: Livy
) -> None:
    for number in range(15):
        name = f"batch {number}"
        chaos.odds = 0.0
        view = chaos.add(name)
        batch = livy.batch(name)
        chaos.odds = 0.5
        found = tried(lambda batch=batch: batch.kill(timeout=1))
        assert batch.state in {"running", "killed"}
        assert (batch.state == "killed") <= (view["id"] in chaos.deleted)
        if found is None:
            assert batch.state == "killed"
            assert name not in chaos.listed
    assert chaos.listed["other"]["id"] not in chaos.deleted

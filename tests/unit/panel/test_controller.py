from __future__ import annotations

import dataclasses
import json
import queue
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from livy_magic import BatchRequest, Livy
from livy_magic.errors import NotFound, Unauthorized, Unreachable
from livy_magic.history import Intent
from livy_magic.panel import controller as desk_module
from livy_magic.panel.controller import Controller
from livy_magic.panel.rows import COLUMNS
from livy_magic.protocol.log_format import Line
from livy_magic.protocol.models import BatchId, BatchInfo, BatchPage, LogPage
from livy_magic.watch.watcher import Watcher

SOON = 20.0  # seconds by which what a test waits for has happened, even on a busy machine
HELLO = {"type": "hello", "view": "v", "frontend": "lab", "deflate": True}

Message = dict[str, Any]


class Server:
    """A Livy with scripted batches, in place of the client."""

    def __init__(self, *batches: BatchInfo) -> None:
        self.batches = {batch.id: batch for batch in batches}
        self.logs: dict[BatchId, list[str]] = {}
        self.deleted: list[BatchId] = []
        self.keeps = False  # what was killed, listed
        self.pages = 0
        self.down: Exception | None = None
        self.reads = threading.Event()  # else who asks for a log waits
        self.reads.set()

    def becomes(self, key: BatchId, state: str) -> None:
        self.batches[key] = dataclasses.replace(self.batches[key], state=state)

    def page(self, start: int = 0, size: int = 100) -> BatchPage:
        self.pages += 1
        if self.down is not None:
            raise self.down
        batches = tuple(self.batches.values())
        return BatchPage(start, len(batches), batches[start : start + size])

    def batch(self, key: BatchId) -> BatchInfo:
        for info in self.batches.values():
            if key in (info.id, info.name):
                return info
        raise NotFound("no such batch", request="GET")

    def log(
        self, key: BatchId, start: int = 0, size: int = -1, *, of: BatchId | None = None
    ) -> LogPage:
        assert self.reads.wait(SOON)
        entries = ["stdout: ", *self.logs.get(self.batch(key).id, ()), "\nstderr: "]
        return LogPage(start, len(entries), tuple(entries[start:]))

    def delete(self, key: BatchId) -> bool:
        info = self.batch(key)
        self.deleted.append(info.id)
        if self.keeps:
            self.becomes(info.id, "killed")
            return False
        del self.batches[info.id]
        return True


class Panel:
    """A controller, and what a browser hears of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.livy = Livy("http://livy.test", user="alice")
        self.livy.client = server  # type: ignore[assignment]
        self.livy.watcher = Watcher(server)  # type: ignore[arg-type]
        self.heard: list[tuple[Message, list[bytes]]] = []
        self._news = threading.Condition()
        self.controller = Controller(self.livy, self._hear)
        self._number = 0

    def _hear(self, content: Message, buffers: Any) -> None:
        with self._news:
            self.heard.append((content, list(buffers)))
            self._news.notify_all()

    def await_(
        self, wanted: Callable[[Message], Any], after: int = 0
    ) -> tuple[Message, list[bytes]]:
        """Return the first message, of those from ``after`` on, that is as wanted."""

        def found() -> tuple[Message, list[bytes]] | None:
            return next((one for one in self.heard[after:] if wanted(one[0])), None)

        with self._news:
            heard = self._news.wait_for(found, SOON)
            assert heard, f"nothing of the kind came, but {[c['type'] for c, _ in self.heard]}"
            return heard

    def ask(self, kind: str, **members: Any) -> tuple[Message, list[bytes]]:
        """Send a request, and return its answer."""
        self._number += 1
        number = self._number
        self.controller.receive({"type": kind, "view": "v", "id": number, **members})
        return self.await_(lambda c: c.get("id") == number)

    def await_rest(self) -> None:
        """Wait until the controller's thread has ended."""
        thread = self.controller._thread
        if thread is not None:
            thread.join(SOON)
            assert not thread.is_alive()

    def opens(self) -> dict[str, list[Any]]:
        """Say hello, and return the columns of the list."""
        self.controller.receive(HELLO)
        _, [buffer] = self.await_(lambda c: c["type"] == "snapshot")
        columns: dict[str, list[Any]] = json.loads(zlib.decompress(buffer))["columns"]
        return columns


@pytest.fixture
def panel() -> Iterator[Panel]:
    panel = Panel(
        Server(
            BatchInfo(id=0, name="old", state="success", owner="bob"),
            BatchInfo(id=1, name="etl", state="running", owner="alice"),
        )
    )
    panel.server.logs[1] = ["one", "two", "ValueError: no"]
    yield panel
    panel.controller.close()
    panel.livy.close()


def rows(content: Message) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in content["rows"]]


def test_a_view_is_told_everything_and_then_what_changes(panel: Panel) -> None:
    columns = panel.opens()
    assert columns["name"] == ["old", "etl"]
    assert columns["mine"] == [0, 1]
    status, _ = panel.await_(lambda c: c["type"] == "status")
    assert (status["state"], status["text"]) == ("connected", "")
    panel.server.becomes(1, "dead")
    panel.livy.watcher.server_list.refresh()
    patch, _ = panel.await_(lambda c: c["type"] == "patch")
    assert patch["rev"] == 1
    assert [(row["row"], row["state"]) for row in rows(patch)] == [(2, "dead")]
    assert patch["tones"]["dead"] == "bad"


def test_many_changes_are_one_compressed_message(panel: Panel) -> None:
    panel.opens()
    for number in range(2, 502):
        panel.server.batches[number] = BatchInfo(id=number, name=f"etl-{number}", state="running")
    panel.livy.watcher.server_list.refresh()
    patch, [buffer] = panel.await_(lambda c: c["type"] == "patch")
    assert patch["deflate"]
    assert len(json.loads(zlib.decompress(buffer))["rows"]) == 500
    assert len(buffer) < 50_000


def test_a_second_view_is_told_everything_too(panel: Panel) -> None:
    panel.opens()
    panel.controller.receive({**HELLO, "view": "w", "deflate": False})
    snapshot, [buffer] = panel.await_(lambda c: c["type"] == "snapshot" and c["view"] == "w")
    assert not snapshot["deflate"]
    assert json.loads(buffer)["columns"]["name"] == ["old", "etl"]


def test_the_server_is_asked_only_while_somebody_could_see_it(panel: Panel) -> None:
    panel.opens()
    panel.controller.receive({"type": "visible", "view": "v", "on": False})
    panel.ask("ping")
    panel.ask("ping")
    assert not panel.livy.watcher.server_list.is_looked_at
    panel.controller.receive({"type": "visible", "view": "v", "on": True})
    panel.ask("ping")
    panel.ask("ping")
    assert panel.livy.watcher.server_list.is_looked_at
    panel.controller.receive({"type": "bye", "view": "v"})
    panel.await_rest()
    assert not panel.livy.watcher.server_list.is_looked_at


def test_a_view_that_is_not_heard_of_for_long_is_closed(panel: Panel, monkeypatch) -> None:
    panel.opens()
    monkeypatch.setattr(desk_module, "LISTENS", -1.0)
    panel.controller.do(lambda: None)
    panel.await_rest()
    assert not panel.livy.watcher.server_list.is_looked_at
    monkeypatch.undo()
    _, [_] = panel.ask("ping"), [0]  # it was only asleep: it is told everything anew
    panel.await_(lambda c: c["type"] == "snapshot", after=len(panel.heard) - 1)


@pytest.mark.parametrize(
    ("failure", "state", "text"),
    [
        (
            Unreachable("GET …: cannot connect\nLook.", request="GET …", sent=False),
            "unreachable",
            "cannot connect. Look.",
        ),
        (Unauthorized("who?", request="GET …", status=401), "unauthorised", "who?"),
    ],
)
def test_a_server_that_cannot_be_seen_is_not_a_batch_that_failed(
    panel: Panel, failure: Exception, state: str, text: str
) -> None:
    panel.opens()
    panel.server.down = failure
    panel.livy.watcher.server_list.refresh()
    status, _ = panel.await_(lambda c: c["type"] == "status" and c["state"] == state)
    assert status["text"] == text
    assert status["since"] >= status["seen"] > 0
    assert not [c for c, _ in panel.heard if c["type"] == "patch"]
    panel.server.down = None
    panel.livy.watcher.server_list.refresh()
    panel.await_(
        lambda c: c["type"] == "status" and c["state"] == "connected", after=len(panel.heard) - 1
    )


def test_a_server_that_is_down_from_the_beginning_shows_as_that(panel: Panel) -> None:
    panel.server.down = Unreachable("GET …: cannot connect", request="GET", sent=False)
    assert panel.opens()["row"] == []
    panel.await_(lambda c: c["type"] == "status" and c["state"] == "unreachable")


def test_a_log_is_told_as_it_grows(panel: Panel) -> None:
    panel.opens()
    panel.controller.receive({"type": "open", "view": "v", "row": 2, "only": "all", "follow": True})
    tail, [buffer] = panel.await_(lambda c: c["type"] == "tail")
    assert (tail["total"], tail["from"], tail["kinds"]) == (3, 0, "ppe")
    assert buffer.decode() == "one\ntwo\nValueError: no"
    panel.await_(lambda c: c["type"] == "log" and c["total"] == 3)
    told = [(c["type"], c["total"]) for c, _ in panel.heard if c["type"] in {"log", "tail"}]
    assert told[-2:] == [("tail", 3), ("log", 3)]  # lines that came are not asked for
    panel.server.logs[1] += ["four"]
    tail, [buffer] = panel.await_(lambda c: c["type"] == "tail" and c["total"] == 4)
    assert (tail["from"], buffer.decode()) == (3, "four")


def test_a_log_that_was_not_read_yet_is_not_done_though_its_batch_is(panel: Panel) -> None:
    panel.opens()
    panel.server.becomes(1, "dead")
    panel.await_(lambda c: c["type"] == "patch")
    panel.server.reads.clear()
    panel.controller.receive({"type": "open", "view": "v", "row": 2, "only": "all", "follow": True})
    log, _ = panel.await_(lambda c: c["type"] == "log")
    assert (log["total"], log["done"]) == (0, False)
    panel.server.reads.set()
    log, _ = panel.await_(lambda c: c["type"] == "log" and c["done"])
    assert log["total"] == 3


def test_a_log_that_was_read_before_is_told_at_once(panel: Panel, monkeypatch) -> None:
    panel.opens()
    open_ = {"type": "open", "view": "v", "row": 2, "follow": True}
    panel.controller.receive(open_ | {"only": "all"})
    panel.await_(lambda c: c["type"] == "tail")
    monkeypatch.setattr(desk_module, "BEAT", 10 * SOON)
    panel.controller.receive(open_ | {"only": "output"})
    panel.await_(lambda c: c["type"] == "tail" and c["only"] == "output")


def test_who_reads_further_up_is_told_only_that_there_is_more(panel: Panel) -> None:
    panel.opens()
    open_ = {"type": "open", "view": "v", "row": 2, "only": "all"}
    panel.controller.receive(open_ | {"follow": True})
    panel.await_(lambda c: c["type"] == "tail")
    panel.controller.receive(open_ | {"follow": False})
    panel.server.logs[1] += ["four"]
    panel.await_(lambda c: c["type"] == "log" and c["total"] == 4)
    panel.ask("ping")
    assert [c["total"] for c, _ in panel.heard if c["type"] == "tail"] == [3]


def test_questions_about_a_log(panel: Panel) -> None:
    panel.opens()
    panel.controller.receive({"type": "open", "view": "v", "row": 2, "only": "all", "follow": True})
    panel.await_(lambda c: c["type"] == "tail")
    lines, [buffer] = panel.ask("lines", row=2, only="all", **{"from": 1, "to": 2})
    assert (lines["from"], lines["kinds"], buffer) == (1, "p", b"two")
    hits, _ = panel.ask("search", row=2, only="all", query="O", case=False, at=1)
    assert (hits["total"], hits["n"], hits["line"]) == (3, 1, 1)
    hits, _ = panel.ask("hit", n=3)
    assert (hits["n"], hits["line"]) == (0, 0)
    hits, _ = panel.ask("search", row=2, only="all", query="zebra", case=False, at=0)
    assert (hits["total"], hits["n"], hits["line"]) == (0, -1, -1)
    found, _ = panel.ask("error", row=2, only="all", at=0, back=False)
    assert found["line"] == 2
    text, [buffer] = panel.ask("text", row=2, only="all", **{"from": 0, "to": None})
    assert (text["last"], buffer) == (True, b"one\ntwo\nValueError: no\n")


def test_killing_is_answered_for_each_batch(panel: Panel) -> None:
    panel.opens()
    panel.controller.receive({"type": "kill", "view": "v", "id": 9, "rows": [2, 77]})
    done, _ = panel.await_(lambda c: c["type"] == "ack" and c["row"] == 2)
    assert (done["ok"], done["text"]) == (True, "killed")
    failed, _ = panel.await_(lambda c: c["type"] == "ack" and c["row"] == 77)
    assert (failed["ok"], failed["text"]) == (False, "this batch is no longer in the list")
    assert panel.server.deleted == [1]


def test_a_killed_batch_that_the_server_keeps_stays_listed(panel: Panel) -> None:
    panel.opens()
    panel.server.keeps = True
    for text in ("killed", "had already ended; the server keeps it listed"):
        ack, _ = panel.ask("kill", rows=[2])
        assert ack["ok"]
        assert ack["text"].endswith(text)
    patch, _ = panel.await_(lambda c: c["type"] == "patch")
    assert [(row["row"], row["state"]) for row in rows(patch)] == [(2, "killed")]
    assert not panel.controller.row(2).killed


def test_a_row_never_kills_the_batch_that_has_its_id_now(panel: Panel) -> None:
    panel.opens()
    panel.controller.receive({"type": "visible", "view": "v", "on": False})
    panel.ask("ping")
    panel.server.batches = {1: BatchInfo(id=1, name="other", state="running", owner="bob")}
    ack, _ = panel.ask("kill", rows=[2])
    assert not ack["ok"]
    assert "nothing was killed" in ack["text"]
    assert panel.server.deleted == []


def test_what_the_desk_does_not_know_is_answered(panel: Panel) -> None:
    panel.opens()
    ack, _ = panel.ask("dance")
    assert (ack["ok"], ack["text"]) == (False, "the panel does not know 'dance'")
    ack, _ = panel.ask("lines", row=1, only="all", **{"from": 0, "to": 1})
    assert (ack["ok"], ack["text"]) == (False, "this log is not open")


def test_a_request_that_nobody_here_made_cannot_be_made_again(panel: Panel) -> None:
    panel.opens()
    for kind in ("form", "line"):
        ack, _ = panel.ask(kind, row=2)
        assert not ack["ok"]
        assert "not submitted from here" in ack["text"]


def test_mistakes_in_the_form_are_told_by_field(panel: Panel) -> None:
    panel.opens()
    form, _ = panel.ask("form", row=None)
    assert [field["key"] for field in form["fields"]][:2] == ["file", "args"]
    values = {"driverMemory": "lots", "numExecutors": "x", "name": "fine"}
    ack, _ = panel.ask("submit", row=None, values=values)
    assert not ack["ok"]
    assert set(ack["errors"]) == {"file", "driverMemory", "numExecutors"}


def test_detail_of_a_batch(panel: Panel) -> None:
    panel.server.batches[1] = BatchInfo(
        id=1,
        name="etl",
        state="dead",
        spark_ui_url="javascript:alert(1)",
        driver_log_url="http://h/",
    )
    panel.opens()
    detail, _ = panel.ask("detail", row=2)
    assert ("state", "dead") in detail["facts"]
    assert detail["links"] == [["driver log", "http://h/"]]
    assert detail["cause"] == ["ValueError: no", "", "one", "two", "ValueError: no"]
    assert detail["body"] == ""


def test_a_panel_that_is_left_says_so(panel: Panel) -> None:
    panel.opens()
    panel.controller.close()
    status, _ = panel.await_(lambda c: c["type"] == "status" and c["state"] == "stopped")
    assert "%livy_panel" in status["text"]


def test_secrets_do_not_reach_the_browser(panel: Panel) -> None:
    from livy_magic.livy import Plan

    request = BatchRequest(
        file="hdfs:///a.py", name="etl", args=["--password", "geheim"], conf={"a.secret": "geheim"}
    )
    plan = Plan(request, (), request)
    panel.livy._plans[1, "etl", "alice"] = plan
    panel.opens()
    for kind in ("form", "line", "detail"):
        panel.ask(kind, row=2)
    assert "geheim" not in repr(panel.heard)
    assert "********" in repr(panel.heard)


def test_a_view_that_comes_while_the_last_one_leaves_is_heard(panel: Panel) -> None:
    late: list[threading.Thread] = []

    def told_everything() -> bool:
        return any(content["type"] == "snapshot" for content, _ in panel.heard)

    class Inbox(queue.SimpleQueue):  # type: ignore[type-arg]
        def empty(self) -> bool:
            found = super().empty()
            if found and not late and told_everything() and not panel.controller._views:
                late.append(
                    threading.Thread(target=panel.controller.receive, args=[HELLO | {"view": "w"}])
                )
                late[0].start()
                late[0].join(
                    0.2
                )  # it may get in, or has to wait until the controller's thread has ended
            return found

    panel.controller._inbox = Inbox()
    panel.opens()
    panel.controller.receive({"type": "bye", "view": "v"})
    panel.await_(lambda c: c["type"] == "snapshot" and c["view"] == "w")


def test_only_a_hello_says_where_a_view_is_though_a_ping_may_come_before_it(panel: Panel) -> None:
    asked: list[Any] = []

    def greet(hello: Message) -> Message:
        asked.append(hello.get("frontend"))
        return {"text": "beside", "hide": True}

    panel.controller._greet = greet
    panel.ask("ping")
    panel.controller.receive(HELLO)
    place, _ = panel.await_(lambda c: c["type"] == "place")
    assert (place["view"], place["text"]) == ("v", "beside")
    panel.controller.receive(HELLO)  # it had lost the thread
    panel.ask("ping")
    assert asked == ["lab"]
    panel.await_(lambda c: c["type"] == "snapshot" and c["deflate"])


def test_why_a_batch_failed_is_read_in_the_history_where_the_list_only_has_sparks_farewell(
    panel: Panel,
) -> None:
    history = panel.livy.history
    request = BatchRequest(file="/a.py", name="etl")
    key = history.intend(Intent(server=panel.livy.place, request=request, folder="/home"))
    assert key is not None
    history.accepted(key, panel.server.batches[1])
    assert panel.opens()["note"] == ["", ""]
    farewell = "26/11/26 09:27:04 INFO ShutdownHookManager: Deleting directory /tmp/spark-1"
    panel.server.batches[1] = dataclasses.replace(
        panel.server.batches[1], state="dead", log=("stdout: ", farewell, "\nstderr: ")
    )
    patch, _ = panel.await_(lambda c: c["type"] == "patch" and rows(c)[0]["state"] == "dead")
    assert rows(patch)[0]["note"] == ""
    history.append(key, [Line("ValueError: no", "program"), Line(farewell, "spark")])
    history.ended(key, "dead")  # not before its log is whole
    panel.await_(lambda c: c["type"] == "patch" and rows(c)[0]["note"] == "ValueError: no")

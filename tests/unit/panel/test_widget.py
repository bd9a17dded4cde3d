"""The panel as a widget: what it sends goes out where the browser's newest message came in."""

from __future__ import annotations

import contextvars
import threading

from IPython.core.formatters import DisplayFormatter

from livy_magic import Livy
from livy_magic.errors import Unreachable
from livy_magic.panel.widget import LivyPanel
from livy_magic.protocol.models import BatchInfo

SUBSHELL = contextvars.ContextVar("SUBSHELL", default="")


def test_messages_are_sent_in_the_context_of_the_browsers_newest(monkeypatch):
    sent = []
    monkeypatch.setattr(LivyPanel, "send", lambda _, content, buffers: sent.append(SUBSHELL.get()))
    panel = LivyPanel(Livy("http://livy.test"))
    monkeypatch.setattr(panel.controller, "receive", lambda message: None)

    def comes_in(subshell: str, kind: str) -> None:
        SUBSHELL.set(subshell)
        panel._receive(panel, {"type": kind, "view": "v"}, [])

    for subshell, kind in (("", "hello"), ("its own", "ping")):
        contextvars.copy_context().run(comes_in, subshell, kind)
    other = threading.Thread(target=panel.controller.tell, args=({"type": "status"},))
    other.start()
    other.join()
    assert sent == ["its own"]


def test_in_a_terminal_the_newest_batches_are_text(monkeypatch):
    livy = Livy("http://livy.test")
    panel = LivyPanel(livy)
    infos = [BatchInfo(id=1, name="etl", state="running", owner="alice")]
    monkeypatch.setattr(livy.client, "newest", lambda: iter(infos))
    formats, _ = DisplayFormatter(active_types=["text/plain"]).format(panel)
    assert formats["text/plain"].splitlines() == [
        "Batches on http://livy.test",
        "id  state    name  owner",
        "1   running  etl   alice",
    ]


def test_a_server_that_cannot_be_seen_is_said_in_the_text(monkeypatch):
    livy = Livy("http://livy.test")
    panel = LivyPanel(livy)

    def fail():
        raise Unreachable("cannot connect to <it>\nLook.", request="GET", sent=False)

    monkeypatch.setattr(livy.client, "newest", fail)
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == "Batches on http://livy.test\ncannot connect to <it>"
    assert "cannot connect to &lt;it&gt;" in data["text/html"]

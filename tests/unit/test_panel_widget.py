"""The panel as a widget: what it sends goes out where the browser's newest message came in."""

from __future__ import annotations

import contextvars
import threading

from livy_magic import Livy
from livy_magic.panel.widget import LivyPanel

SUBSHELL = contextvars.ContextVar("SUBSHELL", default="")


def test_messages_are_sent_in_the_context_of_the_browsers_newest(monkeypatch):
    sent = []
    monkeypatch.setattr(LivyPanel, "send", lambda _, content, buffers: sent.append(SUBSHELL.get()))
    panel = LivyPanel(Livy("http://livy.test"))
    monkeypatch.setattr(panel.desk, "receive", lambda message: None)

    def comes_in(subshell: str, kind: str) -> None:
        SUBSHELL.set(subshell)
        panel._receive(panel, {"type": kind, "view": "v"}, [])

    for subshell, kind in (("", "hello"), ("its own", "ping")):
        contextvars.copy_context().run(comes_in, subshell, kind)
    other = threading.Thread(target=panel.desk.tell, args=({"type": "status"},))
    other.start()
    other.join()
    assert sent == ["its own"]

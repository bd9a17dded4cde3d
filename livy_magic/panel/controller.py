"""The controller: one thread that handles the browser's messages in order, and sends it news.

The controller accepts messages in any thread. Its own thread sends all news, at most four times a
second: changes of the list, the server's status, new lines of the log. Slow work (killing,
submitting) runs in other threads. While no view is visible, it does not poll the server.

``js/README.md`` describes the messages. This module must not know Jupyter.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from ..batch import Batch
from ..display import first_line
from ..errors import HistoryError, LivyError, NotLivy, ServerError, Unauthorized, Unreachable
from ..history import Entry
from ..livy import Livy
from ..protocol.models import BatchInfo
from ..watch.server_list import ListSnapshot
from .actions import Actions, answer
from .causes import Causes
from .logview import LogView
from .rows import Changes, Row, Rows

Message: TypeAlias = Mapping[str, Any]
Send: TypeAlias = Callable[[dict[str, Any], Sequence[bytes]], None]

BEAT = 0.25  # shortest time between two rounds of news, in seconds
LISTENS = 3600.0  # seconds of silence after which a view counts as closed: a cell may run for long
SEEN = 1.0  # seconds between two messages that only say that the server answered
PATROL = 10.0  # seconds between two checks for views that were closed
FEW = 20  # most changed rows that are sent uncompressed
HISTORY = 1000  # most submissions from the history that the list shows

_TROUBLES = (
    (Unreachable, "unreachable"),
    (Unauthorized, "unauthorised"),
    (NotLivy, "not_livy"),
)

_log = logging.getLogger(__name__)


@dataclass
class View:
    """One place where the panel is displayed.

    Attributes:
        name: The browser's id for the view.
        heard: When its last message arrived, by the monotonic clock, in seconds.
        deflate: Whether it can decompress; False until its hello arrives.
        placed: Whether its hello arrived and was answered with the panel's place.
        visible: Whether the view is on the screen.
        greeted: Whether it got a full snapshot.
        log: The log that is open in it, or None.
    """

    name: str
    heard: float
    deflate: bool = False
    placed: bool = False
    visible: bool = True
    greeted: bool = False
    log: LogView | None = field(default=None, repr=False)


class Controller:
    """The controller of all views of one panel.

    Args:
        livy: The server.
        send: Sends a message and its buffers to the browser; called by one thread at a time.
        greet: Called with the first hello of a view; what it returns is sent to that view, as the
            panel's place.
    """

    def __init__(
        self,
        livy: Livy,
        send: Send,
        greet: Callable[[Message], Message | None] = lambda _: None,
    ) -> None:
        self.livy = livy
        self._send = send
        self._sending = threading.Lock()
        self._greet = greet
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        # Only the controller's thread uses what follows.
        self._actions = Actions(self)
        self._views: dict[str, View] = {}
        self._rows = Rows(livy.remembered, lambda: livy.user)
        self._causes = Causes(livy, self._has_cause)
        self._begun = False
        self._rev = 0
        self._is_news = False
        self._told_at = float("-inf")  # when news was last sent, by the monotonic clock
        self._status: dict[str, Any] | None = None  # the status that was last sent
        self._looking = contextlib.ExitStack()
        self._is_looking = False

    # -- from any thread --

    def receive(self, message: Message) -> None:
        """Queue a message from the browser; after :meth:`close`, ignore it."""
        if not self._closed:
            self.do(partial(self._take, message))

    def do(self, work: Callable[[], None]) -> None:
        """Run ``work`` in the controller's thread; start the thread if necessary."""
        with self._starting:  # else the thread could end just after it found the inbox empty
            self._inbox.put(work)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="livy-magic-panel", daemon=True
                )
                self._thread.start()

    def tell(self, content: dict[str, Any], *buffers: bytes) -> None:
        """Send a message to the browser."""
        with self._sending:
            self._send(content, buffers)

    def fail(self, message: Message, failure: Exception) -> None:
        """Answer a message with the reason why its action failed."""
        if not isinstance(failure, LivyError):
            _log.error("the panel failed", exc_info=failure)
        text = first_line(failure) or type(failure).__name__
        self.tell(answer(message, "ack") | {"row": message.get("row"), "ok": False, "text": text})

    def infos(self) -> list[BatchInfo]:
        """Return all batches in the list, the newest first."""
        return self._rows.infos()

    def close(self) -> None:
        """Tell all views that updates have stopped, and close them."""
        self._closed = True
        self.do(self._leave)

    # -- in the controller's thread, for actions --

    def row(self, number: int) -> Row:
        """Return a row of the list.

        Raises:
            LivyError: The row is gone.
        """
        if number not in self._rows:
            raise LivyError("this batch is no longer in the list")
        return self._rows[number]

    def batch(self, number: int) -> Batch:
        """Return the handle of a row's batch."""
        row = self.row(number)
        if row.known or row.entry is None:
            return self.livy.handle(row.info)
        return self.livy.recalled(row.entry)

    def has_ended(self, number: int, state: str) -> None:
        """Update the row of a batch that the panel killed, and refresh the list."""
        self._tell_changes(self._rows.end(number, state, time.time()))
        self.livy.watcher.server_list.refresh()

    def has_come(self, info: BatchInfo) -> int:
        """Add a batch that the panel submitted, refresh the list, and return the row's number."""
        changes, number = self._rows.come(info, time.time())
        self._tell_changes(changes)
        self.livy.watcher.server_list.refresh()
        return number

    def _has_cause(self, number: int, cause: str) -> None:
        """Show the cause of a batch's failure; any thread may call this."""
        self.do(lambda: self._tell_changes(self._rows.explain(number, cause)))

    # -- the thread --

    def _run(self) -> None:
        unsubscribe = self.livy.watcher.server_list.subscribe(lambda _: self.do(self._note_news))
        try:
            self._turn(0.0)
            while not self._has_left():
                rest = self._told_at + BEAT - time.monotonic()
                self._turn(max(0.0, rest) if self._is_news else PATROL)
        finally:
            unsubscribe()

    def _has_left(self) -> bool:
        """Return whether the thread may end, because no view and no work is left.

        If so, stop watching the list; later work starts another thread.
        """
        with self._starting:
            if self._views or not self._inbox.empty():
                return False
            self._looking.close()
            self._is_looking = False
            self._thread = None
            return True

    def _turn(self, pause: float) -> None:
        """Do the queued work, and send news if it is time.

        Args:
            pause: The longest time to wait for work, in seconds.
        """
        with contextlib.suppress(queue.Empty):
            self._attempt(self._inbox.get(timeout=pause))
            while True:
                self._attempt(self._inbox.get_nowait())
        self._attempt(self._look)
        if self._is_news and time.monotonic() >= self._told_at + BEAT:
            self._is_news, self._told_at = False, time.monotonic()
            self._attempt(self._tell_news)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Run ``work``; show an unexpected error, so that a broken panel never looks alive."""
        try:
            work()
        except Exception as failure:  # noqa: BLE001 -- the panel shows it
            _log.exception("the panel failed")
            text = f"The panel has a fault of its own: {failure!r}"
            self._tell_status({"state": "trouble", "text": text, "since": None, "seen": None})

    def _note_news(self) -> None:
        self._is_news = True

    def _take(self, message: Message) -> None:
        try:
            self._handle(message)
        except Exception as failure:  # noqa: BLE001 -- the answer reports it
            self.fail(message, failure)

    def _handle(self, message: Message) -> None:
        kind, view = message["type"], self._views.get(message["view"])
        if kind == "bye":
            self._close(view)
            return
        if view is None or kind == "hello":  # an unknown view had counted as closed
            view = self._welcome(message)
        view.heard = time.monotonic()
        if kind == "ping":
            self.tell(answer(message, "pong"))
        elif kind == "visible":
            self._be_visible(view, on=bool(message["on"]))
        elif kind == "open":
            self._open(view, message)
        elif kind in LogView.ANSWERS:
            if view.log is None or view.log.row != message.get("row", view.log.row):
                raise LivyError("this log is not open")
            view.log.answer(message)
        elif kind != "hello":
            self._actions.take(message)

    # -- views --

    def _welcome(self, message: Message) -> View:
        """Register a view, new or out of step, which gets a full snapshot with the next news."""
        view = self._views.get(message["view"])
        if view is None:
            view = self._views[message["view"]] = View(message["view"], heard=time.monotonic())
        if message["type"] == "hello":  # only this message says where the view is
            view.deflate = bool(message.get("deflate"))
            self._place(view, message)
        view.greeted = False
        self._status = None
        self._is_news = True
        return view

    def _place(self, view: View, hello: Message) -> None:
        if view.placed:
            return
        view.placed = True
        place = self._greet(hello)
        if place is not None:
            self.tell({"type": "place", "view": view.name, **place})

    def _close(self, view: View | None) -> None:
        if view is not None:
            del self._views[view.name]
            self._close_log(view)

    def _be_visible(self, view: View, *, on: bool) -> None:
        view.visible = on
        self._is_news = True
        if view.log is not None:
            view.log.be_looked_at(on=on)

    def _open(self, view: View, message: Message) -> None:
        number, only = message.get("row"), message.get("only", "all")
        follow = bool(message.get("follow", True))
        open_ = view.log
        if open_ is None or (open_.row, open_.only) != (number, only):
            self._close_log(view)
            if number is not None:
                # Reuse the handle: do not read again what it has already read.
                batch = open_.batch if open_ and open_.row == number else self.batch(number)
                about = {"view": view.name, "row": number, "only": only}
                on_news = partial(self.do, self._note_news)
                view.log = LogView(batch, about, self.tell, on_news)
                self._rows.kept.add(number)
        if view.log is not None:
            view.log.follow = follow
            if view.log.batch.snapshot.lines:  # a click must not wait for the next beat
                view.log.tell_news()
        self._is_news = True

    def _close_log(self, view: View) -> None:
        if view.log is not None:
            view.log.close()
            self._rows.kept.discard(view.log.row)
            view.log = None

    def _look(self) -> None:
        """Close views that fell silent; watch the server's list only while a view is visible."""
        for view in list(self._views.values()):
            if time.monotonic() - view.heard > LISTENS:
                self._close(view)
        looking = any(view.visible for view in self._views.values())
        if looking and not self._is_looking:
            self._looking.enter_context(self.livy.watcher.server_list.looked_at())
        elif not looking:
            self._looking.close()
        self._is_looking = looking

    def _leave(self) -> None:
        reason = "This notebook has disconnected from the server: run %livy_panel again."
        status = {"state": "stopped", "text": reason, "since": time.time(), "seen": None}
        self.tell({"type": "status", "now": time.time(), **status})
        for view in list(self._views.values()):
            self._close(view)

    # -- news --

    def _tell_news(self) -> None:
        snapshot = self.livy.watcher.server_list.snapshot
        if snapshot.seen is None and snapshot.error is None:
            return  # the first poll is still running
        if self._begun:
            self._tell_changes(self._rows.update(snapshot))
        else:
            self._begun = True
            self._rows.begin(self._history(), snapshot)
        self._causes.seek(self._rows)
        for view in self._views.values():
            if not view.greeted:
                view.greeted = True
                self._tell_everything(view)
        self._tell_status(_status(self.livy, snapshot))
        for view in self._views.values():
            if view.log is not None and view.visible:
                view.log.tell_news()

    def _tell_status(self, status: dict[str, Any]) -> None:
        """Send the server's status: at once if it changed, else once a second when it answered."""
        last, seen = self._status, status["seen"] or 0.0
        same = last is not None and last["state"] == status["state"]
        if last is not None and same and seen < (last["seen"] or 0.0) + SEEN:
            return
        self._status = status
        self.tell({"type": "status", "now": time.time(), **status})

    def _history(self) -> list[Entry]:
        try:
            return self.livy.history.entries(server=self.livy.place, limit=HISTORY)
        except HistoryError as problem:
            _log.warning("the panel shows no history: %s", first_line(problem))
            return []

    def _tell_everything(self, view: View) -> None:
        content = {"columns": self._rows.columns(), "tones": self._rows.tones()}
        about = {"view": view.name, "rev": self._rev, "deflate": view.deflate, "now": time.time()}
        self.tell({"type": "snapshot", **about}, _packed(content, deflate=view.deflate))

    def _tell_changes(self, changes: Changes) -> None:
        """Send the changes of the list to all views."""
        if not changes:
            return
        self._rev += 1
        content: dict[str, Any] = {"type": "patch", "rev": self._rev, "now": time.time()}
        content |= {"gone": changes.gone, "tones": self._rows.tones()}
        if len(changes.rows) <= FEW:
            self.tell(content | {"rows": changes.rows})
            return
        deflate = all(view.deflate for view in self._views.values())
        rows = _packed({"rows": changes.rows}, deflate=deflate)
        self.tell(content | {"deflate": deflate}, rows)


def _why(error: Exception) -> str:
    """Return in one line why the server cannot be reached or used, and what to do about it."""
    asked = error.request if isinstance(error, ServerError) else ""
    return str(error).removeprefix(f"{asked}: ").replace("\n", ". ")


def _packed(content: object, *, deflate: bool) -> bytes:
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    plain = text.encode("utf-8", "replace")
    return zlib.compress(plain) if deflate else plain


def _status(livy: Livy, snapshot: ListSnapshot) -> dict[str, Any]:
    """Return the server's status; an unreachable server says nothing about its batches."""
    error = snapshot.error
    if error is None:
        return {"state": "connected", "text": "", "since": None, "seen": snapshot.seen}
    if not livy.is_current():
        return {
            "state": "stopped",
            "text": "The private Livy has stopped: run %livy_panel again to start it.",
            "since": snapshot.stale_since,
            "seen": snapshot.seen,
        }
    state = next((word for kind, word in _TROUBLES if isinstance(error, kind)), "trouble")
    return {
        "state": state,
        "text": _why(error),
        "since": snapshot.stale_since,
        "seen": snapshot.seen,
    }

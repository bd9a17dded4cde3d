"""The panel's actions: kill, submit, resubmit, copy as a line, show the request.

Slow work runs in a thread of its own, and each message is answered when its work is done.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from ..batch import Batch
from ..display import LONGEST_LINE, duration, links
from ..errors import LivyError
from ..livy import Livy
from ..protocol.models import POST_FIELDS, BatchInfo, is_final, is_success
from ..redact import plain
from . import forms
from .notes import cause
from .rows import Row

AT_ONCE = 4  # kills in parallel, since each takes Livy seconds

Message = Mapping[str, Any]


def answer(message: Message, kind: str) -> dict[str, Any]:
    """Return the members that every answer to a message has.

    Args:
        message: The browser's message.
        kind: The type of the answer.
    """
    return {"type": kind, "view": message["view"], "id": message.get("id")}


class Controller(Protocol):
    """The interface of :class:`~livy_magic.panel.controller.Controller` that actions use.

    Attributes:
        livy: The server.
    """

    livy: Livy

    def do(self, work: Callable[[], None]) -> None:
        """Run ``work`` in the controller's thread."""

    def tell(self, content: dict[str, Any], *buffers: bytes) -> None:
        """Send a message to the browser."""

    def fail(self, message: Message, failure: Exception) -> None:
        """Answer a message with the reason why its action failed."""

    def row(self, number: int) -> Row:
        """Return a row of the list."""

    def batch(self, number: int) -> Batch:
        """Return the handle of a row's batch."""

    def has_ended(self, number: int, state: str) -> None:
        """Update the row of a batch that the panel killed."""

    def has_come(self, info: BatchInfo) -> int:
        """Add a batch that the panel submitted, and return the number of its row."""


class Actions:
    """The actions that the browser's messages can request.

    Args:
        controller: The controller, which finds rows and batches, and sends answers.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._kills = threading.Semaphore(AT_ONCE)

    def take(self, message: Message) -> None:
        """Run the action that a message requests; called in the controller's thread.

        Raises:
            LivyError: There is no such action, or it failed.
        """
        known: dict[str, Callable[[Message], None]] = {
            "kill": self._kill,
            "submit": self._submit,
            "form": self._form,
            "line": self._line,
            "detail": self._detail,
        }
        if message["type"] not in known:
            raise LivyError(f"the panel does not know {message['type']!r}")
        known[message["type"]](message)

    def _beside(self, message: Message, work: Callable[[], None]) -> None:
        """Run slow work in a thread of its own; answer the message with the error if it fails."""

        def run() -> None:
            try:
                work()
            except Exception as failure:  # noqa: BLE001 -- the answer reports it
                self._controller.fail(message, failure)

        threading.Thread(target=run, name="livy-magic-panel-action", daemon=True).start()

    # -- kill --

    def _kill(self, message: Message) -> None:
        for number in message["rows"]:
            one = {**message, "row": number}
            try:
                batch = self._controller.batch(number)
            except Exception as failure:  # noqa: BLE001 -- reported; the others are still killed
                self._controller.fail(one, failure)
            else:
                self._beside(one, partial(self._kill_one, one, batch))

    def _kill_one(self, message: Message, batch: Batch) -> None:
        with self._kills:
            batch.look()
            had_ended = batch.done
            batch.kill()
        if batch.gone:
            self._controller.do(lambda: self._controller.has_ended(message["row"], batch.state))
        else:  # the server keeps it listed, as what it has become
            self._controller.livy.watcher.server_list.refresh()
        text = "killed"
        if had_ended:
            fate = "Livy forgot it" if batch.gone else "the server keeps it listed"
            text = f"{batch.info.label} had already ended; {fate}"
        elif batch.succeeded:
            text = f"{batch.info.label} ended well before it could be killed"
        self._ack(message, ok=True, text=text)

    # -- submit --

    def _form(self, message: Message) -> None:
        batch = self._batch_or_none(message)
        form = forms.form(batch)
        self._controller.tell(answer(message, "form") | {"row": message.get("row")} | form)

    def _submit(self, message: Message) -> None:
        batch = self._batch_or_none(message)
        self._beside(message, partial(self._submit_one, message, batch))

    def _submit_one(self, message: Message, batch: Batch | None) -> None:
        try:
            request = forms.request(message["values"], batch)
        except forms.FormErrors as wrong:
            self._ack(message, ok=False, text=str(wrong), errors=wrong.errors)
            return
        livy = self._controller.livy
        report = partial(self._report, message)
        if batch is None:
            new = livy.submit(request, report=report)
        else:
            fields = {field.name: getattr(request, field.name) for field in POST_FIELDS}
            new = batch.resubmit(report=report, **fields)
        self._controller.do(lambda: self._has_submitted(message, new))

    def _has_submitted(self, message: Message, new: Batch) -> None:
        number = self._controller.has_come(new.info)
        text = f"batch {new.info.label} was submitted"
        self._ack(message, ok=True, text=text, new=number)

    def _report(self, message: Message, text: str) -> None:
        self._controller.tell(answer(message, "progress") | {"text": plain(text)})

    # -- line and details --

    def _line(self, message: Message) -> None:
        text = forms.line(self._controller.batch(message["row"]))
        self._controller.tell(answer(message, "line") | {"row": message["row"], "text": text})

    def _detail(self, message: Message) -> None:
        batch = self._controller.batch(message["row"])
        row = self._controller.row(message["row"])
        body = "" if batch.body is None else json.dumps(batch.body, indent=2, ensure_ascii=False)
        told = {
            "row": row.number,
            "facts": list(_facts(row)),
            "body": body,
            "links": [[text, url] for url, text in links(batch.info)],
        }

        def tell() -> None:
            failed = is_final(batch.state) and not is_success(batch.state)
            words = batch.last_words() if failed else []
            if len(words) > 1:  # the cause first: it may stand anywhere among them
                words = [cause(words, LONGEST_LINE), "", *words]
            self._controller.tell(answer(message, "detail") | told | {"cause": words})

        self._beside(message, tell)  # in a thread, because the log may have to be read first

    # -- shared helpers --

    def _batch_or_none(self, message: Message) -> Batch | None:
        return None if message.get("row") is None else self._controller.batch(message["row"])

    def _ack(self, message: Message, *, ok: bool, text: str, **more: Any) -> None:
        self._controller.tell(
            answer(message, "ack") | {"row": message.get("row"), "ok": ok, "text": text} | more
        )


def _facts(row: Row) -> list[tuple[str, str]]:
    """Return the names and values that the details show about a batch."""
    facts = [("id", str(row.info.id)), ("state", plain(row.info.state))]
    facts += [
        (name, plain(value))
        for name, value in (
            ("name", row.info.name),
            ("owner", row.info.owner),
            ("runs as", row.info.proxy_user),
            ("application", row.info.app_id),
        )
        if value
    ]
    entry = row.entry
    if entry is None:
        return facts
    facts.append(("submitted", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.submitted))))
    if row.ended is not None:
        facts.append(("took", duration(row.ended - entry.submitted)))
    facts.append(("folder", plain(entry.folder)))
    if entry.notebook:
        facts.append(("notebook", plain(entry.notebook)))
    return facts

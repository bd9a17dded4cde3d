"""One log that is open in one view: the news that it sends, and its answers to messages."""

from __future__ import annotations

import contextlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeAlias

from ..batch import Batch
from ..display import first_line
from ..watch.snapshot import Snapshot
from .logtext import LogText, Only

Tell: TypeAlias = Callable[..., None]

Message: TypeAlias = Mapping[str, Any]

MOST = 400  # most lines in a message
PIECE = 20_000  # lines in each piece of text, for copying and downloading


class LogView:
    """A batch's log, open in a view. Only the controller's thread uses it.

    Attributes:
        batch: The batch.
        row: The number of the batch's row.
        only: Which lines are counted: all, or the program's output.
        follow: Whether new lines are sent as the log grows.

    Args:
        batch: The batch.
        about: The members that every message has: ``view``, ``row`` and ``only``.
        tell: Sends a message with its buffers.
        on_news: Called, in another thread, when there is news to send.
    """

    def __init__(
        self, batch: Batch, about: Mapping[str, Any], tell: Tell, on_news: Callable[[], None]
    ) -> None:
        self.batch = batch
        self.row: int = about["row"]
        self.only: Only = about["only"]
        self.follow = True
        self._about = dict(about)
        self._watch = batch.watch
        self._text = LogText(batch.watch)
        self._tell = tell
        self._hits: array[int] = array("I")
        self._query: tuple[str, bool] = "", False
        self._searched = 0
        self._told: tuple[int, bool, str] | None = None
        self._looking = contextlib.ExitStack()
        self._unsubscribe = self._watch.subscribe(lambda _: on_news())
        self.be_looked_at(on=True)

    # The messages that a view may send, and the methods that answer them.
    ANSWERS: ClassVar = {
        "lines": "_lines",
        "search": "_search",
        "hit": "_hit",
        "error": "_error",
        "text": "_text_of",
    }

    def close(self) -> None:
        """Stop watching the log, because no view shows it any more."""
        self._unsubscribe()
        self._looking.close()

    def be_looked_at(self, *, on: bool) -> None:
        """Start or stop polling the batch at the rate for a log that a person looks at."""
        self._looking.close()
        if on:
            self._looking.enter_context(self._watch.looked_at())
            self._watch.refresh(timeout=0.0)  # if the batch has ended, this reads the log once

    def tell_news(self) -> None:
        """Send the log's length, and its last lines if the view follows them or has none yet."""
        snapshot = self._watch.snapshot
        total = self._text.total(self.only)
        known = self._told[0] if self._told else 0
        state = total, snapshot.complete, trouble(snapshot)
        if state == self._told:
            return
        first, self._told = self._told is None, state
        if total > known and (self.follow or first):  # before the view asks for it
            start = max(known, total - MOST)
            self._tell_lines({"type": "tail", **self._about, "total": total}, start, total)
        self._tell(
            {"type": "log", **self._about, "total": total, "done": state[1], "trouble": state[2]}
        )

    def answer(self, message: Message) -> None:
        """Answer a message."""
        about = {"id": message.get("id"), **self._about}
        getattr(self, self.ANSWERS[message["type"]])(message, about)

    # -- answers --

    def _lines(self, message: Message, about: dict[str, Any]) -> None:
        """Answer with some lines."""
        start = max(0, int(message["from"]))
        stop = min(int(message["to"]), start + MOST)
        self._tell_lines({"type": "lines", **about}, start, stop)

    def _tell_lines(self, content: dict[str, Any], start: int, stop: int) -> None:
        kinds, texts = self._text.window(self.only, start, stop)
        lines = "\n".join(texts).encode("utf-8", "replace")
        self._tell(content | {"from": start, "kinds": kinds}, lines)

    def _search(self, message: Message, about: dict[str, Any]) -> None:
        """Answer with the first hit at or after a line; behind the last hit, with the first one."""
        query = str(message["query"]), bool(message.get("case"))
        if query != self._query:
            self._query, self._hits, self._searched = query, array("I"), 0
        self._search_on()
        n = bisect_left(self._hits, max(0, int(message.get("at", 0))))
        self._tell_hit(about, n if n < len(self._hits) else 0)

    def _hit(self, message: Message, about: dict[str, Any]) -> None:
        """Answer with the n-th hit of the last search."""
        self._search_on()
        self._tell_hit(about, int(message["n"]))

    def _search_on(self) -> None:
        """Search the lines that have arrived since the last search."""
        query, case = self._query
        total = self._text.total(self.only)
        if query and total > self._searched:
            self._hits.extend(self._text.hits(self.only, query, self._searched, case=case))
            self._searched = total

    def _tell_hit(self, about: dict[str, Any], n: int) -> None:
        total = len(self._hits)
        n = n % total if total else -1
        line = self._hits[n] if total else -1
        found = {"query": self._query[0], "total": total, "n": n, "line": line}
        self._tell({"type": "hits", **about, **found})

    def _error(self, message: Message, about: dict[str, Any]) -> None:
        """Answer with the first error at or after a line, or the last one before it."""
        at, back = int(message.get("at", 0)), bool(message.get("back"))
        line = self._text.error(self.only, at, back=back)
        self._tell({"type": "found", **about, "line": line})

    def _text_of(self, message: Message, about: dict[str, Any]) -> None:
        """Answer with unchanged lines, in pieces."""
        total = self._text.total(self.only)
        start, to = max(0, int(message.get("from") or 0)), message.get("to")
        stop = total if to is None else min(int(to), total)
        for begin, end in _pieces(start, stop):
            lines = self._text.raw(self.only, begin, end)
            piece = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
            done = {"done": end - start, "total": stop - start, "last": end >= stop}
            self._tell({"type": "text", **about, **done}, piece)


def trouble(snapshot: Snapshot) -> str:
    """Return why the log may be incomplete, or an empty text."""
    failure = snapshot.error or snapshot.log_error
    if failure is not None and not snapshot.complete:
        return f"The log cannot be read: {first_line(failure)}"
    if snapshot.gone and not snapshot.recalled and not snapshot.lines:
        return "The server no longer knows this batch, and its log was never read."
    return ""


def _pieces(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield start and stop of each piece of a range, at least one."""
    yield from (
        (begin, min(begin + PIECE, stop)) for begin in range(start, max(stop, start + 1), PIECE)
    )

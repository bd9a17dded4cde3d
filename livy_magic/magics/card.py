"""The card of a batch in a notebook: HTML with a display id, updated until the batch ends."""

from __future__ import annotations

import logging
import threading
import time

from IPython.display import display

from .. import display as render
from ..batch import Batch
from ..threads import Shared
from ..watch.snapshot import Snapshot
from .tables import BatchList

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # without a handler, Python would print what is logged

EVERY = 1.0  # minimum seconds between two updates
TAIL = 4  # lines of output on the card of a running batch
TAIL_FAILED = 12  # lines on the card of a failed one


class Card:
    """One displayed card. It holds a reference to its batch until the batch ends."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        if batch.done and not batch.succeeded:
            batch.look()  # its log says why it failed
        self._with_lines = not (batch.done and batch.succeeded)  # a past success needs no lines
        self._handle = display(self._bundle(), raw=True, display_id=True)
        self._shown = time.monotonic()
        if not batch.done:
            batch.on_change(self._changed)
            self._changed(batch.snapshot)  # it may have changed before on_change()

    def _changed(self, snapshot: Snapshot) -> None:
        """Plan an update, at least a second after the last one; show the batch's end at once."""
        _updates.plan(self, 0.0 if snapshot.done else self._shown + EVERY)

    def update(self) -> None:
        """Show the batch's present state, and plan the next update of its elapsed time."""
        self._shown = time.monotonic()
        snapshot = self._batch.snapshot
        self._handle.update(self._bundle(), raw=True)
        if render.running_time(snapshot, self._now()):
            _updates.plan(self, self._shown + render.pace(time.time() - snapshot.first_seen))

    def _now(self) -> float | None:
        """Return the time, or None if no watcher is looking at the batch."""
        return time.time() if self._batch.server.watcher.is_looking else None

    def _bundle(self) -> dict[str, str]:
        snapshot = self._batch.snapshot
        failed = snapshot.done and not self._batch.succeeded
        count = (TAIL_FAILED if failed else TAIL) if self._with_lines else 0
        lines = self._batch.last_output(count)
        return {
            "text/plain": repr(self._batch),
            "text/html": render.card(snapshot, lines, now=self._now()),
        }


class _Updates(Shared):
    """One thread that updates the cards of all running batches; it ends when there are none."""

    def __init__(self) -> None:
        super().__init__()
        self._due: dict[Card, float] = {}  # by the monotonic clock
        self._thread: threading.Thread | None = None

    def plan(self, card: Card, due: float) -> None:
        """Plan an update of a card at a time (monotonic), unless an earlier one is planned."""
        with self._lock:
            self._due[card] = min(due, self._due.get(card, due))
            if self._thread is None or not self._thread.is_alive():  # it is dead in a forked child
                self._thread = threading.Thread(
                    target=self._run, name="livy-magic-cards", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        while (card := self._next()) is not None:
            try:
                card.update()
            except Exception:  # noqa: BLE001 -- logged; the other cards are still updated
                _log.exception("a card cannot be renewed")

    def _next(self) -> Card | None:
        """Wait until a card is due for an update, and return it; None if no card is left."""
        with self._lock:
            while self._due:
                card = min(self._due, key=self._due.__getitem__)
                pause = self._due[card] - time.monotonic()
                if pause <= 0:
                    del self._due[card]
                    return card
                self._changed.wait(pause)
            self._thread = None
            return None


_updates = _Updates()


class Shown:
    """Displays batches that a magic returns, unless the cell shows them already, or must be quiet."""

    def __init__(self) -> None:
        self._already: list[Batch | BatchList] = []

    def add(self, result: Batch | BatchList) -> None:
        """Record that the running cell must not display a result (again)."""
        self._already.append(result)

    def clear(self, *_cell: object) -> None:
        """Forget the recorded results: a cell has run."""
        self._already.clear()

    def batch(self, batch: Batch) -> None:
        """Display a batch, unless it was added."""
        if batch not in self._already:
            Card(batch)

    def batches(self, batches: BatchList) -> None:
        """Display nothing if the batches were added; else leave them to IPython's next formatter."""
        if not any(batches is shown for shown in self._already):
            raise NotImplementedError  # so IPython calls its next formatter

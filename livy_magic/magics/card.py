"""The card of a batch in a notebook: HTML by display id, renewed until the end."""

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
_log.addHandler(logging.NullHandler())  # without any, Python would print what is logged

EVERY = 1.0  # seconds between two updates at least
TAIL = 4  # lines of output on the card of a running batch
TAIL_FAILED = 12  # and of a failed one


class Card:
    """One displayed card. It holds its batch until that ends, and then lets go."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        if batch.done and not batch.succeeded:
            batch.look()  # why it failed is in its log
        self._with_lines = not (batch.done and batch.succeeded)  # news are worth lines
        self._handle = display(self._bundle(), raw=True, display_id=True)
        self._shown = time.monotonic()
        if not batch.done:
            batch.on_change(self._changed)
            self._changed(batch.snapshot)  # what came before the line above took effect

    def _changed(self, snapshot: Snapshot) -> None:
        """Be updated now, or as soon as the last update is a second old; the end never waits."""
        _updates.plan(self, 0.0 if snapshot.done else self._shown + EVERY)

    def update(self) -> None:
        """Show how the batch is now, and plan when its elapsed time is shown anew."""
        self._shown = time.monotonic()
        snapshot = self._batch.snapshot
        self._handle.update(self._bundle(), raw=True)
        if render.running_time(snapshot, self._now()):
            _updates.plan(self, self._shown + render.pace(time.time() - snapshot.first_seen))

    def _now(self) -> float | None:
        """Return the time, as long as somebody looks at the batch."""
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
    """One thread that updates the cards of all running batches; it lives as long as there are any."""

    def __init__(self) -> None:
        super().__init__()
        self._due: dict[Card, float] = {}  # by the monotonic clock
        self._thread: threading.Thread | None = None

    def plan(self, card: Card, due: float) -> None:
        """Have a card updated at a time, unless it is to be so earlier."""
        with self._lock:
            self._due[card] = min(due, self._due.get(card, due))
            if self._thread is None or not self._thread.is_alive():  # in a forked child it is not
                self._thread = threading.Thread(
                    target=self._run, name="livy-magic-cards", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        while (card := self._next()) is not None:
            try:
                card.update()
            except Exception:  # noqa: BLE001 -- logged; the other cards go on
                _log.exception("a card cannot be renewed")

    def _next(self) -> Card | None:
        """Wait until a card is to be updated, and return it; None when there is none left."""
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
    """How batches show that a magic returns, unless the running cell shows them, or is to be quiet."""

    def __init__(self) -> None:
        self._already: list[Batch | BatchList] = []

    def add(self, result: Batch | BatchList) -> None:
        """Have a result of the running cell not displayed once more."""
        self._already.append(result)

    def clear(self, *_cell: object) -> None:
        """A cell has run."""
        self._already.clear()

    def batch(self, batch: Batch) -> None:
        """Display a batch."""
        if batch not in self._already:
            Card(batch)

    def batches(self, batches: BatchList) -> None:
        """Display nothing where batches are shown already; else leave it to others."""
        if not any(batches is shown for shown in self._already):
            raise NotImplementedError  # IPython's way to leave it to others

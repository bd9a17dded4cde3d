"""The card of a batch in a notebook: HTML by display id, renewed by the watcher until the end."""

from __future__ import annotations

import threading
import time

from IPython.display import display

from .. import display as render
from ..batch import Batch
from ..watch.snapshot import Snapshot

EVERY = 1.0  # seconds between two updates at least
TAIL = 4  # lines of output on the card of a running batch
TAIL_FAILED = 12  # and of a failed one


class Card:
    """One displayed card. It holds its batch until that ends, and then lets go."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._lock = threading.Lock()
        self._publishing = threading.Lock()
        self._timer: threading.Timer | None = None
        self._shown = 0.0
        if batch.done and not batch.succeeded:
            batch.look()  # why it failed is in its log
        self._with_lines = not (batch.done and batch.succeeded)  # news are worth lines
        self._handle = display(self._bundle(), raw=True, display_id=True)
        if not batch.done:
            batch.on_change(self._changed)
            self._changed(batch.snapshot)  # what came before the line above took effect

    def _changed(self, snapshot: Snapshot) -> None:
        """Update now, or as soon as the last update is a second old; the end never waits."""
        with self._lock:
            if self._timer is not None:
                if not snapshot.done:
                    return
                self._timer.cancel()
            pause = 0.0 if snapshot.done else self._shown + EVERY - time.monotonic()
            self._timer = threading.Timer(max(0.0, pause), self._update)
            self._timer.daemon = True
            self._timer.start()

    def _update(self) -> None:
        with self._lock:
            self._timer = None
            self._shown = time.monotonic()
        with self._publishing:  # two threads at once could show the end first, and then the past
            self._handle.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, str]:
        snapshot = self._batch.snapshot
        failed = snapshot.done and not self._batch.succeeded
        count = (TAIL_FAILED if failed else TAIL) if self._with_lines else 0
        return {
            "text/plain": repr(self._batch),
            "text/html": render.card(snapshot, self._batch.last_output(count)),
        }

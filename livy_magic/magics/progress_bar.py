"""What a person sees while waiting: a bar, and the states as they change."""

from __future__ import annotations

import html
import threading
from collections.abc import Sequence

from IPython.display import display

from ..batch import Batch
from ..display import status_line
from ..redact import plain
from ..watch.snapshot import Snapshot


class WaitProgress:
    """A display that follows some batches for a block; its last content stays in the notebook.

    As text it is a line a batch: ``batch 0 'etl': starting → running → success after 7.1 s``.
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = list(batches)
        self._states: list[list[str]] = [[] for _ in self._batches]
        self._lock = threading.Lock()
        self._shown = self._bundle()
        self._handle = display(self._shown, raw=True, display_id=True)
        self._unsubscribe = [batch.on_change(self._update) for batch in self._batches]

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_exception: object) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._update()

    def _update(self, _snapshot: Snapshot | None = None) -> None:
        with self._lock:  # two threads at once could show the end first, and then the past
            bundle = self._bundle()
            if bundle != self._shown:
                self._shown = bundle
                self._handle.update(bundle, raw=True)

    def _bundle(self) -> dict[str, str]:
        lines = [
            self._line(batch.snapshot, states)
            for batch, states in zip(self._batches, self._states, strict=True)
        ]
        done, of_all = sum(batch.done for batch in self._batches), len(self._batches)
        value = f' value="{done}" max="{of_all}"' if of_all > 1 else ""  # one alone just moves
        bar = f"<progress{value}></progress> " if done < of_all else ""
        return {
            "text/plain": "\n".join(lines),
            "text/html": f"<div>{bar}{'<br>'.join(html.escape(line) for line in lines)}</div>",
        }

    @staticmethod
    def _line(snapshot: Snapshot, states: list[str]) -> str:
        state = plain(snapshot.info.state)
        if states[-1:] != [state]:
            states.append(state)
        return status_line(snapshot).replace(f": {state}", f": {' → '.join(states)}", 1)

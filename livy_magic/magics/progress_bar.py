"""The display during a wait: one batch's card, or several batches' states, updated in place."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence

from .. import display as render
from ..batch import Batch
from ..redact import plain
from ..watch.snapshot import Snapshot
from .in_place import in_notebook, new_place


class WaitProgress:
    """Shows the states of batches, updated by each call of :meth:`show`; the last content stays.

    As text it has one line per batch: ``batch 0 'etl': starting → running → success after 7.1 s``.
    In a terminal, a line is printed when a state changes.
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = list(batches)
        self._states: list[list[str]] = [[] for _ in self._batches]
        self._place = new_place() if in_notebook() else None
        self._printed = [""] * len(self._batches)

    def show(self, *, stopped: bool = False) -> None:
        """Show the present states of the batches.

        Args:
            stopped: Whether the wait has stopped: this content stays.
        """
        lines = [
            _line(batch.snapshot, states)
            for batch, states in zip(self._batches, self._states, strict=True)
        ]
        if self._place is not None:
            self._place.show("\n".join(lines), self._markup(lines, stopped=stopped))
            return
        for number, line in enumerate(lines):
            if line != self._printed[number]:
                print(line)
        self._printed = lines

    def _markup(self, lines: Sequence[str], *, stopped: bool) -> str:
        snapshots = [batch.snapshot for batch in self._batches]
        now = time.time()
        remark = (
            f"Waiting stopped at {render.clock(now)}: this is how it was then." if stopped else ""
        )
        if len(snapshots) == 1:
            known = None if stopped else now
            return render.card(snapshots[0], now=known, waiting=not stopped, remark=remark)
        done = sum(snapshot.done for snapshot in snapshots)
        is_over = stopped or done == len(snapshots)
        bar = "" if is_over else f'<progress value="{done}" max="{len(lines)}"></progress> '
        times = [render.running_time(snapshot, None if stopped else now) for snapshot in snapshots]
        shown = [
            f"{line}, {time}" if time else line for line, time in zip(lines, times, strict=True)
        ]
        shown += filter(None, [remark])
        return f"<div>{bar}{'<br>'.join(map(html.escape, shown))}</div>"


def _line(snapshot: Snapshot, states: list[str]) -> str:
    state = plain(snapshot.info.state)
    if states[-1:] != [state]:
        states.append(state)
    return render.status_line(snapshot).replace(f": {state}", f": {' → '.join(states)}", 1)

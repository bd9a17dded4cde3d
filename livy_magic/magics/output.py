"""What a batch's program prints, below the cell that waits for it, as it comes."""

from __future__ import annotations

import re
from collections import deque

from ..batch import OUTPUT, Batch
from ..display import readable
from ..redact import plain
from .in_place import Place, new_place

FIRST = 500  # lines that are printed as they come
LAST = 100  # and of those that come later, at the end

# A bar that a program draws over and over, with carriage returns, arrives as a line each time:
# Livy reads lines, and Java ends one at a carriage return too. tqdm's, Spark's own, pip's and rich's.
_BAR = re.compile(r"\d%\s?\||^\[Stage \d+:|[━█]{2}")


class Output:
    """The output of a batch. Of a bar that the program draws, the newest state is shown, in place.

    Only the thread that runs the cell may use it: what another one prints may land in another cell.

    Args:
        batch: The batch.

    Attributes:
        said: Whether something was printed that can be read.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._read = 0  # lines of the log
        self._printed = 0
        self._held: deque[str] = deque(maxlen=LAST)
        self._behind = 0  # lines that came after the printed ones
        self._bar: Place | None = None  # of the program, as long as nothing stands behind it
        self._more: Place | None = None
        self.said = False

    def print_news(self) -> None:
        """Print what has come."""
        texts: list[str] = []
        bar = ""
        for line in self._batch.watch.lines(self._read):
            self._read += 1
            if line.kind not in OUTPUT:
                continue
            text = plain(readable(line.text))
            is_bar = _BAR.search(text) is not None
            self.said = self.said or bool(text.strip())
            if self._printed >= FIRST:
                self._hold(text, is_bar=is_bar)
                continue
            if is_bar:
                bar = text
                continue
            if bar:
                _print(texts)
                texts = []
            self._end_bar(bar)
            bar = ""
            texts.append(text)
            self._printed += 1
        _print(texts)
        if bar:
            self._show_bar(bar)
        if self._behind:
            self._tell(f"… {self._behind:,} more lines so far")

    def finish(self) -> None:
        """Print what came last, once the batch has ended.

        Raises:
            ServerError: Its log cannot be read.
        """
        self.print_news()
        if self._behind:
            skipped = self._behind - len(self._held)
            self._tell(f"… {skipped:,} lines are left out" if skipped else "… and then")
        self.stop()
        _print(self._held)
        if not self._read and self._batch.succeeded:
            self._batch.output()  # says why there is none, if that is wrong

    def stop(self) -> None:
        """Leave it as it is."""
        self._end_bar("")
        if self._more:
            self._more.end()

    def _hold(self, text: str, *, is_bar: bool) -> None:
        if is_bar and self._held and _BAR.search(self._held[-1]):
            self._held[-1] = text
        else:
            self._held.append(text)
            self._behind += 1

    def _show_bar(self, text: str) -> None:
        if self._bar is None:
            self._bar = new_place()
            self._printed += 1
        self._bar.show(text)

    def _end_bar(self, last: str) -> None:
        if last:
            self._show_bar(last)
        if self._bar is not None:
            self._bar.end()
            self._bar = None

    def _tell(self, how_many: str) -> None:
        self._more = self._more or new_place()
        self._more.show(f"{how_many}: %livy_log {self._batch.id} --output shows all")


def _print(texts: list[str] | deque[str]) -> None:
    if texts:
        print("\n".join(texts))

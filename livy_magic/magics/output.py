"""The output of a batch's program, printed as it arrives, below the cell that waits for it."""

from __future__ import annotations

import re
from collections import deque

from ..batch import OUTPUT, Batch
from ..display import readable
from ..redact import plain
from .in_place import Place, new_place

FIRST = 500  # lines that are printed as they arrive
LAST = 100  # of the later lines, how many are printed at the end

# A progress bar that a program redraws with carriage returns arrives as a new line each time: Livy
# reads lines, and to Java a carriage return ends one. Matches tqdm's, Spark's, pip's and rich's bars.
_BAR = re.compile(r"\d%\s?\||^\[Stage \d+:|[━█]{2}")


class Output:
    """The output of a batch. A progress bar in it is updated in place.

    Only the thread that runs the cell may use it: another's output may appear in another cell.

    Args:
        batch: The batch.

    Attributes:
        said: Whether anything but blank lines was printed.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._read = 0  # number of lines read from the log
        self._printed = 0
        self._held: deque[str] = deque(maxlen=LAST)
        self._behind = 0  # number of lines after the printed ones
        self._bar: Place | None = None  # the program's, while it is the last output
        self._more: Place | None = None
        self.said = False

    def print_news(self) -> None:
        """Print the new output."""
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
        """Print the rest of the output after the batch has ended.

        Raises:
            ServerError: The batch's log cannot be read.
        """
        self.print_news()
        if self._behind:
            skipped = self._behind - len(self._held)
            self._tell(f"… {skipped:,} lines are left out" if skipped else "… and then")
        self.stop()
        _print(self._held)
        if not self._read and self._batch.succeeded:
            self._batch.output()  # raises if the log cannot be read

    def stop(self) -> None:
        """Stop updating, and leave the output as it is."""
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

"""A batch's log as the panel shows it: windows of lines, the kind of each line, and search.

The lines stay packed in the watcher; only the lines of a window are unpacked. Lines are numbered
from 0, either among all lines or among those that the program itself printed.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from ..batch import OUTPUT
from ..display import readable
from ..protocol.log_format import KINDS, Line
from ..redact import SGR, coloured
from ..watch.captured_log import PACKED
from ..watch.watch import Watch

Only: TypeAlias = Literal["all", "output"]

_STATE = 10  # colour sequences that a line may begin with

_RESET = re.compile(r"\x1b\[(?:0*;)*0*m")
_LEVEL = re.compile(
    r"(?:\d\d(?:\d\d)?[/-]\d\d[/-]\d\d[ T][\d:.,]{8,12} )?\[?(ERROR|FATAL|CRITICAL|WARN(?:ING)?)\b"
)
_EXCEPTION = re.compile(
    r"(?:Caused by: |Exception in thread \"[^\"]*\" )?(?:[\w$]+\.)*[A-Z]\w*(?:Error|Exception)\b(?::|$)"
    r"|Traceback \(most recent call last\)"
)
_ERRORS = re.compile(
    r"ERROR|FATAL|CRITICAL|Error|Exception|Traceback"
)  # a quick test: a line without any of these is not an error
_OWN = frozenset(KINDS.index(kind) for kind in OUTPUT)
_LETTERS = {"program": "p", "spark": "s", "diagnostics": "d", "gap": "g"}


def kind(line: Line) -> str:
    """Return a letter for the kind of a line.

    ``e`` is an error, ``w`` a warning; every other line has the letter of its origin: ``p`` the
    program, ``s`` Spark, ``d`` diagnostics, ``g`` a gap.
    """
    if line.kind != "gap":
        if level := _LEVEL.match(line.text):
            return "w" if level[1].startswith("WARN") else "e"
        if _EXCEPTION.match(line.text):
            return "e"
    return _LETTERS[line.kind]


def shown(text: str) -> str:
    """Return a line as a person sees it: what a progress bar overwrote is gone, and it ends somewhere."""
    return coloured(readable(text))


class LogText:
    """The log of one watched batch. Only one thread may use it.

    Args:
        watch: The batch.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._own = array("I")  # numbers of the lines that the program printed
        self._states = [""]  # the active colours at the start of each piece of PACKED lines
        self._known = 0  # number of lines processed so far

    def total(self, only: Only) -> int:
        """Return the current number of lines."""
        self._catch_up()
        return len(self._numbers(only))

    def window(self, only: Only, start: int, stop: int) -> tuple[str, list[str]]:
        """Return the kinds of lines, as letters, and their texts, each with the active colours."""
        lines = self._chosen(only, start, stop)
        state = self._state_before(lines[0][0]) if lines else ""
        texts = []
        for _, line in lines:
            texts.append(state + shown(line.text))
            state = _state_after(state, line.text)
        return "".join(kind(line) for _, line in lines), texts

    def raw(self, only: Only, start: int, stop: int) -> list[str]:
        """Return lines in full, unchanged."""
        return [line.text for _, line in self._chosen(only, start, stop)]

    def hits(self, only: Only, query: str, start: int, *, case: bool) -> Iterator[int]:
        """Yield, in rising order, the numbers of the lines from ``start`` on that contain a text.

        Args:
            only: Which lines are counted.
            query: The text.
            start: The number of the first line to search.
            case: Whether case matters.
        """
        pattern = re.compile(re.escape(query), 0 if case else re.IGNORECASE)
        return self._matching(only, pattern, start, self.total(only))

    def error(self, only: Only, at: int, *, back: bool) -> int | None:
        """Return the number of the first error at or after a line, or None.

        Args:
            only: Which lines are counted.
            at: The line's number.
            back: Whether to return the last error before the line instead.
        """
        if not back:
            return next(self._errors(only, at, self.total(only)), None)
        for start in range((at - 1) // PACKED * PACKED, -1, -PACKED):
            found = list(self._errors(only, start, min(at, start + PACKED)))
            if found:
                return found[-1]
        return None

    # -- inside --

    def _catch_up(self) -> None:
        """Process the lines that have arrived since the last call."""
        first = self._known // PACKED * PACKED
        for number, piece in enumerate(self._watch.pieces(first), first // PACKED):
            begin = number * PACKED
            own = (begin + at for at, kind in enumerate(piece.kinds) if kind in _OWN)
            self._own.extend(at for at in own if at >= self._known)
            self._known = begin + len(piece)
            if len(piece) == PACKED and len(self._states) == number + 1:
                state = self._states[number]
                for line in piece.lines() if b"\x1b" in piece.texts else ():
                    state = _state_after(state, line.text)
                self._states.append(state)

    def _numbers(self, only: Only) -> Sequence[int]:
        """Return the lines that are counted, as their numbers among all lines."""
        return range(self._known) if only == "all" else self._own

    def _chosen(self, only: Only, start: int, stop: int) -> list[tuple[int, Line]]:
        """Return lines, each with its number among all lines."""
        self._catch_up()
        numbers = self._numbers(only)[start:stop]
        if not len(numbers):
            return []
        if numbers[-1] - numbers[0] < 10 * len(numbers):
            lines = self._watch.lines(numbers[0], numbers[-1] + 1)
            return [(number, lines[number - numbers[0]]) for number in numbers]
        return [(number, self._watch.lines(number, number + 1)[0]) for number in numbers]

    def _state_before(self, number: int) -> str:
        """Return the active colours at the start of a line."""
        first = number // PACKED * PACKED
        state = self._states[number // PACKED]
        for line in self._watch.lines(first, number):
            state = _state_after(state, line.text)
        return state

    def _errors(self, only: Only, start: int, stop: int) -> Iterator[int]:
        for number in self._matching(only, _ERRORS, start, stop):
            [(_, line)] = self._chosen(only, number, number + 1)
            if kind(line) == "e":
                yield number

    def _matching(
        self, only: Only, pattern: re.Pattern[str], start: int, stop: int
    ) -> Iterator[int]:
        """Yield the numbers of lines that a pattern matches, reading the log in large pieces."""
        numbers = self._numbers(only)[start:stop]
        first = numbers[0] // PACKED * PACKED if len(numbers) else 0
        at = 0
        for begin, piece in enumerate(self._watch.pieces(first) if len(numbers) else ()):
            offset = first + PACKED * begin
            behind = bisect_left(numbers, offset + len(piece))
            # Search line by line only in pieces that match as a whole.
            if at < behind and pattern.search(piece.texts.decode("utf-8", "surrogatepass")):
                for hit in range(at, behind):
                    if pattern.search(piece.text(numbers[hit] - offset)):
                        yield start + hit
            at = behind


def _state_after(state: str, text: str) -> str:
    """Return the active colours after a line."""
    if "\x1b" not in text:
        return state
    sequences = SGR.findall(state + text)
    for at in range(len(sequences), 0, -1):
        if _RESET.fullmatch(sequences[at - 1]):
            sequences = sequences[at:]
            break
    return "".join(sequences[-_STATE:])

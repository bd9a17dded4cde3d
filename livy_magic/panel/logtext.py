"""A batch's log as the panel shows it: windows of it, what kind each line is, and searching.

The lines stay where the watcher keeps them, packed; a window is unpacked for the answer. Lines have
numbers from 0 on, in one of two countings: of all, or of what the program itself printed.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from ..batch import OUTPUT
from ..protocol.log_format import KINDS, Line
from ..redact import SGR, coloured
from ..watch.captured_log import PACKED
from ..watch.watch import Watch

Only: TypeAlias = Literal["all", "output"]

LONGEST = 2000  # characters of a line in the panel
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
)  # what an error line may hold
_OWN = frozenset(KINDS.index(kind) for kind in OUTPUT)
_LETTERS = {"program": "p", "spark": "s", "diagnostics": "d", "gap": "g"}


def kind(line: Line) -> str:
    """Return a letter for what a line is: ``e`` and ``w`` are errors and warnings, else its origin."""
    if line.kind != "gap":
        if level := _LEVEL.match(line.text):
            return "w" if level[1].startswith("WARN") else "e"
        if _EXCEPTION.match(line.text):
            return "e"
    return _LETTERS[line.kind]


def shown(text: str) -> str:
    """Return a line as a person sees it: what a progress bar overwrote is gone, and it ends somewhere."""
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part), "")
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text) - LONGEST:,} characters more)"
    return coloured(text)


class LogText:
    """The log of one watched batch. Only one thread may use it.

    Args:
        watch: The batch.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._own = array("I")  # numbers of the lines that the program printed
        self._states = [""]  # colours in force where each thousand lines begins
        self._known = 0  # lines that were taken account of

    def total(self, only: Only) -> int:
        """Return how many lines there are now."""
        self._catch_up()
        return len(self._numbers(only))

    def window(self, only: Only, start: int, stop: int) -> tuple[str, list[str]]:
        """Return the kinds and the texts of lines, each text with the colours in force."""
        lines = self._chosen(only, start, stop)
        state = self._state_before(lines[0][0]) if lines else ""
        texts = []
        for _, line in lines:
            texts.append(state + shown(line.text))
            state = _state_after(state, line.text)
        return "".join(kind(line) for _, line in lines), texts

    def raw(self, only: Only, start: int, stop: int) -> list[str]:
        """Return lines whole, as they came."""
        return [line.text for _, line in self._chosen(only, start, stop)]

    def hits(self, only: Only, query: str, start: int, *, case: bool) -> Iterator[int]:
        """Yield the numbers of the lines from ``start`` on that hold a text, in rising order."""
        pattern = re.compile(re.escape(query), 0 if case else re.IGNORECASE)
        return self._matching(only, pattern, start, self.total(only))

    def error(self, only: Only, at: int, *, back: bool) -> int | None:
        """Return the number of the first error at or behind a line, or of the last one before it."""
        if not back:
            return next(self._errors(only, at, self.total(only)), None)
        for start in range((at - 1) // PACKED * PACKED, -1, -PACKED):
            found = list(self._errors(only, start, min(at, start + PACKED)))
            if found:
                return found[-1]
        return None

    # -- inside --

    def _catch_up(self) -> None:
        """Take account of the lines that came."""
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
        """Return which lines are counted, as their numbers among all."""
        return range(self._known) if only == "all" else self._own

    def _chosen(self, only: Only, start: int, stop: int) -> list[tuple[int, Line]]:
        """Return lines, each with its number among all."""
        self._catch_up()
        numbers = self._numbers(only)[start:stop]
        if not len(numbers):
            return []
        if numbers[-1] - numbers[0] < 10 * len(numbers):
            lines = self._watch.lines(numbers[0], numbers[-1] + 1)
            return [(number, lines[number - numbers[0]]) for number in numbers]
        return [(number, self._watch.lines(number, number + 1)[0]) for number in numbers]

    def _state_before(self, number: int) -> str:
        """Return the colours in force where a line begins."""
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
        """Yield the numbers of lines in which a pattern is found, reading all in large steps."""
        numbers = self._numbers(only)[start:stop]
        first = numbers[0] // PACKED * PACKED if len(numbers) else 0
        at = 0
        for begin, piece in enumerate(self._watch.pieces(first) if len(numbers) else ()):
            offset = first + PACKED * begin
            behind = bisect_left(numbers, offset + len(piece))
            # Lines are looked at one by one only where that is worth it.
            if at < behind and pattern.search(piece.texts.decode("utf-8", "surrogatepass")):
                for hit in range(at, behind):
                    if pattern.search(piece.text(numbers[hit] - offset)):
                        yield start + hit
            at = behind


def _state_after(state: str, text: str) -> str:
    """Return the colours in force behind a line."""
    if "\x1b" not in text:
        return state
    sequences = SGR.findall(state + text)
    for at in range(len(sequences), 0, -1):
        if _RESET.fullmatch(sequences[at - 1]):
            sequences = sequences[at:]
            break
    return "".join(sequences[-_STATE:])

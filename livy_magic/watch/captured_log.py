"""The captured lines of a batch's log, packed, so that long logs take little memory."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..protocol.log_format import KINDS, Kind, Line

PACKED = 1000  # lines packed into one piece


@dataclass(frozen=True)
class Piece:
    """Some lines of a log, packed.

    Attributes:
        texts: The lines' texts, concatenated, in UTF-8.
        ends: The end of each line in ``texts``, in bytes.
        kinds: The lines' kinds, as positions in :data:`KINDS`.
    """

    texts: bytes
    ends: array[int]
    kinds: bytes

    @classmethod
    def of(cls, lines: Sequence[Line]) -> Piece:
        """Pack lines."""
        texts = [line.text.encode("utf-8", "surrogatepass") for line in lines]
        ends = array("I", itertools.accumulate(map(len, texts)))
        return cls(b"".join(texts), ends, bytes(KINDS.index(line.kind) for line in lines))

    def __len__(self) -> int:
        return len(self.ends)

    def lines(self, start: int = 0, stop: int | None = None) -> list[Line]:
        """Return the lines from number ``start`` on, up to but without ``stop``."""
        numbers = range(len(self))[start:stop]
        return [Line(self.text(number), KINDS[self.kinds[number]]) for number in numbers]

    def text(self, number: int) -> str:
        """Return the text of a line."""
        start = self.ends[number - 1] if number else 0
        return self.texts[start : self.ends[number]].decode("utf-8", "surrogatepass")


class CapturedLog:
    """A log that stores hundreds of thousands of lines in little more memory than their text takes.

    All but the last thousand lines are packed, and unpacked only when they are read.
    """

    def __init__(self) -> None:
        self._packed: list[Piece] = []
        self._last: list[Line] = []

    def __len__(self) -> int:
        return PACKED * len(self._packed) + len(self._last)

    def extend(self, lines: Iterable[Line]) -> None:
        """Append lines."""
        self._last += lines
        whole = len(self._last) // PACKED * PACKED
        for start in range(0, whole, PACKED):
            self._packed.append(Piece.of(self._last[start : start + PACKED]))
        del self._last[:whole]

    def between(self, start: int = 0, stop: int | None = None) -> list[Line]:
        """Return the lines from number ``start`` on, up to but without ``stop``."""
        start, stop, _ = slice(start, stop).indices(len(self))
        lines: list[Line] = []
        for number in range(start // PACKED, min(-(-stop // PACKED), len(self._packed))):
            first = number * PACKED
            lines += self._packed[number].lines(max(0, start - first), stop - first)
        first = PACKED * len(self._packed)
        return lines + self._last[max(0, start - first) : max(0, stop - first)]

    def pieces(self, start: int = 0) -> list[Piece]:
        """Return the lines from number ``start`` on, packed: 1,000 in each piece but the last.

        Args:
            start: A multiple of 1,000.
        """
        packed = self._packed[start // PACKED :]
        return [*packed, Piece.of(self._last)] if self._last and start < len(self) else packed


def backwards(pieces: Sequence[Piece], kinds: Collection[Kind]) -> Iterator[Line]:
    """Yield the lines of some kinds, last first, without unpacking others."""
    others = bytes(number for number, kind in enumerate(KINDS) if kind not in kinds)
    for piece in reversed(pieces):
        ahead = piece.kinds.rstrip(others)
        while ahead:
            number = len(ahead) - 1
            yield Line(piece.text(number), KINDS[ahead[number]])
            ahead = ahead[:number].rstrip(others)

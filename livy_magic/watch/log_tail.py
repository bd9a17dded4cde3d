"""The exact tail of a batch's log, read through a sliding window.

Livy keeps only the last lines of each stream (200 by default), and numbers the lines that it keeps,
not all that were written. So new lines are found by content: they follow the point at which the
end of the known lines occurs again (protocol, part 3). If lines are distinct, that is exact.
Repeated lines cannot be told apart, and none may appear twice: if the last known lines occur again
in the new ones, the lines between are skipped; if a window without any known line begins as the
last one ended, the gap goes unnoticed.

The code here sends no request: :class:`LogTail` returns the next query, and takes the answers;
:class:`Glimpses` tells whether there is anything to request.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..protocol.log_format import (
    JAVAS_WARNING,
    LIVY_KEEPS,
    PRIVATE_KEEPS,
    STDERR,
    Line,
    end_of_known,
    looks_like_sparks,
    sparks_part,
    split_sections,
)
from ..protocol.models import LogPage

WHOLE = 500  # largest window, in lines, that is requested as a whole
ANCHOR = 80  # known lines to request again before the new ones, if the window is larger
TRUSTED = 50  # of these, lines that must match: fewer could match by chance
REMEMBERED = 1000  # known lines kept to find the position in a window again


class Glimpses:
    """News of a log from its batch's views, which have its last ten entries (protocol, part 2)."""

    def __init__(self) -> None:
        self._last: tuple[str, ...] = ()
        self._repeats = False

    def news(self, entries: tuple[str, ...]) -> float:
        """Take the entries of the next view; return the least number of lines since the last one.

        There may be more, since repeated lines cannot be told apart. The number is 0 if there is
        nothing to read, and infinite if the entries do not tell.
        """
        last, self._last = self._last, entries
        if STDERR not in entries:  # the entries have no line from before that marker
            return math.inf
        if entries == last:
            return 1 if self._repeats else 0
        self._repeats = _repeats(entries)
        known = last[: last.index(STDERR)] if STDERR in last else ()
        lines = entries[: entries.index(STDERR)]
        for news in range(len(lines)):
            if known[-(len(lines) - news) :] == lines[: len(lines) - news]:
                return max(news, 1)  # any other change is after the marker
        return math.inf


def _repeats(entries: tuple[str, ...]) -> bool:
    """Return whether the last lines repeat, so that more of the same would go unnoticed."""
    lines = entries[: entries.index(STDERR)]
    return any(lines[by:] == lines[:-by] for by in range(1, len(lines) // 2 + 1))


class LogTail:
    """The log of one batch: turns windows into lines.

    ::

        lines = tail.feed(client.log(batch_id, *tail.next_query()))
        if lines is None:  # the part does not fit; the next query is for the whole window
            lines = tail.feed(client.log(batch_id, *tail.next_query()))
    """

    def __init__(self) -> None:
        # The last lines of each section in the last answer. Lines from earlier answers may not be
        # the ones before these, if the position among repeated lines was found too late.
        self._stdout: list[str] = []
        self._stderr: list[str] = []
        self._diagnostics: list[str] = []
        self._end = 0  # position in its section after the last line of stdout
        self._slid = 0  # lines by which the window last moved
        self._keeps = 0  # lines that the server keeps; known once the window has moved
        self._start = 0  # of the next request
        self._refused: tuple[int, list[str]] = (0, [])  # a part, until the whole window arrives
        self._marked = False
        self._behind_sparks = False
        self._broken = False
        self._held_back = False

    @property
    def is_anothers(self) -> bool:
        """Whether this is another batch's log: no line was lost, and yet it does not continue."""
        return self._broken

    @property
    def room(self) -> int:
        """Number of lines that can arrive before one is lost, as far as the window is known."""
        return self._keeps or max(LIVY_KEEPS, self._end)

    def next_query(self) -> tuple[int, int]:
        """Return ``from`` and ``size`` of the next request for the log.

        It is for the whole window; or, if that has more than 500 lines, for the last few known
        lines and all that follow.
        """
        return self._start, -1

    def feed(self, page: LogPage) -> list[Line] | None:
        """Take an answer; return the new lines in order, each once.

        Returns:
            The lines; or None if the answer is a part of the window that does not continue the
            known lines. :meth:`next_query` then asks for the whole window, with which it is used.
        """
        offset = max(0, page.start - 1)  # of the first line here; the marker does not count
        sections = split_sections(page.entries, max(0, page.start))
        met = self._met(offset, sections.stdout)
        has_end = STDERR in page.entries
        if offset and not (met >= TRUSTED and has_end):
            self._start = 0
            # Without the marker after them, these lines may be another section's.
            self._refused = (offset, sections.stdout if has_end else [])
            return None
        lines: list[Line] = []
        # Keep a section that is empty once: otherwise all its lines would appear again.
        if sections.stdout:
            begin, part = self._refused
            if part and end_of_known(part, sections.stdout, begin + len(part)) < len(part):
                lines += self._take(begin, part)  # the window has already lost some of it
            lines += self._take(offset, sections.stdout)
            self._refused = (0, [])
        met_stderr = end_of_known(self._stderr, sections.stderr, len(self._stderr))
        lines += [
            *_gap(self._stderr, len(sections.stderr), met_stderr),
            *self._classified(sections.stderr[met_stderr:]),
            *self._new_diagnostics(sections.diagnostics),
            *self._held(page.total - page.end),
        ]
        self._stderr = sections.stderr or self._stderr
        anchor = max(ANCHOR, 2 * self._slid)  # in a sliding window, some are lost meanwhile
        # Position 0 holds the marker, so the last lines begin one position later.
        self._start = max(0, 1 + self._end - anchor) if has_end and self._end > WHOLE else 0
        return lines

    def _met(self, offset: int, section: list[str]) -> int:
        """Return the number of known lines in the first section, which starts at ``offset``."""
        # A line keeps its position in the window, or moves to a lower one.
        return end_of_known(self._stdout, section, self._end - offset)

    def _take(self, offset: int, section: list[str]) -> list[Line]:
        """Take the first section from position ``offset`` on; return its new lines."""
        met, end = self._met(offset, section), offset + len(section)
        lines = [*_gap(self._stdout, end, met), *self._classified(section[met:])]
        if self._stdout:
            slid = self._end - offset - met
            self._slid = slid or self._slid
            if (slid and met) or self._keeps:
                self._keeps = max(self._keeps, end)
            self._broken = not met and end < (self._keeps or LIVY_KEEPS)
        self._stdout, self._end = section[-REMEMBERED:], end
        return lines

    def _classified(self, texts: Sequence[str]) -> list[Line]:
        """Return lines with their kinds; split one in which Spark's line begins late."""
        self._marked = self._marked or any(
            sparks_part(text, goes_on=False) is not None for text in texts
        )
        return [line for text in texts for line in self._kinds(text)]

    def _kinds(self, text: str) -> Iterator[Line]:
        at = sparks_part(text, goes_on=self._behind_sparks)
        self._behind_sparks = at is not None
        if at is not None:
            if at:
                yield Line(text[:at], "program")
            yield Line(text[at + 1 :], "spark")
        elif text == JAVAS_WARNING or (not self._marked and looks_like_sparks(text)):
            yield Line(text, "spark")
        else:
            yield Line(text, "program")

    def _held(self, count: int) -> Iterator[Line]:
        """Yield a gap where the server begins to withhold lines that it says it has."""
        if count > 0 and not self._held_back:
            yield Line(
                f"… the server says that it has {count} more lines, but withholds them …", "gap"
            )
        self._held_back = count > 0

    def _new_diagnostics(self, section: list[str]) -> Iterator[Line]:
        """Yield the diagnostics if they changed: new ones replace all earlier ones."""
        if section and section != self._diagnostics:
            self._diagnostics = section
            for entry in section:  # on Kubernetes, an entry has several lines
                for text in entry.split("\n"):
                    yield Line(text, "diagnostics")


def _gap(known: list[str], kept: int, met: int) -> list[Line]:
    """Return the gap line, if any, before the new lines of a section with ``kept`` lines."""
    if known and kept and not met:
        text = (
            f"… lines lost here: more than the {kept} that the server keeps were written between two"
            " looks …"
        )
    elif not known and kept in {LIVY_KEEPS, PRIVATE_KEEPS}:
        text = f"… lines may be lost here: the server keeps the last {kept} only …"
    else:
        return []
    return [Line(text, "gap")]

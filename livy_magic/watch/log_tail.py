"""The exact tail of a batch's log, read through a window that slides.

Livy keeps the last lines of each stream only (200 by default), and numbers what it keeps, not what
was ever written. So the news is found by content: what follows where the end of the lines read
before is found again (protocol, part 3). With distinct lines that is exact. Lines that repeat cannot
be told apart, and none may come twice: where the lines read last come again in the news, what stands
between is passed over; where a window without any known line begins as the last one ended, the gap
is not seen.

Nothing here reads from anywhere: :class:`LogTail` says what to ask, and takes the answers;
:class:`Glimpses` says whether there is anything to ask for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..protocol.log_format import (
    JAVAS_WARNING,
    LIVY_KEEPS,
    PRIVATE_KEEPS,
    SPARK_MARK,
    STDERR,
    Line,
    end_of_known,
    looks_like_sparks,
    split_sections,
)
from ..protocol.models import LogPage

WHOLE = 500  # lines in a window up to which all of it is asked for
ANCHOR = 80  # known lines that are asked for again, before the news, when it is longer
TRUSTED = 50  # of these, lines that have to be met again: fewer could be chance
REMEMBERED = 1000  # known lines by which the place in a window is found again


class Glimpses:
    """What the views of a batch tell of its log: each has its last ten entries (protocol, part 2)."""

    def __init__(self) -> None:
        self._last: tuple[str, ...] = ()
        self._repeats = False

    def news(self, entries: tuple[str, ...]) -> float:
        """Take the entries of the next view; return how many lines came since the last one.

        At least so many, that is: lines that repeat each other cannot be told apart. It is 0 when
        there is nothing to read, and infinite when the entries do not say.
        """
        last, self._last = self._last, entries
        if STDERR not in entries:  # of the lines before that marker, none is here
            return math.inf
        if entries == last:
            return 1 if self._repeats else 0
        self._repeats = _repeats(entries)
        known = last[: last.index(STDERR)] if STDERR in last else ()
        lines = entries[: entries.index(STDERR)]
        for news in range(len(lines)):
            if known[-(len(lines) - news) :] == lines[: len(lines) - news]:
                return max(news, 1)  # what else changed is behind the marker
        return math.inf


def _repeats(entries: tuple[str, ...]) -> bool:
    """Say whether more lines of the same kind could have come, and the end would look the same."""
    lines = entries[: entries.index(STDERR)]
    return any(lines[by:] == lines[:-by] for by in range(1, len(lines) // 2 + 1))


class LogTail:
    """The log of one batch, turned from windows into lines.

    ::

        lines = tail.feed(client.log(batch_id, *tail.next_query()))
        if lines is None:  # the part asked for does not fit; now all of the window is wanted
            lines = tail.feed(client.log(batch_id, *tail.next_query()))
    """

    def __init__(self) -> None:
        # The last lines of each section, as the last answer had them: what was read before may not
        # be what stood before these, if the place was found too late in lines that repeat.
        self._stdout: list[str] = []
        self._stderr: list[str] = []
        self._diagnostics: list[str] = []
        self._end = 0  # where in its section what was seen of stdout ended
        self._slid = 0  # by how many lines the window moved, when it did last
        self._keeps = 0  # lines that the server keeps, once the window was seen to move
        self._start = 0  # of the next request
        self._refused: tuple[int, list[str]] = (0, [])  # a part, until the whole window comes
        self._marked = False
        self._broken = False
        self._held_back = False

    @property
    def is_anothers(self) -> bool:
        """Whether the log cannot be the one read before: it goes on otherwise, though none was lost."""
        return self._broken

    @property
    def room(self) -> int:
        """How many lines may come without one being lost, as far as the server's window is known."""
        return self._keeps or max(LIVY_KEEPS, self._end)

    def next_query(self) -> tuple[int, int]:
        """Return ``from`` and ``size`` of the next request for the log.

        Normally the whole window; of one longer than 500 lines the last few known lines and what
        follows them.
        """
        return self._start, -1

    def feed(self, page: LogPage) -> list[Line] | None:
        """Take an answer; return the lines that are new, in order, each once.

        Returns:
            None when the answer is a part of the window that does not continue what is known:
            :meth:`next_query` now asks for the whole window, and then it is made use of.
        """
        offset = max(0, page.start - 1)  # of the first line here; the marker is no line
        sections = split_sections(page.entries, max(0, page.start))
        met = self._met(offset, sections.stdout)
        has_end = STDERR in page.entries
        if offset and not (met >= TRUSTED and has_end):
            self._start = 0
            # Without the marker behind them, they may be another section's.
            self._refused = (offset, sections.stdout if has_end else [])
            return None
        lines: list[Line] = []
        # A section that is empty for once is not forgotten, or all of it would come again.
        if sections.stdout:
            begin, part = self._refused
            if part and end_of_known(part, sections.stdout, begin + len(part)) < len(part):
                lines += self._take(begin, part)  # the window does not have all of it any more
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
        anchor = max(ANCHOR, 2 * self._slid)  # when it slides, they move out of it meanwhile
        # Position 0 is the marker's, so the last lines begin one further.
        self._start = max(0, 1 + self._end - anchor) if has_end and self._end > WHOLE else 0
        return lines

    def _met(self, offset: int, section: list[str]) -> int:
        """Return how many lines of the first section, from position ``offset`` on, are known."""
        # The window only ever slides towards the front: a line is where it was, or before that.
        return end_of_known(self._stdout, section, self._end - offset)

    def _take(self, offset: int, section: list[str]) -> list[Line]:
        """Take the first section from position ``offset`` on; return what is new."""
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
        """Return lines with their kinds; one as two, when Spark's began behind an unfinished one."""
        self._marked = self._marked or any(SPARK_MARK in text for text in texts)
        return [line for text in texts for line in self._kinds(text)]

    def _kinds(self, text: str) -> Iterator[Line]:
        program, mark, spark = text.partition(SPARK_MARK)
        if mark:
            if program:
                yield Line(program, "program")
            yield Line(spark, "spark")
        elif text == JAVAS_WARNING or (not self._marked and looks_like_sparks(text)):
            yield Line(text, "spark")
        else:
            yield Line(text, "program")

    def _held(self, count: int) -> Iterator[Line]:
        """Yield a gap where the server begins to hold back lines that it says it has."""
        if count > 0 and not self._held_back:
            yield Line(
                f"… the server says that it has {count} more, and hands out none of them …", "gap"
            )
        self._held_back = count > 0

    def _new_diagnostics(self, section: list[str]) -> Iterator[Line]:
        """Yield the diagnostics when they changed: each replaces the one before as a whole."""
        if section and section != self._diagnostics:
            self._diagnostics = section
            for entry in section:  # Kubernetes' hold several lines each
                for text in entry.split("\n"):
                    yield Line(text, "diagnostics")


def _gap(known: list[str], kept: int, met: int) -> list[Line]:
    """Return what is to be said before the news of a section of which the server has ``kept`` lines."""
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

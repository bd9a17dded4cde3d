"""The exact tail of a batch's log, read through a window that slides.

Livy keeps the last lines of each stream only (200 by default), and numbers what it keeps, not what
was ever written. So the news is found by content: what follows where the end of the lines read
before is found again (protocol, part 3). With distinct lines that is exact; where a full window
repeats itself it may count too few of the same, never one twice.

Nothing here reads from anywhere: :class:`LogTail` says what to ask, and takes the answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .models import LogPage

SPARK_MARK = "\u2063"
"""An invisible character that the private Livy's log pattern puts before each of Spark's own lines."""

LIVY_KEEPS = 200  # lines a stream, unless livy.cache-log.size says otherwise
WHOLE = 500  # lines in a window up to which all of it is asked for
ANCHOR = 100  # known lines that are asked for again, before the news, when it is longer
TRUSTED = ANCHOR // 2  # of them at least have to be met again: fewer could be a coincidence

_STDOUT = "stdout: "
_STDERR = "\nstderr: "
_DIAGNOSTICS = re.compile(r"\n\w+ Diagnostics: ")
_SPARK_LAYOUT = re.compile(
    r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) \S+: "
)

Kind: TypeAlias = Literal["program", "spark", "diagnostics", "gap"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a batch's log.

    Attributes:
        text: The line, without its end.
        kind: Who wrote it: the ``program``, ``spark``'s own logging, or the cluster manager
            (``diagnostics``). A ``gap`` is ours, and stands where lines were lost.
    """

    text: str
    kind: Kind


@dataclass(frozen=True)
class Sections:
    """The parts of a log window, without the markers between them.

    Attributes:
        stdout: The first section. Only on Kubernetes is it without spark-submit's stderr.
        stderr: The second; empty but on Kubernetes, where it is spark-submit's output.
        diagnostics: What YARN or Kubernetes says about the application.
    """

    stdout: list[str]
    stderr: list[str]
    diagnostics: list[str]


def split_sections(entries: Sequence[str], start: int = 0) -> Sections:
    """Split a window, or its part from position ``start`` on, at Livy's markers.

    A marker begins with a newline, which no log line holds; only the first one, ``stdout: ``,
    does not, and is one at position 0 alone.
    """
    sections = Sections([], [], [])
    current = sections.stdout
    for position, entry in enumerate(entries, start):
        if position == 0 and entry == _STDOUT:
            continue
        if entry == _STDERR:
            current = sections.stderr
        elif _DIAGNOSTICS.fullmatch(entry):
            current = sections.diagnostics
        else:
            current.append(entry)
    return sections


class LogTail:
    """The log of one batch, turned from windows into lines.

    ::

        lines = tail.feed(client.log(batch_id, *tail.next_query()))
        if lines is None:  # the part asked for does not fit; now all of the window is wanted
            lines = tail.feed(client.log(batch_id, *tail.next_query()))
    """

    def __init__(self) -> None:
        self._stdout: list[str] = []  # each section as last seen
        self._offset = 0  # where in its section what was seen of stdout began
        self._stderr: list[str] = []
        self._diagnostics: list[str] = []
        self._start = 0  # of the next request
        self._marked = False

    def next_query(self) -> tuple[int, int]:
        """Return ``from`` and ``size`` of the next request for the log.

        Normally the whole window; of one longer than 500 lines the last hundred known lines and
        what follows them.
        """
        return self._start, -1

    def feed(self, page: LogPage) -> list[Line] | None:
        """Take an answer; return the lines that are new, in order, each once.

        Returns:
            None when the answer is a part of the window that does not continue what is known: it
            was not used, and :meth:`next_query` now asks for the whole window.
        """
        offset = max(0, page.start - 1)  # of the first line here; the marker is no line
        sections = split_sections(page.entries, max(0, page.start))
        # The window only ever slides towards the front: a line is where it was, or before that.
        furthest = self._offset + len(self._stdout) - offset
        met = _end_of_known(self._stdout, sections.stdout, furthest)
        has_end = _STDERR in page.entries
        if offset and not (met >= TRUSTED and has_end):
            self._start = 0
            return None
        met_stderr = _end_of_known(self._stderr, sections.stderr, len(self._stderr))
        lines = [
            *self._news(self._stdout, sections.stdout, met),
            *self._news(self._stderr, sections.stderr, met_stderr),
            *self._new_diagnostics(sections.diagnostics),
        ]
        # A section that is empty for once is not forgotten, or all of it would come again.
        if sections.stdout:
            self._stdout, self._offset = sections.stdout, offset
        self._stderr = sections.stderr or self._stderr
        length = self._offset + len(self._stdout)
        # Position 0 is the marker's, so the last lines begin one further.
        self._start = 1 + length - ANCHOR if has_end and length > WHOLE else 0
        return lines

    def _news(self, known: list[str], section: list[str], met: int) -> Iterator[Line]:
        """Yield what a section has behind the first ``met`` lines, which are known."""
        if known and section and not met:
            yield Line(
                f"… lines lost here: more than the {len(section)} that the server keeps "
                "were written between two looks …",
                "gap",
            )
        elif not known and len(section) == LIVY_KEEPS:
            yield Line(
                f"… lines may be lost here: the server keeps the last {LIVY_KEEPS} only …", "gap"
            )
        news = section[met:]
        self._marked = self._marked or any(SPARK_MARK in text for text in news)
        for text in news:
            yield from self._classified(text)

    def _classified(self, text: str) -> Iterator[Line]:
        """Yield a line with its kind; as two, when Spark's began behind an unfinished one."""
        program, mark, spark = text.partition(SPARK_MARK)
        if mark:
            if program:
                yield Line(program, "program")
            yield Line(spark, "spark")
        elif not self._marked and _SPARK_LAYOUT.match(text):
            yield Line(text, "spark")
        else:
            yield Line(text, "program")

    def _new_diagnostics(self, section: list[str]) -> Iterator[Line]:
        """Yield the diagnostics when they changed: each replaces the one before as a whole."""
        if section and section != self._diagnostics:
            self._diagnostics = section
            for entry in section:  # Kubernetes' hold several lines each
                for text in entry.split("\n"):
                    yield Line(text, "diagnostics")


def _end_of_known(known: list[str], lines: list[str], furthest: int) -> int:
    """Return how many of ``lines`` are known: the last position that fits, at ``furthest``.

    A position fits when the lines before it, as far as both go, are the last known ones.
    """
    for end in range(min(furthest, len(lines)), 0, -1):
        both = min(end, len(known))
        if known[-1] == lines[end - 1] and known[-both:] == lines[end - both : end]:
            return end
    return 0

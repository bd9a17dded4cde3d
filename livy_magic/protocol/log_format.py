"""The layout of Livy's log of a batch: lines and their writers, sections and their markers.

Source: protocol, part 3. The functions here are pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, get_args

SPARK_MARK = "\u2063"
"""An invisible character that the private Livy's log pattern puts before each of Spark's lines."""

LIVY_KEEPS = 200  # lines of each stream, unless livy.cache-log.size is set
PRIVATE_KEEPS = 20_000  # the same, on the private Livy

STDOUT = "stdout: "
STDERR = "\nstderr: "
_DIAGNOSTICS = re.compile(r"\n\w+ Diagnostics: ")
_SPARK_LAYOUT = re.compile(
    r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) \S+: "
    # spark-submit's report on an application on YARN, in lines below one of its log lines.
    r"|\t (?:client token|diagnostics|ApplicationMaster (?:host|RPC port)|queue|start time"
    r"|final status|tracking URL|user): "
    # Before its log begins, where nothing configures that.
    r"|Using Spark's default log4j profile: "
)
# Below a line of Spark's log; other lines may come in between, as a long trace is written in parts.
_TRACE = re.compile(
    r"\s+at [\w.$<>/-]+\(|(?:\s*Suppressed|Caused by): |\s+\.\.\. \d+ (?:more|common frames omitted)"
)
# What the private Livy's spark-submit says of a batch that waits for its place.
_WAITS = re.compile(
    rf"{SPARK_MARK}[\d/]+ [\d:]+ INFO livy_magic: (?P<waits>waits for \d+ other batch(?:es)?):"
)
# Java's first line on its standard error if Spark 4 makes it load that module.
JAVAS_WARNING = "WARNING: Using incubator modules: jdk.incubator.vector"

Kind: TypeAlias = Literal["program", "spark", "diagnostics", "gap"]
KINDS: tuple[Kind, ...] = get_args(Kind)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a batch's log.

    Attributes:
        text: The line, without its end.
        kind: Its writer: the ``program``, ``spark``'s own logging, or the cluster manager
            (``diagnostics``). livy_magic adds a ``gap`` where lines were lost.
    """

    text: str
    kind: Kind


@dataclass(frozen=True)
class Sections:
    """The parts of a log window, without the markers between them.

    Attributes:
        stdout: The first section; except on Kubernetes, it includes spark-submit's stderr.
        stderr: The second section; empty except on Kubernetes, where it is spark-submit's output.
        diagnostics: The messages of YARN or Kubernetes about the application.
    """

    stdout: list[str]
    stderr: list[str]
    diagnostics: list[str]


def split_sections(entries: Sequence[str], start: int = 0) -> Sections:
    """Split a log window, or its part from position ``start`` on, at Livy's markers.

    A marker begins with a newline, which no log line contains. Only the first one, ``stdout: ``,
    does not; it is a marker only at position 0.
    """
    sections = Sections([], [], [])
    current = sections.stdout
    for position, entry in enumerate(entries, start):
        if position == 0 and entry == STDOUT:
            continue
        if entry == STDERR:
            current = sections.stderr
        elif _DIAGNOSTICS.fullmatch(entry):
            current = sections.diagnostics
        else:
            current.append(entry)
    return sections


def waits(entries: Sequence[str]) -> str:
    """Return why a batch of the private Livy has not begun, ``waits for 2 other batches``; else nothing.

    Args:
        entries: The end of its log, as a view has it.
    """
    lines = split_sections(entries, start=0 if entries[:1] == (STDOUT,) else 1).stdout
    found = _WAITS.match(lines[-1]) if lines else None
    return found["waits"] if found else ""


def sparks_part(text: str, *, goes_on: bool) -> int | None:
    """Return where in a line of the private Livy's log Spark's mark begins; None where it has none.

    A program can print the mark, too, and none of its text may be taken for Spark's. So the mark
    counts before what is laid out as Spark's lines or stack traces are, which may stand behind an
    unfinished line of the program's; and at the beginning of a line that goes on with Spark's.

    Args:
        text: The line.
        goes_on: Whether the line before it ended as Spark's.
    """
    at = text.find(SPARK_MARK)
    if at == 0 and goes_on:
        return 0
    while at >= 0:
        if _SPARK_LAYOUT.match(text, at + 1) or _TRACE.match(text, at + 1):
            return at
        at = text.find(SPARK_MARK, at + 1)
    return None


def looks_like_sparks(text: str) -> bool:
    """Return whether a line has the layout of Spark's log, for use in logs without the mark."""
    return _SPARK_LAYOUT.match(text) is not None


def end_of_known(known: Sequence[T], lines: Sequence[T], furthest: int) -> int:
    """Return the number of ``lines`` that are known: the last position that fits.

    A position fits if the lines before it equal the last known ones, as far as both reach.

    Args:
        known: The known lines.
        lines: The lines of a later answer.
        furthest: The highest position to try.
    """
    for end in range(min(furthest, len(lines)) if known else 0, 0, -1):
        both = min(end, len(known))
        if known[-1] == lines[end - 1] and known[-both:] == lines[end - both : end]:
            return end
    return 0

"""How Livy's log of a batch is laid out: lines and who wrote them, sections and their markers.

Source: protocol, part 3. Nothing here reads from anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, get_args

SPARK_MARK = "\u2063"
"""An invisible character that the private Livy's log pattern puts before each of Spark's own lines."""

LIVY_KEEPS = 200  # lines a stream, unless livy.cache-log.size says otherwise
PRIVATE_KEEPS = 20_000  # the private Livy

STDOUT = "stdout: "
STDERR = "\nstderr: "
_DIAGNOSTICS = re.compile(r"\n\w+ Diagnostics: ")
_SPARK_LAYOUT = re.compile(
    r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) \S+: "
    # What spark-submit knows of an application on YARN, in lines below one of its log.
    r"|\t (?:client token|diagnostics|ApplicationMaster (?:host|RPC port)|queue|start time"
    r"|final status|tracking URL|user): "
    # Before its log begins, where nothing configures that.
    r"|Using Spark's default log4j profile: "
)
# What the private Livy's spark-submit says of a batch that waits for its place.
_WAITS = re.compile(
    rf"{SPARK_MARK}[\d/]+ [\d:]+ INFO livy_magic: (?P<waits>waits for \d+ other batch(?:es)?):"
)
# What Java says first of all, to its standard error, when Spark 4 has it load that module.
JAVAS_WARNING = "WARNING: Using incubator modules: jdk.incubator.vector"

Kind: TypeAlias = Literal["program", "spark", "diagnostics", "gap"]
KINDS: tuple[Kind, ...] = get_args(Kind)


T = TypeVar("T")


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


def looks_like_sparks(text: str) -> bool:
    """Say whether a line is laid out as those of Spark's own log are, where no mark tells them."""
    return _SPARK_LAYOUT.match(text) is not None


def end_of_known(known: Sequence[T], lines: Sequence[T], furthest: int) -> int:
    """Return how many of ``lines`` are known: the last position that fits, at ``furthest``.

    A position fits when the lines before it, as far as both go, are the last known ones.
    """
    for end in range(min(furthest, len(lines)) if known else 0, 0, -1):
        both = min(end, len(known))
        if known[-1] == lines[end - 1] and known[-both:] == lines[end - both : end]:
            return end
    return 0

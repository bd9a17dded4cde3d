"""How figures are taken, and how they are shown: always beside a reference of the same run."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One thing measured, several times, in turns with its reference.

    Attributes:
        what: What was measured.
        reference: What it is compared with.
        ours: Seconds of each run.
        theirs: The reference's.
        result: From the two medians to what counts: a ratio, a difference.
        goal: What that should be at most.
        unit: How ``result`` and ``goal`` are shown.
    """

    what: str
    reference: str
    ours: Sequence[float]
    theirs: Sequence[float]
    result: Callable[[float, float], float]
    goal: float
    unit: str

    @property
    def row(self) -> str:
        """The figure as a row of a Markdown table."""
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        result = self.result(ours, theirs)
        met = "" if result <= self.goal else " (missed)"
        cells = [
            self.what,
            seconds(ours),
            f"{self.reference}: {seconds(theirs)}",
            shown(result, self.unit),
            f"≤ {shown(self.goal, self.unit)}{met}",
            str(len(self.ours)),
        ]
        return f"| {' | '.join(cells)} |"


HEAD = "| what | median | reference | result | goal | runs |\n|---|---|---|---|---|---|"


def ratio(ours: float, theirs: float) -> float:
    """Compare by how many times as long."""
    return ours / theirs


def difference(ours: float, theirs: float) -> float:
    """Compare by how much longer."""
    return ours - theirs


def alone(ours: float, _theirs: float) -> float:
    """Do not compare: the reference is there to show what the machine is like."""
    return ours


def in_turns(
    ours: Callable[[], float], theirs: Callable[[], float], runs: int
) -> tuple[list[float], list[float]]:
    """Return the seconds of so many runs of each, one after the other in turns.

    What else the machine does then meets both alike.
    """
    pairs = [(ours(), theirs()) for _ in range(runs)]
    return [mine for mine, _ in pairs], [other for _, other in pairs]


def seconds(value: float) -> str:
    """Return a time as a person reads it."""
    return f"{value * 1000:.1f} ms" if value < 0.5 else f"{value:.2f} s"


def shown(value: float, unit: str) -> str:
    """Return a result with its unit."""
    if unit == "×":
        return f"{value:.2f}×"
    return f"{value * 1000:.1f} ms" if unit == "ms" else f"{value:.2f} s"


@dataclass(frozen=True)
class Reading:
    """One thing counted or measured that is compared with a goal only.

    Attributes:
        what: What was measured.
        values: What each run gave; the median is shown and compared.
        goal: What it should be at most; None where there is none.
        unit: How it is shown.
        reference: What there is to know beside it.
    """

    what: str
    values: Sequence[float]
    goal: float | None
    unit: str
    reference: str = ""

    @property
    def row(self) -> str:
        """The reading as a row of the same table."""
        median = statistics.median(self.values)
        goal = ""
        if self.goal is not None:
            met = "" if median <= self.goal else " (missed)"
            goal = f"≤ {amount(self.goal, self.unit)}{met}"
        shown_value = amount(median, self.unit)
        cells = [self.what, shown_value, self.reference, shown_value, goal, str(len(self.values))]
        return f"| {' | '.join(cells)} |"


def amount(value: float, unit: str) -> str:
    """Return a number of something with its unit."""
    return f"{value:,.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"

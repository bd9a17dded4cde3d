from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livy_magic.display import LONGEST_LINE as LONGEST
from livy_magic.panel.logtext import LogText, kind, shown
from livy_magic.protocol.log_format import Line
from livy_magic.watch.captured_log import CapturedLog


class Watched:
    """A log that grows, in place of a watch."""

    def __init__(self) -> None:
        self._lines = CapturedLog()

    def write(self, *lines: Line) -> None:
        self._lines.extend(lines)

    def lines(self, start: int = 0, stop: int | None = None):
        return self._lines.between(start, stop)

    def pieces(self, start: int = 0):
        return self._lines.pieces(start)


def log(*lines: Line) -> LogText:
    watched = Watched()
    watched.write(*lines)
    return LogText(watched)  # type: ignore[arg-type]


def program(*texts: str) -> list[Line]:
    return [Line(text, "program") for text in texts]


parts = st.lists(st.lists(st.sampled_from(["program", "spark", "gap"]), max_size=1500), max_size=4)


@given(parts, st.data())
def test_both_countings_agree_with_a_plain_list(parts, data) -> None:
    watched, everything = Watched(), []
    text = LogText(watched)  # type: ignore[arg-type]
    for part in parts:
        new = [Line(f"{len(everything) + n}", kind) for n, kind in enumerate(part)]
        everything += new
        watched.write(*new)
        own = [line for line in everything if line.kind != "spark"]
        for only, lines in (("all", everything), ("output", own)):
            assert text.total(only) == len(lines)
            start = data.draw(st.integers(0, len(lines)))
            wanted = [line.text for line in lines[start : start + 50]]
            assert text.window(only, start, start + 50)[1] == wanted
            assert text.raw(only, start, start + 50) == wanted
            hits = [n for n, line in enumerate(lines) if "7" in line.text and n >= start]
            assert list(text.hits(only, "7", start, case=True)) == hits


def test_searching_minds_the_case_only_when_told() -> None:
    text = log(*program("Äpfel", "äpfel", "birnen"))
    assert list(text.hits("all", "ÄPFEL", 0, case=False)) == [0, 1]
    assert list(text.hits("all", "Äpfel", 0, case=True)) == [0]


def test_a_hit_is_in_one_line() -> None:
    assert list(log(*program("ab", "cd")).hits("all", "bc", 0, case=True)) == []


def test_what_a_person_types_is_no_pattern() -> None:
    assert list(log(*program("a.b", "axb")).hits("all", "a.b", 0, case=True)) == [0]


def test_errors_are_found_forwards_and_backwards() -> None:
    lines = program(*(f"row {n}" for n in range(5000)))
    lines[3000] = Line("26/11/22 16:50:44 ERROR Executor: lost", "spark")
    lines[4000] = Line("ValueError: no", "program")
    lines[10] = Line("no Errors here", "program")
    text = log(*lines)
    assert text.error("all", 0, back=False) == 3000
    assert text.error("all", 3001, back=False) == 4000
    assert text.error("all", 4001, back=False) is None
    assert text.error("all", 4000, back=True) == 3000
    assert text.error("all", 3000, back=True) is None
    assert text.error("output", 0, back=False) == 3999


def test_the_kind_of_a_line() -> None:
    for text, letter in {
        "26/11/22 16:50:44 WARN TaskSetManager: slow": "w",
        "2026-11-22 16:50:44,123 ERROR root: x": "e",
        "[ERROR] bad": "e",
        "ERRORS: 0": "p",
        "Traceback (most recent call last):": "e",
        "pyspark.errors.exceptions.captured.AnalysisException: no column": "e",
        "Caused by: java.io.IOException: disk": "e",
        "no Exception: really": "p",
        "row": "p",
    }.items():
        assert kind(Line(text, "program")) == letter, text
    assert kind(Line("x", "spark")) == "s"
    assert kind(Line("ERROR diagnostics", "gap")) == "g"


def test_a_line_is_shown_as_a_terminal_would_and_no_longer_than_that() -> None:
    assert shown("10 %\r50 %\r100 %") == "100 %"
    assert shown("100 %\r") == "100 %"
    assert shown("a\x1b[31mb\x1b[2Jc\x00\u202e") == "a\x1b[31mbc\\x00\\u202e"
    assert shown("x" * 1_000_000) == "x" * LONGEST + f"… ({1_000_000 - LONGEST:,} characters more)"
    assert shown("😀" * 3) == "😀" * 3


def test_colours_go_on_until_they_are_reset() -> None:
    lines = program("\x1b[31mred", *["still"] * 2000, "\x1b[1mbold\x1b[0m", "plain")
    text = log(*lines)
    assert text.window("all", 1500, 1501)[1] == ["\x1b[31mstill"]
    assert text.window("all", 2001, 2003)[1] == ["\x1b[31m\x1b[1mbold\x1b[0m", "plain"]

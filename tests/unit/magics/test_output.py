"""What a batch prints, below the cell that waits for it: as it comes, and never as a flood."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from livy_magic import Batch, BatchInfo, Livy
from livy_magic.magics import output
from livy_magic.magics.output import FIRST, LAST, Output
from livy_magic.protocol.log_format import Line
from livy_magic.watch.watch import Watch


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Batch]:
    """A batch that nobody looks at: a test says what it prints."""
    livy = Livy("http://livy.test")
    batch = Batch(livy, BatchInfo(id=7, state="running"))
    batch.watch = Watch(livy.watcher, batch.info, submitted=None, clock=time.time)
    yield batch
    livy.close()


def prints(batch: Batch, *texts: str, kind: str = "program") -> None:
    batch.watch._publish([Line(text, kind) for text in texts])


def test_lines_are_printed_once_as_they_come_and_sparks_own_are_not(batch, capsys):
    shown = Output(batch)
    shown.print_news()
    assert capsys.readouterr().out == ""
    assert not shown.said
    prints(batch, "one", "two\x07")
    prints(batch, "26/11/22 INFO", kind="spark")
    shown.print_news()
    assert capsys.readouterr().out == "one\ntwo\\x07\n"
    assert shown.said
    prints(batch, "… 3 lines lost …", kind="gap")
    shown.finish()
    assert capsys.readouterr().out == "… 3 lines lost …\n"


def test_a_line_ends_somewhere(batch, capsys):
    prints(batch, "x" * 1_000_000)
    Output(batch).print_news()
    printed = capsys.readouterr().out
    assert len(printed) < 2_100
    assert printed.endswith("… (998,000 characters more)\n")


def test_of_many_lines_the_first_and_the_last_are_printed_and_how_many_are_not(batch, capsys):
    shown = Output(batch)
    prints(batch, *(f"line {number}" for number in range(FIRST + 50)))
    shown.print_news()
    *first, more = capsys.readouterr().out.splitlines()
    assert first == [f"line {number}" for number in range(FIRST)]
    assert more == "… 50 more lines so far: %livy_log 7 --output shows all"
    prints(batch, *(f"late {number}" for number in range(1_000)))
    shown.print_news()
    shown.finish()
    skipped, *last = capsys.readouterr().out.splitlines()[-LAST - 1 :]
    assert skipped == "… 950 lines are left out: %livy_log 7 --output shows all"
    assert last == [f"late {number}" for number in range(900, 1_000)]


def test_a_few_lines_too_many_are_all_there_in_the_end(batch, capsys):
    prints(batch, *(f"line {number}" for number in range(FIRST + LAST)))
    shown = Output(batch)
    shown.print_news()
    shown.finish()
    lines = capsys.readouterr().out.splitlines()
    assert [text for text in lines if text.startswith("line ")] == [
        f"line {number}" for number in range(FIRST + LAST)
    ]
    assert not [text for text in lines if "left out" in text]


class Recorded:
    """A place that keeps what it showed."""

    all: list[Recorded] = []  # noqa: RUF012 -- a test begins with none

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.ended = False
        Recorded.all.append(self)

    def show(self, text: str, markup: str = "") -> None:
        self.texts.append(text)

    def end(self) -> None:
        self.ended = True


@pytest.mark.parametrize(
    "draw",
    [
        lambda n: f"{n:3d}%|####    | {n}/100 [00:01<00:09, 9.9it/s]",
        lambda n: f"[Stage 2:====>             ({n} + 2) / 100]",
        lambda n: f"   ━━━━━━━━━━ {n}.0/100.0 kB 5.1 MB/s",
    ],
)
def test_a_bar_of_the_program_moves_in_one_place(batch, capsys, monkeypatch, draw):
    monkeypatch.setattr(output, "new_place", Recorded)
    Recorded.all = []
    shown = Output(batch)
    prints(batch, "before", *(draw(number) for number in range(50)))
    shown.print_news()
    prints(batch, *(draw(number) for number in range(50, 100)))
    shown.print_news()
    prints(batch, draw(100), "behind", draw(1), draw(2))
    shown.print_news()
    first, second = Recorded.all
    assert first.texts == [draw(49), draw(99), draw(100)]
    assert first.ended
    assert second.texts == [draw(2)]
    assert capsys.readouterr().out == "before\nbehind\n"


def test_what_a_bar_overwrote_within_a_line_is_gone(batch, capsys):
    prints(batch, "10 %\r20 %\rdone")
    Output(batch).print_news()
    assert capsys.readouterr().out == "done\n"


def test_bars_behind_the_first_lines_are_held_as_one(batch, capsys):
    prints(batch, *("x" for _ in range(FIRST)), *(f"{n}%|#| {n}/100" for n in range(100)), "end")
    shown = Output(batch)
    shown.print_news()
    shown.finish()
    assert capsys.readouterr().out.splitlines()[-2:] == ["99%|#| 99/100", "end"]

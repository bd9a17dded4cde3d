"""What changes where it stands: in a notebook that is saved, in a terminal, and in a pipe."""

from __future__ import annotations

import io
from pathlib import Path

import nbformat
import pytest
from executed import execute

from livy_magic.magics.in_place import Reports, new_place
from livy_magic.progress import Progress

MANY = """
from livy_magic.magics.in_place import new_place
print("before")
display("a result")
place = new_place()
for number in range(700):
    place.show(f"at {number}", f"<progress value={number} max=700></progress>")
print("behind")
"""

REPORTS = """
from livy_magic.magics.in_place import Reports
from livy_magic.progress import Progress
with Reports() as report:
    report("a word before")
    for part in (0.2, 0.6, 1.0):
        report(Progress(f"jars: {part}", "jars", part))
    report(Progress("starting", "start"))
    report(Progress("starting, still", "start"))
"""


def outputs(cell: nbformat.NotebookNode) -> list[str]:
    return [
        output.text if output.output_type == "stream" else output.data["text/plain"]
        for output in cell.outputs
    ]


def test_results_around_a_place_are_there_after_700_updates_of_it(tmp_path: Path) -> None:
    [cell] = execute(tmp_path, MANY)
    assert outputs(cell) == ["before\n", "'a result'", "at 699", "behind\n"]
    assert cell.outputs[2].data["text/html"] == "<progress value=699 max=700></progress>"


def test_reports_take_a_place_for_each_activity_and_leave_no_bar(tmp_path: Path) -> None:
    [cell] = execute(tmp_path, REPORTS)
    assert outputs(cell) == ["a word before\n", "jars: 1.0", "starting, still"]
    assert [output.data["text/html"] for output in cell.outputs[1:]] == [
        "<div>jars: 1.0</div>",
        "<div>starting, still</div>",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_in_a_terminal_a_line_is_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    with Reports() as report:
        report(Progress("jars: 10 of 20 MB", "jars", 0.5))
        report(Progress("jars: 20 MB", "jars", 1.0))
        report("a word")
        report(Progress("x" * 100, "start"))
    assert terminal.getvalue() == (
        "\rjars: 10 of 20 MB\rjars: 20 MB      \na word\n\r" + "x" * 19 + "\n"
    )


def test_where_output_is_no_terminal_a_few_lines_are_printed_and_the_last(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    place = new_place()
    for now in range(100, 126):
        place.show(f"at {now}")
    place.end()
    assert capsys.readouterr().out.split("\n") == ["at 100", "at 110", "at 120", "at 125", ""]

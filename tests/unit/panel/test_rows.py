from __future__ import annotations

import dataclasses

import pytest

from livy_magic.history import Entry
from livy_magic.history.owner import Owner
from livy_magic.panel.rows import COLUMNS, Rows
from livy_magic.protocol.models import BatchInfo
from livy_magic.watch.server_list import ListSnapshot


def info(number: int, state: str = "success", **members: object) -> BatchInfo:
    return BatchInfo(id=number, name=f"etl-{number}", state=state, **members)  # type: ignore[arg-type]


def entry(key: int, batch: BatchInfo, submitted: float, ended: float | None = None) -> Entry:
    return Entry(
        key=key, server="s", name=batch.name or "", body={}, folder="/", user="alice",
        notebook=None, cell=None, held=(), submitted=submitted,
        submitter=Owner("host", "boot", 1, 0.0), outcome="submitted", reason=None, adopted=False,
        info=batch, states=(), ended=ended, lines=0,
    )  # fmt: skip


class List:
    """Rows, and the list and history that they come from."""

    def __init__(self, *batches: BatchInfo, entries: tuple[Entry, ...] = ()) -> None:
        self.now = 1000.0
        self.entries = {e.info.id: e for e in entries if e.info}
        self.rows = Rows(lambda i: self.entries.get(i.id), lambda: "alice")
        self.rows.begin(entries[::-1], ListSnapshot(batches, seen=self.now))

    def becomes(self, *batches: BatchInfo, after: float = 2.0):
        self.now += after
        return self.rows.update(ListSnapshot(batches, seen=self.now))

    def column(self, name: str) -> list[object]:
        return self.rows.columns()[name]


def cells(row) -> dict[str, object]:
    return dict(zip(COLUMNS, row, strict=True))


def test_only_what_changed_is_told() -> None:
    listed = List(info(0), info(1, "running"), info(2, "running"))
    assert not listed.becomes(info(0), info(1, "running"), info(2, "running"))
    changes = listed.becomes(info(0), info(1, "dead"), info(2, "running"), info(3, "starting"))
    assert [(cells(row)["id"], cells(row)["state"]) for row in changes.rows] == [
        (1, "dead"),
        (3, "starting"),
    ]
    assert changes.gone == []
    assert cells(changes.rows[0])["end"] == 1004


def test_a_batch_that_the_server_forgets_leaves_unless_the_history_has_it() -> None:
    mine = entry(5, info(1, "dead"), submitted=900.0, ended=990.0)
    listed = List(info(0), info(1, "dead"), entries=(mine,))
    changes = listed.becomes()
    [row] = changes.rows
    assert (cells(row)["id"], cells(row)["known"]) == (1, 0)
    assert "forgotten" in str(cells(row)["note"])
    assert changes.gone == [1]


def test_a_batch_that_somebody_looks_at_stays() -> None:
    listed = List(info(0), info(1))
    listed.rows.kept.add(1)
    changes = listed.becomes(info(1))
    assert changes.gone == []
    assert cells(changes.rows[0])["known"] == 0


def test_another_batch_under_an_old_id_is_another_row() -> None:
    listed = List(info(0, "dead"), info(1))
    other = BatchInfo(id=0, name="other", state="starting")
    changes = listed.becomes(other)
    [row] = changes.rows
    assert cells(row)["row"] == 3
    assert sorted(changes.gone) == [1, 2]
    assert listed.rows[3].info is other


def test_what_was_forgotten_stands_where_its_time_puts_it() -> None:
    old = entry(1, info(50, "dead"), submitted=100.0)
    known = entry(2, info(1), submitted=200.0)
    killed = entry(3, info(51, "killed"), submitted=300.0)
    listed = List(info(0), info(1), info(2), entries=(old, known, killed))
    assert listed.column("id") == [0, 50, 1, 2, 51]
    assert listed.column("known") == [1, 0, 1, 1, 0]
    assert listed.column("row") == sorted(listed.column("row"))  # type: ignore[type-var]


def test_a_submission_whose_server_could_not_be_seen_first_is_one_row() -> None:
    mine = entry(1, info(0, "running"), submitted=900.0)
    listed = List(entries=(mine,))
    assert listed.column("known") == [0]
    changes = listed.becomes(info(0, "running"))
    assert [cells(row)["row"] for row in changes.rows] == [1]
    assert listed.column("known") == [1]


def test_how_long_a_batch_took_is_said_only_where_it_is_known() -> None:
    listed = List(info(0), info(1, "running"))
    listed.becomes(info(0), info(1, "running"), info(2, "running"))
    listed.becomes(info(0), info(1, "running"), info(2, "running"), info(3, "running"), after=500)
    times = zip(listed.column("start"), listed.column("exact"), strict=True)
    by_id = dict(zip(listed.column("id"), times, strict=True))
    assert by_id == {0: (None, 0), 1: (1000, 0), 2: (1002, 1), 3: (1502, 0)}


def test_mine_is_what_i_own_or_submitted() -> None:
    mine = entry(1, info(0), submitted=900.0)
    listed = List(info(0), info(1, owner="alice"), info(2, owner="bob"), entries=(mine,))
    assert listed.column("mine") == [1, 1, 0]
    assert listed.column("again") == [1, 0, 0]


def test_what_was_killed_from_here_says_so_before_the_list_does() -> None:
    listed = List(info(0, "running"))
    [row] = listed.rows.end(1, "killed", 1003.0).rows
    assert (cells(row)["state"], cells(row)["end"]) == ("killed", 1003)


def test_what_was_killed_from_here_stays_so_when_an_older_list_has_it_running() -> None:
    batch = info(0, "running")
    listed = List(batch, entries=(entry(1, batch, 900.0),))
    listed.rows.end(1, "killed", 1001.0)
    assert not listed.becomes(info(0, "running"))
    listed.becomes()
    assert listed.column("state") == ["killed"]
    assert listed.column("known") == [0]


def test_a_batch_that_was_submitted_meanwhile_is_not_taken_away_by_an_older_list() -> None:
    listed = List(info(0))
    changes, number = listed.rows.come(info(1, "starting"), now=1002.5)
    assert cells(changes.rows[0])["row"] == number == 2
    assert not listed.becomes(info(0))  # read at 1002, before it was submitted
    changes = listed.becomes(info(0), info(1, "running"))
    assert [cells(row)["row"] for row in changes.rows] == [2]


def test_a_submission_that_the_list_shows_before_the_history_is_known_by_its_next_change() -> None:
    listed, other = List(), info(1, "starting")
    listed.becomes(info(0, "starting"), other)
    listed.entries = {n: entry(n, info(n, "starting"), listed.now) for n in (0, 1)}
    changes = listed.becomes(info(0, "running"), other)
    assert [cells(row)["again"] for row in changes.rows] == [1]
    changes, number = listed.rows.come(other, listed.now)
    assert [(cells(row)["row"], cells(row)["again"]) for row in changes.rows] == [(number, 1)]


def test_text_of_the_server_is_plain() -> None:
    listed = List(BatchInfo(id=0, name="a\u202eb\x1b[2J", state="ru\x07n", owner="\x00"))
    assert listed.column("name") == ["a\\u202eb"]
    assert listed.column("state") == ["ru\\x07n"]
    assert listed.column("owner") == ["\\x00"]


@pytest.mark.parametrize(
    ("state", "tone"),
    [("running", "open"), ("dead", "bad"), ("Succeeded?", "open"), ("finished", "good")],
)
def test_each_state_has_a_tone(state: str, tone: str) -> None:
    assert List(info(0, state)).rows.tones() == {state: tone}


def test_columns_and_cells_agree() -> None:
    listed = List(info(0))
    assert len(listed.rows[1].cells) == len(COLUMNS)
    assert dataclasses.replace(listed.rows[1], number=2).number == 2

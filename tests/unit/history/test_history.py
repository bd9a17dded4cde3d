"""The history: what is recorded of a submission, found again, and read"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from histories import SERVER, a_batch, an_intent, lines_of
from hypothesis import given
from hypothesis import strategies as st

from livy_magic.errors import HistoryError
from livy_magic.history import History, Intent, Owner
from livy_magic.history.saved_logs import pack, unpack
from livy_magic.protocol.log_format import Line
from livy_magic.protocol.models import BatchInfo, BatchRequest

# -- the life of a submission ----------------------------------------------------------------------


def test_a_submission_is_there_before_it_is_sent(history: History) -> None:
    before = time.time()
    key = history.intend(an_intent(user="me", notebook="Daily.ipynb", cell="a1b2", held=[3, "x-4"]))
    (entry,) = history.entries()
    assert entry.key == key
    assert (entry.outcome, entry.state, entry.info) == ("pending", "pending", None)
    assert (entry.server, entry.name, entry.user) == (SERVER, "nightly", "me")
    assert (entry.notebook, entry.cell, entry.folder) == ("Daily.ipynb", "a1b2", "/home/me")
    assert entry.held == (3, "x-4")
    assert before <= entry.submitted <= time.time()
    assert entry.submitter == Owner.this_process()


def test_a_batch_is_recorded_until_its_end(history: History) -> None:
    key = history.intend(an_intent())
    history.accepted(key, a_batch(state="starting"))
    history.seen(key, a_batch(state="running", owner="me"), at=20.0)
    history.seen(key, a_batch(app_id="app_1", spark_ui_url="http://ui"), at=30.0)
    history.seen(key, a_batch(state="success"), at=40.0)
    entry = history.entry(key)
    assert entry.outcome == "submitted"
    assert not entry.adopted
    assert entry.state == "success"
    assert [state for state, _ in entry.states] == ["starting", "running", "success"]
    assert entry.states[1:] == (("running", 20.0), ("success", 40.0))
    assert entry.ended == 40.0
    told = {"owner": "me", "app_id": "app_1", "spark_ui_url": "http://ui"}
    assert entry.info == replace(a_batch(state="success"), **told)


def test_an_end_stays_the_end_whatever_comes_late(history: History) -> None:
    key = history.intend(an_intent())
    history.accepted(key, a_batch())
    history.ended(key, "killed", at=10.0)
    history.seen(key, a_batch(state="running", app_id="app_1"), at=11.0)
    entry = history.entry(key)
    assert (entry.state, entry.ended) == ("killed", 10.0)
    assert entry.info.app_id == "app_1"


def test_a_batch_lost_from_sight_has_ended_in_its_last_state(history: History) -> None:
    key = history.intend(an_intent())
    history.accepted(key, a_batch(state="running"))
    history.ended(key, "running", at=10.0)
    assert (history.entry(key).state, history.entry(key).ended) == ("running", 10.0)


def test_a_rejection_says_why(history: History) -> None:
    key = history.intend(an_intent())
    history.rejected(key, "Livy refused: too many sessions")
    entry = history.entry(key)
    assert (entry.state, entry.reason) == ("rejected", "Livy refused: too many sessions")


def test_what_was_unknown_may_be_found_and_adopted_later(history: History) -> None:
    key = history.intend(an_intent())
    history.unsettled(key, "the answer was lost")
    assert (history.entry(key).state, history.entry(key).reason) == (
        "unknown",
        "the answer was lost",
    )
    history.accepted(key, a_batch(), adopted=True)
    entry = history.entry(key)
    assert (entry.state, entry.outcome, entry.adopted) == ("running", "submitted", True)
    assert entry.reason is None


def test_secrets_are_not_stored(history: History, path: Path) -> None:
    request = BatchRequest(
        file="s3://user:hunter2@bucket/a.py",
        name="nightly",
        args=["--password", "hunter2", "token=hunter2"],
        conf={"spark.my.secret": "hunter2", "spark.x": "1"},
    )
    url = "https://me:hunter2@livy.example"
    key = history.intend(Intent(server=url, request=request, folder="/"))
    history.accepted(key, a_batch(driver_log_url="http://me:hunter2@host/log"))
    assert history.entry(key).body == request.shown()
    assert history.entry(key).body["conf"]["spark.x"] == "1"
    assert history.find(url, 7, "nightly").key == key
    assert [entry.key for entry in history.entries(server=url)] == [key]
    assert all(b"hunter2" not in file.read_bytes() for file in path.parent.iterdir())


def test_odd_text_is_kept(history: History) -> None:
    odd = "half \ud800, NUL \0, snowman ☃, 🎉"
    key = history.intend(
        Intent(server=SERVER, request=BatchRequest(file="/é☃.py", name="ä"), folder="/x\udcff")
    )
    history.accepted(key, BatchInfo(id=10**30, name="ä", state=odd, owner=odd, app_id=odd))
    entry = history.entry(key)
    assert entry.info.id == 10**30
    assert entry.state == "half \\ud800, NUL \0, snowman ☃, 🎉"
    assert entry.folder == "/x\\udcff"
    assert entry.body["file"] == "/é☃.py"
    assert history.entries(owner=odd) == [entry]


# -- queries ---------------------------------------------------------------------------------------


def test_the_newest_come_first_and_filters_leave_out(history: History) -> None:
    keys = {
        name: history.intend(an_intent(name, server=server, user=user))
        for name, server, user in [
            ("etl-1", SERVER, "me"),
            ("etl-2", SERVER, None),
            ("ETL-3", SERVER, None),
            ("report", "http://other", None),
        ]
    }
    history.accepted(keys["etl-1"], a_batch(1, "SUCCESS", owner="service"))
    history.accepted(keys["etl-2"], a_batch(2, "dead", owner="you"))
    history.rejected(keys["ETL-3"], "no")

    def names(**filters) -> list[str]:
        return [entry.name for entry in history.entries(**filters)]

    assert names() == ["report", "ETL-3", "etl-2", "etl-1"]
    assert names(limit=2) == ["report", "ETL-3"]
    assert names(limit=0) == []
    assert names(name="etl-*") == ["etl-2", "etl-1"]
    assert names(name="etl-[!1]") == ["etl-2"]
    assert names(state="success") == ["etl-1"]
    assert names(state="Rejected") == ["ETL-3"]
    assert names(state="pending") == ["report"]
    assert names(owner="me") == names(owner="service") == ["etl-1"]
    assert names(server="http://other") == ["report"]


def test_an_entry_that_is_not_there_is_an_error(history: History) -> None:
    with pytest.raises(HistoryError, match="no entry 99"):
        history.entry(99)


def test_a_batch_is_found_by_server_id_and_name_and_never_by_id_alone(history: History) -> None:
    first = history.intend(an_intent())
    history.accepted(first, a_batch(0))
    assert history.find(SERVER, 0, "nightly").key == first
    assert history.find(SERVER, 0, "hourly") is None
    assert history.find(SERVER, 0, None) is None
    assert history.find(SERVER, 1, "nightly") is None
    assert history.find(SERVER, "0", "nightly") is None
    assert history.find("http://other", 0, "nightly") is None


def test_of_batches_with_the_same_id_and_name_the_newest_is_meant(history: History) -> None:
    keys = [history.intend(an_intent()) for _ in range(4)]
    history.accepted(keys[0], a_batch(0))
    history.accepted(keys[1], a_batch(5))
    history.accepted(keys[2], a_batch(0))
    history.rejected(keys[3], "the name was held")
    assert history.find(SERVER, 0, "nightly").key == keys[2]
    # Number 5 was before the server's restart, or before number 0 took the name over.
    assert history.find(SERVER, 5, "nightly") is None


# -- logs ------------------------------------------------------------------------------------------

LINES = st.lists(
    st.builds(
        Line,
        st.text(st.characters(exclude_categories=())),
        st.sampled_from(["program", "spark", "diagnostics", "gap"]),
    )
)


@given(LINES)
def test_lines_come_back_as_they_were(lines: list[Line]) -> None:
    assert unpack(pack(lines)) == lines


def test_a_log_comes_back_as_it_was_however_it_came(history: History) -> None:
    lines = [
        Line("", "program"),
        Line("🎉 ☃ \0 \x1b[31m \r \n \u2028", "program"),
        Line("\ud800", "program"),
        Line("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "program"),
        Line("\ud83d" + "\ude00", "program"),  # two halves are not one whole
        Line("… lines lost here …", "gap"),
        Line("26/11/22 INFO X: y", "spark"),
        Line("x" * 1_000_000, "spark"),
        Line("z", "spark"),
        *lines_of(500, "x" * 300),
        Line("State: FAILED", "diagnostics"),
    ]
    one_by_one, at_once = history.intend(an_intent()), history.intend(an_intent())
    for line in lines:
        assert history.append(one_by_one, [line]) == 1
    assert history.append(at_once, lines) == len(lines)
    assert history.append(at_once, []) == 0
    assert history.log(one_by_one) == history.log(at_once) == lines
    assert history.entry(at_once).lines == len(lines)


def test_a_long_log_takes_few_rows_and_no_append_rewrites_it(
    history: History, edit: Callable[..., list[tuple]]
) -> None:
    key = history.intend(an_intent())
    for number in range(2000):
        history.append(key, [Line(f"{number:0100}", "program")])
    ((rows, longest),) = edit("SELECT count(*), max(weight) FROM log")
    assert rows == 4  # 200 kB
    assert longest <= 64 * 1024
    assert len(history.log(key)) == 2000


def test_a_log_that_does_not_exist_is_empty(history: History) -> None:
    assert history.log(99) == []

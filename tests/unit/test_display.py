import time

import pytest

from livy_magic import display
from livy_magic.errors import LivyError
from livy_magic.protocol.models import BatchInfo
from livy_magic.redact import plain
from livy_magic.watch.snapshot import Snapshot

PAYLOAD = "<img src=x onerror=alert(1)>\"'&"
NAMED = BatchInfo(id=7, state="running", name="etl")


def snapshot(info=NAMED, **members):
    return Snapshot(info, first_seen=1000.0, **members)


@pytest.mark.parametrize("field", ["name", "app_id", "state"])
def test_no_text_of_a_server_becomes_markup(field):
    info = BatchInfo(**{"id": 1, "state": "running", field: PAYLOAD})
    trouble = snapshot(info, error=LivyError(PAYLOAD), stale_since=1001.0)
    shown = display.card(trouble, [PAYLOAD]) + display.table_html([display.Row(info)])
    assert "<img" not in shown
    assert "&lt;img" in shown


def test_only_web_addresses_become_links():
    good = BatchInfo(id=1, state="running", spark_ui_url='http://h/"onclick="x')
    bad = BatchInfo(id=1, state="running", spark_ui_url="javascript:alert(1)")
    assert 'href="http://h/&quot;onclick=' in display.card(snapshot(good), [])
    assert "javascript" not in display.card(snapshot(bad), [])


def test_control_characters_show_and_ansi_sequences_vanish():
    assert plain("a\x1b[31mred\x1b[0m\x07\u202eb\tc") == "ared\\x07\\u202eb\tc"


def test_a_line_without_end_is_cut_on_the_card():
    assert len(display.card(snapshot(), ["x" * 1_000_000])) < 10_000


def test_failed_and_cannot_be_seen_never_look_the_same():
    failed = snapshot(BatchInfo(id=7, state="dead"), submitted=1000.0, ended=1007.1)
    unseen = snapshot(error=LivyError("no answer in time"), stale_since=1003.0)
    gone = snapshot(gone=True)
    assert display.status_line(failed) == "batch 7: dead after 7.1 s"
    assert "running when last seen at" in display.status_line(unseen)
    assert display.status_line(unseen).endswith("cannot be seen now: no answer in time")
    assert "the server no longer knows it" in display.status_line(gone)
    assert "✘" in display.card(failed, [])
    assert "✘" not in display.card(unseen, []) + display.card(gone, [])
    assert "Cannot see the batch since" in display.card(unseen, [])


def test_no_duration_is_claimed_for_a_batch_that_others_submitted():
    ended = snapshot(BatchInfo(id=7, state="success"), ended=1007.0)
    assert display.status_line(ended) == "batch 7: success"
    assert "took" not in display.card(ended, [])


def test_a_running_card_says_for_how_long_as_long_as_somebody_sees_it():
    running = snapshot(submitted=1000.0)
    assert "2 min 05 s, since " in display.card(running, now=1125.9)
    for unseen in (
        display.card(running),
        display.card(
            snapshot(submitted=1000.0, error=LivyError("no"), stale_since=1.0), now=1125.9
        ),
    ):
        assert "2 min 05 s" not in unseen
        assert "since " in unseen
    assert ">since" not in display.card(snapshot(), now=1125.9), "nobody knows when"


def test_a_card_has_a_bar_while_somebody_waits_and_the_batch_runs():
    ended = snapshot(BatchInfo(id=7, state="success"), submitted=1000.0, ended=1007.0)
    assert "<progress" in display.card(snapshot(), waiting=True)
    assert "<progress" not in display.card(snapshot()) + display.card(ended, waiting=True)


def test_a_list_says_when_batches_began_and_how_long_they_took():
    rows = [
        display.Row(NAMED, 1_000_000.0, seen=1_000_065.0),
        display.Row(BatchInfo(id=8, state="success"), 1_000_000.0, 1_000_007.1),
        display.Row(BatchInfo(id=9, state="success"), 1_000_000.0),
        display.Row(BatchInfo(id=10, state="running")),
    ]
    head, *lines = display.table_text(rows).splitlines()
    took = [line[head.index("took") :] for line in lines]
    assert took == ["1 min 05 s so far", "7.1 s", "", ""]
    began = [line[head.index("started") : head.index("took")].strip() for line in lines]
    assert began == [time.strftime("%Y-%m-%d %H:%M", time.localtime(1_000_000))] * 3 + [""]


def test_a_list_as_text_is_aligned():
    infos = [NAMED, BatchInfo(id=10, state="success", owner="ann")]
    assert display.table_text([display.Row(info) for info in infos]).splitlines() == [
        "id  state    name  owner",
        "7   running  etl",
        "10  success        ann",
    ]
    assert display.table_text([]) == "no batches"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.12, "7.1 s"), (59.96, "60.0 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_read_well(seconds, text):
    assert display.duration(seconds) == text

"""What was submitted from here stays known when the real Livy forgets it. A stand-in for Spark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from livy_magic import BatchFailed, BatchGone, BatchRequest, Livy, local
from livy_magic.history import recorder
from livy_magic.progress import silent

if TYPE_CHECKING:
    from servers import NewBase, RunningStandIn, StandIn

pytestmark = pytest.mark.livy


@pytest.fixture
def standin(
    new_base: NewBase, running_standin: RunningStandIn, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StandIn]:
    """A private Livy of the test's own, which is the one that ``local`` means."""
    base = new_base("history")
    with running_standin(base) as standin:
        monkeypatch.setenv("LIVY_LOCAL_DIR", str(base))
        yield standin


@pytest.fixture
def connect() -> Iterator[object]:
    """Connect as a new kernel would."""
    every: list[Livy] = []

    def livy() -> Livy:
        every.append(Livy.connect("local"))
        return every[-1]

    yield livy
    for one in every:
        one.close()


def test_after_a_restart_an_old_id_never_means_another_batch(standin, connect):
    first = connect()
    script = standin.script("mine.py", "print mine", "sleep 600")
    mine = first.submit(BatchRequest(file=script, name="mine"))
    assert next(mine.follow(output=True)) == "mine"
    recorder.flush()
    local.stop()
    local.start(spark_submit=standin.folder / "spark-submit")

    later = connect()
    request = BatchRequest(file=standin.script("other.py", "sleep 600"), name="other")
    plan = later.plan(request)
    for upload in plan.uploads:
        later.staging.send(upload, silent)
    other = later.client.create(plan.request)  # as another program would
    assert other.id == mine.id == 0

    found = later.batch(0)
    assert (found.name, found.gone, found.output()) == ("mine", True, ["mine"])
    for batch in (mine, found):
        with pytest.raises(BatchGone, match="nothing was killed"):
            batch.kill()
    assert later.client.state("other") == "running"

    assert [batch.name for batch in later.batches()] == ["other"]
    assert [batch.name for batch in later.batches(mine=True)] == ["other"]  # by its owner
    shown = later.batch(0)
    assert shown.name == "other"
    shown.kill()
    assert later.batches() == []


def test_what_livy_has_forgotten_still_opens_in_another_kernel(standin, connect):
    script = standin.script("fails.py", "print some output", "error cause", "exit 3")
    batch = connect().submit(
        BatchRequest(file=script, name="fails", conf={"spark.token": "hunter2"})
    )
    with pytest.raises(BatchFailed):
        batch.wait()
    log = batch.log()
    batch.kill()  # which has Livy forget it

    livy = connect()
    again = livy.batch("fails")
    assert (again.state, again.gone, again.log()) == ("dead", True, log)
    assert again.output() == batch.output()
    assert again.body["file"] == str(batch.request.file)
    assert "hunter2" not in str(again.body)
    with pytest.raises(BatchFailed, match="cause"):
        again.wait()
    (entry,) = livy.history.entries()
    assert (entry.state, entry.lines) == ("dead", len(log))
    assert [state for state, _ in entry.states][-1] == "dead"


def test_a_killed_batch_stays_known_with_its_log(standin, connect):
    script = standin.script("sleeps.py", "print up", "sleep 600")
    livy = connect()
    batch = livy.submit(BatchRequest(file=script, name="sleeps"))
    next(batch.follow(output=True))
    batch.kill()
    recorder.flush()
    (entry,) = livy.history.entries(state="killed")
    assert [line.text for line in livy.history.log(entry.key)] == batch.log()
    assert connect().batch("sleeps").state == "killed"


def test_what_terminals_trip_over_comes_through_and_into_the_history(counted):
    script = counted.script(
        "odd",
        r"""
        printf ' 10 %%\r 99 %%\rdone\n'
        printf 'a\000b\n'
        head -c 1000000 /dev/zero | tr '\000' x; echo
        printf '\033[31mred\033[0m\033]0;title\007 🙂 ü\n'
        """,
    )
    livy = Livy(counted.server.url, auth=counted.server.auth, staging=counted.server.staging)
    batch = livy.submit(BatchRequest(file=script))
    log = batch.wait(60).log()
    assert [line if len(line) < 100 else len(line) for line in log] == [
        " 10 %", " 99 %", "done", "a\x00b", 1_000_000, "\x1b[31mred\x1b[0m\x1b]0;title\x07 🙂 ü",
    ]  # fmt: skip
    recorder.flush()
    assert [line.text for line in livy.history.log(batch.key)] == log
    livy.close()

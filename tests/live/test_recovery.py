"""Livy with recovery, killed and started again: the batches run on in YARN, and so do their watches.

All of it is real: Livy, YARN, and PySpark batches whose drivers run there.
"""

from __future__ import annotations

import threading
import time

import pytest
from watched import Gate, Seen
from yarn import running_yarn

from livy_magic import BatchFailed, BatchRequest, Livy, NotFound, NotSubmitted, Unreachable

pytestmark = pytest.mark.livy

# The driver waits for the gate, and then fails if it is told to.
PROGRAM = """
import sys
from pathlib import Path
from pyspark import SparkContext
SparkContext()
sys.exit(Path(sys.argv[1]).read_text() or None)
"""
SLOW = 120.0  # seconds until a batch's next state; ten on a quiet machine


@pytest.fixture(scope="module")
def yarn(new_base):
    with running_yarn(new_base("yarn")) as yarn:
        yield yarn


@pytest.fixture
def livy(yarn):
    livy = Livy(yarn.url, staging=yarn.staging)
    yield livy
    livy.close()


@pytest.fixture
def submit(livy, tmp_path):
    """Submit a batch that waits at a gate; returns both, and all that is seen of the batch."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    batches = []

    def submit(name, **fields):
        gate = Gate(tmp_path / name)
        request = BatchRequest(file=str(program), args=[str(gate.path)], name=name, **fields)
        batches.append(livy.submit(request))
        return batches[-1], gate, Seen(batches[-1])

    yield submit
    for batch in batches:
        if not batch.done:
            batch.kill()


def in_state(state):
    return lambda snapshot: snapshot.info.state == state


def test_a_batch_and_its_watch_outlive_livy(yarn, livy, submit):
    batch, gate, seen = submit("nightly")
    followed = []
    follower = threading.Thread(target=lambda: followed.extend(batch.follow()), daemon=True)
    follower.start()
    seen.wait_for(in_state("running"), SLOW)
    before, log = batch.info, batch.log()
    assert any("Submitted application" in line for line in log)

    killed = time.time()
    yarn.kill_livy()
    trouble = seen.wait_for(lambda snapshot: snapshot.error)
    assert isinstance(trouble.error, Unreachable)
    assert killed <= trouble.stale_since <= time.time()
    assert (trouble.info.state, trouble.done) == ("running", False)

    yarn.start_livy()
    again = seen.wait_for(lambda snapshot: not snapshot.error, SLOW, after=trouble)
    assert again.info.state in {"recovering", "running"}
    assert (batch.id, batch.name, batch.app_id) == (before.id, "nightly", before.app_id)
    assert livy.batch("nightly") is batch
    assert livy.batch(batch.id) is batch
    with pytest.raises(NotSubmitted, match=f"the name 'nightly' is held by batch {batch.id}"):
        livy.submit(BatchRequest(file="file:///other.py", name="nightly"))
    later, _, _ = submit("hourly")
    assert later.id > batch.id
    later.kill()

    gate.open()
    assert batch.wait(SLOW).state == "success"
    seen.check()
    states = {one.info.state for one in seen.snapshots}
    assert states <= {"starting", "recovering", "running", "success"}
    assert yarn.final_status(before.app_id) == "SUCCEEDED"
    follower.join(SLOW)
    assert followed == batch.log()
    assert followed[: len(log)] == log
    assert not any(line in log for line in followed[len(log) :])


def test_what_ended_while_livy_was_down_ended_as_yarn_says(yarn, submit):
    good, good_gate, good_seen = submit("good")
    bad, bad_gate, bad_seen = submit("bad")
    killed, _, killed_seen = submit("killed")
    everything = (good_seen, bad_seen, killed_seen)
    for seen in everything:
        seen.wait_for(in_state("running"), SLOW)
    yarn.kill_livy()
    good_gate.open()
    bad_gate.open("it is broken")
    yarn.kill(killed.app_id)
    assert yarn.final_status(good.app_id) == "SUCCEEDED"
    assert yarn.final_status(bad.app_id) == "FAILED"
    assert yarn.final_status(killed.app_id) == "KILLED"
    for seen in everything:
        trouble = seen.wait_for(lambda snapshot: snapshot.error)
        assert (trouble.info.state, trouble.done) == ("running", False)

    yarn.start_livy()
    assert good.wait(SLOW).state == "success"
    assert good.output() == []  # on a cluster it is the driver's log that has it
    with pytest.raises(BatchFailed, match="'bad' ended as dead") as failure:
        bad.wait(SLOW)
    assert "exited with status 1" in failure.value.lines[-1]
    with pytest.raises(BatchFailed, match="'killed' ended as killed") as failure:
        killed.wait(SLOW)
    assert "was killed by user" in failure.value.lines[-1]
    for seen in everything:
        seen.check()


def test_a_batch_in_the_queue_is_recovering_until_there_is_room_for_it(yarn, livy, submit):
    small, _, small_seen = submit("small")
    small_seen.wait_for(in_state("running"), SLOW)
    large, gate, large_seen = submit("large", driver_memory="2g")
    large_seen.wait_for(lambda snapshot: snapshot.info.app_id, SLOW)
    yarn.kill_livy()
    large_seen.wait_for(lambda snapshot: snapshot.error)
    yarn.start_livy()
    large_seen.wait_for(in_state("recovering"), SLOW)
    assert yarn.state(large.app_id) == "ACCEPTED"
    assert not large.done

    app_id = small.app_id
    small.kill()
    assert (small.state, small.gone) == ("killed", True)
    assert yarn.final_status(app_id) == "KILLED"
    with pytest.raises(NotFound):
        livy.client.batch("small")

    large_seen.wait_for(in_state("running"), SLOW)
    gate.open()
    assert large.wait(SLOW).state == "success"
    large_seen.check()

"""An interrupt or a dead kernel in the midst of a submission"""

import os
import signal
import subprocess
import sys
import threading

import pytest
from lossy_livy import NAMELESS, NIGHTLY, ROOT, interrupt

from livy_magic import NotSubmitted, SubmitUnknown, history
from livy_magic.errors import WaitInterrupted
from livy_magic.submit import submission

# -- interrupts ------------------------------------------------------------------------------------


def then_interrupt(function):
    """The function, with an interrupt right after it has done its work."""

    def both(*args, **more):
        function(*args, **more)
        raise KeyboardInterrupt

    return both


def interrupted_once(function):
    """The function, with an interrupt in place of its first call."""
    pending = [KeyboardInterrupt]

    def once(*args, **more):
        if pending:
            raise pending.pop()
        return function(*args, **more)

    return once


def test_an_interrupt_before_the_post_started_nothing(livy, server, monkeypatch):
    recording = livy.history
    for broken in (interrupt, then_interrupt(recording.intend)):
        monkeypatch.setattr(recording, "intend", broken)
        with pytest.raises(NotSubmitted, match="interrupted: nothing was submitted"):
            livy.submit(NAMELESS)
    assert server.requests == []


@pytest.mark.parametrize("where", ["look", "staging"])
def test_an_interrupt_while_a_name_is_looked_for_or_a_file_is_staged_started_nothing(
    livy, server, monkeypatch, where
):
    if where == "look":
        monkeypatch.setattr(livy.client, "batch", interrupt)
    else:
        monkeypatch.setattr(livy._planner, "send", interrupt)
    with pytest.raises(NotSubmitted, match="interrupted: nothing was submitted"):
        livy.submit(NIGHTLY)
    assert server.started == []


def test_an_interrupt_when_the_batch_is_there_says_which_one_runs_on(livy, server, monkeypatch):
    monkeypatch.setattr(livy, "handle", interrupt)
    with pytest.raises(WaitInterrupted, match="has been submitted, and runs on\n%livy_kill"):
        livy.submit(NIGHTLY)
    assert server.started == ["nightly"]


def test_an_interrupt_during_the_post_says_that_a_batch_may_have_started(
    livy, server, monkeypatch, recorded
):
    monkeypatch.setattr(livy.client, "create", interrupt)
    with pytest.raises(SubmitUnknown, match="it may have started"):
        livy.submit(NAMELESS)
    assert recorded().outcome == "unknown"


def test_an_interrupt_after_the_post_says_which_batch_runs_on(livy, server, monkeypatch, recorded):
    monkeypatch.setattr(livy.client, "create", then_interrupt(livy.client.create))
    with pytest.raises(WaitInterrupted, match="has been submitted, and runs on\n%livy_kill"):
        livy.submit(NAMELESS)
    assert (recorded().outcome, [recorded().name]) == ("submitted", server.started)


def test_an_interrupt_while_the_answer_is_written_down_says_which_batch_runs_on(
    livy, server, monkeypatch, recorded
):
    monkeypatch.setattr(livy.history, "accepted", interrupted_once(livy.history.accepted))
    with pytest.raises(WaitInterrupted, match="runs on"):
        livy.submit(NAMELESS)
    assert (recorded().outcome, [recorded().name]) == ("submitted", server.started)


@pytest.mark.parametrize("start", ["before", "after"])
def test_an_interrupt_while_a_lost_answer_is_settled_says_what_may_have_started(
    start, livy, server, monkeypatch, recorded
):
    server.posts = [f"{start}:reset"]
    monkeypatch.setattr(livy.client, "batch", interrupted_once(livy.client.batch))
    error, outcome = {
        "before": (SubmitUnknown, "unknown"),
        "after": (WaitInterrupted, "submitted"),
    }[start]
    with pytest.raises(error):
        livy.submit(NAMELESS)
    assert recorded().outcome == outcome


def test_an_interrupt_takes_no_batch_that_had_the_name_before_for_ours(livy, server, monkeypatch):
    old = server.add("nightly")
    entry = history.Intent(server=livy.place, request=NIGHTLY, folder="/", held=[old["id"]])
    monkeypatch.setattr(livy.client, "create", interrupt)
    with pytest.raises(SubmitUnknown):
        submission.submit(livy.client, livy.history, entry)


def test_an_interrupt_does_not_wait_for_a_server_that_hangs(livy, server, monkeypatch):
    monkeypatch.setattr(submission, "GLANCE", 0.05)
    monkeypatch.setattr(livy.client, "create", then_interrupt(livy.client.create))
    server.looks = ["hang"]
    with pytest.raises(SubmitUnknown, match="interrupted"):
        livy.submit(NAMELESS)


# -- kernels that die ------------------------------------------------------------------------------

KERNEL = """
import os, signal, sys
from livy_magic import BatchRequest, Livy

livy = Livy(sys.argv[1])
create = livy.client.create

def die(*args):
    if sys.argv[2] == "after":
        create(*args)
    os.kill(os.getpid(), signal.SIGKILL)

livy.client.create = die
livy.submit(BatchRequest(file="hdfs:///etl.py", name="nightly"))
"""


def kernel_that_dies(when, server):
    command = [sys.executable, "-c", KERNEL, server.url, when]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL


def orphans_settled():
    for thread in threading.enumerate():
        if thread.name == "livy_magic orphans":
            thread.join(20)


@pytest.mark.parametrize(
    ("when", "outcome", "started"),
    [("before", "unknown", []), ("after", "submitted", ["nightly"])],
)
def test_what_a_dead_kernel_left_open_is_settled_by_the_next_one(
    when, outcome, started, connect, server, capfd
):
    kernel_that_dies(when, server)
    [orphan] = history.current().entries()
    assert orphan.outcome == "pending"
    connect().submit(NAMELESS)
    orphans_settled()
    settled = history.current().entry(orphan.key)
    assert (settled.outcome, settled.adopted) == (outcome, when == "after")
    assert server.started[: len(started)] == started
    assert len(server.started) == len(started) + 1  # nothing is ever sent for a dead one
    assert "".join(capfd.readouterr()) == ""


def test_a_dead_kernels_submission_is_not_settled_with_somebody_elses_batch(connect, server):
    server.owner = "alice"
    kernel_that_dies("before", server)
    server.add("nightly", owner="bob")
    connect(user="alice").submit(NAMELESS)
    orphans_settled()
    _, orphan = history.current().entries()
    assert (orphan.outcome, orphan.info) == ("unknown", None)


def test_a_server_that_is_away_is_asked_again_about_a_dead_kernels_submission(connect, server):
    kernel_that_dies("after", server)
    server.looks = ["reset"] * 4
    connect().submit(NAMELESS)
    orphans_settled()
    assert [entry.outcome for entry in history.current().entries()] == ["submitted", "submitted"]


def test_a_batch_that_an_earlier_kernel_submitted_is_mine(connect, server):
    connect().submit(NIGHTLY)
    server.listed["nightly"]["state"] = "success"
    later = connect()
    assert later.submit(NIGHTLY, if_exists="replace").name == "nightly"
    assert server.started == ["nightly", "nightly"]


def test_a_running_batch_that_an_earlier_kernel_submitted_is_attached_to(connect, server):
    request = NIGHTLY.replace(args=["2026-01-01"], conf={"spark.a": "1"})
    first = connect().submit(request)
    assert connect().submit(request, if_exists="attach").id == first.id
    other = request.replace(args=["2026-01-02"])
    assert connect().submit(other, if_exists="attach").name.startswith("nightly-")


def test_who_attaches_waits_for_the_end_when_told_so(connect, server):
    earlier = connect()
    earlier.submit(NIGHTLY)
    earlier.close()
    view = server.listed["nightly"]
    server.looks = ["ok", lambda: view.update(state="success")]
    assert connect().submit(NIGHTLY, if_exists="attach", wait=True).state == "success"


def test_another_batch_under_the_name_and_id_of_mine_is_not_replaced(connect, server):
    """As after a restart of Livy without recovery, when ids begin anew."""
    server.owner = "alice"
    connect(user="alice").submit(NIGHTLY)
    server.listed["nightly"] |= {"owner": "bob", "state": "success"}
    with pytest.raises(NotSubmitted, match="only a finished batch of your own"):
        connect(user="alice").submit(NIGHTLY, if_exists="replace")
    assert server.deleted == []


def test_a_history_that_cannot_be_written_stops_no_submission(livy, server, tmp_path, monkeypatch):
    monkeypatch.setenv("LIVY_HISTORY", str(tmp_path))
    server.posts = ["before:reset"]
    batch = livy.submit(NAMELESS)
    assert server.started == [batch.name]

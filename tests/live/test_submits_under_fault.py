"""Submits through a network at its worst: each ends as one batch or as a proven nothing.

Behind the real Livy stands a stand-in for spark-submit that leaves a mark of each start; the marks
are what is counted (``counted_submit.sh``, ``faults``).
"""

from __future__ import annotations

import collections
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import NamedTuple

import pytest
from faults import FAULTS, Fault, Hold

from livy_magic import Batch, BatchRequest, Livy, LivyError, NotFound
from livy_magic.history import History
from livy_magic.local.cookie import owner

pytestmark = pytest.mark.livy

SEED = 20261122
SUBMITS, NOTEBOOKS = 500, 20
RATE = 0.25  # of the requests that meet a fault
TIMEOUT = (1.0, 1.0)


class Outcome(NamedTuple):
    """What a notebook got of a submission: a handle, or an error."""

    subject: str
    batch: Batch | None
    error: LivyError | None

    @property
    def kind(self):
        return "batch" if self.batch else type(self.error).__name__


def attempt(livy, number):
    """Submit; every other name is given by the user, and the others are made up."""
    subject = f"s{number}"
    name = f"{subject}-given" if number % 2 else None
    try:
        batch = livy.submit(BatchRequest(file=f"hdfs:///{subject}.py", name=name))
    except LivyError as error:
        return Outcome(subject, None, error)
    return Outcome(subject, batch, None)


def test_five_hundred_submits_through_a_storm_are_each_one_batch_or_a_proven_nothing(
    counted, proxy, counts
):
    def notebook(first):
        livy = Livy(proxy.url, auth=counted.server.auth, user=owner(), timeout=TIMEOUT)
        try:
            return [attempt(livy, number) for number in range(first, SUBMITS, NOTEBOOKS)]
        finally:
            livy.close()

    proxy.storm(SEED, RATE)
    with ThreadPoolExecutor(NOTEBOOKS) as notebooks:
        outcomes = [one for some in notebooks.map(notebook, range(NOTEBOOKS)) for one in some]
    proxy.calm()
    counted.await_ends()
    kinds = collections.Counter(one.kind for one in outcomes)
    marks = counted.marks()
    of_subject = collections.Counter(name.partition("-")[0] for name in marks.elements())
    started = sum(of_subject[one.subject] for one in outcomes)
    counts(
        f"{len(outcomes)} submits, {len(proxy.played)} faults (seed {SEED}):"
        f" {kinds['batch']} handles, {started} starts, {kinds['NotSubmitted']} not submitted"
    )
    print(proxy.story("no such"))
    wrong = [
        f"{one.subject}: {one.kind}, {of_subject[one.subject]} marks: {one.batch or one.error!r}"
        for one in outcomes
        if of_subject[one.subject] != (1 if one.batch else 0)
        or (one.batch and marks[one.batch.name] != 1)
        or one.kind not in {"batch", "NotSubmitted"}
    ]
    assert not wrong, "\n".join(
        [*wrong, *(proxy.story(one.partition(":")[0] + "-") for one in wrong[:3])]
    )
    ids = {info.name: info.id for info in counted.client.newest()}
    assert {one.batch.name: one.batch.id for one in outcomes if one.batch}.items() <= ids.items()
    assert kinds["batch"] > SUBMITS / 2
    assert len({one.subject for one in outcomes}) == SUBMITS
    assert {fault for _, _, fault in proxy.played} == set(FAULTS)


KERNEL = """
import sys
from pathlib import Path
from livy_magic import BatchRequest, Livy
from livy_magic.local.cookie import SignedCookie, owner

url, secret, used = sys.argv[1:]
livy = Livy(url, auth=SignedCookie(Path(secret), Path(used)), user=owner())
livy.submit(BatchRequest(file="hdfs:///killed.py", name="killed"))
input()
"""


def kept(step):
    """Return a request that stands still at this step, and goes through otherwise."""
    return Fault("none", passed=True, **{step: Hold()})


@pytest.mark.parametrize(
    ("method", "fault", "goes_on_first", "marks"),
    [
        ("GET", kept("before"), False, 0),
        ("POST", Fault("reset", passed=False, before=Hold()), False, 0),
        ("POST", Fault("none", passed=True, before=Hold(), after=Hold()), False, 1),
        ("POST", kept("after"), False, 1),
        ("POST", kept("after"), True, 1),
    ],
    ids=["before it", "it is lost", "it is late", "before the answer", "with the answer"],
)
def test_a_kernel_killed_at_a_step_of_a_submit_leaves_one_batch_or_none_and_the_next_knows(
    counted, proxy, own_history, method, fault, goes_on_first, marks
):
    before = counted.marks()["killed"]
    proxy.script(fault, method=method)
    auth = counted.server.auth
    command = [sys.executable, "-c", KERNEL, proxy.url, str(auth._secret), str(auth._used)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as kernel:
        reached = fault.before or fault.after
        assert reached.reached.wait(30)
        if goes_on_first:
            reached.go.set()
        kernel.kill()
    reached.go.set()
    if fault.before and fault.after:
        assert fault.after.reached.wait(30)
        fault.after.go.set()
    livy = Livy(proxy.url, auth=auth, timeout=TIMEOUT)
    # As if time had passed in which a request might still have been under way.
    with closing(sqlite3.connect(own_history)) as database, database:
        if method == "POST":
            database.execute("UPDATE entry SET submitted = submitted - 120")
    try:
        livy.submit(BatchRequest(file="hdfs:///next.py"))
        counted.await_ends()
        assert counted.marks()["killed"] - before == marks
        entries = settled(History(own_history), "killed")
        if method == "GET":
            assert entries == []
        elif marks:
            assert [entry.outcome for entry in entries] == ["submitted"]
            assert entries[0].info.id == counted.client.batch("killed").id
            assert entries[0].adopted
        else:
            assert [entry.outcome for entry in entries] == ["unknown"]
    finally:
        livy.close()
        with suppress(NotFound):
            counted.client.delete("killed")


def settled(history, name):
    """Return what the history has of a name, as soon as nothing of it is pending."""
    deadline = time.monotonic() + 20
    try:
        while any(entry.outcome == "pending" for entry in history.entries(name=name)):
            assert time.monotonic() < deadline, history.entries(name=name)
            time.sleep(0.05)  # another thread writes
        return history.entries(name=name)
    finally:
        history.close()

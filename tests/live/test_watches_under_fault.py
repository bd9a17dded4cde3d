"""Watches through a network at its worst: every end as it was, every line once, nothing invented.

Behind the real Livy stands a stand-in for spark-submit (``counted_submit.sh``, ``faults``).
Livy with recovery, which needs YARN, is in test_recovery.py.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from itertools import pairwise

import psutil
import pytest
from faults import FAULTS, Fault, Proxy
from watched import Gate, Seen

from livy_magic import (
    BatchFailed,
    BatchGone,
    BatchRequest,
    Livy,
    NotFound,
    NotLivy,
    ServerError,
    Unauthorized,
    Unreachable,
)
from livy_magic.protocol.client import LivyClient

pytestmark = pytest.mark.livy

SEED = 20261123
WATCHED = 30
FAULTS_PLAYED = 1000
TIMEOUT = (0.5, 0.5)


@pytest.fixture
def connect(counted):
    """Connect through a proxy, as one kernel more."""
    kernels = []

    def connect(proxy, timeout=TIMEOUT):
        server = counted.server
        livy = Livy(
            proxy.url,
            auth=server.auth,
            staging=server.staging,
            timeout=timeout,
            kill_timeout=2.0,
        )
        kernels.append(livy)
        return livy

    yield connect
    for livy in kernels:
        livy.close()


@pytest.fixture
def gated(counted, proxy, connect, tmp_path):
    """A batch that runs, submitted through the proxy, and the gate that ends it."""
    gate = Gate(tmp_path / "gate")
    batch = connect(proxy).submit(BatchRequest(file=counted.script("gated", gate.script())))
    Seen(batch).wait_for(lambda snapshot: snapshot.info.state == "running")
    yield batch, gate
    with suppress(NotFound):
        counted.client.delete(batch.name)


def test_a_thousand_faults_change_the_end_of_no_watch(counted, proxy, connect, tmp_path, counts):
    gates = [Gate(tmp_path / f"w{number}") for number in range(WATCHED)]
    ends = ["success" if number % 3 else "dead" for number in range(WATCHED)]
    for number, (gate, end) in enumerate(zip(gates, ends, strict=True)):
        code = gate.script(before="echo up", after=f"exit {int(end == 'dead')}")
        file = counted.script(f"w{number}", code)
        counted.client.create(BatchRequest(file=file, name=f"w{number}"))
    # A kernel that watches all of them, and two for each that watch no other.
    kernels = [(connect(proxy), range(WATCHED))]
    kernels += [(connect(proxy), [number % WATCHED]) for number in range(2 * WATCHED)]
    batches = [
        (livy.batch(f"w{number}"), ends[number]) for livy, some in kernels for number in some
    ]
    seen = [Seen(batch) for batch, _ in batches]
    proxy.storm(SEED, 0.5)
    for number, gate in enumerate(gates):  # they end in the last quarter of the storm
        proxy.await_faults(FAULTS_PLAYED * (3 * WATCHED + number) // (4 * WATCHED))
        gate.open()
    proxy.await_faults(FAULTS_PLAYED)
    proxy.calm()
    for batch, end in batches:
        try:
            batch.wait(60)
        except BatchFailed:
            assert end == "dead"
        assert batch.state == end, proxy.story(f"/{batch.name}/")
    for one in seen:
        one.check()
        assert {snapshot.info.state for snapshot in one.snapshots} <= {"running", *ends}
    counts(
        f"{len(batches)} watches of {WATCHED} batches, {len(proxy.played)} faults (seed {SEED}):"
        f" {sum(len(one.snapshots) for one in seen)} snapshots, every end right"
    )
    assert {fault for _, _, fault in proxy.played} == set(FAULTS)
    assert any(snapshot.error for one in seen for snapshot in one.snapshots)


KILLS = 40


def test_a_kill_through_a_storm_has_killed_or_says_that_it_may_not_have(
    counted, proxy, connect, counts
):
    file = counted.script("long", "exec sleep 600")
    names = [f"kill{number}" for number in range(KILLS)]
    for name in names:
        counted.client.create(BatchRequest(file=file, name=name))
    batches = [connect(proxy).batch(name) for name in names]
    proxy.storm(SEED, 0.2)
    failed = {}
    for batch in batches:
        try:
            batch.kill(30)
        except ServerError as failure:
            failed[batch.name] = failure
    proxy.calm()
    there = {info.name for info in counted.client.newest()}
    counts(f"{KILLS} kills, {len(proxy.played)} faults (seed {SEED}): {KILLS - len(failed)} killed")
    for name in there & failed.keys():
        counted.client.delete(name)
    for batch in batches:
        if batch.name not in failed:
            assert batch.state == "killed", f"{batch.snapshot}\n{proxy.story(batch.name)}"
        if batch.state == "killed":  # it may have been seen so, though no answer said it
            assert batch.name not in there, proxy.story(batch.name)
    assert len(failed) < KILLS / 2, failed


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault("refused", passed=False), Unreachable, "connection"),
        (Fault("silence", passed=True), Unreachable, "no answer in time"),
        (Fault("401", passed=False), Unauthorized, "set `auth`"),
        (Fault("redirect", passed=False), NotLivy, "redirects to http://login.test"),
        (Fault("login page", passed=True), NotLivy, "Sign in"),
        (Fault("broken JSON", passed=True), NotLivy, "not JSON"),
    ],
    ids=lambda value: str(value) if isinstance(value, Fault) else "",
)
def test_what_is_wrong_is_told_apart_with_since_when_and_recovered_from(
    proxy, gated, fault, kind, words
):
    batch, gate = gated
    seen = Seen(batch)
    before = time.time()
    proxy.storm(SEED, 1.0, [fault])
    trouble = seen.wait_for(lambda snapshot: snapshot.error)
    assert isinstance(trouble.error, kind)
    assert words in str(trouble.error)
    assert before <= trouble.stale_since <= time.time()
    assert trouble.info.state == "running"
    proxy.calm()
    gate.open()
    assert batch.wait(40).succeeded
    seen.check()


def test_one_401_in_mid_watch_is_not_even_seen(proxy, gated):
    batch, gate = gated
    seen = Seen(batch)
    for _ in range(3):
        proxy.script(Fault("401", passed=False), method="GET")
        proxy.await_faults(len(proxy.played) + 1)
        batch.look()
    gate.open()
    batch.wait(40)
    assert not any(snapshot.error for snapshot in seen.snapshots)


def test_a_server_that_asks_for_time_gets_it(proxy, gated):
    batch, gate = gated
    seen = Seen(batch)
    proxy.script(Fault("429", passed=False), method="GET")
    trouble = seen.wait_for(lambda snapshot: snapshot.error or snapshot.log_error)
    assert (trouble.error or trouble.log_error).retry_after == 1.0
    asked, reached = time.monotonic(), len(proxy.reached)
    gate.open()
    seen.wait_for(lambda snapshot: snapshot.done)
    assert time.monotonic() - asked > 0.9, proxy.story()
    assert len(proxy.reached) > reached


def test_a_batch_that_was_collected_after_its_end_was_seen_keeps_it(counted, gated):
    batch, gate = gated
    gate.open()
    batch.wait(40)
    counted.client.delete(batch.name)
    batch.look()
    assert batch.wait(5).state == "success"
    with pytest.raises(NotFound):
        counted.client.batch(batch.name)


def test_a_batch_that_was_collected_while_nobody_could_look_is_gone_and_no_success(
    counted, proxy, gated
):
    batch, gate = gated
    seen = Seen(batch)
    proxy.storm(SEED, 1.0, [Fault("503", passed=False)])
    seen.wait_for(lambda snapshot: snapshot.error)
    gate.open()
    counted.await_ends(batch.name)
    counted.client.delete(batch.name)
    proxy.calm()
    with pytest.raises(BatchGone, match="was running when last seen"):
        batch.wait(40)


LOGS, BURSTS = 20, 16
BURST = 700  # lines, well within what the private Livy keeps
FLOOD = 25_000  # lines, and it keeps 20,000
FLOODED = {f"log{number}" for number in range(0, LOGS, 5)}


def lines_in(entries):
    """Return the numbers of the lines ``line N`` among some text."""
    return [int(text[5:]) for text in entries if text.startswith("line ")]


def test_every_line_that_was_handed_out_is_in_the_log_once_and_in_order(
    counted, proxy, connect, tmp_path, counts
):
    gates = [Gate(tmp_path / f"log{number}") for number in range(LOGS)]
    for number, gate in enumerate(gates):
        size = FLOOD if f"log{number}" in FLOODED else BURST
        bursts = [
            f"seq -f 'line %.0f' {start + 1} {start + size}; sleep 0.5"
            for start in range(0, BURSTS * size, size)
        ]
        code = gate.script(before="echo line 0", after="\n".join(bursts))
        file = counted.script(f"log{number}", code)
        counted.client.create(BatchRequest(file=file, name=f"log{number}"))
    # Each is watched by a kernel of its own. What was sent is read: a time-out is a fault.
    batches = [connect(proxy, (0.5, 2.0)).batch(f"log{number}") for number in range(LOGS)]
    for batch in batches:
        Seen(batch).wait_for(lambda snapshot: snapshot.lines)
    proxy.storm(SEED, 0.4)
    for gate in gates:
        gate.open()
    counted.await_ends()
    proxy.calm()
    total = lost = 0
    for batch in batches:
        log = batch.wait(60).log()
        numbers = lines_in(log)
        assert numbers == sorted(set(numbers)), batch.name
        handed_out = {
            line
            for one in proxy.reached
            if re.match(rf"/batches/({batch.name}|{batch.id})/log", one.path) and one.delivered
            for line in lines_in(json.loads(one.answer)["log"])
        }
        unseen = ranges(handed_out - set(numbers))
        assert not unseen, f"{batch.name}: {unseen}\n{proxy.story(f'/{batch.name}/')}"
        gaps = [place for place, text in enumerate(log) if not text.startswith("line ")]
        around = [(*lines_in(log[:place][-1:]), *lines_in(log[place + 1 :][:1])) for place in gaps]
        assert around == [(one, two) for one, two in pairwise(numbers) if two != one + 1]
        if batch.name not in FLOODED:
            assert numbers == list(range(BURSTS * BURST + 1))
        total += len(numbers)
        lost += len(gaps)
    counts(
        f"{len(batches)} logs, {len(proxy.played)} faults (seed {SEED}):"
        f" {total} lines, each once, and {lost} gaps"
    )


def ranges(numbers):
    """Return the first and last of each run of numbers."""
    starts = [number for number in sorted(numbers) if number - 1 not in numbers]
    ends = [number for number in sorted(numbers) if number + 1 not in numbers]
    return list(zip(starts, ends, strict=True))


def test_a_log_whose_beginning_was_gone_before_the_first_look_says_so(counted, proxy, connect):
    file = counted.script("flood", f"seq -f 'line %.0f' 1 {FLOOD}")
    counted.client.create(BatchRequest(file=file, name="flood"))
    counted.await_ends("flood")
    first, *lines = connect(proxy, (0.5, 5.0)).batch("flood").log()
    assert "lost" in first
    assert lines_in(lines) == list(range(FLOOD - len(lines) + 1, FLOOD + 1))


@pytest.mark.parametrize("name", ["nightly", None], ids=["named", "nameless"])
def test_after_a_crash_of_livy_no_handle_is_of_the_batch_that_got_its_id(
    running_counted, running, new_base, tmp_path, name
):
    base = new_base("crashed")
    old_gate, new_gate = Gate(tmp_path / "old"), Gate(tmp_path / "new")
    with running_counted(base) as counted:
        proxy = Proxy(counted.server.url)
        livy = Livy(proxy.url, auth=counted.server.auth, timeout=TIMEOUT)
        try:
            file = counted.script("old", old_gate.script(before="echo old"))
            old = livy.batch(counted.client.create(BatchRequest(file=file, name=name)).id)
            seen = Seen(old)
            seen.wait_for(lambda snapshot: snapshot.lines and snapshot.info.state == "running")
            supervisor = psutil.Process(counted.server.pid)
            [java] = [one for one in supervisor.children() if "LivyServer" in one.cmdline()[-1]]
            java.kill()
            seen.wait_for(lambda snapshot: snapshot.error)
            assert old.state == "running"
            supervisor.wait(30)
            with running(base, counted.folder / "spark-submit") as again:
                client = LivyClient(again.url, auth=again.auth)
                file = counted.script("new", new_gate.script(before="echo new"))
                other = name and "other"
                ids = [client.create(BatchRequest(file=file)).id for _ in range(old.id)]
                new = client.create(BatchRequest(file=file, name=other)).id
                assert new == old.id
                assert ids == list(range(old.id))
                proxy.upstream = again.url
                with pytest.raises(BatchGone, match=r"no longer knows batch .*was running when"):
                    old.wait(10)
                assert old.log() == ["old"]
                with pytest.raises(BatchGone, match="nothing was killed"):
                    old.kill()
                assert client.state(new) == "running"
                if name:  # the id still means what it was shown as
                    with pytest.raises(BatchGone, match="is another batch now"):
                        livy.batch(new)
                else:
                    assert livy.batch(new) is not old
                assert old.name == name
                assert old.snapshot.gone
                if name:
                    with pytest.raises(NotFound):
                        livy.batch(name)
        finally:
            livy.close()
            proxy.close()

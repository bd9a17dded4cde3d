"""Several threads, kernels and hosts use one history"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from histories import ROOT, SERVER, an_intent, answer_of, lines_of

from livy_magic.history import History, Owner, database
from livy_magic.protocol.log_format import Line
from livy_magic.protocol.models import BatchInfo


def test_threads_share_a_history(history: History) -> None:
    keys = [history.intend(an_intent()) for _ in range(4)]

    def write(key: int) -> None:
        for line in lines_of(100):
            history.append(key, [line])

    threads = [threading.Thread(target=write, args=[key]) for key in keys for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key in keys:
        assert sorted(line.text for line in history.log(key)) == sorted(
            line.text for line in lines_of(100) * 2
        )


@pytest.mark.parametrize("local", [True, False], ids=["own disk", "network home"])
def test_kernels_that_start_and_write_at_once_lose_nothing(
    local: bool,
    history: History,
    start: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not local:  # here as well: what reads below would else turn the file into one with WAL
        monkeypatch.setattr(database, "LOCAL_FILE_SYSTEMS", frozenset())
    kernel = """
        from livy_magic.history import database
        if sys.argv[2] == "False":
            database.LOCAL_FILE_SYSTEMS = frozenset()
        database.PATIENCE = 60.0  # on a busy machine with a slow disk
        print("ready", flush=True)
        sys.stdin.readline()
        keys = [history.intend(intent(f"batch-{number}")) for number in range(20)]
        for number in range(200):
            assert history.append(keys[0], [Line(f"{os.getpid()} {number}", "program")]) == 1, told
        assert not told and None not in keys, told
        print(os.getpid(), keys[0])
    """
    kernels = [start(kernel, str(local)) for _ in range(3)]
    for process in kernels:
        assert process.stdout.readline() == "ready\n"
    for process in kernels:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in kernels:
        pid, key = answer_of(process)[-1].split()
        assert [line.text for line in history.log(int(key))] == [f"{pid} {n}" for n in range(200)]
    assert len({entry.key for entry in history.entries()}) == 60


def test_on_a_network_home_no_memory_is_shared(
    history: History, path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    def wal() -> bool:
        return path.read_bytes()[18] == 2  # the format's version to read it (SQLite file format)

    history.intend(an_intent())
    assert wal()
    history.close()
    monkeypatch.setattr(database, "LOCAL_FILE_SYSTEMS", frozenset())
    history.intend(an_intent())
    assert not wal()
    assert len(history.entries()) == 2


def test_a_submission_knows_those_of_the_same_name_at_the_same_time(history: History) -> None:
    batch = BatchInfo(id=7, name="nightly", state="running")
    before = history.intend(an_intent(name="nightly"))
    history.accepted(before, batch)  # of a server that has started anew since
    mine = history.intend(an_intent(name="nightly"))
    assert history.rivals(mine, 7) == []
    history.intend(an_intent(name="weekly"))
    late = history.intend(an_intent(name="nightly"))
    assert [one.key for one in history.rivals(mine, 7)] == [late]
    history.accepted(late, batch)
    assert [one.key for one in history.rivals(mine, 7)] == [late]
    assert history.rivals(mine, 8) == []
    assert history.rivals(None, 7) == []


def test_a_dead_kernels_submission_is_taken_over_once(
    history: History, start: Callable[..., subprocess.Popen[str]]
) -> None:
    kernel = """
        history.accepted(history.intend(intent("sent")), BatchInfo(id=1, state="running"))
        print(history.intend(intent("hanging")), flush=True)
        sys.stdin.readline()
    """
    dead, alive = start(kernel), start(kernel)
    key = int(dead.stdout.readline())
    alive.stdout.readline()
    assert history.take_orphans(SERVER) == []
    dead.kill()
    dead.wait()
    assert history.take_orphans("http://other") == []

    heir = """
        print("ready", flush=True)
        sys.stdin.readline()
        print(*(entry.key for entry in history.take_orphans("http://livy.example:8998")), *told, flush=True)
        sys.stdin.readline()
    """
    heirs = [start(heir) for _ in range(3)]
    for process in heirs:
        assert process.stdout.readline() == "ready\n"
    for process in heirs:
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [process.stdout.readline().split() for process in heirs]
    assert sorted(taken) == [[], [], [str(key)]]
    assert history.take_orphans(SERVER) == []

    heir_of_all = heirs[taken.index([str(key)])]
    heir_of_all.kill()
    heir_of_all.wait()
    (orphan,) = history.take_orphans(SERVER)
    assert (orphan.key, orphan.name, orphan.submitter) == (key, "hanging", Owner.this_process())


@pytest.mark.parametrize(
    ("change", "dead"),
    [
        ({}, False),
        ({"pid": 2**22 + 1}, True),  # Linux has none so high
        ({"started": "1"}, True),
        ({"boot": "another"}, True),
        ({"host": "another", "pid": 2**22 + 1, "boot": "another"}, False),
    ],
    ids=["this very process", "no such process", "later process", "earlier boot", "other host"],
)
def test_a_death_has_to_be_proven(change: dict, dead: bool) -> None:
    assert replace(Owner.this_process(), **change).is_dead() is dead


def test_a_process_that_its_parent_has_not_noticed_to_be_dead_is_dead() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        code = "from livy_magic.history import owner; import sys; print(owner._started(int(sys.argv[1])))"
        started = subprocess.run(
            [sys.executable, "-c", code, str(child.pid)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        kernel = replace(Owner.this_process(), pid=child.pid, started=started)
        assert not kernel.is_dead()
        child.kill()
        child.stdout.read()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert kernel.is_dead()


def test_a_forked_child_goes_on_with_a_connection_of_its_own(
    history: History, start: Callable[..., subprocess.Popen[str]]
) -> None:
    forking = """
        key = history.intend(intent("parent"))
        parents = history._database._connection
        holder, held, leave = history._database._lock, threading.Event(), threading.Event()
        def hold():
            with holder:
                held.set()
                leave.wait()
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        import warnings
        warnings.simplefilter("ignore")  # that forking with threads is dangerous: just that is tried
        child = os.fork()
        if not child:
            import signal
            signal.alarm(20)  # it must not wait for a lock for ever
            ok = history.intend(intent("child")) is not None
            ok = ok and history._database._connection is not parents
            os._exit(0 if ok and not told else 1)
        assert os.waitpid(child, 0)[1] == 0
        leave.set()
        thread.join()
        assert history._database._connection is parents
        assert history.append(key, [Line("still here", "program")]) == 1
    """
    answer_of(start(forking))
    child, parent = history.entries()
    assert (child.name, parent.name) == ("child", "parent")
    assert child.submitter.pid != parent.submitter.pid
    assert history.log(parent.key) == [Line("still here", "program")]

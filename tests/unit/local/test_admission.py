"""Batches wait for their place in the order of their submission, and no place is lost."""

import os
import signal
import subprocess
import sys

import pytest

from livy_magic.local import admission
from livy_magic.local.admission import Queue

PROGRAM = """
import sys, time
from pathlib import Path
sys.path.append(sys.argv[1])
from local.admission import Queue
most = int(sys.argv[3])
with Queue(Path(sys.argv[2]), lambda running: most).place(
    time.sleep, lambda ahead: print("waits for", ahead, flush=True)
):
    print("runs", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path):
    """Start a process that wants a place among ``most``; a line to it ends it."""
    started = []

    def popen(most):
        package = os.path.dirname(os.path.dirname(admission.__file__))  # noqa: PTH120
        command = [sys.executable, "-I", "-S", "-c", PROGRAM, package, tmp_path / "q", str(most)]
        started.append(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )
        )
        return started[-1]

    yield popen
    for process in started:
        with process:
            process.kill()


def said(process):
    return process.stdout.readline().strip()


def end(process):
    process.communicate("end\n", timeout=30)
    assert process.returncode == 0


def test_so_many_run_and_the_others_wait_in_order(start):
    first, second = start(2), start(2)
    assert [said(first), said(second)] == ["runs", "runs"]
    third = start(2)
    assert said(third) == "waits for 1"
    fourth = start(2)
    assert said(fourth) == "waits for 2"
    end(second)
    assert said(third) == "runs"
    assert said(fourth) == "waits for 1"
    end(first)
    assert said(fourth) == "runs"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_loses_no_place(start, number):
    running = start(1)
    assert said(running) == "runs"
    waiting = start(1)
    assert said(waiting) == "waits for 1"
    last = start(1)
    assert said(last) == "waits for 2"
    waiting.send_signal(number)
    waiting.wait(30)
    assert said(last) == "waits for 1"
    running.send_signal(number)
    running.wait(30)
    assert said(last) == "runs"


def test_an_older_one_that_comes_later_goes_first(start, tmp_path, monkeypatch):
    running = start(1)
    assert said(running) == "runs"
    waiting = start(1)
    assert said(waiting) == "waits for 1"
    monkeypatch.setattr(admission, "_began", lambda: 0)
    ahead = []

    def let_the_running_one_end(_):
        end(running)

    with Queue(tmp_path / "q", lambda _: 1).place(let_the_running_one_end, ahead.append):
        assert ahead == [1]
        assert list((tmp_path / "q").glob("running-*")) == [
            tmp_path / "q" / f"running-{0:020d}-{os.getpid():010d}"
        ]
    assert said(waiting) == "runs"


def test_memory_and_cores_set_how_many(monkeypatch):
    monkeypatch.setattr(admission, "_cores", lambda: 8)
    monkeypatch.setattr(admission, "_free_memory", lambda: 3 << 30)
    assert admission.most_at_once(0) == 3
    assert admission.most_at_once(2) == 5
    assert admission.most_at_once(7) == 8
    monkeypatch.setattr(admission, "_free_memory", lambda: 0)
    assert admission.most_at_once(0) == 1
    assert admission.most_at_once(3) == 3
    monkeypatch.setattr(admission, "_free_memory", lambda: None)  # as on macOS
    assert admission.most_at_once(0) == 1

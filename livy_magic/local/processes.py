"""The processes of a private Livy: how they are known for ours beyond doubt, and ended.

Livy starts with a mark in its environment, and whatever it starts inherits that, also what moves to
another process group or session or outlives its parent, as PySpark's Python driver and workers do.
A process id alone, read from some file, would prove nothing.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from .spark_submit import RUN_MARK

if TYPE_CHECKING:
    from pathlib import Path

    from .layout import ServerFolder

MARK = RUN_MARK

# Behind the run's own mark: what makes archives for it in the background.
_TRAINING = "-training"

_GRACE = 5.0  # seconds between SIGTERM and SIGKILL


def training_mark(run_id: str) -> str:
    """Return the mark of those processes of a run that only make archives for it."""
    return run_id + _TRAINING


def marked(mark: str) -> list[psutil.Process]:
    """Return the living processes that carry a mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # somebody else's, or ended meanwhile
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


def end_leftovers(folder: ServerFolder) -> bool:
    """End every process of the folder's last run and remove its files; say whether it had any.

    Only whoever holds the folder's lock may do this.
    """
    try:
        run_id = folder.run_id.read_text()
    except FileNotFoundError:
        return False
    end_training(run_id)
    _send(signal.SIGTERM, marked(run_id))
    asked = time.monotonic()
    while (living := marked(run_id)) and (waited := time.monotonic() - asked) < 2 * _GRACE:
        if waited > _GRACE:  # again and again: one that is not dead yet may start another
            _send(signal.SIGKILL, living)
        time.sleep(0.1)
    for file in (folder.server, folder.secret, folder.used, folder.run_id):
        file.unlink(missing_ok=True)
    shutil.rmtree(folder.run, ignore_errors=True)
    return True


def end_training(run_id: str) -> None:
    """Kill what makes archives: a JVM that is asked to end would first write one, for seconds."""
    while living := marked(training_mark(run_id)):
        _send(signal.SIGKILL, living)
        time.sleep(0.02)


def _send(number: int, processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def batches_of(supervisor: int) -> int:
    """Return how many batches run: Livy, its only child that is a JVM, has a child for each."""
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(supervisor).children()
        return sum(len(child.children()) for child in children if child.name() == "java")
    return 0


def sign(lock: int) -> None:
    """Write into the lock file, open and held, that this process holds it."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, _identity(psutil.Process()).encode(), 0)


def terminate(lock: Path) -> None:
    """Ask the process that signed the lock file to end, if it is still that very one."""
    signature = lock.read_text()
    with suppress(ValueError, psutil.NoSuchProcess):  # not signed yet; ended meanwhile
        process = psutil.Process(int(signature.partition(" ")[0]))
        if _identity(process) == signature:
            process.terminate()


def _identity(process: psutil.Process) -> str:
    """Return what tells a process from a later one of the same id, too."""
    return f"{process.pid} {process.create_time()}"

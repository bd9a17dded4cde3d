"""The processes of a private Livy: identifies them reliably, and ends them.

Livy starts with a mark in its environment, and all its descendants inherit that, even those that
move to another process group or session or outlive their parent, as PySpark's Python driver and
workers do. A process id alone, read from a file, would prove nothing.
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

# Added to the run's mark, it marks the processes that make archives in the background.
_TRAINING = "-training"

_GRACE = 5.0  # seconds between SIGTERM and SIGKILL


def training_mark(run_id: str) -> str:
    """Return the mark of a run's processes that only make archives."""
    return run_id + _TRAINING


def marked(mark: str) -> list[psutil.Process]:
    """Return the living processes with a mark in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # another user's, or ended meanwhile
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


def end_leftovers(folder: ServerFolder) -> bool:
    """End all processes of the folder's last run and remove its files; return whether there were any.

    Only the holder of the folder's lock may call this.
    """
    try:
        run_id = folder.run_id.read_text()
    except FileNotFoundError:
        return False
    end_training(run_id)
    _send(signal.SIGTERM, marked(run_id))
    asked = time.monotonic()
    while (living := marked(run_id)) and (waited := time.monotonic() - asked) < 2 * _GRACE:
        if waited > _GRACE:  # repeatedly: one that is not dead yet may start another
            _send(signal.SIGKILL, living)
        time.sleep(0.1)
    for file in (folder.server, folder.secret, folder.used, folder.run_id):
        file.unlink(missing_ok=True)
    shutil.rmtree(folder.run, ignore_errors=True)
    return True


def end_training(run_id: str) -> None:
    """Kill the processes that make archives: on SIGTERM, a JVM would write one first, for seconds."""
    while living := marked(training_mark(run_id)):
        _send(signal.SIGKILL, living)
        time.sleep(0.02)


def _send(number: int, processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def batches_of(supervisor: int) -> int:
    """Return how many batches run: Livy, the supervisor's only JVM child, has one child for each."""
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(supervisor).children()
        return sum(len(child.children()) for child in children if child.name() == "java")
    return 0


def sign(lock: int) -> None:
    """Write this process's identity into the lock file, which is open and held."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, _identity(psutil.Process()).encode(), 0)


def terminate(lock: Path) -> None:
    """Send SIGTERM to the process that signed the lock file, if it is still the same process."""
    signature = lock.read_text()
    with suppress(ValueError, psutil.NoSuchProcess):  # not signed yet; ended meanwhile
        process = psutil.Process(int(signature.partition(" ")[0]))
        if _identity(process) == signature:
            process.terminate()


def _identity(process: psutil.Process) -> str:
    """Return a text that also distinguishes a process from a later one with the same id."""
    return f"{process.pid} {process.create_time()}"

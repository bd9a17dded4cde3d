"""What a user does first, in an environment that has livy_magic from its wheel and nothing else.

A program for that environment: it fails at the first thing that is not as it should be.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import livy_magic
from livy_magic import BatchFailed, local
from livy_magic.batch import Batch

SLEEPING = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)"


def main() -> None:
    """Run the cells."""
    assert Path(livy_magic.__file__).is_relative_to(sys.prefix), "this is not the installed package"
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "livy_magic")
    try:
        batch = cell(shell, "--wait", "print(sum(range(1000)))")
        assert batch.state == "success", batch.state
        assert list(batch.output()) == ["499500"]

        failed = shell.run_cell("%%livy_batch --wait\nraise ValueError('on purpose')")
        assert isinstance(failed.error_in_exec, BatchFailed), failed

        batch = cell(shell, "", SLEEPING)
        process = psutil.Process(int(first_line(batch)))
        shell.run_line_magic("livy_kill", str(batch.id))
        assert not process.is_running(), "a killed batch runs on"

        shell.run_line_magic("livy_panel", "")
        shell.run_line_magic("unload_ext", "livy_magic")
        assert shell.find_line_magic("livy_submit") is None
    finally:
        local.stop()


def cell(shell: InteractiveShell, line: str, code: str) -> Batch:
    """Run a cell as a batch."""
    with capture_output():
        shell.run_cell_magic("livy_batch", f"-o batch {line}", code)
    batch: Batch = shell.user_ns["batch"]
    return batch


def first_line(batch: Batch) -> str:
    """Wait until a batch prints something."""
    deadline = time.monotonic() + 120
    while not (lines := list(batch.output())):
        assert time.monotonic() < deadline, "the batch prints nothing"
        time.sleep(0.1)
    return lines[0]


if __name__ == "__main__":
    main()

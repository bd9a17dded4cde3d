"""What the tests of history/ share."""

from __future__ import annotations

import subprocess
from pathlib import Path

from livy_magic.history import Intent
from livy_magic.protocol.log_format import Line
from livy_magic.protocol.models import BatchInfo, BatchRequest

SERVER = "http://livy.example:8998"
ROOT = Path(__file__).parents[1]


def an_intent(name: str = "nightly", server: str = SERVER, **more) -> Intent:
    return Intent(
        server=server, request=BatchRequest(file="/a.py", name=name), folder="/home/me", **more
    )


def a_batch(batch_id: int | str = 7, state: str = "running", **more) -> BatchInfo:
    return BatchInfo(id=batch_id, name="nightly", state=state, **more)


def lines_of(count: int, text: str = "line") -> list[Line]:
    return [Line(f"{text} {number}", "spark") for number in range(count)]


PRELUDE = """
import os, sys, threading
from pathlib import Path
from livy_magic.history import History, Intent
from livy_magic.protocol.log_format import Line
from livy_magic.protocol.models import BatchInfo, BatchRequest

told = []
history = History(Path(sys.argv[1]), told.append)

def intent(name):
    request = BatchRequest(file="/a.py", name=name)
    return Intent(server="http://livy.example:8998", request=request, folder="/")
"""


def answer_of(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output.splitlines()

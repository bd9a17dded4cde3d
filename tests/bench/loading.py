"""What loading the extension costs a kernel that has IPython and requests already."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from report import Figure, alone

_RUNS = 15

_PROGRAM = """
import time
start = time.perf_counter()
import IPython, requests
between = time.perf_counter()
import livy_magic, livy_magic.magics
print(between - start, time.perf_counter() - between)
"""


def figures() -> Iterator[Figure]:
    """Import both in a fresh Python, again and again."""
    _once()  # after which all is compiled, as an installed package is
    times = [_once() for _ in range(_RUNS)]
    yield Figure(
        "load the extension",
        "import IPython, requests",
        [ours for _, ours in times],
        [theirs for theirs, _ in times],
        alone,
        0.060,
        "ms",
    )


def _once() -> tuple[float, float]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    theirs, ours = map(float, done.stdout.split())
    return theirs, ours

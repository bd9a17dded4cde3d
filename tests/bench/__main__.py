"""Measure, and print a table: ``make bench``, or some of its parts: ``make bench PARTS="loading showing"``."""

from __future__ import annotations

import os
import platform
import sys

import loading
import private_livy
import showing
import submitting
import watching
from report import HEAD

PARTS = {
    "loading": loading,
    "submitting": submitting,
    "watching": watching,
    "showing": showing,
    "private_livy": private_livy,
}


def main(names: list[str]) -> None:
    """Run the named parts, or all."""
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}\n")
    print(HEAD, flush=True)
    for name in names or PARTS:
        for figure in PARTS[name].figures():
            print(figure.row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Programs that end well, and virtual environments that have nothing but the wheel."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its good end, and return what it printed."""
    done = subprocess.run(
        command,
        env=environment,
        cwd="/",  # no module is found by where the tests run
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


class Environment:
    """A fresh virtual environment with the wheel and what it depends on.

    Attributes:
        folder: Where it is.
        python: Its Python.
    """

    def __init__(self, folder: Path, python: str, wheel: Path, extras: str = "") -> None:
        self.folder = folder
        run([python, "-m", "venv", folder])
        self.python = folder / "bin/python"
        # What is not compiled now is when it is imported.
        self.pip("install", "--no-compile", f"livy-magic{extras} @ {wheel.as_uri()}")

    def pip(self, *arguments: str) -> str:
        """Run its pip."""
        return run([self.python, "-m", "pip", "--disable-pip-version-check", *arguments])

    def remains(self) -> list[Path]:
        """Return what is there of livy_magic."""
        return [path for path in self.folder.rglob("*") if "livy_magic" in path.name.lower()]

"""The distributions as they are published, and environments that have nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

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


@pytest.fixture(scope="session")
def pythons() -> dict[str, str]:
    """The Pythons of this machine that livy_magic supports, newest first: version and path."""
    found = subprocess.run(
        [ROOT / "tests/pythons.sh"], stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(line.split(" ", 1) for line in found.stdout.splitlines())


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """An sdist of this working copy, and the wheel that is built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--outdir", folder, ROOT])
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def wheel(distributions: list[Path]) -> Path:
    [wheel] = [file for file in distributions if file.suffix == ".whl"]
    return wheel


@pytest.fixture(scope="session")
def no_java(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This environment, with every program of the system but Java."""
    folder = tmp_path_factory.mktemp("bin")
    for directory in ("/usr/bin", "/bin"):
        for program in Path(directory).iterdir():
            link = folder / program.name
            if not program.name.startswith("java") and not link.is_symlink():
                link.symlink_to(program)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    kept.pop("JAVA_HOME", None)
    return {**kept, "PATH": str(folder)}


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

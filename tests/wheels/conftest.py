"""The distributions as they are published, and where they are tried."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from environments import ROOT, run


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

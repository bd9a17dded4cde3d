"""What the tests of this folder share."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from histories import PRELUDE, ROOT

from livy_magic.history import History


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "history.sqlite"


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def opened(path: Path, told: list[str]) -> Iterator[Callable[..., History]]:
    every: list[History] = []

    def build(**settings) -> History:
        every.append(History(path, told.append, **settings))
        return every[-1]

    yield build
    for history in every:
        history.close()


@pytest.fixture
def history(opened: Callable[..., History], told: list[str]) -> Iterator[History]:
    yield opened()
    assert told == []


@pytest.fixture
def frail(opened: Callable[..., History]) -> History:
    """A history that is expected to get into trouble."""
    return opened()


@pytest.fixture
def edit(path: Path) -> Callable[..., list[tuple]]:
    """What somebody does to the file with SQL, past the history."""

    def run(statement: str, *values) -> list[tuple]:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    return run


@pytest.fixture
def start(path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start another kernel, which runs some code with a ``history`` of its own."""
    every: list[subprocess.Popen[str]] = []

    def popen(code: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PRELUDE + textwrap.dedent(code), str(path), *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        every.append(
            subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return every[-1]

    yield popen
    for process in every:
        with process:
            process.kill()

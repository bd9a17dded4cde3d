"""The real private Livy as fixtures: once with Spark behind it, once with a stand-in for Spark."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from livy_magic import local
from livy_magic.errors import LocalServerError
from livy_magic.local import jars, java, layout
from livy_magic.local.server import LocalServer

# What a test asks for to get a LIVY_LOCAL_DIR of its own.
NewBase = Callable[[str], Path]


@pytest.fixture(scope="session")
def new_base(tmp_path_factory: pytest.TempPathFactory) -> NewBase:
    """Make empty folders for private servers that share the jars, which are fetched only once.

    So do they the class-data archives of whoever runs the tests.

    Where the private Livy cannot run, its tests are skipped and say why; under CI they fail.
    """
    try:
        java.require_spark()
        java.require_java()
    except LocalServerError as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the private Livy cannot run here: {problem}")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LIVY_LOCAL_DIR", raising=False)
        shared = layout.base() / "jars"
    jars.ensure(shared, report=print)

    def make(name: str) -> Path:
        base = tmp_path_factory.mktemp(name)
        (base / "jars").symlink_to(shared)
        (base / "archives").symlink_to(shared.with_name("archives"))  # they may be there, or not
        return base

    return make


@contextmanager
def running_server(base: Path, spark_submit: Path | None = None) -> Iterator[LocalServer]:
    """A private server with its files in ``base``, for the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVY_LOCAL_DIR", str(base))
        server = local.start(spark_submit=spark_submit)
    try:
        yield server
    finally:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LIVY_LOCAL_DIR", str(base))
            local.stop()


@pytest.fixture(scope="session")
def local_base(new_base: NewBase) -> Path:
    """The LIVY_LOCAL_DIR of ``local_server``."""
    return new_base("local")


@pytest.fixture(scope="session")
def local_server(local_base: Path) -> Iterator[LocalServer]:
    """The private Livy, with real Spark behind it: a batch takes several seconds."""
    with running_server(local_base) as server:
        yield server


@dataclass(frozen=True)
class StandIn:
    """The private Livy, with a stand-in for Spark: a batch does what its FILE says, at once.

    Attributes:
        server: The real Livy.
        folder: Where the stand-in is, and notes how it was called.
    """

    server: LocalServer
    folder: Path

    def script(self, name: str, *lines: str) -> str:
        """Write a FILE to submit, of lines as ``standin_submit`` understands them."""
        path = self.folder / name
        path.write_text("\n".join(lines))
        return str(path)

    def calls(self) -> list[list[str]]:
        """Return the arguments of each call so far, oldest first."""
        calls = self.folder / "calls"
        return (
            [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
        )


@contextmanager
def _running_standin(base: Path) -> Iterator[StandIn]:
    """A private server with the stand-in, for the block."""
    folder = base / "standin"
    folder.mkdir()
    program = folder / "spark-submit"
    source = Path(__file__).with_name("standin_submit.py").read_text()
    program.write_text(f"#!{sys.executable} -I\n{source}")
    program.chmod(0o700)
    with running_server(base, spark_submit=program) as server:
        yield StandIn(server, folder)


@pytest.fixture(scope="session")
def standin_server(new_base: NewBase) -> Iterator[StandIn]:
    """The private Livy with the stand-in, shared by all tests."""
    with _running_standin(new_base("standin")) as standin:
        yield standin


Running = Callable[[Path], AbstractContextManager[LocalServer]]
RunningStandIn = Callable[[Path], AbstractContextManager[StandIn]]


@pytest.fixture(scope="session")
def running() -> Running:
    """A context manager: a private server of a test's own, in the LIVY_LOCAL_DIR given."""
    return running_server


@pytest.fixture(scope="session")
def running_standin() -> RunningStandIn:
    """A context manager: a private server of a test's own with the stand-in."""
    return _running_standin

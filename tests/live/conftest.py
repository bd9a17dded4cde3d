"""The real private Livy, for tests: once with Spark behind it, once with a stand-in for Spark."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from faults import Proxy
from IPython.core.interactiveshell import InteractiveShell

from livy_magic import BatchRequest, load_ipython_extension, local, unload_ipython_extension
from livy_magic.client import LivyClient
from livy_magic.errors import LocalServerError
from livy_magic.local import jars, java, layout
from livy_magic.local.server import LocalServer
from livy_magic.models import is_final

# What a test asks for to get a LIVY_LOCAL_DIR of its own.
NewBase = Callable[[str], Path]


@pytest.fixture(scope="session")
def new_base(tmp_path_factory: pytest.TempPathFactory) -> NewBase:
    """Make empty folders for private servers that share the jars, which are fetched only once.

    So do they the class-data archives of whoever runs the tests.

    Where the private Livy cannot run, its tests are skipped and say why; under CI they fail.
    """
    try:
        java.require_java(java.require_spark())
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
def _running(base: Path, spark_submit: Path | None = None) -> Iterator[LocalServer]:
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
    with _running(local_base) as server:
        yield server


@pytest.fixture
def as_default(
    local_server: LocalServer, local_base: Path, monkeypatch: pytest.MonkeyPatch
) -> LocalServer:
    """``local_server`` as the one that ``local.find()`` and ``local.start()`` return."""
    monkeypatch.setenv("LIVY_LOCAL_DIR", str(local_base))
    return local_server


@pytest.fixture
def shell(
    as_default: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InteractiveShell]:
    """A real IPython shell with the extension loaded, in an empty folder, with no settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    for name in ("LIVY_URL", "LIVY_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    load_ipython_extension(shell)
    yield shell
    unload_ipython_extension(shell)
    InteractiveShell.clear_instance()


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
    with _running(base, spark_submit=program) as server:
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
    return _running


@pytest.fixture(scope="session")
def running_standin() -> RunningStandIn:
    """A context manager: a private server of a test's own with the stand-in."""
    return _running_standin


@pytest.fixture(scope="session")
def tree() -> Callable[[int], list[psutil.Process]]:
    """Return a function that lists a process and all that descend from it."""

    def processes(pid: int) -> list[psutil.Process]:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]

    return processes


@dataclass(frozen=True)
class Counted:
    """The private Livy, with a stand-in for Spark that leaves a mark of each start.

    Attributes:
        server: The real Livy.
        folder: Where the stand-in is.
    """

    server: LocalServer
    folder: Path

    @property
    def client(self) -> LivyClient:
        """What asks the real Livy, with no fault in between."""
        return LivyClient(self.server.url, auth=self.server.auth)

    def script(self, name: str, text: str) -> str:
        """Write a shell script to submit."""
        path = self.folder / f"{name}.sh"
        path.write_text(text)
        return str(path)

    def marks(self) -> Counter[str]:
        """Return how often each name was started."""
        return Counter(path.stem for path in (self.folder / "marks").iterdir())

    def await_ends(self, name: str = "") -> None:
        """Wait until no batch of the name, or none at all, runs: all have left their mark by then."""
        deadline = time.monotonic() + 60.0
        while running := [
            info
            for info in self.client.newest()
            if name in {"", info.name} and not is_final(info.state)
        ]:
            assert time.monotonic() < deadline, f"these do not end: {running}"
            time.sleep(0.1)  # Livy tells nobody


@contextmanager
def _counted(base: Path) -> Iterator[Counted]:
    """A private server with the stand-in that leaves marks, for the block."""
    folder = base / "counted"
    (folder / "marks").mkdir(parents=True)
    program = folder / "spark-submit"
    program.write_bytes(Path(__file__).with_name("counted_submit.sh").read_bytes())
    program.chmod(0o700)
    with _running(base, spark_submit=program) as server:
        counted = Counted(server, folder)
        counted.client.create(BatchRequest(file="hdfs:///first.py"))  # the first takes seconds
        yield counted


@pytest.fixture(scope="session")
def running_counted() -> Callable[[Path], AbstractContextManager[Counted]]:
    """A context manager: a private server of a test's own with the stand-in that leaves marks."""
    return _counted


@pytest.fixture(scope="session")
def counted(new_base: NewBase) -> Iterator[Counted]:
    """The private Livy with the stand-in that leaves marks, shared by all tests."""
    with _counted(new_base("counted")) as counted:
        yield counted


@pytest.fixture
def proxy(counted: Counted) -> Iterator[Proxy]:
    """A proxy in front of ``counted`` that breaks what it is told to."""
    proxy = Proxy(counted.server.url)
    yield proxy
    proxy.close()

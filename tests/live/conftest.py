"""What the tests on the real private Livy share; the servers themselves are in tests/servers.py."""

from __future__ import annotations

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
from servers import NewBase, running_server

from livy_magic import BatchRequest, load_ipython_extension, unload_ipython_extension
from livy_magic.local.server import LocalServer
from livy_magic.protocol.client import LivyClient
from livy_magic.protocol.models import is_final


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
    with running_server(base, spark_submit=program) as server:
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


_COUNTED = pytest.StashKey[list[str]]()


@pytest.fixture
def counts(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Have the report show a line of what a test counted, also when it passes."""
    return request.config.stash.setdefault(_COUNTED, []).append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what was counted."""
    if lines := config.stash.get(_COUNTED, []):
        terminalreporter.section("under fault")
        for line in lines:
            terminalreporter.write_line(line)

"""The private Livy from its start to its end, with everything real."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import requests

from livy_magic import local
from livy_magic.errors import LocalServerError
from livy_magic.local.server import LocalServer
from livy_magic.protocol.log_format import SPARK_MARK

if TYPE_CHECKING:
    from servers import NewBase, Running, RunningStandIn, StandIn

pytestmark = pytest.mark.livy

Tree = Callable[[int], list[psutil.Process]]

HEADERS = {"X-Requested-By": "tests"}
ENDED = {"success", "dead", "killed"}


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.1)


class Batch:
    """A batch, driven with nothing but requests."""

    def __init__(self, server: LocalServer, file: str, **body: object) -> None:
        self._auth = server.auth
        answer = requests.post(
            f"{server.url}/batches",
            json={"file": file, "conf": server.submission_conf(), **body},
            auth=server.auth,
            headers=HEADERS,
            timeout=30,
        )
        answer.raise_for_status()
        self._url = f"{server.url}/batches/{answer.json()['id']}"

    def state(self) -> str:
        answer = requests.get(f"{self._url}/state", auth=self._auth, timeout=30)
        return str(answer.json()["state"])

    def lines(self) -> list[str]:
        answer = requests.get(f"{self._url}/log?from=0&size=-1", auth=self._auth, timeout=30)
        return [line for line in answer.json()["log"] if line not in ("stdout: ", "\nstderr: ")]

    def delete(self) -> int:
        answer = requests.delete(self._url, auth=self._auth, headers=HEADERS, timeout=60)
        return answer.status_code

    def finish(self) -> str:
        until(lambda: self.state() in ENDED)
        return self.state()


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def listening(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    """Return the addresses at which the processes listen."""
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in processes
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


# A PySpark program while it runs: its own lines, and all that it starts.

PROGRAM = """
import os, sys, time
from pathlib import Path
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
print("folder", os.getcwd())
print("python", sys.executable)
print("äé漢😀")
spark.sparkContext._jvm.System.out.println("äé漢😀 of the JVM")
spark.sparkContext._jvm.org.slf4j.LoggerFactory.getLogger("x.Y").error(
    "two\\nlines", spark.sparkContext._jvm.RuntimeException("with a stack"))
print("squares", spark.sparkContext.range(4, numSlices=2).map(lambda n: n * n).collect())
print("ready", flush=True)
while not Path(sys.argv[1]).exists():
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an awkward name, as notebooks have them."""
    folder = tmp_path_factory.mktemp("x") / "Größe & Co"
    folder.mkdir()
    return folder


class Observed:
    """What was seen of a batch while it ran."""

    def __init__(self, server: LocalServer, folder: Path, tree: Tree) -> None:
        program, go_on = folder.parent / "program.py", folder / "go-on"
        program.write_text(PROGRAM)
        here = Path.cwd()
        os.chdir(folder)
        try:
            batch = Batch(server, str(program), args=[str(go_on)])
        finally:
            os.chdir(here)
        until(lambda: "ready" in batch.lines())
        self.addresses = listening(tree(server.pid))
        self.answers = {address: answer_of(*address) for address in self.addresses}
        go_on.touch()
        self.state = batch.finish()
        self.lines = batch.lines()
        self.printed = [line for line in self.lines if not line.startswith(SPARK_MARK)]


def answer_of(host: str, port: int) -> bytes:
    """Return what somebody gets who knows nothing but the address."""
    with socket.create_connection((host, port), timeout=5) as stranger:
        stranger.settimeout(2)
        stranger.sendall(b"GET /batches HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            return stranger.recv(64)
        except (TimeoutError, ConnectionError):
            return b""


@pytest.fixture(scope="module")
def observed(local_server: LocalServer, folder: Path, tree: Tree) -> Observed:
    return Observed(local_server, folder, tree)


def test_a_pyspark_batch_succeeds(observed: Observed) -> None:
    assert observed.state == "success"


def test_a_batch_runs_in_the_notebooks_folder_with_the_notebooks_python(
    observed: Observed, folder: Path
) -> None:
    assert f"folder {folder}" in observed.printed
    assert f"python {sys.executable}" in observed.printed


def test_what_the_program_prints_survives_in_any_script(observed: Observed) -> None:
    assert "äé漢😀" in observed.printed
    assert "äé漢😀 of the JVM" in observed.printed


def test_only_the_programs_own_lines_are_without_sparks_mark(observed: Observed) -> None:
    # In any order: the JVM passes on Python's lines while it prints its own.
    assert sorted(line.split()[0] for line in observed.printed) == [
        "folder", "python", "ready", "squares", "äé漢😀", "äé漢😀",
    ]  # fmt: skip
    assert len(observed.lines) > 50


def test_every_line_of_a_stack_trace_carries_sparks_mark(observed: Observed) -> None:
    assert f"{SPARK_MARK}lines" in observed.lines
    assert f"{SPARK_MARK}java.lang.RuntimeException: with a stack" in observed.lines


def test_livy_and_a_running_batch_listen_on_loopback_only(observed: Observed) -> None:
    assert len(observed.addresses) > 2
    assert {host.removeprefix("::ffff:") for host, _ in observed.addresses} == {"127.0.0.1"}


def test_no_port_answers_a_stranger(observed: Observed) -> None:
    answers = [answer for answer in observed.answers.values() if answer.startswith(b"HTTP")]
    assert [answer.split()[1] for answer in answers] == [b"401"]


# Who gets in.


def test_the_owner_is_known_by_name(local_server: LocalServer) -> None:
    answer = requests.get(f"{local_server.url}/version", auth=local_server.auth, timeout=30)
    assert answer.json()["version"].startswith("0.7.1")


@pytest.mark.parametrize("path", ["/batches", "/version", "/ui", "/batches?user.name=root"])
def test_a_stranger_is_refused(local_server: LocalServer, path: str) -> None:
    assert requests.get(local_server.url + path, timeout=30).status_code == 401


def test_a_cookie_signed_with_another_secret_is_refused(local_server: LocalServer) -> None:
    from livy_magic.local.cookie import owner, signed

    forged = signed(owner(), b"another", time.time() + 60)
    answer = requests.get(
        f"{local_server.url}/batches", headers={"Cookie": f'hadoop.auth="{forged}"'}, timeout=30
    )
    assert answer.status_code == 401


def test_a_page_in_a_browser_cannot_submit(local_server: LocalServer) -> None:
    answer = requests.post(
        f"{local_server.url}/batches", json={"file": "/x.py"}, auth=local_server.auth, timeout=30
    )
    assert answer.status_code == 400
    assert "CSRF" in answer.reason


def test_nobody_else_can_enter_the_files(as_default: LocalServer) -> None:
    folders = local.status().folders
    servers = folders["staging"].parents[1]
    assert servers.stat().st_mode & 0o077 == 0
    assert (folders["staging"].parent / "secret").stat().st_mode & 0o077 == 0
    assert folders["staging"].stat().st_mode & 0o077 == 0


# One server for all kernels.


def test_what_runs_is_found_and_not_started_again(as_default: LocalServer) -> None:
    assert local.find() == as_default
    assert local.start() == as_default


def test_a_running_server_is_described(as_default: LocalServer) -> None:
    status = local.status()
    assert status.server == as_default
    assert status.active == 0
    assert status.disk["jars"] > 70e6
    assert any("Starting server" in line for line in local.logs(lines=100_000))


def test_files_in_use_are_not_cleaned(as_default: LocalServer) -> None:
    with pytest.raises(LocalServerError, match="runs"):
        local.clean()


def test_sparks_page_cannot_be_had_from_a_server_without_it(as_default: LocalServer) -> None:
    with pytest.raises(LocalServerError, match="stop"):
        local.start(ui=True)


def kernel(base: Path, code: str) -> subprocess.Popen[str]:
    """Start another process that uses the private server."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "LIVY_LOCAL_DIR": str(base)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def base(new_base: NewBase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A LIVY_LOCAL_DIR of the test's own; nothing runs there afterwards."""
    base = new_base("own")
    monkeypatch.setenv("LIVY_LOCAL_DIR", str(base))
    yield base
    local.stop()


def test_two_kernels_that_start_at_once_get_the_same_server(base: Path) -> None:
    code = "from livy_magic import local; server = local.start(); print(server.pid, server.url)"
    kernels = [kernel(base, code) for _ in range(2)]
    answers = [kernel.communicate()[0] for kernel in kernels]
    server = local.find()
    assert server is not None
    assert answers == [f"{server.pid} {server.url}\n"] * 2


def test_an_interrupted_start_goes_on_and_is_found(base: Path) -> None:
    waiting = kernel(
        base,
        """
        from livy_magic import local
        try:
            local.start()
        except KeyboardInterrupt:
            print("interrupted")
        """,
    )
    until(lambda: list(base.glob("servers/*/livy.log")))
    os.killpg(waiting.pid, signal.SIGINT)
    assert waiting.communicate()[0] == "interrupted\n"
    assert len(list(base.glob("servers/*/livy.log"))) == 1
    began = time.time()
    assert local.start().started < began


# How it ends.


def test_stop_leaves_no_process_and_no_way_in(
    base: Path, running_standin: RunningStandIn, tree: Tree
) -> None:
    with running_standin(base) as standin:
        Batch(standin.server, standin.script("long", "ignore-term", "print up", "sleep 60"))
        until(lambda: local.status().active == 1)
        processes = tree(standin.server.pid)
        assert local.stop()
    assert all(map(is_gone, processes))
    assert local.find() is None
    assert not local.stop()
    kept = {path.name for path in next(base.glob("servers/*/")).iterdir()}
    assert kept == {"answers", "livy.log", "supervisor.log", "staging"}


def test_what_a_killed_supervisor_leaves_behind_is_gone_after_the_next_start(
    base: Path, running_standin: RunningStandIn, tree: Tree
) -> None:
    with running_standin(base) as standin:
        Batch(standin.server, standin.script("long", "sleep 60"))
        until(lambda: local.status().active == 1)
        supervisor, *left = tree(standin.server.pid)
        supervisor.kill()
        until(lambda: is_gone(supervisor))
        assert local.find() is None
        assert not any(map(is_gone, left))
        server = local.start()
    assert server.pid != supervisor.pid
    assert all(map(is_gone, left))


def test_an_unused_server_ends_but_not_under_a_running_batch(
    base: Path, running_standin: RunningStandIn, monkeypatch: pytest.MonkeyPatch, tree: Tree
) -> None:
    monkeypatch.setenv("LIVY_LOCAL_IDLE", "1.5")
    with running_standin(base) as standin:
        Batch(standin.server, standin.script("short", "sleep 4"))
        processes = tree(standin.server.pid)
        time.sleep(3)  # longer than it may be idle
        assert local.find() == standin.server
        until(lambda: local.find() is None)
    until(lambda: all(map(is_gone, processes)))


def test_a_server_whose_livy_dies_ends(base: Path, running: Running, tree: Tree) -> None:
    with running(base) as server:
        supervisor, livy = tree(server.pid)
        livy.kill()
        until(lambda: is_gone(supervisor))
        assert local.find() is None


def test_a_start_that_fails_says_why_and_leaves_nothing(base: Path, tmp_path: Path) -> None:
    broken = tmp_path / "spark-submit"
    broken.write_text("#!/bin/sh\necho this is no Spark\nexit 3\n")
    broken.chmod(0o700)
    with pytest.raises(LocalServerError, match="does not start"):
        local.start(spark_submit=broken)
    assert local.find() is None
    assert not list(base.glob("servers/*/run*"))


def test_clean_frees_what_a_stopped_server_left(base: Path, running: Running) -> None:
    shared = (base / "jars").resolve()
    with running(base):
        pass
    (base / "jars").unlink()  # the jars of the other tests
    assert local.logs()
    assert local.clean() > 0
    assert local.logs() == []
    assert shared.exists()


# How a batch ends.

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])

def slow(n):
    print("ready", flush=True)
    time.sleep(600)

spark.sparkContext.range(1, numSlices=1).foreach(slow)
"""


def test_a_killed_batch_leaves_no_process_even_if_it_ignores_sigterm(
    local_server: LocalServer, tmp_path: Path, tree: Tree
) -> None:
    program = tmp_path / "stubborn.py"
    program.write_text(STUBBORN)
    batch = Batch(local_server, str(program))
    until(lambda: "ready" in batch.lines())
    supervisor, livy, *processes = tree(local_server.pid)
    assert len(processes) >= 5, "spark-submit, the JVM, the driver, the daemon, a worker, a child"
    assert batch.delete() == 200
    assert all(map(is_gone, processes))
    assert not is_gone(livy)
    assert not is_gone(supervisor)


ODD = """
import os, sys

os.write(1, b"caf\\xe9\\n")
print("after it", sys.stdin.read() == "", flush=True)
os._exit(3)
"""


def test_a_batch_that_prints_no_utf8_is_read_to_its_end_and_livys_log_keeps_its_secrets(
    as_default: LocalServer, tmp_path: Path
) -> None:
    program = tmp_path / "odd.py"
    program.write_text(ODD)
    conf = {**as_default.submission_conf(), "spark.x.password": "hunter2"}
    batch = Batch(as_default, str(program), conf=conf, args=["--password", "hunter2"])
    assert batch.finish() == "dead"
    own = [line for line in batch.lines() if not line.startswith(SPARK_MARK)]
    assert own[:2] == ["caf\ufffd", "after it True"]
    assert own[-1] == "livy_magic: the program ended with exit code 3"
    assert not [line for line in local.logs(lines=100_000) if "hunter2" in line]


def test_the_exit_code_decides_the_state(standin_server: StandIn) -> None:
    ends = {
        code: Batch(standin_server.server, standin_server.script(f"exit{code}", f"exit {code}"))
        for code in (0, 3)
    }
    assert ends[0].finish() == "success"
    assert ends[3].finish() == "dead"


def test_the_stand_in_sees_what_livy_passes_on(standin_server: StandIn) -> None:
    file = standin_server.script("talk", "print one", "error two")
    batch = Batch(standin_server.server, file, args=["--conf", "a=b"], name="talk")
    assert batch.finish() == "success"
    assert sorted(batch.lines()) == ["one", "two"]
    call = standin_server.calls()[-1]
    assert call[:2] == ["--name", "talk"]
    assert call[-2:] == ["--conf", "a=b"]

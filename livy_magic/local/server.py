"""The private Livy for its users: find it, start it, stop it, inspect it and clean up its files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LocalServerError
from ..progress import Patient, Progress, Report, silent
from . import archives, jars
from .cookie import SignedCookie
from .java import find_spark, require_java, require_spark
from .layout import ServerFolder, private, size
from .spark_submit import WORKING_DIRECTORY

if TYPE_CHECKING:
    from requests.auth import AuthBase

_LOOK = 0.02  # seconds between two checks of a server that starts or stops
_STOP_TIME = 30.0  # seconds
_LAUNCHES = 3
_STARTING = "starting the private Livy"


@dataclass(frozen=True)
class LocalServer:
    """A running private Livy, and what a client needs to use it.

    Attributes:
        url: Its URL, on this machine only.
        staging: URI of the folder for submitted code and files, which only its owner can enter.
        spark_version: Version of the Spark that batches run on.
        java_version: Version of the Java that Livy and batches run on.
        pid: The process id of its supervisor.
        started: When it was started, in seconds since the epoch.
        ui: Whether running batches have Spark's web page, which has no authentication.
        auth: Signs requests; unsigned ones are rejected.
    """

    url: str
    staging: str
    spark_version: str
    java_version: str
    pid: int
    started: float
    ui: bool
    auth: AuthBase = field(repr=False, compare=False)

    def submission_conf(self) -> dict[str, str]:
        """Return the Spark properties that make a batch run as this kernel would.

        They set this Python and this folder, since kernels in many folders share the server.

        Raises:
            LocalServerError: This folder was removed.
        """
        try:
            folder = os.getcwd()  # noqa: PTH109 - text is wanted
        except FileNotFoundError as problem:
            raise LocalServerError(
                "the notebook's folder no longer exists; %cd to another"
            ) from problem
        return {"spark.pyspark.python": sys.executable, WORKING_DIRECTORY: folder}


@dataclass(frozen=True)
class Status:
    """The private Livy of this Python environment, and its disk usage.

    Attributes:
        server: The running server, or None.
        active: How many batches run.
        folders: Its folders, by a word for their content.
        disk: Bytes in each of these folders.
        quick_start: In words, whether archives make Spark start faster; None if no server runs.
    """

    server: LocalServer | None
    active: int
    folders: dict[str, Path]
    disk: dict[str, int]
    quick_start: str | None


def find() -> LocalServer | None:
    """Return the running private Livy of this Python environment and Spark version, or None."""
    spark = find_spark()
    return _running(ServerFolder.of(spark.version)) if spark else None


def start(
    *, ui: bool = False, report: Report = silent, spark_submit: Path | None = None
) -> LocalServer:
    """Return the running private Livy; start it if there is none.

    It outlives this kernel, is shared by all kernels of this Python environment, and ends when it
    has not been used for LIVY_LOCAL_IDLE seconds (default: half an hour) and no batch runs. After an
    interrupt of this call, it goes on starting; the next call finds it.

    Args:
        ui: Whether running batches have Spark's web page; every user of this machine can read it.
        report: Receives lines of progress if this takes more than two seconds, as the first time,
            when 76 MB are fetched.
        spark_submit: A program to run instead of Spark's spark-submit, to test clients of Livy.

    Raises:
        LocalServerError: It cannot run here, does not start, or already runs without ``ui``.
    """
    folder = _folder()
    server = _running(folder)
    if server is None:
        server = _launched(folder, Patient(report), ui=ui, spark_submit=spark_submit)
    if ui and not server.ui:
        raise LocalServerError(
            "the private Livy runs already, without Spark's web page\n"
            "%livy_local stop ends it and its batches; then start it with --ui"
        )
    return server


def _running(folder: ServerFolder) -> LocalServer | None:
    if not folder.lock.is_held():
        return None
    try:
        facts = json.loads(folder.server.read_text("utf-8"))
        return LocalServer(**facts, auth=SignedCookie(folder.secret, folder.used))
    except FileNotFoundError:  # it is starting or stopping
        return None


def _launched(
    folder: ServerFolder, progress: Report, *, ui: bool, spark_submit: Path | None
) -> LocalServer:
    """Start the server, or wait for the one that another kernel is starting."""
    began = time.monotonic()
    launches = 0
    private(folder.path.parent)
    while (server := _running(folder)) is None:
        if not folder.lock.is_held():
            if launches and folder.failure.exists():
                raise LocalServerError(folder.failure.read_text("utf-8"))
            if launches == _LAUNCHES:
                raise LocalServerError(
                    f"the private Livy's supervisor ends as it starts; see {folder.supervisor_log}"
                )
            launches += 1
            _launch(folder, progress, ui=ui, spark_submit=spark_submit)
            began = time.monotonic()  # jars.ensure() has reported the time before
        took = time.monotonic() - began
        progress(Progress(f"{_STARTING}, {took:.0f} s so far", _STARTING))
        time.sleep(_LOOK)
    progress(Progress("the private Livy has started", _STARTING, 1.0))
    return server


def _launch(folder: ServerFolder, progress: Report, *, ui: bool, spark_submit: Path | None) -> None:
    """Start a detached supervisor that holds the folder's lock."""
    folder.failure.unlink(missing_ok=True)
    command = [sys.executable, "-m", "livy_magic.local", "--run-dir", str(folder.path)]
    command += ["--ui"] if ui else []
    command += ["--spark-submit", str(spark_submit)] if spark_submit else []
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],  # -m looks here first, not among the notebook's files
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as supervisor:
        # Meanwhile it loads its modules; if this fails, it reads no input and ends.
        java = require_java()
        jars.ensure(folder.jars, progress)
        _, problem = supervisor.communicate(json.dumps([str(java.home), java.version]))
    if supervisor.returncode:
        raise LocalServerError(f"the private Livy does not start: {problem.strip()}")


def stop() -> bool:
    """Stop the private Livy and its batches; return whether there was one.

    Raises:
        LocalServerError: It does not stop.
    """
    from . import processes  # loads psutil

    folder = _folder()
    if not folder.path.exists():
        return False
    ran = folder.lock.is_held()
    deadline = time.monotonic() + _STOP_TIME
    while folder.lock.is_held():
        if time.monotonic() > deadline:
            raise LocalServerError(f"the private Livy does not stop; see {folder.supervisor_log}")
        processes.terminate(folder.lock.path)
        time.sleep(_LOOK)
    with folder.lock.held() as free:
        crashed = free and processes.end_leftovers(folder)
    return ran or crashed


def status() -> Status:
    """Return what runs, and its disk usage."""
    from . import processes  # loads psutil

    folder = _folder()
    server = _running(folder)
    folders = {
        "jars": folder.jars,
        "archives": folder.archives,
        "staging": folder.staging,
        "run": folder.run,
    }
    return Status(
        server=server,
        active=processes.batches_of(server.pid) if server else 0,
        folders=folders,
        disk={name: size(path) for name, path in folders.items()},
        quick_start=archives.state(folder) if server else None,
    )


def logs(lines: int = 200) -> list[str]:
    """Return the last lines of Livy's own log, from the running server or the last one."""
    try:
        text = _folder().log.read_text("utf-8", "replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:]


def clean() -> int:
    """Remove the files of this user's servers: staged files, logs, archives, and Livy's jars.

    The jars and archives stay while another environment's server uses them.

    Returns:
        The number of bytes freed.

    Raises:
        LocalServerError: The private Livy is running.
    """
    from . import processes  # loads psutil

    own = _folder()
    freed, in_use = 0, False
    for folder in ServerFolder.all():
        with folder.lock.held() as free:
            if free:
                processes.end_leftovers(folder)
                freed += _remove(folder.path)
            elif folder == own:
                raise LocalServerError(
                    "the private Livy runs, so its files are in use\nEnd it first: %livy_local stop"
                )
            else:
                in_use = True
    return freed if in_use else freed + _remove(own.jars) + _remove(own.archives)


def _remove(folder: Path) -> int:
    freed = size(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return freed - size(folder)


def _folder() -> ServerFolder:
    return ServerFolder.of(require_spark().version)

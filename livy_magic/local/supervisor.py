"""The supervisor: a small process that owns a private Livy from its start to its end.

``python -m livy_magic.local --run-dir FOLDER ...`` takes the folder's lock, leaves a detached copy
of itself behind that keeps it, and returns. The copy starts Livy, writes ``server.json`` once it
answers, and stays until nobody has used it for a while, somebody asks by SIGTERM, or Livy ends;
then it leaves no process and no way in behind. An interrupt of the kernel that started it, sent to
the whole process group, never reaches it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from ..errors import LocalServerError
from . import jars, processes, run_folder
from .cookie import SignedCookie
from .environment import clean_environment
from .java import Java, Spark, require_spark
from .layout import PRIVATE_FILE, ServerFolder, private, write_private
from .spark_submit import arriving_signals

if TYPE_CHECKING:
    from collections.abc import Sequence

IDLE = 1800.0  # seconds
_START_TIME = 120.0  # seconds; two on a quiet machine
_ADDRESS = re.compile(r"Starting server on (http://127\.0\.0\.1:\d+)")


def idle_time() -> float:
    """Return after how many seconds without use a server stops.

    Raises:
        LocalServerError: LIVY_LOCAL_IDLE is no number.
    """
    text = os.environ.get("LIVY_LOCAL_IDLE", "")
    try:
        seconds = float(text or IDLE)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise LocalServerError(f"LIVY_LOCAL_IDLE is {text!r}, which is no number of seconds")
    return seconds


def main(argv: Sequence[str]) -> int:
    """Leave a supervisor behind, unless one runs already; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m livy_magic.local")
    parser.add_argument("--run-dir", type=Path, required=True, help="the server's folder")
    parser.add_argument("--java-home", type=Path, required=True)
    parser.add_argument("--java-version", required=True)
    parser.add_argument("--ui", action="store_true", help="with Spark's web page")
    parser.add_argument("--spark-submit", type=Path, help="what Livy runs instead of our own")
    options = parser.parse_args(argv)
    folder = ServerFolder(options.run_dir)
    supervisor = Supervisor(
        folder=folder,
        spark=require_spark(),
        java=Java(options.java_home, options.java_version),
        ui=options.ui,
        submit=options.spark_submit,
        idle=idle_time(),
    )
    # A kernel that asks whether the lock is held holds it for a moment, too: hence the patience.
    descriptor = folder.lock.acquire(patience=1.0)
    if descriptor is None:
        return 0
    private(folder.path)
    if os.fork():
        return 0
    _detach(folder)
    processes.sign(descriptor)
    supervisor.live()
    return 0


def _detach(folder: ServerFolder) -> None:
    os.chdir(folder.path)
    log = os.open(folder.supervisor_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    for stream in (1, 2):
        os.dup2(log, stream)


@dataclass
class Supervisor:
    """Owns one private Livy; see the module.

    Attributes:
        folder: Where its files are.
        spark: The Spark that batches run on.
        java: The Java that everything runs on.
        ui: Whether running batches have Spark's web page.
        submit: What Livy runs instead of our own spark-submit, if anything.
        idle: Seconds without use after which it ends.
    """

    folder: ServerFolder
    spark: Spark
    java: Java
    ui: bool
    submit: Path | None
    idle: float

    def live(self) -> None:
        """Start Livy, watch it and clean up after it."""
        self._signals = arriving_signals()
        self._run_id = secrets.token_hex(16)
        try:
            self._prepare()
            self._start()
            self._watch()
        except (LocalServerError, OSError) as problem:
            write_private(self.folder.failure, f"the private Livy does not start: {problem}")
        finally:
            self._clean_up()

    def _prepare(self) -> None:
        folder = self.folder
        processes.end_leftovers(folder)
        private(folder.staging)
        write_private(folder.run_id, self._run_id)
        write_private(folder.secret, secrets.token_hex(32))
        write_private(folder.used, "")
        run_folder.write(folder, self.spark, self.java, ui=self.ui, submit=self.submit)

    def _start(self) -> None:
        started = time.time()
        self._livy = self._launch()
        url = self._address()
        with requests.Session() as session:
            session.trust_env = False  # a proxy would swallow the loopback address
            auth = SignedCookie(self.folder.secret, self.folder.used)
            session.get(f"{url}/version", auth=auth, timeout=_START_TIME).raise_for_status()
        facts = {
            "url": url,
            "staging": self.folder.staging.as_uri(),
            "spark_version": self.spark.version,
            "java_version": self.java.version,
            "pid": os.getpid(),
            "started": started,
            "ui": self.ui,
        }
        write_private(self.folder.server, json.dumps(facts))

    def _launch(self) -> subprocess.Popen[bytes]:
        run = self.folder.run
        environment = {
            **clean_environment(),
            "JAVA_HOME": str(self.java.home),
            "SPARK_HOME": str(run / "spark-home"),
            "LIVY_HOME": str(run),
            "LIVY_CONF_DIR": str(run / "conf"),
            "LIVY_LOG_DIR": str(run / "logs"),
            processes.MARK: self._run_id,
        }
        class_path = os.pathsep.join(map(str, [run / "conf", *jars.class_path(self.folder.jars)]))
        options = ["-Xmx512m", "-XX:+ExitOnOutOfMemoryError"]
        options += ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]  # it starts sooner
        program = [str(self.java.home / "bin/java"), *options, "-Dfile.encoding=UTF-8"]
        with self.folder.log.open("wb") as log:
            return subprocess.Popen(
                [*program, "-cp", class_path, "org.apache.livy.server.LivyServer"],
                cwd=run,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _address(self) -> str:
        """Wait until Livy says on which port it listens: one that was free, and is its own now."""
        deadline = time.monotonic() + _START_TIME
        while time.monotonic() < deadline:
            if match := _ADDRESS.search(self.folder.log.read_text("utf-8", "replace")):
                return match[1]
            if self._asked_to_stop(within=0.05):
                raise LocalServerError("somebody stopped it")
            if self._livy.poll() is not None:
                raise LocalServerError(_cause(self.folder.log))
        raise LocalServerError(f"no answer in {_START_TIME:.0f} s: {_cause(self.folder.log)}")

    def _watch(self) -> None:
        """Return when Livy has ended, or nobody needs it any more."""
        look = min(15.0, self.idle / 4)  # seconds
        while self._livy.poll() is None and self._unused() < self.idle:
            if self._asked_to_stop(within=look):
                return

    def _unused(self) -> float:
        """Return for how many seconds nobody has used the server; a running batch is use."""
        if processes.batches_of(os.getpid()):
            os.utime(self.folder.used)
        return time.time() - self.folder.used.stat().st_mtime

    def _asked_to_stop(self, *, within: float) -> bool:
        """Wait for a signal, at most so many seconds, and say whether it asks us to stop."""
        readable, _, _ = select.select([self._signals], [], [], within)
        return bool(readable) and os.read(self._signals, 1)[0] != signal.SIGCHLD

    def _clean_up(self) -> None:
        self.folder.server.unlink(missing_ok=True)
        self.folder.secret.unlink(missing_ok=True)
        processes.end_leftovers(self.folder)


def _cause(log: Path) -> str:
    """Return the lines of Livy's log that say most likely why it failed."""
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\bERROR\b|Exception|Error:|Caused by", line)]
    return "\n  ".join(telling[:3] or lines[-3:]) or "it said nothing"

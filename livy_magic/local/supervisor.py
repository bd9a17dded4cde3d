"""The supervisor: a small process that owns a private Livy from its start to its end.

``python -m livy_magic.local --run-dir FOLDER ...`` reads from its standard input which Java to use,
takes the folder's lock, leaves a detached copy of itself that keeps it, and returns. The copy starts
Livy, writes ``server.json`` once Livy answers, and runs until the server has not been used for a
while, SIGTERM arrives, or Livy ends; then it ends all processes and removes the secret. While the
server is idle, it has archives made, which make the next start faster (``training``). An interrupt
of the kernel that started it, sent to the whole process group, never reaches it.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LocalServerError
from . import jars, livy, processes, run_folder
from .archives import LIVY_ARCHIVE, Archives
from .environment import clean_environment
from .java import Java, Spark, require_spark
from .layout import PRIVATE_FILE, ServerFolder, private, write_private
from .spark_submit import archive_options, arriving_signals

if TYPE_CHECKING:
    from collections.abc import Sequence

IDLE = 1800.0  # seconds
_LOOK = 15.0  # seconds
_TRAINING_LOOK = 0.25  # seconds; a batch that starts must not wait for a core


def idle_time() -> float:
    """Return the number of seconds without use after which a server stops.

    Raises:
        LocalServerError: LIVY_LOCAL_IDLE is not a positive number.
    """
    text = os.environ.get("LIVY_LOCAL_IDLE", "")
    try:
        seconds = float(text or IDLE)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise LocalServerError(f"LIVY_LOCAL_IDLE is {text!r}, which is not a number of seconds")
    return seconds


def batches_at_once() -> int:
    """Return how many batches may run at once; 0 to derive it from this machine's cores and memory.

    Raises:
        LocalServerError: LIVY_LOCAL_BATCHES is not a whole number, 1 or more.
    """
    text = os.environ.get("LIVY_LOCAL_BATCHES", "").strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise LocalServerError(
            f"LIVY_LOCAL_BATCHES is {text!r}, and should be a whole number: 1 or more"
        )
    return int(text)


def main(argv: Sequence[str]) -> int:
    """Start a detached supervisor, unless one runs already; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m livy_magic.local")
    parser.add_argument("--run-dir", type=Path, required=True, help="the server's folder")
    parser.add_argument("--ui", action="store_true", help="with Spark's web page")
    parser.add_argument("--spark-submit", type=Path, help="what Livy runs instead of our own")
    options = parser.parse_args(argv)
    folder = ServerFolder(options.run_dir)
    java = sys.stdin.read()
    if not java:  # our parent found none, and reports that
        return 0
    home, version = json.loads(java)
    supervisor = Supervisor(
        folder=folder,
        spark=require_spark(),
        java=Java(Path(home), version),
        ui=options.ui,
        submit=options.spark_submit,
        batches=batches_at_once(),
        idle=idle_time(),
    )
    # Be patient: a kernel that tests whether the lock is held holds it for a moment itself.
    descriptor = folder.lock.acquire(patience=1.0)
    if descriptor is None:
        return 0
    private(folder.path)
    folder.server.unlink(missing_ok=True)  # a crashed run's must not be taken for ours
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
        folder: The server's folder.
        spark: The Spark that batches run on.
        java: The Java that Livy and batches run on.
        ui: Whether running batches have Spark's web page.
        batches: How many batches run at once; 0 to derive it from this machine's cores and memory.
        submit: A program that Livy runs instead of our own spark-submit, or None.
        idle: Seconds without use after which the server ends.
    """

    folder: ServerFolder
    spark: Spark
    java: Java
    ui: bool
    batches: int
    submit: Path | None
    idle: float

    def live(self) -> None:
        """Start Livy, watch it and clean up after it."""
        self._signals = arriving_signals()
        self._run_id = secrets.token_hex(16)
        self._livy_jars = jars.class_path(self.folder.jars)
        self._archives = Archives.of(self.folder.archives, self.java, self.spark, self._livy_jars)
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
        run_folder.write(
            folder,
            self.spark,
            self.java,
            self._archives,
            ui=self.ui,
            batches=self.batches,
            submit=self.submit,
        )

    def _start(self) -> None:
        started = time.time()
        archive = archive_options(str(self._archives.folder / LIVY_ARCHIVE))
        self._livy = livy.launch(self.folder, self.java, self._livy_jars, self._run_id, archive)
        url = livy.ready(self.folder, self._livy, self._asked_to_stop)
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

    def _watch(self) -> None:
        """Return when Livy has ended, was idle for too long, or must stop."""
        quiet = min(30.0, self.idle / 60)  # seconds; clients touch ``used`` at most every 20 s
        look = max(_TRAINING_LOOK, min(_LOOK, quiet))
        training = Training(self._archives, self._training_command(), self._run_id)
        while self._livy.poll() is None:
            batches = processes.batches_of(os.getpid())
            if batches:  # they count as use
                os.utime(self.folder.used)
            unused = time.time() - self.folder.used.stat().st_mtime
            if unused >= self.idle:
                return
            if training.runs():
                if batches:
                    training.end()
            elif unused >= quiet and self.submit is None and training.is_needed():
                training.start()
            if self._asked_to_stop(_TRAINING_LOOK if training.runs() else look):
                return

    def _training_command(self) -> list[str]:
        command = [sys.executable, "-m", "livy_magic.local.training"]
        command += ["--run-dir", str(self.folder.path), "--java-home", str(self.java.home)]
        return [*command, "--java-version", self.java.version]

    def _asked_to_stop(self, within: float) -> bool:
        """Wait at most ``within`` seconds for a signal; return whether it asks us to stop."""
        readable, _, _ = select.select([self._signals], [], [], within)
        return bool(readable) and os.read(self._signals, 1)[0] != signal.SIGCHLD

    def _clean_up(self) -> None:
        self.folder.server.unlink(missing_ok=True)
        self.folder.secret.unlink(missing_ok=True)
        processes.end_leftovers(self.folder)


class Training:
    """The program that makes archives, in the background.

    Args:
        archives: The archives to make.
        command: The program's command line.
        run_id: The mark of the server's processes.
    """

    def __init__(self, archives: Archives, command: Sequence[str], run_id: str) -> None:
        self._archives = archives
        self._command = command
        self._run_id = run_id
        self._process: subprocess.Popen[bytes] | None = None
        self._failed = False

    def is_needed(self) -> bool:
        """Return whether an archive is missing, no process makes it, and no attempt failed here."""
        return not (self._failed or self._archives.are_complete() or self._archives.lock.is_held())

    def start(self) -> None:
        """Start the program; its output goes to our own log."""
        mark = processes.training_mark(self._run_id)
        self._process = subprocess.Popen(
            self._command,
            cwd=Path(__file__).parents[2],  # -m looks here first
            env={**clean_environment(), processes.MARK: mark},
            stdin=subprocess.DEVNULL,
        )

    def runs(self) -> bool:
        """Return whether the program is running."""
        if self._process is None:
            return False
        code = self._process.poll()
        if code is not None:
            self._process = None
            self._failed = code != 0
        return self._process is not None

    def end(self) -> None:
        """End the program at once; it can be started again later."""
        assert self._process is not None
        processes.end_training(self._run_id)
        self._process.wait()
        self._process = None

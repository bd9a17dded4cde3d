"""What the private Livy runs as ``spark-submit``: prepares a batch, runs Spark's own, and cleans up.

It runs as a script of its own, so it uses nothing but the standard library. It

* goes to the submitting notebook's folder, so that a relative path means what it means there;
* has Spark unpack ``--archives`` in local mode, too;
* adds Spark properties of the private server, which the user's own override, and the class-data
  archives, with which Java starts sooner (``archives``);
* keeps the batch in a session of its own and marks it, and ends all that belongs to it when the
  batch ends or Livy asks for it. Livy's own way, SIGTERM for the one process that it knows, leaves
  PySpark's Python driver behind (protocol, part 4);
* passes on what the batch prints, as UTF-8 in any case: at the first byte that is not, Livy would
  stop reading for good.
"""

from __future__ import annotations

import codecs
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

MASTER = "local[*]"  # where the private Livy runs its batches
WORKING_DIRECTORY = "spark.livyMagic.workingDirectory"

_YARN_ARCHIVES = "spark.yarn.dist.archives"

# Class-data archives: of Java's own classes, if Java lacks one, and of those that Spark's driver uses.
BASE_ARCHIVE = "base.jsa"
SPARK_ARCHIVE = "spark.jsa"

# The batch's scratch folder, in the environment of all that it starts.
MARK = "LIVY_MAGIC_BATCH"

_GRACE = 3.0  # seconds between SIGTERM and SIGKILL
_QUICK_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Settings(NamedTuple):
    """What is the same for all batches of a server.

    Attributes:
        spark_home: Where the real Spark is.
        java_home: Where Java is.
        python: The Python of a batch that names none.
        log4j2: URI of Spark's log configuration.
        scratch: Folder in which each batch gets one of its own while it runs.
        archives: Folder of the class-data archives, which need not be there yet.
        defaults: Spark properties, which those of the batch override.
    """

    spark_home: str
    java_home: str
    python: str
    log4j2: str
    scratch: str
    archives: str
    defaults: Mapping[str, str]


def main(argv: Sequence[str]) -> int:
    """Run one batch and return its exit code; the first argument is the file of the settings."""
    settings = Settings(**json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    folder, arguments = adapted(argv[1:])
    try:
        os.chdir(folder or Path.home())
    except OSError as problem:
        sys.exit(f"livy_magic: cannot work in the notebook's folder {folder}: {problem.strerror}")
    scratch = tempfile.mkdtemp(dir=settings.scratch)
    try:
        return run(command(settings, scratch, arguments), environment(settings, scratch))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def adapted(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the folder that the submission asks for, and the arguments as Spark here takes them.

    Livy writes its options as pairs of flag and value, then the application and its arguments,
    which are none of our business. It makes of ``archives`` a property of YARN's (protocol, part 1);
    in local mode, Spark unpacks those of its own property.
    """
    folder = None
    options: list[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("--"):
        flag, value, *rest = rest
        key, _, text = value.partition("=")
        if flag == "--conf" and key == WORKING_DIRECTORY:
            folder = text
        elif flag == "--conf" and key == _YARN_ARCHIVES:
            options += [flag, f"spark.archives={text}"]
        else:
            options += [flag, value]
    return folder, [*options, *rest]


def command(settings: Settings, scratch: str, arguments: Sequence[str]) -> list[str]:
    """Return the call of Spark's own spark-submit."""
    defaults = {**settings.defaults, "spark.local.dir": scratch}
    file = Path(scratch, "spark-defaults.conf")
    file.write_text("".join(f"{key}={value}\n" for key, value in defaults.items()), "utf-8")
    program = Path(settings.spark_home, "bin", "spark-submit")
    return [str(program), "--properties-file", str(file), *arguments]


def archive_options(archive: str) -> list[str]:
    """Return the options by which Java uses a class-data archive; none if there is no such file.

    One that does not fit, because the batch adds to the class path for instance, is passed over
    without a word.
    """
    return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds*=off"] if Path(archive).exists() else []


def environment(settings: Settings, scratch: str) -> dict[str, str]:
    """Return the environment of Spark's own spark-submit."""
    driver = archive_options(f"{settings.archives}/{SPARK_ARCHIVE}")
    launcher = archive_options(f"{settings.archives}/{BASE_ARCHIVE}")
    if any(map(str.isspace, settings.archives)):  # Spark's shell script would split the path
        launcher = []
    return {
        **os.environ,
        "SPARK_HOME": settings.spark_home,
        "SPARK_LOCAL_IP": "127.0.0.1",
        # An option here leaves the user's --driver-java-options alone.
        "SPARK_SUBMIT_OPTS": shlex.join([f"-Dlog4j2.configurationFile={settings.log4j2}", *driver]),
        "SPARK_LAUNCHER_OPTS": " ".join([*_QUICK_JVM, *launcher]),
        "JAVA_HOME": settings.java_home,
        "PYSPARK_PYTHON": settings.python,
        MARK: scratch,
    }


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command in a session of its own, and leave nothing behind that it started."""
    signals = arriving_signals()
    child = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,  # Livy's end stays open: a batch that asks would wait for ever
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    printing = threading.Thread(target=pass_on, args=(child.stdout,), daemon=True)
    printing.start()
    while child.poll() is None and os.read(signals, 1)[0] == signal.SIGCHLD:
        pass
    code = child.returncode
    end_batch(child.pid, environment[MARK])
    printing.join(_GRACE)  # what got away, where marks cannot be read, may keep the pipe open
    if code is None:
        return 128 + signal.SIGTERM
    if code not in (0, 1):  # 1 is Python's own after a traceback, which says more
        print(f"livy_magic: the program {how_it_ended(code)}", flush=True)  # noqa: T201
    return code if code >= 0 else 128 - code


def pass_on(output: BinaryIO) -> None:
    """Write at once to our own output what arrives, as UTF-8 and in whole lines at the end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = "\n"
    # Closed when nobody listens any more, the pipe tells the batch so.
    with suppress(BrokenPipeError), output, open(1, "wb", closefd=False) as ours:
        while chunk := os.read(output.fileno(), 1 << 16):
            text = decoder.decode(chunk)
            ours.write(text.encode())
            ours.flush()
        rest = decoder.decode(b"", final=True)
        if rest or not text.endswith("\n"):
            ours.write(f"{rest}\n".encode())


def how_it_ended(code: int) -> str:
    """Return in words what a process's return code says."""
    if code > 0:
        return f"ended with exit code {code}"
    return f"was killed by signal {-code} ({signal.Signals(-code).name})"


def arriving_signals() -> int:
    """Return a descriptor from which each signal that arrives from now on can be read as a byte.

    So a signal that comes between two statements waits until somebody looks.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer)
    return reader


def end_batch(session: int, mark: str) -> None:
    """End every process of a batch: by SIGTERM first, by SIGKILL what is left after a while."""
    _send(signal.SIGTERM, members_of(session, mark))
    asked = time.monotonic()
    while (left := members_of(session, mark)) and (waited := time.monotonic() - asked) < 2 * _GRACE:
        if waited > _GRACE:  # again and again: one that is not dead yet may start another
            _send(signal.SIGKILL, left)
        time.sleep(0.05)


def _send(number: int, pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def members_of(session: int, mark: str) -> list[int]:
    """Return the processes of a session, and those that left it but carry the mark.

    Dead ones that nobody has taken note of do not count.
    """
    return [pid for pid, its_own in _living() if its_own == session or _carries(pid, mark)]


def _carries(pid: int, mark: str) -> bool:
    """Say whether the process has the mark in its environment, as far as Linux shows it."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # somebody else's; ended meanwhile; no Linux
        return False
    return os.fsencode(f"{MARK}={mark}") in variables


def _living() -> Iterator[tuple[int, int]]:
    """Yield the id and the session of each process that runs."""
    if sys.platform == "linux":  # a slim container has no ps
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(FileNotFoundError, ProcessLookupError):
                # The name, in brackets, may contain anything; then state, parent, group, session.
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                if state not in "ZX":
                    yield int(folder.name), int(session)
    else:
        table = subprocess.run(
            ["/bin/ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True
        ).stdout
        for pid, state in map(str.split, table.splitlines()):
            with suppress(ProcessLookupError, PermissionError):
                if not state.startswith("Z"):
                    yield int(pid), os.getsid(int(pid))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What the private Livy runs as ``spark-submit``: prepares a batch, runs Spark's own, and cleans up.

It runs as a script of its own, so it uses nothing but the standard library. It

* answers ``--version`` at once, which Livy asks for when it starts, without a JVM;
* goes to the submitting notebook's folder, so that a relative path means what it means there;
* adds Spark properties of the private server, which the user's own override;
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

WORKING_DIRECTORY = "spark.livyMagic.workingDirectory"

# The batch's scratch folder, in the environment of all that it starts.
MARK = "LIVY_MAGIC_BATCH"

_GRACE = 3.0  # seconds between SIGTERM and SIGKILL
_QUICK_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


class Settings(NamedTuple):
    """What is the same for all batches of a server.

    Attributes:
        spark_home: Where the real Spark is.
        spark_version: Like ``3.5.9``.
        scala_version: Like ``2.12.18``.
        java_home: Where Java is.
        python: The Python of a batch that names none.
        log4j2: URI of Spark's log configuration.
        scratch: Folder in which each batch gets one of its own while it runs.
        defaults: Spark properties, which those of the batch override.
    """

    spark_home: str
    spark_version: str
    scala_version: str
    java_home: str
    python: str
    log4j2: str
    scratch: str
    defaults: Mapping[str, str]


def main(argv: Sequence[str]) -> int:
    """Run one batch and return its exit code; the first argument is the file of the settings."""
    settings = Settings(**json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    if list(argv[1:]) == ["--version"]:
        # The words that Livy looks for.
        print(f"version {settings.spark_version}")  # noqa: T201 - a program's output
        print(f"Using Scala version {settings.scala_version}, Java")  # noqa: T201
        return 0
    folder, arguments = take_working_directory(argv[1:])
    try:
        os.chdir(folder or Path.home())
    except OSError as problem:
        sys.exit(f"livy_magic: cannot work in the notebook's folder {folder}: {problem.strerror}")
    scratch = tempfile.mkdtemp(dir=settings.scratch)
    try:
        return run(command(settings, scratch, arguments), environment(settings, scratch))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def take_working_directory(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the folder that the submission asks for, and the arguments without it.

    Livy writes its options as pairs of flag and value, then the application and its arguments,
    which are none of our business.
    """
    marked = f"{WORKING_DIRECTORY}="
    index = 0
    while index < len(arguments) and arguments[index].startswith("--"):
        if arguments[index] == "--conf" and arguments[index + 1].startswith(marked):
            rest = [*arguments[:index], *arguments[index + 2 :]]
            return arguments[index + 1].removeprefix(marked), rest
        index += 2
    return None, list(arguments)


def command(settings: Settings, scratch: str, arguments: Sequence[str]) -> list[str]:
    """Return the call of Spark's own spark-submit."""
    defaults = {**settings.defaults, "spark.local.dir": scratch}
    file = Path(scratch, "spark-defaults.conf")
    file.write_text("".join(f"{key}={value}\n" for key, value in defaults.items()), "utf-8")
    program = Path(settings.spark_home, "bin", "spark-submit")
    return [str(program), "--properties-file", str(file), *arguments]


def environment(settings: Settings, scratch: str) -> dict[str, str]:
    """Return the environment of Spark's own spark-submit."""
    return {
        **os.environ,
        "SPARK_HOME": settings.spark_home,
        "SPARK_LOCAL_IP": "127.0.0.1",
        # An option here leaves the user's --driver-java-options alone.
        "SPARK_SUBMIT_OPTS": f"-Dlog4j2.configurationFile={settings.log4j2}",
        "SPARK_LAUNCHER_OPTS": _QUICK_JVM,
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

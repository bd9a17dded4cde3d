"""The private Livy's ``spark-submit``: prepares a batch, runs it, and cleans up.

It starts as fast as a Python program can: it loads only the standard library, not even this package
(``program``). It

* changes to the submitting notebook's folder, so that relative paths have the same meaning as there;
* makes Spark unpack ``--archives`` in local mode, too;
* adds the private server's Spark properties, which the user's own override, and the class-data
  archives, with which Java starts faster (``archives``);
* starts Java as Spark's spark-submit would (``launcher``);
* waits for a place if more batches were submitted than this machine can run at once
  (``admission``);
* starts the batch in a session of its own, marks it, and ends all its processes when the batch ends
  or Livy asks for it. Livy itself sends SIGTERM to the one process that it knows, which leaves
  PySpark's Python driver running (protocol, part 4);
* removes what Spark made in the notebook's folder and left empty;
* passes on the batch's output, always as valid UTF-8: at the first invalid byte, Livy would stop
  reading for good.
"""

from __future__ import annotations

import codecs
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .admission import Queue, most_at_once
from .launcher import Answer, Ask, Launcher, Option, Refused

MASTER = "local[*]"  # where the private Livy runs its batches
WORKING_DIRECTORY = "spark.livyMagic.workingDirectory"

_YARN_ARCHIVES = "spark.yarn.dist.archives"

# Class-data archives: of Java's own classes, if Java lacks one, and of those in Spark's driver.
BASE_ARCHIVE = "base.jsa"
SPARK_ARCHIVE = "spark.jsa"

# Environment variable of all processes of a batch: the batch's scratch folder.
MARK = "LIVY_MAGIC_BATCH"

# Environment variable of all processes of a server: the server's run.
RUN_MARK = "LIVY_MAGIC_RUN"

_OF_ONE_BATCH = frozenset({MARK, RUN_MARK, "PWD"})  # variables that differ between batches

_GRACE = 3.0  # seconds between SIGTERM and SIGKILL


class Settings(NamedTuple):
    """The settings shared by all batches of a server.

    Attributes:
        spark_home: Spark's folder.
        scala: Version of the Scala that Spark is built with, such as ``2.12``.
        java_home: Java's folder.
        python: The Python for batches that name none.
        log4j2: URI of Spark's log configuration.
        properties: File of Spark properties, which those of the batch override.
        scratch: Folder in which each batch gets its own folder while it runs.
        archives: Folder of the class-data archives, which need not exist yet.
        answers: Folder of the launcher's answers.
        queue: Folder of the tickets of batches that run or wait.
        batches: How many may run at once; 0 to derive it from this machine's cores and memory.
        mark: The start of each line of Spark's own log.
    """

    spark_home: str
    scala: str
    java_home: str
    python: str
    log4j2: str
    properties: str
    scratch: str
    archives: str
    answers: str
    queue: str
    batches: int
    mark: str


class Stopped(Exception):
    """Livy asked the batch to end."""


def program(settings: Path) -> list[str]:
    """Return the command line of this program, without a batch's arguments.

    Args:
        settings: File with the settings, in JSON.
    """
    # The package is imported as ``local``, since loading livy_magic would take half a second.
    main = f"import sys; sys.path.append({str(Path(__file__).parents[1])!r}); "
    main += "from local.spark_submit import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-I", "-S", "-c", main, str(settings)]


def main(argv: Sequence[str]) -> int:
    """Run one batch and return its exit code; the first argument is the file of the settings."""
    signals = arriving_signals()
    settings = Settings(**json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    folder, options, application = adapted(argv[1:])
    try:
        os.chdir(folder or Path.home())
    except OSError as problem:
        sys.exit(f"livy_magic: cannot work in the notebook's folder {folder}: {problem.strerror}")
    scratch = tempfile.mkdtemp(dir=settings.scratch)
    try:
        with _place(settings, signals), _tidied(Path.cwd()):
            return run(settings, scratch, signals, options, application)
    except Refused as refused:
        return exit_code(refused.code)
    except Stopped:
        return exit_code(-signal.SIGTERM)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def adapted(arguments: Sequence[str]) -> tuple[str | None, list[Option], list[str]]:
    """Return the requested working directory, the options adapted to local mode, and the other words.

    Livy writes its options as pairs of flag and value, then the application and its arguments,
    which stay as they are. It turns ``archives`` into a property for YARN (protocol, part 1); in
    local mode, Spark only unpacks those in its own property.
    """
    folder = None
    options: list[Option] = []
    rest = list(arguments)
    while len(rest) > 1 and rest[0].startswith("--"):
        flag, value, *rest = rest
        key, _, text = value.partition("=")
        if flag == "--conf" and key == WORKING_DIRECTORY:
            folder = text
        elif flag == "--conf" and key == _YARN_ARCHIVES:
            options.append((flag, f"spark.archives={text}"))
        else:
            options.append((flag, value))
    return folder, options, rest


def command(
    settings: Settings,
    scratch: str,
    ask: Ask,
    options: Sequence[Option],
    application: Sequence[str],
) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs a batch, and its environment.

    Args:
        settings: The server's settings.
        scratch: The batch's own folder.
        ask: Runs a program that helps to make the command.
        options: Options of spark-submit.
        application: The application and its arguments.

    Raises:
        Refused: Spark's launcher rejects the options.
    """
    base = archive_options(f"{settings.archives}/{BASE_ARCHIVE}")
    sparks = Launcher(base, Path(settings.answers), _OF_ONE_BATCH, ask, tell)
    complete = sparks.environment(environment(settings, scratch))
    local = ("--conf", f"spark.local.dir={scratch}")
    ours = ("--properties-file", settings.properties)
    return sparks.command([ours, local, *options], application, complete), complete


def archive_options(archive: str) -> list[str]:
    """Return the options that make Java use a class-data archive; none if there is no such file.

    Java silently ignores one that does not fit, for instance because the batch adds to the class
    path.
    """
    return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds*=off"] if Path(archive).exists() else []


def environment(settings: Settings, scratch: str) -> dict[str, str]:
    """Return the environment that Spark starts in."""
    driver = archive_options(f"{settings.archives}/{SPARK_ARCHIVE}")
    return {
        **os.environ,
        "SPARK_HOME": settings.spark_home,
        "SPARK_SCALA_VERSION": settings.scala,
        "SPARK_LOCAL_IP": "127.0.0.1",
        # Options here do not replace the user's --driver-java-options.
        "SPARK_SUBMIT_OPTS": shlex.join([f"-Dlog4j2.configurationFile={settings.log4j2}", *driver]),
        "JAVA_HOME": settings.java_home,
        "PYSPARK_PYTHON": settings.python,
        "PWD": str(Path.cwd()),
        MARK: scratch,
    }


def _place(settings: Settings, signals: int) -> AbstractContextManager[None]:
    """Return a context manager that waits for a place among the running batches, and holds it.

    Raises:
        Stopped: Livy asked the batch to end before its turn came.
    """

    def pause(seconds: float) -> None:
        readable, _, _ = select.select([signals], [], [], seconds)
        if readable and os.read(signals, 1)[0] != signal.SIGCHLD:
            raise Stopped

    def tell(ahead: int) -> None:
        others = "1 other batch" if ahead == 1 else f"{ahead} other batches"
        now = time.strftime("%y/%m/%d %H:%M:%S")
        why = "this machine runs no more at once; LIVY_LOCAL_BATCHES sets how many"
        print(f"{settings.mark}{now} INFO livy_magic: waits for {others}: {why}", flush=True)  # noqa: T201

    def most(running: int) -> int:
        return settings.batches or most_at_once(running)

    return Queue(Path(settings.queue), most).place(pause, tell)


@contextmanager
def _tidied(folder: Path) -> Iterator[None]:
    """Remove at the end what Spark makes in every batch's folder, if it is new and empty.

    A Hive metastore stays: it may hold views, and tables stored elsewhere.
    """
    warehouse, derby_log = folder / "spark-warehouse", folder / "derby.log"
    new = [path for path in (warehouse, derby_log) if not path.exists()]
    try:
        yield
    finally:
        if warehouse in new:
            with suppress(OSError):  # it does not exist, or has tables
                warehouse.rmdir()
        if derby_log in new:
            with suppress(OSError):
                derby_log.unlink()


def run(
    settings: Settings,
    scratch: str,
    signals: int,
    options: Sequence[Option],
    application: Sequence[str],
) -> int:
    """Run the batch, end all processes that it started, and return its exit code.

    Args:
        settings: The server's settings.
        scratch: The batch's own folder.
        signals: The descriptor from ``arriving_signals``.
        options: Options of spark-submit.
        application: The application and its arguments.

    Raises:
        Refused: Spark's launcher rejects the options.
        Stopped: Livy asked the batch to end.
    """

    def ask(program: Sequence[str], environment: Mapping[str, str]) -> Answer:
        with (
            tempfile.TemporaryFile(dir=scratch) as out,
            tempfile.TemporaryFile(dir=scratch) as error,
        ):
            child = _started(program, environment, out, error)
            code = _ended(child, signals, scratch)
            out.seek(0)
            error.seek(0)
            return Answer(code, out.read(), error.read())

    words, complete = command(settings, scratch, ask, options, application)
    child = _started(words, complete, subprocess.PIPE, subprocess.STDOUT)
    printing = threading.Thread(target=pass_on, args=(child.stdout,), daemon=True)
    printing.start()
    try:
        code = _ended(child, signals, scratch)
    finally:
        printing.join(_GRACE)  # an escaped process, if marks are unreadable, may hold the pipe
    if code not in (0, 1):  # Python exits with 1 after a traceback, which says more
        print(f"livy_magic: the program {how_it_ended(code)}", flush=True)  # noqa: T201
    return exit_code(code)


def exit_code(code: int) -> int:
    """Return a process's return code as a shell would report it."""
    return code if code >= 0 else 128 - code


def _started(
    command: Sequence[str],
    environment: Mapping[str, str],
    out: int | BinaryIO,
    error: int | BinaryIO,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own."""
    try:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,  # Livy's end stays open: a batch that reads it would wait for ever
            stdout=out,
            stderr=error,
            start_new_session=True,
        )
    except OSError as problem:
        sys.exit(f"livy_magic: {command[0]} cannot be started: {problem.strerror}")


def _ended(child: subprocess.Popen[bytes], signals: int, mark: str) -> int:
    """Wait for a program to end, end all processes that it started, and return its exit code.

    Raises:
        Stopped: A signal asked the program to end.
    """
    while child.poll() is None and os.read(signals, 1)[0] == signal.SIGCHLD:
        pass
    code = child.returncode
    end_batch(child.pid, mark)
    if code is None:
        raise Stopped
    return code


def tell(printed: bytes) -> None:
    """Print the messages of Spark's launcher."""
    print(printed.decode(errors="replace"), end="", flush=True)  # noqa: T201


def pass_on(output: BinaryIO) -> None:
    """Copy output to our own as it arrives, as valid UTF-8, and end it with a newline."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = "\n"
    # If nobody reads our output any more, closing the pipe tells the batch.
    with suppress(BrokenPipeError), output, open(1, "wb", closefd=False) as ours:
        while chunk := os.read(output.fileno(), 1 << 16):
            text = decoder.decode(chunk)
            ours.write(text.encode())
            ours.flush()
        rest = decoder.decode(b"", final=True)
        if rest or not text.endswith("\n"):
            ours.write(f"{rest}\n".encode())


def how_it_ended(code: int) -> str:
    """Return the meaning of a process's return code in words."""
    if code > 0:
        return f"ended with exit code {code}"
    return f"was killed by signal {-code} ({signal.Signals(-code).name})"


def arriving_signals() -> int:
    """Return a descriptor from which each signal that arrives from now on can be read as a byte.

    So a signal that arrives between two statements is kept until it is read.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer)
    return reader


def end_batch(session: int, mark: str) -> None:
    """End every process of a batch: by SIGTERM, and after a while by SIGKILL."""
    _send(signal.SIGTERM, members_of(session, mark))
    asked = time.monotonic()
    while (left := members_of(session, mark)) and (waited := time.monotonic() - asked) < 2 * _GRACE:
        if waited > _GRACE:  # repeatedly: one that is not dead yet may start another
            _send(signal.SIGKILL, left)
        time.sleep(0.05)


def _send(number: int, pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def members_of(session: int, mark: str) -> list[int]:
    """Return the processes of a session, and those that left it but carry the mark.

    Zombies do not count.
    """
    return [pid for pid, its_own in _living() if its_own == session or _carries(pid, mark)]


def _carries(pid: int, mark: str) -> bool:
    """Return whether a process has the mark in its environment, as far as Linux shows it."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # another user's; ended meanwhile; not Linux
        return False
    return os.fsencode(f"{MARK}={mark}") in variables


def _living() -> Iterator[tuple[int, int]]:
    """Yield the id and the session of each living process."""
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

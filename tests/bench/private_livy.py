"""The private Livy: how soon it is there, and what a batch on it costs over plain spark-submit."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from plain_java import plain_java_home
from report import Figure, alone, in_turns, ratio

from livy_magic import (
    BatchRequest,
    Livy,
    load_ipython_extension,
    local,
    unload_ipython_extension,
)
from livy_magic.local import jars, java, processes
from livy_magic.local.layout import ServerFolder

# Runs a file by plain spark-submit, and returns how many seconds that takes.
Submit = Callable[[Path], float]

_STARTS, _TRIVIAL, _LONG, _MANY = 7, 7, 3, 3
_BATCHES = 16  # submitted at once

_START = """
import time
from livy_magic import local
start = time.perf_counter()
local.start()
print(time.perf_counter() - start)
"""

_TRIVIAL_PROGRAM = """
from pyspark.sql import SparkSession
print(SparkSession.builder.getOrCreate().range(10).count())
"""

# Spark's own code, on all cores, for about a minute on two of them.
_LONG_PROGRAM = """
from pyspark.sql import SparkSession, functions as f
spark = SparkSession.builder.getOrCreate()
numbers = spark.range(0, {rows}, 1, 8).select(f.sha2(f.col("id").cast("string"), 256).alias("h"))
print(numbers.agg(f.sum(f.length(f.translate("h", "0123456789", "")))).first()[0])
"""


def figures() -> Iterator[Figure]:
    """Start it, then run the same files on it and by spark-submit, in turns."""
    local.stop()
    _make_archives()
    yield Figure(
        "start of the private Livy",
        "Livy alone",
        *in_turns(_start, _livy_alone, _STARTS),
        alone,
        1.0,
        "s",
    )
    with tempfile.TemporaryDirectory() as folder, _shell() as shell:
        trivial, long = Path(folder, "trivial.py"), Path(folder, "long.py")
        trivial.write_text(_TRIVIAL_PROGRAM)
        submit = partial(_spark_submit, plain_java_home(Path(folder)))
        long.write_text(_LONG_PROGRAM.format(rows=_rows_for_a_minute(long, submit)))
        yield _batch(shell, trivial, submit, "trivial PySpark batch", _TRIVIAL, 0.5)
        yield _batch(shell, long, submit, "CPU-bound batch", _LONG, 1.03)
    with tempfile.TemporaryDirectory() as folder:
        trivial = Path(folder, "trivial.py")
        trivial.write_text(_TRIVIAL_PROGRAM)
        yield Figure(
            f"{_BATCHES} trivial batches at once",
            "all of them run at once",
            *in_turns(lambda: _many(trivial, ""), lambda: _many(trivial, str(_BATCHES)), _MANY),
            ratio,
            0.6,
            "×",
        )


def _make_archives() -> None:
    """Do what the supervisor does while nobody uses it, so that nothing does it meanwhile."""
    local.start(report=print)
    local.stop()
    spark = java.require_spark()
    found = java.require_java()
    command = [sys.executable, "-m", "livy_magic.local.training"]
    command += ["--run-dir", str(ServerFolder.of(spark.version).path)]
    command += ["--java-home", str(found.home), "--java-version", found.version]
    subprocess.run(command, env={**os.environ, processes.MARK: "bench"}, check=True)


def _start() -> float:
    """Start the private Livy from a fresh Python, as a kernel does."""
    done = subprocess.run(
        [sys.executable, "-c", _START], capture_output=True, text=True, check=True
    )
    local.stop()
    return float(done.stdout)


def _livy_alone() -> float:
    """Start the same jars as their makers do, without any of ours, until Livy says that it runs."""
    spark = java.require_spark()
    folder = ServerFolder.of(spark.version)
    class_path = os.pathsep.join(map(str, jars.class_path(folder.jars)))
    found = java.require_java()
    with tempfile.TemporaryDirectory() as home:
        Path(home, "conf").mkdir()
        Path(home, "conf/livy.conf").write_text(
            "livy.server.host = 127.0.0.1\nlivy.server.port = 0\n"
        )
        environment = {
            **os.environ,
            "LIVY_HOME": home,
            "SPARK_HOME": str(spark.home),
            "JAVA_HOME": str(found.home),
        }
        start = time.perf_counter()
        with subprocess.Popen(
            [found.home / "bin/java", "-cp", class_path, "org.apache.livy.server.LivyServer"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if "Starting server on" in line:
                    break
            taken = time.perf_counter() - start
            process.terminate()
            process.stdout.read()
        return taken


@contextmanager
def _shell() -> Iterator[InteractiveShell]:
    """A shell with the extension loaded and the private Livy running."""
    shell = InteractiveShell.instance()
    load_ipython_extension(shell)
    try:
        with redirect_stdout(io.StringIO()):
            shell.run_line_magic("livy_local", "start")
        yield shell
    finally:
        unload_ipython_extension(shell)
        local.stop()


def _batch(
    shell: InteractiveShell, file: Path, submit: Submit, what: str, runs: int, goal: float
) -> Figure:
    def ours() -> float:
        start = time.perf_counter()
        with redirect_stdout(io.StringIO()):
            shell.run_line_magic("livy_submit", f"--wait '{file}'")
        return time.perf_counter() - start

    turns = in_turns(ours, lambda: submit(file), runs)
    return Figure(what, "spark-submit", *turns, ratio, goal, "×")


def _many(file: Path, at_once: str) -> float:
    """Submit many batches at once, of which so many run at once; return the seconds to the last end."""
    os.environ["LIVY_LOCAL_BATCHES"] = at_once
    try:
        with redirect_stdout(io.StringIO()):
            livy = Livy.connect("local")
        start = time.perf_counter()
        batches = [livy.submit(BatchRequest(file=str(file))) for _ in range(_BATCHES)]
        for batch in batches:
            batch.wait()
        taken = time.perf_counter() - start
        livy.close()
        return taken
    finally:
        del os.environ["LIVY_LOCAL_BATCHES"]
        local.stop()


def _spark_submit(java_home: Path, file: Path) -> float:
    spark = java.require_spark()
    environment = {
        **os.environ,
        "JAVA_HOME": str(java_home),
        "PYSPARK_PYTHON": sys.executable,
    }
    start = time.perf_counter()
    subprocess.run(
        [spark.home / "bin/spark-submit", file], env=environment, capture_output=True, check=True
    )
    return time.perf_counter() - start


def _rows_for_a_minute(file: Path, submit: Submit) -> int:
    """Return for how many rows plain spark-submit takes about a minute on this machine."""
    some = 20_000_000
    file.write_text(_LONG_PROGRAM.format(rows=0))
    empty = submit(file)
    file.write_text(_LONG_PROGRAM.format(rows=some))
    return int(some * 60 / (submit(file) - empty))

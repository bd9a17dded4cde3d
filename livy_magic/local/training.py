"""Makes class-data archives: starts Spark and Livy once, to record which classes they load.

The supervisor runs it as a separate program, ``python -m livy_magic.local.training ...``, in the
background while the server is idle. It may be killed at any time: an archive is moved into place
when it is complete, and abandoned parts are removed when the next one is made.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from ..errors import LocalServerError
from . import jars, livy, processes, run_folder, spark_submit
from .archives import LIVY_ARCHIVE, Archives
from .cookie import SignedCookie
from .java import Java, Spark, require_spark
from .launcher import Answer
from .layout import ServerFolder, private, write_private
from .spark_submit import BASE_ARCHIVE, SPARK_ARCHIVE, archive_options

_NICE = 19  # the lowest priority
_STOP_TIME = 60.0  # seconds; Livy writes its archive as it ends
_TIMEOUT = 30.0  # seconds, for an answer from Livy
_LOOK = 0.1  # seconds

# Does what most programs do, so that the archive has the classes for it.
_PROGRAM = """\
import sys
from pyspark.sql import SparkSession, functions as f

spark = SparkSession.builder.getOrCreate()
folder = sys.argv[1]
rows = spark.range(100).withColumn("even", f.col("id") % 2 == 0)
rows.write.parquet(f"{folder}/parquet")
rows.write.csv(f"{folder}/csv", header=True)
spark.read.parquet(f"{folder}/parquet").createOrReplaceTempView("rows")
read = spark.read.csv(f"{folder}/csv", header=True, inferSchema=True)
read.join(rows, "id").select(f.udf(lambda number: str(number))("id")).collect()
spark.sql("select even, count(*), sum(id) from rows group by even order by even").show()
pairs = spark.sparkContext.parallelize(range(10)).map(lambda number: (number % 2, number))
print(pairs.reduceByKey(lambda one, other: one + other).collect())
"""


def main(argv: Sequence[str]) -> int:
    """Make missing archives, unless another process does, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m livy_magic.local.training")
    parser.add_argument("--run-dir", type=Path, required=True, help="the server's folder")
    parser.add_argument("--java-home", type=Path, required=True)
    parser.add_argument("--java-version", required=True)
    options = parser.parse_args(argv)
    os.nice(_NICE)
    java = Java(options.java_home, options.java_version)
    try:
        make(ServerFolder(options.run_dir), java, require_spark())
    except LocalServerError as problem:
        sys.exit(f"no quick start: {problem}")
    return 0


def make(folder: ServerFolder, java: Java, spark: Spark) -> None:
    """Make the archives that fit and do not exist yet, unless another process is making them.

    Args:
        folder: The folder of a server with this Spark.
        java: The Java that Livy and batches run on.
        spark: The Spark that batches run on.

    Raises:
        LocalServerError: An archive cannot be made.
    """
    livy_jars = jars.class_path(folder.jars)
    archives = Archives.of(folder.archives, java, spark, livy_jars)
    private(archives.folder.parent)
    with archives.lock.held() as free:
        if not free:
            return
        archives.prepare()
        with tempfile.TemporaryDirectory(dir=archives.folder.parent, prefix="new-") as scratch:
            training = _Training(archives, java, spark, livy_jars, Path(scratch))
            for name in archives.missing():
                training.make(name).replace(archives.folder / name)


class _Training:
    """A separate server, started and ended only to make archives."""

    def __init__(
        self, archives: Archives, java: Java, spark: Spark, livy_jars: Sequence[Path], scratch: Path
    ) -> None:
        self._archives = archives
        self._java = java
        self._livy_jars = livy_jars
        self._scratch = scratch
        self._server = ServerFolder(scratch / "server")
        private(self._server.path)
        write_private(self._server.secret, secrets.token_hex(32))
        write_private(self._server.used, "")
        run_folder.write(self._server, spark, java, archives, ui=False)

    def make(self, name: str) -> Path:
        """Make an archive in the scratch folder, and return its path."""
        new = self._scratch / name
        {BASE_ARCHIVE: self._base, SPARK_ARCHIVE: self._spark, LIVY_ARCHIVE: self._livy}[name](new)
        if not new.exists():
            raise LocalServerError(f"{name} was not made: {livy.cause(self._server.log)}")
        return new

    def _base(self, new: Path) -> None:
        java = self._java.home / "bin/java"
        self._run([str(java), "-Xshare:dump", f"-XX:SharedArchiveFile={new}"], dict(os.environ))

    def _spark(self, new: Path) -> None:
        """Run Spark as a batch runs it, so that both have the same class path."""
        settings = spark_submit.Settings(
            **json.loads((self._server.run / "spark-submit.json").read_text("utf-8"))
        )
        scratch = self._scratch / "spark"
        scratch.mkdir()
        program = scratch / "program.py"
        program.write_text(_PROGRAM, "utf-8")
        options = [("--master", "local[2]"), ("--conf", "spark.sql.shuffle.partitions=2")]
        application = [str(program), str(scratch)]
        command, environment = spark_submit.command(
            settings, str(scratch), _ask, options, application
        )
        # The quick compiler is enough here, and does not affect the archive.
        dumping = [*self._dumping(new), "-XX:TieredStopAtLevel=1"]
        self._run([command[0], *dumping, *command[1:]], environment)

    def _livy(self, new: Path) -> None:
        """Start Livy, send it the requests that clients send, and end it."""
        server = self._server
        mark = os.environ[processes.MARK]
        process = livy.launch(server, self._java, self._livy_jars, mark, self._dumping(new))
        try:
            url = livy.ready(server, process, _go_on)
            with requests.Session() as session:
                session.trust_env = False  # a proxy would be used even for loopback
                session.auth = SignedCookie(server.secret, server.used)
                session.headers["X-Requested-By"] = "livy_magic"
                _use(session, f"{url}/batches", gone=self._scratch / "gone")
            process.terminate()  # it writes the archive as it ends
            process.wait(_STOP_TIME)
        finally:
            process.kill()

    def _dumping(self, new: Path) -> list[str]:
        base = self._archives.folder / BASE_ARCHIVE
        return [f"-XX:ArchiveClassesAtExit={new}", *archive_options(str(base))]

    def _run(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with self._server.log.open("wb") as log:
            subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )


def _ask(program: Sequence[str], environment: Mapping[str, str]) -> Answer:
    done = subprocess.run(
        program, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def _go_on(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _use(session: requests.Session, batches: str, gone: Path) -> None:
    """Submit a batch that ends at once, since its folder does not exist, and fetch its state and log."""
    conf = {spark_submit.WORKING_DIRECTORY: str(gone)}
    session.post(batches, json={"file": "/none.py", "conf": conf}, timeout=_TIMEOUT)
    while session.get(f"{batches}/0/state", timeout=_TIMEOUT).json()["state"] != "dead":
        time.sleep(_LOOK)
    for path in ("", "/0", "/0/log"):
        session.get(batches + path, timeout=_TIMEOUT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

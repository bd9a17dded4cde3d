"""Livy's own process: starts it, and waits until it is ready."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import requests

from ..errors import LocalServerError
from . import processes
from .cookie import SignedCookie
from .environment import clean_environment
from .java import Java
from .layout import ServerFolder

_START_TIME = 120.0  # seconds; a start takes one second on a quiet machine
_LOOK = 0.02  # seconds
_ADDRESS = re.compile(r"Starting server on (http://127\.0\.0\.1:\d+)")


def launch(
    folder: ServerFolder, java: Java, jars: Sequence[Path], mark: str, options: Sequence[str]
) -> subprocess.Popen[bytes]:
    """Start Livy.

    Args:
        folder: The server's folder, with the configuration in its run folder; Livy's log goes here.
        java: The Java to run on.
        jars: Livy's class path. It must contain no folder, such as that of the configuration, or
            Java would reject a class-data archive.
        mark: Marks the environment of Livy and all its batches, so that they can be found.
        options: Additional options for Java.
    """
    run = folder.run
    environment = {
        **clean_environment(),
        "JAVA_HOME": str(java.home),
        "SPARK_HOME": str(run / "spark-home"),
        "LIVY_HOME": str(run),
        "LIVY_CONF_DIR": str(run / "conf"),
        "LIVY_LOG_DIR": str(run / "logs"),
        processes.MARK: mark,
    }
    program = [str(java.home / "bin/java"), "-Xmx512m", "-XX:+ExitOnOutOfMemoryError"]
    program += ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]  # it starts sooner
    program += [f"-Dlog4j.configuration={(run / 'conf/log4j.properties').as_uri()}"]
    program += ["-Dfile.encoding=UTF-8", *options]
    class_path = os.pathsep.join(map(str, jars))
    with folder.log.open("wb") as log:
        return subprocess.Popen(
            [*program, "-cp", class_path, "org.apache.livy.server.LivyServer"],
            cwd=run,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def ready(
    folder: ServerFolder, livy: subprocess.Popen[bytes], asked_to_stop: Callable[[float], bool]
) -> str:
    """Wait until Livy answers, and return its URL, with the free port that it chose.

    Args:
        folder: The server's folder.
        livy: Livy's process.
        asked_to_stop: Waits at most the given seconds, and returns whether to stop waiting.

    Raises:
        LocalServerError: Livy ended, takes too long, or was asked to stop.
    """
    deadline = time.monotonic() + _START_TIME
    while not (match := _ADDRESS.search(folder.log.read_text("utf-8", "replace"))):
        if asked_to_stop(_LOOK):
            raise LocalServerError("somebody stopped it")
        if livy.poll() is not None:
            raise LocalServerError(cause(folder.log))
        if time.monotonic() > deadline:
            raise LocalServerError(f"no answer in {_START_TIME:.0f} s: {cause(folder.log)}")
    with requests.Session() as session:
        session.trust_env = False  # a proxy would be used even for loopback
        auth = SignedCookie(folder.secret, folder.used)
        session.get(f"{match[1]}/version", auth=auth, timeout=_START_TIME).raise_for_status()
    return match[1]


def cause(log: Path) -> str:
    """Return the lines of a log that most likely say why a program failed."""
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\bERROR\b|Exception|Error:|Caused by", line)]
    return "\n  ".join(telling[:3] or lines[-3:]) or "it said nothing"

"""Livy's jars: fetched once, and checked at every start against the lock file of this package.

The lock file has a line for each jar: its SHA-256 and its path in a Maven repository. No dependency
is resolved, so exactly the tested jars run here. Checking all of them takes less than a tenth of a
second, so the result is not cached.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import requests

from ..errors import LocalServerError
from ..progress import Progress, Report, chunks
from .layout import FileLock, private, size

_LOCK = Path(__file__).with_name("livy-0.7.1.lock")
_AT_ONCE = 8
_MB = 76  # of all jars together, about
_LOOK = 0.5  # seconds between two progress reports, at most
_NEW = ".new-"


@dataclass(frozen=True)
class Jar:
    """One line of the lock file.

    Attributes:
        sha256: The file's required SHA-256, in hexadecimal.
        path: Its path in a Maven repository, and in our folder: ``group/artifact/version/file``.
    """

    sha256: str
    path: str

    @property
    def coordinates(self) -> tuple[str, str, str]:
        """Maven's group, artifact and version."""
        folder = PurePosixPath(self.path).parent
        group = ".".join(folder.parts[:-2])
        return group, folder.parts[-2], folder.parts[-1]

    def is_good(self, file: Path) -> bool:
        """Return whether the file exists and has the required SHA-256."""
        digest = hashlib.sha256()
        try:
            for chunk in chunks(file):
                digest.update(chunk)
        except FileNotFoundError:
            return False
        return digest.hexdigest() == self.sha256


# Fetches a jar into an empty folder and returns the file.
Fetch: TypeAlias = Callable[[Jar, Path], Path]


def locked() -> list[Jar]:
    """Return the jars in the lock file."""
    return [Jar(*line.split()) for line in _LOCK.read_text().splitlines()]


def class_path(folder: Path) -> list[Path]:
    """Return the jars' paths, resolved as a class-data archive requires."""
    return [folder.resolve() / jar.path for jar in locked()]


def from_maven(jar: Jar, folder: Path) -> Path:
    """Fetch a jar from Maven Central, whose address is jgo's default."""
    from jgo.maven import MavenContext  # slow to load, and needed once per machine

    group, artifact, version = jar.coordinates
    maven = MavenContext(repo_cache=folder, timeout=30)
    file: Path = maven.project(group, artifact).at_version(version).artifact().resolve()
    return file


def ensure(folder: Path, report: Report, fetch: Fetch = from_maven) -> None:
    """Fetch the jars that are missing or damaged.

    Args:
        folder: The folder of all jars; several kernels may share it.
        report: Receives lines of progress.
        fetch: Fetches one jar.

    Raises:
        LocalServerError: A jar cannot be fetched or written, or has another checksum.
    """
    private(folder)
    jars = locked()
    try:
        if _unfit(folder, jars):
            with _sole(folder, report):
                _fetch_all(folder, jars, report, fetch)
    except OSError as problem:
        cause = "the disk is full" if problem.errno == errno.ENOSPC else problem.strerror
        raise LocalServerError(
            f"Livy's jars cannot be written to {folder}: {cause}\n"
            "Make room, or set LIVY_LOCAL_DIR to another folder."
        ) from problem


@contextmanager
def _sole(folder: Path, report: Report) -> Iterator[None]:
    """Wait until no other process fetches jars, and keep others from it for the block."""
    lock = FileLock(folder.with_suffix(".lock"))
    while (descriptor := lock.acquire(patience=0.5)) is None:
        report("waiting for another notebook, which is fetching Livy's jars")
    try:
        yield
    finally:
        os.close(descriptor)


def _fetch_all(folder: Path, jars: list[Jar], report: Report, fetch: Fetch) -> None:
    for abandoned in folder.glob(f"{_NEW}*"):  # by a kernel that was killed
        shutil.rmtree(abandoned)
    unfit = _unfit(folder, jars)  # again: the other notebook may have fetched them
    began, before = time.monotonic(), size(folder)
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=_NEW) as scratch,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        missing = {pool.submit(_place, jar, folder, scratch, fetch) for jar in unfit}
        try:
            while missing:
                done, missing = wait(missing, _LOOK, FIRST_COMPLETED)
                for future in done:
                    future.result()
                there = size(folder)
                speed = (there - before) / (time.monotonic() - began)
                report(_progress(len(jars) - len(missing), len(jars), there, speed))
        finally:
            pool.shutdown(cancel_futures=True)


def _progress(count: int, total: int, there: int, speed: float) -> Progress:
    """Return the progress: jars and bytes so far, and the seconds left at this speed in bytes/s."""
    what, megabytes = "Livy's jars", there / 1e6
    if count == total:
        return Progress(f"{what}: all {total}, {megabytes:.0f} MB", what, 1.0)
    left = max(_MB - megabytes, 0.0)
    soon = f", about {max(left / speed * 1e6, 1):.0f} s left" if speed else ""
    far = f"{what}: {count} of {total}, {megabytes:.0f} of {_MB} MB{soon}"
    return Progress(far, what, min(megabytes / _MB, 0.99))


def _unfit(folder: Path, jars: list[Jar]) -> list[Jar]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        good = pool.map(lambda jar: jar.is_good(folder / jar.path), jars)
        return [jar for jar, is_good in zip(jars, good, strict=True) if not is_good]


def _place(jar: Jar, folder: Path, scratch: str, fetch: Fetch) -> None:
    """Fetch a jar, in two attempts if necessary, and move it into place: complete or not at all."""
    file = _attempt(jar, scratch, fetch)
    if isinstance(file, str):
        file = _attempt(jar, scratch, fetch)
    if isinstance(file, str):
        raise LocalServerError(
            f"Livy's jars cannot be fetched: {jar.path}: {file}\n"
            "Is Maven Central within reach, through a proxy perhaps? "
            "Else use a server: %livy_connect URL"
        )
    target = folder / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    file.replace(target)


def _attempt(jar: Jar, scratch: str, fetch: Fetch) -> Path | str:
    """Return the jar's file, or a text that says what went wrong."""
    try:
        file = fetch(jar, Path(tempfile.mkdtemp(dir=scratch)))
    except requests.RequestException as problem:
        return f"no connection ({type(problem).__name__})"
    except RuntimeError:  # jgo's error for a file that does not exist
        return "the server does not have it"
    return file if jar.is_good(file) else "what arrived has another checksum"

"""Livy's jars: fetched once, and checked at every start against the lock that comes with us.

The lock has a line for each jar: its SHA-256 and its path in a Maven repository. Nothing is
resolved, so what runs here is exactly what was tested. Checking all of them takes less than a
tenth of a second, which is why no cached verdict is trusted instead.
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
_MB = 76  # of all jars together, nearly
_LOOK = 0.5  # seconds between two looks at how much has come
_NEW = ".new-"


@dataclass(frozen=True)
class Jar:
    """One line of the lock.

    Attributes:
        sha256: What the file's SHA-256 has to be, in hexadecimal.
        path: Where it is in a Maven repository, and in our folder: ``group/artifact/version/file``.
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
        """Say whether the file is there and is the one that the lock means."""
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
    """Return the jars that the lock names."""
    return [Jar(*line.split()) for line in _LOCK.read_text().splitlines()]


def class_path(folder: Path) -> list[Path]:
    """Return where the jars are, in the one spelling that goes with a class-data archive."""
    return [folder.resolve() / jar.path for jar in locked()]


def from_maven(jar: Jar, folder: Path) -> Path:
    """Fetch a jar from Maven Central, whose address jgo knows."""
    from jgo.maven import MavenContext  # takes long to load; needed once a machine

    group, artifact, version = jar.coordinates
    maven = MavenContext(repo_cache=folder, timeout=30)
    file: Path = maven.project(group, artifact).at_version(version).artifact().resolve()
    return file


def ensure(folder: Path, report: Report, fetch: Fetch = from_maven) -> None:
    """See to it that all jars are there and intact, fetching those that are not.

    Args:
        folder: Where they are kept; several kernels may share it.
        report: Told how far it is.
        fetch: Where they come from.

    Raises:
        LocalServerError: A jar cannot be had, or not in its right form, or not be written.
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
    """Wait until no other process fetches jars, and keep it so for the block."""
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
    """Return how far it is: how many jars, how many bytes, and the seconds that are left at this speed."""
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
    """Fetch a jar, a second time if need be, and put it where it belongs: whole or not at all."""
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
    """Return the jar's file, or what is wrong."""
    try:
        file = fetch(jar, Path(tempfile.mkdtemp(dir=scratch)))
    except requests.RequestException as problem:
        return f"no connection ({type(problem).__name__})"
    except RuntimeError:  # jgo's word for a file that is not there
        return "the server does not have it"
    return file if jar.is_good(file) else "what arrived has another checksum"

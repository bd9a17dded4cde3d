"""The private Livy's files, and the locks that control who may change them.

::

    BASE                      $LIVY_LOCAL_DIR, else livy_magic's folder in the user's cache
    ├── jars/                 Livy's jars, as in a Maven repository; shared by every environment
    ├── jars.lock             held while jars are fetched
    ├── archives/             class-data archives, with which Java starts faster
    │   └── KEY/              one for each Java and Spark: base.jsa, spark.jsa, livy.jsa
    ├── archives.lock         held while archives are made
    └── servers/
        ├── KEY.lock          held by the supervisor as long as it lives
        └── KEY/              one for each Python environment, Spark version and host
            ├── server.json   how to reach the running server; exists only while it answers
            ├── secret        signs the cookies of its owner; new at each start
            ├── used          its modification time is the server's last use
            ├── failure       why the last start failed
            ├── run-id        marks the processes of the last run, to find them after a crash
            ├── livy.log      Livy's own log; supervisor.log beside it
            ├── staging/      submitted code and files
            ├── answers/      the answers of Spark's launcher, for later batches with the same input
            └── run/          configuration and scratch space of the running server
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LocalServerError
from ..files import expanded

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


def base() -> Path:
    """Return the folder that contains all files."""
    if chosen := os.environ.get("LIVY_LOCAL_DIR"):
        return expanded(chosen).absolute()
    import platformdirs  # needed only if LIVY_LOCAL_DIR is not set

    return platformdirs.user_cache_path("livy_magic")


def private(folder: Path) -> Path:
    """Create the folder if needed, make it inaccessible to other users, and return it.

    Raises:
        LocalServerError: It cannot be created, or is not ours.
    """
    try:
        folder.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
        folder.chmod(PRIVATE_FOLDER)
    except OSError as problem:
        raise _unusable(folder, problem) from problem
    return folder


def servers() -> Path:
    """Return the folder of all servers, which need not exist yet.

    Raises:
        LocalServerError: It is not a folder, or we may not enter it.
    """
    folder = base() / "servers"
    try:
        with suppress(FileNotFoundError):
            os.stat(f"{folder}/.")  # noqa: PTH116 - Path drops the dot, which tests whether we may enter
    except OSError as problem:
        raise _unusable(folder, problem) from problem
    return folder


def _unusable(folder: Path, problem: OSError) -> LocalServerError:
    return LocalServerError(
        f"the private Livy cannot use the folder {folder}: {problem.strerror}\n"
        "Set LIVY_LOCAL_DIR to a folder that you may write to."
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that only we can read, atomically: a reader sees either the old or the new text."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def size(path: Path) -> int:
    """Return the total size of the files in a folder, in bytes."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):  # a running batch may remove its files meanwhile
                total += Path(folder, name).lstat().st_size
    return total


@dataclass(frozen=True)
class ServerFolder:
    """The files of one private Livy."""

    path: Path

    @classmethod
    def of(cls, spark_version: str) -> ServerFolder:
        """Return the folder of this Python environment with this Spark on this host."""
        # The host, because several may share a home folder, but not 127.0.0.1.
        identity = f"{sys.prefix}\n{spark_version}\n{platform.node()}"
        digest = hashlib.sha256(identity.encode()).hexdigest()[:10]
        return cls(servers() / f"spark-{spark_version}-{digest}")

    @classmethod
    def all(cls) -> list[ServerFolder]:
        """Return the folders of all environments."""
        return [cls(lock.with_suffix("")) for lock in servers().glob("*.lock")]

    @property
    def jars(self) -> Path:
        """Livy's jars, which all servers share."""
        return self.path.parents[1] / "jars"

    @property
    def archives(self) -> Path:
        """Class-data archives, which all servers with the same Java and Spark share."""
        return self.path.parents[1] / "archives"

    @property
    def lock(self) -> FileLock:
        """Held by the supervisor as long as it lives: only the lock proves that a server runs."""
        return FileLock(self.path.with_name(f"{self.path.name}.lock"))

    @property
    def server(self) -> Path:
        """How to reach the running server."""
        return self.path / "server.json"

    @property
    def secret(self) -> Path:
        """The secret that signs the owner's cookies."""
        return self.path / "secret"

    @property
    def used(self) -> Path:
        """A file that is touched at every use of the server."""
        return self.path / "used"

    @property
    def failure(self) -> Path:
        """Why the last start failed."""
        return self.path / "failure"

    @property
    def run_id(self) -> Path:
        """The mark in the environment of every process of the last run."""
        return self.path / "run-id"

    @property
    def log(self) -> Path:
        """Livy's own log."""
        return self.path / "livy.log"

    @property
    def supervisor_log(self) -> Path:
        """The supervisor's messages; empty if all is well."""
        return self.path / "supervisor.log"

    @property
    def answers(self) -> Path:
        """The kept answers of Spark's launcher, for later batches with the same input."""
        return self.path / "answers"

    @property
    def staging(self) -> Path:
        """Folder of submitted code and files."""
        return self.path / "staging"

    @property
    def run(self) -> Path:
        """Configuration and scratch space of the running server."""
        return self.path / "run"


@dataclass(frozen=True)
class FileLock:
    """A file that one process at a time can lock; the OS kernel unlocks it when that process dies."""

    path: Path

    def acquire(self, patience: float = 0) -> int | None:
        """Take the lock and return the descriptor that holds it; None if another process holds it.

        Args:
            patience: Seconds to keep trying.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        deadline = time.monotonic() + patience
        while not _try_lock(descriptor, exclusive=True):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
            time.sleep(0.05)
        return descriptor

    @contextmanager
    def held(self, patience: float = 0) -> Iterator[bool]:
        """Hold the lock for the block, if it is free; yield whether it was."""
        descriptor = self.acquire(patience)
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def is_held(self) -> bool:
        """Return whether any process holds the lock."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(descriptor, exclusive=False)
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int, *, exclusive: bool) -> bool:
    import fcntl  # Windows has none, and must be able to import the rest

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

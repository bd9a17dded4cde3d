"""Where the private Livy keeps its files, and the locks that say who may change them.

::

    BASE                      $LIVY_LOCAL_DIR, else livy_magic's folder in the user's cache
    ├── jars/                 Livy's jars, as in a Maven repository; shared by every environment
    ├── jars.lock             held while jars are fetched
    ├── archives/             class-data archives, with which Java starts sooner
    │   └── KEY/              one for each Java and Spark: base.jsa, spark.jsa, livy.jsa
    ├── archives.lock         held while archives are made
    └── servers/
        ├── KEY.lock          held by the supervisor for life
        └── KEY/              one for each Python environment, Spark version and host
            ├── server.json   how to reach the running server; there only while it answers
            ├── secret        signs the cookies of its owner; made afresh at each start
            ├── used          its time of change is when the server was last used
            ├── failure       why the last start failed
            ├── run-id        marks the processes of the last run, to find them after a crash
            ├── livy.log      Livy's own log; supervisor.log beside it
            ├── staging/      what was submitted
            ├── answers/      what Spark's launcher said, for the next batch that asks the same
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
    """Return the folder under which everything lies."""
    if chosen := os.environ.get("LIVY_LOCAL_DIR"):
        return expanded(chosen).absolute()
    import platformdirs  # of use only where LIVY_LOCAL_DIR is not set

    return platformdirs.user_cache_path("livy_magic")


def private(folder: Path) -> Path:
    """Return the folder, made if needed and closed to everybody else.

    Raises:
        LocalServerError: It cannot be made, or is not ours.
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
        LocalServerError: It is no folder that we can enter.
    """
    folder = base() / "servers"
    try:
        with suppress(FileNotFoundError):
            os.stat(f"{folder}/.")  # noqa: PTH116 - a Path drops the dot, which only one inside may ask for
    except OSError as problem:
        raise _unusable(folder, problem) from problem
    return folder


def _unusable(folder: Path, problem: OSError) -> LocalServerError:
    return LocalServerError(
        f"the private Livy cannot use the folder {folder}: {problem.strerror}\n"
        "Set LIVY_LOCAL_DIR to a folder that you may write to."
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else can read, all at once: a reader sees the old or the new text."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def size(path: Path) -> int:
    """Return how many bytes the files in a folder have."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):  # a running batch comes and goes with its files
                total += Path(folder, name).lstat().st_size
    return total


@dataclass(frozen=True)
class ServerFolder:
    """The files of one private Livy."""

    path: Path

    @classmethod
    def of(cls, spark_version: str) -> ServerFolder:
        """Return the folder of this Python environment with this Spark on this host."""
        # The host, because a home folder may be shared by many and 127.0.0.1 is not.
        identity = f"{sys.prefix}\n{spark_version}\n{platform.node()}"
        digest = hashlib.sha256(identity.encode()).hexdigest()[:10]
        return cls(servers() / f"spark-{spark_version}-{digest}")

    @classmethod
    def all(cls) -> list[ServerFolder]:
        """Return the folders of every environment."""
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
        """Held by the supervisor for life: the one truth about whether a server runs."""
        return FileLock(self.path.with_name(f"{self.path.name}.lock"))

    @property
    def server(self) -> Path:
        """How to reach the running server."""
        return self.path / "server.json"

    @property
    def secret(self) -> Path:
        """What signs the owner's cookies."""
        return self.path / "secret"

    @property
    def used(self) -> Path:
        """A file that is touched whenever somebody uses the server."""
        return self.path / "used"

    @property
    def failure(self) -> Path:
        """Why the last start failed."""
        return self.path / "failure"

    @property
    def run_id(self) -> Path:
        """The mark that every process of the last run carries."""
        return self.path / "run-id"

    @property
    def log(self) -> Path:
        """Livy's own log."""
        return self.path / "livy.log"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor has to say; nothing, if all is well."""
        return self.path / "supervisor.log"

    @property
    def answers(self) -> Path:
        """What Spark's launcher said, kept for the next batch that asks the same."""
        return self.path / "answers"

    @property
    def staging(self) -> Path:
        """Where submitted code and files are put."""
        return self.path / "staging"

    @property
    def run(self) -> Path:
        """Configuration and scratch space of the running server."""
        return self.path / "run"


@dataclass(frozen=True)
class FileLock:
    """A file that one process at a time can hold; the kernel lets go of it when that one dies."""

    path: Path

    def acquire(self, patience: float = 0) -> int | None:
        """Take the lock and return the descriptor that holds it; None if somebody else keeps it.

        Args:
            patience: Seconds to try for.
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
        """Hold the lock for the block; yields whether it was to be had."""
        descriptor = self.acquire(patience)
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def is_held(self) -> bool:
        """Say whether some process holds the lock."""
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

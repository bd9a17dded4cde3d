"""The history's SQLite file: its place, its tables, and how it is opened, migrated and moved aside.

Every failure here is a :class:`HistoryError`, and every write happens as a whole or not at all. One
file serves every kernel and thread of a user. sqlite3 is imported at the first use, so that loading
livy_magic costs no time for it, and works in a Python that lacks it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from ..errors import HistoryError
from ..files import expanded

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

PATIENCE = 5.0  # seconds to wait for another process's transaction
APPLICATION = 0x4C697679  # "Livy": the application_id that marks the file as livy_magic's

# WAL needs memory that all readers share, so it fails silently if two hosts use one file.
# Use it only on file systems that are known to belong to one host.
LOCAL_FILE_SYSTEMS = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
)

# Each step migrates the tables from one version to the next. Never change a step that was released.
MIGRATIONS: list[tuple[str, ...]] = [
    (
        # A key is never reused: not after its entry is forgotten (AUTOINCREMENT), nor after this
        # file replaces one from which some kernel still holds keys (sqlite_sequence).
        """CREATE TABLE entry (
            key INTEGER PRIMARY KEY AUTOINCREMENT,
            -- what was about to be submitted, from where, and by which process
            server TEXT NOT NULL, user TEXT, name TEXT NOT NULL, body TEXT NOT NULL,
            notebook TEXT, cell TEXT, folder TEXT NOT NULL,
            submitted REAL NOT NULL, held TEXT NOT NULL,
            host TEXT NOT NULL, boot TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL,
            -- what became of that
            outcome TEXT NOT NULL DEFAULT 'pending', reason TEXT,
            adopted INTEGER NOT NULL DEFAULT 0,
            -- the batch, as the server describes it
            id TEXT, state TEXT, owner TEXT, proxy_user TEXT,
            app_id TEXT, driver_log_url TEXT, spark_ui_url TEXT,
            states TEXT NOT NULL DEFAULT '[]', ended REAL, lines INTEGER NOT NULL DEFAULT 0
        )""",
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('entry', CAST(strftime('%s', 'now') AS INTEGER))",
        "CREATE INDEX entry_by_name ON entry (server, name)",
        "CREATE INDEX entry_by_outcome ON entry (outcome)",
        """CREATE TABLE log (
            part INTEGER PRIMARY KEY,
            entry INTEGER NOT NULL REFERENCES entry ON DELETE CASCADE,
            weight INTEGER NOT NULL,  -- characters; 0 of the gap that stands for a removed log
            chunk BLOB NOT NULL
        )""",
        "CREATE INDEX log_by_entry ON log (entry)",
        "CREATE TABLE tidied (at REAL NOT NULL)",
        "INSERT INTO tidied VALUES (0)",
    ),
]

SIDE_FILES = ("", "-wal", "-shm", "-journal")


def place() -> Path:
    """Return the path of the history: ``LIVY_HISTORY``, else a file in the user's data folder."""
    if chosen := os.environ.get("LIVY_HISTORY"):
        return expanded(chosen).absolute()
    import platformdirs  # of use only where LIVY_HISTORY is not set

    return platformdirs.user_data_path("livy_magic") / "history.sqlite"


class MovedAside(HistoryError):
    """The file was corrupt and has been moved aside; the next use creates a new one."""


class Database:
    """The database file, behind one connection at a time, which any thread may use.

    Args:
        path: The file; it and its folder are created when first needed.
        prepare: Called with each new connection, before its first use.
    """

    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self.path = path
        self._prepare = prepare
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)  # device and inode of the file that the connection is to
        self._lock = threading.RLock()
        _databases.add(self)

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what ``work(connection)`` returns; each statement commits on its own.

        Raises:
            HistoryError: The database cannot be used.
        """
        try:
            import fcntl  # noqa: F401 -- checked here because Windows lacks it; _locked needs it
            import sqlite3  # imported late, see the module's docstring
        except ImportError as missing:
            raise HistoryError(
                f"this Python has no {missing.name}, so there is no history"
            ) from None
        with self._lock:
            try:
                return work(self._connected())
            except (sqlite3.Error, OSError) as problem:
                file = self._file
                self.close()
                # Exactly this class means a corrupt file; its subclasses may be temporary failures.
                if type(problem) is sqlite3.DatabaseError:
                    raise self._moved_aside(problem, file) from problem
                raise self._unusable(problem) from problem

    def size(self) -> int:
        """Return the size of the file and its side files, in bytes."""
        return sum(
            file.stat().st_size
            for side in SIDE_FILES
            if (file := Path(f"{self.path}{side}")).is_file()
        )

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                import sqlite3  # imported late, see the module's docstring

                with contextlib.suppress(sqlite3.Error):  # closing a corrupt file may fail
                    connection.close()

    def abandon(self) -> None:
        """Drop the parent's connection in a forked child, and a lock that nobody would release."""
        if self._connection is not None:
            _abandoned.append(self._connection)
        self._connection = None
        self._lock = threading.RLock()

    def _connected(self) -> sqlite3.Connection:
        """Return the connection, or a new one if the file was removed or replaced meanwhile."""
        import sqlite3  # imported late, see the module's docstring

        if self._connection is not None:
            with contextlib.suppress(FileNotFoundError):
                if _identity(self.path) == self._file:
                    return self._connection
            self.close()
        self._make_file()
        self._file = _identity(self.path)
        connection = sqlite3.connect(
            self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        self._connection = connection
        try:
            self._check_version(connection)
            _configure(connection, self.path.parent)
            _migrate(connection)
            self._prepare(connection)
        except BaseException:
            self.close()
            raise
        return connection

    def _make_file(self) -> None:
        """Create the file, closed to other users; SQLite gives its side files the same mode."""
        self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            # Do not open it here: closing it would release SQLite's own locks (POSIX).
            mode = self.path.stat().st_mode
            if stat.S_ISREG(mode) and mode & 0o077:
                self.path.chmod(0o600)

    def _check_version(self, connection: sqlite3.Connection) -> None:
        """Reject, before anything is changed, another program's file and a newer version's.

        Raises:
            HistoryError: The file is one of these.
        """
        # In this order: another kernel may be creating the tables, and with them this mark.
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and pragma(connection, "application_id") != APPLICATION:
            raise HistoryError(
                f"{self.path} is another program's database\n"
                "Set LIVY_HISTORY to a file that only livy_magic uses."
            )
        if pragma(connection, "user_version") > len(MIGRATIONS):
            raise HistoryError(
                f"the history {self.path} was written by a newer livy_magic\n"
                "Update livy_magic here, or set LIVY_HISTORY to another file."
            )

    def _moved_aside(self, problem: Exception, file: tuple[int, int]) -> HistoryError:
        """Move the corrupt file aside, unless another process has; return the error to raise."""
        aside = f"{self.path}.corrupt-{time.strftime('%Y%m%d-%H%M%S')}"
        try:
            with _locked(self.path):
                if _identity(self.path) == file:
                    # The main file last: otherwise a new file's side files could be moved with it.
                    for side in reversed(SIDE_FILES):
                        with contextlib.suppress(FileNotFoundError):
                            Path(f"{self.path}{side}").rename(f"{aside}{side}")
        except FileNotFoundError:
            pass
        except OSError as refused:
            return self._unusable(refused)
        return MovedAside(
            f"the history {self.path} was corrupt ({problem}), so livy_magic starts a new one\n"
            f"The old file is kept beside it as {self.path.name}.corrupt-*; delete it if you do not need it."
        )

    def _unusable(self, problem: Exception) -> HistoryError:
        return HistoryError(
            f"the history {self.path} cannot be used: {problem}\n"
            "Set LIVY_HISTORY to a file that you can write, on a local disk with free space."
        )


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block as one transaction: commit at its end, roll back after an error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # when the disk is full, SQLite has rolled back by itself
            connection.execute("ROLLBACK")
        raise


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """Return the value of one of SQLite's numeric pragmas."""
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _configure(connection: sqlite3.Connection, folder: Path) -> None:
    import sqlite3  # imported late, see the module's docstring

    if pragma(connection, "user_version") == 0:  # it has an effect only before the first table
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = FAST")  # overwrites deleted content within a page
    if not _belongs_to_one_host(folder):
        connection.execute("PRAGMA journal_mode = DELETE")
        return
    with contextlib.suppress(sqlite3.OperationalError):  # locked: another kernel is switching it on
        connection.execute("PRAGMA journal_mode = WAL")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        connection.execute("PRAGMA synchronous = NORMAL")  # enough for consistency under WAL


def _migrate(connection: sqlite3.Connection) -> None:
    if pragma(connection, "user_version") == len(MIGRATIONS):
        return
    with transaction(connection):
        version = pragma(connection, "user_version")  # another kernel may have been first
        for number, step in enumerate(MIGRATIONS[version:], version + 1):
            for statement in step:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")


def _belongs_to_one_host(folder: Path) -> bool:
    """Return whether only this host can write to the folder, as far as Linux tells."""
    if sys.platform != "linux":
        return True
    folder = folder.resolve()
    kinds: dict[Path, str] = {}
    for mount in Path("/proc/self/mounts").read_text(errors="surrogateescape").splitlines():
        _, point, kind, *_ = mount.split(" ")
        kinds[Path(point.replace(r"\040", " "))] = kind  # the last mount there hides the others
    kind = next((kinds[parent] for parent in (folder, *folder.parents) if parent in kinds), "")
    return kind in LOCAL_FILE_SYSTEMS


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lock a corrupt file, so that only one process at a time moves it aside."""
    import fcntl  # imported late: Windows lacks it

    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


_databases: WeakSet[Database] = WeakSet()
_abandoned: list[sqlite3.Connection] = []  # kept, because closing one would use the parent's file


def _after_fork() -> None:
    for database in list(_databases):
        database.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

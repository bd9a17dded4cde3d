"""Class-data archives, with which Spark and Livy start in about half the time.

Before a batch does anything, Spark loads some ten thousand classes, and Java usually reads and checks
each one. With an archive (Java's "AppCDS") it maps them into memory instead. An archive fits only one
Java and one class path: every jar must have the same name, size and time. Java checks that at every
start, and ignores an archive that does not fit. So archives change only how soon batches start, not
what they do.

``training`` makes archives once, in a folder whose name identifies the Java and Spark that they fit.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .java import Java, Spark
from .layout import FileLock, ServerFolder, private, write_private
from .spark_submit import BASE_ARCHIVE, SPARK_ARCHIVE

LIVY_ARCHIVE = "livy.jsa"

# Increase this when the way of making archives changes: existing ones are then replaced.
_RECIPE = 1


@dataclass(frozen=True)
class Archives:
    """The archives that fit one Java, one Spark and one set of Livy's jars.

    Attributes:
        folder: Their folder, which need not exist yet.
        java_home: The Java that they fit.
        spark_home: The Spark that they fit.
    """

    folder: Path
    java_home: Path
    spark_home: Path

    @classmethod
    def of(cls, parent: Path, java: Java, spark: Spark, livy_jars: Iterable[Path]) -> Archives:
        """Return the archives that fit.

        Args:
            parent: The folder of all archives.
            java: The Java that Livy and batches run on.
            spark: The Spark that batches run on.
            livy_jars: Livy's class path.
        """
        spark_jars = (spark.home / "jars").glob("*.jar")
        files = [java.home / "lib/modules", *sorted(spark_jars), *livy_jars]
        facts = [_RECIPE, java.version, *map(_identity, files)]
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:10]
        name = f"java-{java.version}-spark-{spark.version}-{digest}"
        return cls(parent.resolve() / name, java.home, spark.home)

    @property
    def lock(self) -> FileLock:
        """The lock held while archives are made, for whichever Java and Spark."""
        return _lock(self.folder.parent)

    @property
    def names(self) -> list[str]:
        """The required files; a full JDK already includes an archive of its own classes."""
        base = [] if (self.java_home / "lib/server/classes.jsa").exists() else [BASE_ARCHIVE]
        return [*base, SPARK_ARCHIVE, LIVY_ARCHIVE]

    def missing(self) -> list[str]:
        """Return the files that do not exist yet, in the order in which to make them."""
        return [name for name in self.names if not (self.folder / name).exists()]

    def are_complete(self) -> bool:
        """Return whether all files exist."""
        return not self.missing()

    def prepare(self) -> None:
        """Create the folder, and remove the folders that nothing uses any more.

        Only the holder of the lock may call this.
        """
        private(self.folder.parent)
        for other in self.folder.parent.iterdir():
            if other != self.folder and self._is_nobodys(other):
                shutil.rmtree(other, ignore_errors=True)
        private(self.folder)
        write_private(self._homes(self.folder), json.dumps(self._own_homes()))

    def _is_nobodys(self, other: Path) -> bool:
        """Return whether its Java or Spark is gone, or it fits an earlier version of ours."""
        homes = None  # an abandoned, half-made folder has no homes
        with suppress(FileNotFoundError, NotADirectoryError):
            homes = json.loads(self._homes(other).read_text("utf-8"))
        gone = homes is None or not all(Path(home).exists() for home in homes)
        return gone or homes == self._own_homes()

    def _own_homes(self) -> list[str]:
        return [str(self.java_home), str(self.spark_home)]

    @staticmethod
    def _homes(folder: Path) -> Path:
        return folder / "homes.json"


def state(folder: ServerFolder) -> str:
    """Return in words the state of a running server's archives."""
    archives = folder.run / "archives"
    if (archives / LIVY_ARCHIVE).exists():  # the last to be made
        return "ready"
    if _lock(archives.resolve().parent).is_held():
        return "being made"
    return "will be made when the server has not been used for half a minute"


def _lock(parent: Path) -> FileLock:
    return FileLock(parent.with_name("archives.lock"))


def _identity(file: Path) -> tuple[str, int, int]:
    facts = file.stat()
    return str(file), facts.st_size, facts.st_mtime_ns

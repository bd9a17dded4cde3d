"""Class-data archives are made while nobody needs the server, and used by what starts afterwards."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from livy_magic import BatchRequest, Livy, local
from livy_magic.batch import Batch

if TYPE_CHECKING:
    from servers import NewBase

pytestmark = pytest.mark.livy

Tree = Callable[[int], list[psutil.Process]]

# It waits for somebody to look at it; Java has started when it runs.
PROGRAM = """
import sys, time
from pathlib import Path

print("up", flush=True)
while not Path(sys.argv[1]).exists():
    time.sleep(0.1)
"""


def until(holds: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.1)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def are_being_made() -> bool:
    return local.status().quick_start == "being made"


class Programs:
    """Batches that run for as long as a test looks at them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._go_on = folder / "go-on"
        (folder / "program.py").write_text(PROGRAM)

    def start(self, **conf: str) -> Batch:
        self._go_on.unlink(missing_ok=True)
        file = str(self._folder / "program.py")
        request = BatchRequest(
            file=file,
            args=[str(self._go_on)],
            conf={name.replace("_", "."): value for name, value in conf.items()},
        )
        batch = Livy.connect("local").submit(request)
        until(lambda: local.status().active == 1)
        return batch

    def finish(self, batch: Batch) -> str:
        """Return what the batch printed, and Java with it."""
        self._go_on.touch()
        assert batch.wait().state == "success"
        return "\n".join(batch.output())


@pytest.fixture(scope="module")
def base(new_base: NewBase) -> Iterator[Path]:
    """A LIVY_LOCAL_DIR without archives, whose servers make them after two seconds without use."""
    base = new_base("quick")
    (base / "archives").unlink(missing_ok=True)  # those of the other tests
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVY_LOCAL_DIR", str(base))
        patch.setenv("LIVY_LOCAL_IDLE", "120")
        yield base
        local.stop()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(tmp_path_factory.mktemp("programs"))


def made(base: Path) -> set[str]:
    """Return the names of the archives that are there."""
    return {file.name for file in base.glob("archives/java-*/*.jsa")}


def test_a_stop_does_not_wait_for_archives_and_leaves_nobody_who_makes_them(
    base: Path, tree: Tree
) -> None:
    server = local.start()
    until(are_being_made)
    processes = tree(server.pid)
    began = time.monotonic()
    assert local.stop()
    assert time.monotonic() - began < 5
    assert len(processes) > 2, "the supervisor, Livy, and who makes archives"
    assert all(map(is_gone, processes))
    assert "spark.jsa" not in made(base)


@pytest.fixture(scope="module")
def interrupted(base: Path, programs: Programs) -> str:
    """What a batch printed that started while archives were being made; they are whole now."""
    local.start()
    until(are_being_made)
    batch = programs.start()
    until(lambda: not are_being_made(), seconds=10)
    assert "spark.jsa" not in made(base)
    output = programs.finish(batch)
    until(lambda: local.status().quick_start == "ready")
    return output


def test_a_batch_that_starts_ends_the_making_of_archives_which_goes_on_later(
    base: Path, interrupted: str
) -> None:
    assert interrupted == "up"
    assert {"spark.jsa", "livy.jsa"} <= made(base)
    until(lambda: not list(base.glob("archives/new-*")))
    assert not next(base.glob("servers/*/supervisor.log")).read_text()


def archives_of(process: psutil.Process) -> set[str]:
    """Return the names of the archives that a Java has in its memory."""
    return {Path(m.path).name for m in process.memory_maps() if m.path.endswith(".jsa")}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows what a process has mapped")
def test_spark_and_livy_start_from_their_archives(
    interrupted: str, programs: Programs, tree: Tree
) -> None:
    local.stop()
    server = local.start()
    batch = programs.start()
    until(lambda: "up" in batch.output())
    livy, driver = (process for process in tree(server.pid) if process.name() == "java")
    assert "livy.jsa" in archives_of(livy)
    assert "spark.jsa" in archives_of(driver)
    assert programs.finish(batch) == "up"


def test_a_batch_with_a_class_path_of_its_own_runs_without_the_archive_and_says_nothing(
    interrupted: str, programs: Programs, tmp_path: Path
) -> None:
    batch = programs.start(spark_driver_extraClassPath=str(tmp_path))
    assert programs.finish(batch) == "up"


def test_an_archive_that_is_none_does_no_harm(
    base: Path, interrupted: str, programs: Programs
) -> None:
    for name in ("spark.jsa", "base.jsa"):
        for archive in base.glob(f"archives/java-*/{name}"):
            archive.unlink()  # Livy has the old one in its memory
            archive.write_text("no archive")
    assert programs.finish(programs.start()) == "up"


def test_clean_frees_the_archives(base: Path, interrupted: str) -> None:
    local.stop()
    (base / "jars").unlink()  # the jars of the other tests
    assert local.clean() > 20e6
    assert not made(base)

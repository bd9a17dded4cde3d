"""Livy's jars: all there and intact, or a clear message."""

from __future__ import annotations

import errno
import hashlib
import threading
from pathlib import Path

import pytest
import requests

from livy_magic.errors import LocalServerError
from livy_magic.local import jars
from livy_magic.progress import Progress

CONTENT = {
    f"org/{name}/{name}/1.0/{name}-1.0.jar": f"the bytes of {name}".encode()
    for name in ("ant", "bee", "cat")
}


class Repository:
    """Stands in for Maven Central: hands out what it has, after the mishaps it is given."""

    def __init__(self, *mishaps: bytes | Exception) -> None:
        self.asked: list[str] = []
        self._mishaps = list(mishaps)
        self._one_at_a_time = threading.Lock()

    def __call__(self, jar: jars.Jar, folder: Path) -> Path:
        with self._one_at_a_time:
            self.asked.append(jar.path)
            mishap = self._mishaps.pop(0) if self._mishaps else CONTENT[jar.path]
        if isinstance(mishap, Exception):
            raise mishap
        file = folder / "download"
        file.write_bytes(mishap)
        return file


@pytest.fixture(autouse=True)
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a short lock in place of the real one."""
    lock = tmp_path / "lock"
    lock.write_text(
        "".join(f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in CONTENT.items())
    )
    monkeypatch.setattr(jars, "_LOCK", lock)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "jars"


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def ignore(_: str) -> None:
    pass


def test_the_lock_of_the_package_names_livy_in_mavens_terms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    locked = jars.locked()
    assert len(locked) == 114
    assert ("org.apache.livy", "livy-server", "0.7.1-incubating") in [
        jar.coordinates for jar in locked
    ]
    for jar in locked:
        group, artifact, version = jar.coordinates
        folder = group.replace(".", "/")
        assert jar.path == f"{folder}/{artifact}/{version}/{artifact}-{version}.jar"
        assert len(bytes.fromhex(jar.sha256)) == 32


def test_missing_jars_are_fetched_once(folder: Path) -> None:
    repository = Repository()
    jars.ensure(folder, ignore, repository)
    jars.ensure(folder, ignore, repository)
    assert sorted(repository.asked) == sorted(CONTENT)
    assert files_in(folder) == CONTENT
    assert [path.relative_to(folder).as_posix() for path in jars.class_path(folder)] == [*CONTENT]


def test_only_a_damaged_jar_is_fetched_again(folder: Path) -> None:
    jars.ensure(folder, ignore, Repository())
    damaged = next(iter(CONTENT))
    (folder / damaged).write_bytes(CONTENT[damaged][:-1] + b"?")
    repository = Repository()
    jars.ensure(folder, ignore, repository)
    assert repository.asked == [damaged]
    assert files_in(folder) == CONTENT


@pytest.mark.parametrize("mishap", [b"<html>not what you want", b"", requests.ConnectionError()])
def test_a_download_that_fails_once_is_repeated(folder: Path, mishap: bytes | Exception) -> None:
    repository = Repository(mishap)
    jars.ensure(folder, ignore, repository)
    assert len(repository.asked) == len(CONTENT) + 1
    assert files_in(folder) == CONTENT


@pytest.mark.parametrize(
    ("mishap", "message"),
    [
        (b"other bytes", "another checksum"),
        (requests.ConnectTimeout(), "no connection"),
        (RuntimeError("not found"), "does not have it"),
    ],
)
def test_a_download_that_keeps_failing_is_said_plainly_and_leaves_nothing(
    folder: Path, mishap: bytes | Exception, message: str
) -> None:
    with pytest.raises(LocalServerError, match=message) as caught:
        jars.ensure(folder, ignore, Repository(*[mishap] * 99))
    assert any(path in str(caught.value) for path in CONTENT)
    assert "%livy_connect" in str(caught.value)
    assert files_in(folder) == {}


def test_a_full_disk_is_said_plainly(folder: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(LocalServerError, match="the disk is full"):
        jars.ensure(folder, ignore, Repository(full))


def test_a_folder_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalServerError, match="LIVY_LOCAL_DIR"):
        jars.ensure(tmp_path / "file/jars", ignore, Repository())


def test_two_notebooks_fetch_each_jar_once_between_them(folder: Path) -> None:
    fetching, go_on = threading.Event(), threading.Event()
    lines: list[str] = []
    repository = Repository()

    def slow(jar: jars.Jar, target: Path) -> Path:
        fetching.set()
        assert go_on.wait(10)
        return repository(jar, target)

    def waiting(line: str) -> None:
        lines.append(line)
        go_on.set()

    first = threading.Thread(target=jars.ensure, args=(folder, ignore, slow))
    first.start()
    assert fetching.wait(10)
    jars.ensure(folder, waiting, repository)
    first.join()
    assert sorted(repository.asked) == sorted(CONTENT)
    assert "another notebook" in lines[0]


def test_progress_counts_jars_and_megabytes(folder: Path) -> None:
    lines: list[Progress] = []
    jars.ensure(folder, lines.append, Repository())
    assert lines[-1] == "Livy's jars: all 3, 0 MB"
    assert lines[-1].part == 1.0


def test_what_a_killed_download_left_is_removed(folder: Path) -> None:
    (folder / ".new-abc").mkdir(parents=True)
    (folder / ".new-abc/half.jar").touch()
    jars.ensure(folder, ignore, Repository())
    assert files_in(folder) == CONTENT

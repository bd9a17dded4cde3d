"""The private server's files: closed to others, and under a lock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from requests.auth import HTTPBasicAuth

from livy_magic import local
from livy_magic.errors import LocalServerError
from livy_magic.local import layout, run_folder
from livy_magic.local.archives import Archives
from livy_magic.local.java import Java, Spark
from livy_magic.local.layout import FileLock, ServerFolder
from livy_magic.local.server import LocalServer
from livy_magic.local.supervisor import IDLE, batches_at_once, idle_time


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    base = tmp_path / "base"
    monkeypatch.setenv("LIVY_LOCAL_DIR", str(base))
    return base


def test_folders_and_files_are_closed_to_everybody_else(base: Path) -> None:
    folder = layout.private(base / "servers")
    layout.write_private(folder / "secret", "one")
    layout.write_private(folder / "secret", "two")
    assert base.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "secret").stat().st_mode & 0o777 == 0o600
    assert [file.read_text() for file in folder.iterdir()] == ["two"]


def test_a_folder_of_the_users_own_choice_keeps_its_mode(base: Path) -> None:
    base.mkdir(0o755)
    layout.private(base / "servers")
    assert base.stat().st_mode & 0o777 == 0o755


def test_each_spark_has_a_server_of_its_own_and_all_share_the_jars(base: Path) -> None:
    first, second = ServerFolder.of("3.5.9"), ServerFolder.of("4.0.1")
    assert first == ServerFolder.of("3.5.9")
    assert first != second
    assert first.jars == second.jars == base / "jars"


@pytest.mark.parametrize("use", [local.find, local.stop, local.status, local.logs, local.start])
@pytest.mark.parametrize("kind", ["a file", "below a file", "a circle of links"])
def test_a_base_that_is_no_usable_folder_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[], object], kind: str
) -> None:
    spark = Spark(tmp_path, "3.5.9", "2.12.18")
    monkeypatch.setattr("livy_magic.local.server.find_spark", lambda: spark)
    monkeypatch.setattr("livy_magic.local.server.require_spark", lambda: spark)
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    base = {"a file": "file", "below a file": "file/x", "a circle of links": "circle"}[kind]
    monkeypatch.setenv("LIVY_LOCAL_DIR", str(tmp_path / base))
    with pytest.raises(LocalServerError, match=r"cannot use the folder .*\nSet LIVY_LOCAL_DIR"):
        use()


def test_a_notebooks_folder_that_is_gone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = LocalServer("", "", "", "", pid=0, started=0, ui=False, auth=HTTPBasicAuth("", ""))
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(LocalServerError, match="folder no longer exists; %cd to another"):
        server.submission_conf()


def test_a_folder_is_known_by_its_lock(base: Path) -> None:
    folder = ServerFolder.of("3.5.9")
    assert ServerFolder.all() == []
    layout.private(folder.path.parent)
    with folder.lock.held() as free:
        assert free
        assert ServerFolder.all() == [folder]


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert not lock.is_held()
    with lock.held() as first, lock.held() as second:
        assert (first, second) == (True, False)
        assert lock.is_held()
    assert not lock.is_held()


def test_a_holder_that_is_killed_lets_go_and_its_children_do_not_keep_the_lock(
    tmp_path: Path,
) -> None:
    lock = FileLock(tmp_path / "lock")
    code = f"""
import subprocess
from pathlib import Path
from livy_magic.local.layout import FileLock
assert FileLock(Path({str(lock.path)!r})).acquire() is not None
print(subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL).pid, flush=True)
input()
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    child = int(holder.stdout.readline())
    assert lock.is_held()
    holder.kill()
    holder.communicate()
    assert not lock.is_held()
    os.kill(child, 9)


def test_the_size_of_a_folder_is_the_sum_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_bytes(b"12345")
    (tmp_path / "c").write_bytes(b"123")
    assert layout.size(tmp_path) == 8
    assert layout.size(tmp_path / "none") == 0


def test_the_idle_time_is_half_an_hour_or_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LIVY_LOCAL_IDLE", raising=False)
    assert idle_time() == IDLE == 1800
    monkeypatch.setenv("LIVY_LOCAL_IDLE", "90")
    assert idle_time() == 90


@pytest.mark.parametrize("text", ["soon", "0", "-5", "nan"])
def test_an_idle_time_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LIVY_LOCAL_IDLE", text)
    with pytest.raises(LocalServerError, match=f"LIVY_LOCAL_IDLE is '{text}'"):
        idle_time()


def test_how_many_batches_run_at_once_is_left_to_the_machine_or_said_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LIVY_LOCAL_BATCHES", raising=False)
    assert batches_at_once() == 0
    monkeypatch.setenv("LIVY_LOCAL_BATCHES", "3")
    assert batches_at_once() == 3


@pytest.mark.parametrize("text", ["many", "0", "-5", "2.5"])
def test_a_number_of_batches_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("LIVY_LOCAL_BATCHES", text)
    with pytest.raises(LocalServerError, match=f"LIVY_LOCAL_BATCHES is '{text}'"):
        batches_at_once()


def written(tmp_path: Path, *, ui: bool = False) -> ServerFolder:
    """Return the folder of a server whose run folder is written."""
    folder = ServerFolder(tmp_path / "servers/key")
    archives = Archives(tmp_path / "archives", tmp_path, tmp_path)
    spark, java = Spark(tmp_path, "3.5.9", "2.12.18"), Java(tmp_path, "17")
    run_folder.write(folder, spark, java, archives, ui=ui)
    return folder


def test_the_version_is_answered_in_words_that_livy_looks_for(tmp_path: Path) -> None:
    program = written(tmp_path).run / "spark-home/bin/spark-submit"
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout == "version 3.5.9\nUsing Scala version 2.12.18, Java\n"


@pytest.mark.parametrize("ui", [False, True])
def test_sparks_page_is_off_unless_asked_for(tmp_path: Path, ui: bool) -> None:
    folder = written(tmp_path, ui=ui)
    properties = (folder.run / "spark-defaults.conf").read_text().splitlines()
    assert f"spark.ui.enabled={str(ui).lower()}" in properties
    assert "spark.authenticate=true" in properties


def test_the_package_can_be_imported_where_the_private_livy_cannot_run() -> None:
    code = (
        "import sys; sys.modules.update(fcntl=None, pwd=None, psutil=None); import livy_magic.local"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

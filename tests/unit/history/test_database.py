"""The database file never stands in the way, whatever is wrong with it"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from histories import SERVER, a_batch, an_intent, answer_of, lines_of

from livy_magic.errors import HistoryError
from livy_magic.history import History, database
from livy_magic.history import history as recording
from livy_magic.protocol.log_format import Line

# -- never in the way ------------------------------------------------------------------------------


def use(history: History) -> None:
    """Do all that a submission and the watcher do."""
    key = history.intend(an_intent())
    history.accepted(key, a_batch())
    history.rejected(key, "why")
    history.unsettled(key, "why")
    history.seen(key, a_batch())
    history.append(key, lines_of(3))
    history.ended(key, "success")
    history.find(SERVER, 7, "nightly")
    history.take_orphans(SERVER)


READS: list[Callable[[History], object]] = [
    lambda history: history.entries(),
    lambda history: history.entry(1),
    lambda history: history.log(1),
    lambda history: history.forget(),
    lambda history: history.size(),
]


def assert_off(history: History, told: list[str], why: str) -> None:
    use(history)
    use(history)
    (line,) = told
    assert why in line
    assert "LIVY_HISTORY" in line
    assert "\n" not in line
    for read in READS:
        with pytest.raises(HistoryError, match=r"\n.*LIVY_HISTORY"):
            read(history)


def test_a_folder_in_the_files_place_is_said_once(
    frail: History, path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "PAUSE", 0)
    path.mkdir(0o755, parents=True)
    assert_off(frail, told, "unable to open database file")
    assert path.stat().st_mode & 0o777 == 0o755
    path.rmdir()
    use(frail)
    assert len(frail.entries()) == 1
    assert len(told) == 1


def test_after_a_failure_the_history_is_left_alone_for_a_while(
    frail: History, path: Path, told: list[str]
) -> None:
    path.mkdir(parents=True)
    use(frail)
    path.rmdir()
    assert frail.intend(an_intent()) is None
    assert frail.entries() == []  # but a person is answered


def test_a_file_in_the_folders_place_is_said(frail: History, path: Path, told: list[str]) -> None:
    path.parent.touch()
    assert_off(frail, told, "File exists")


def test_a_folder_that_cannot_be_written_to_is_said(
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    folder = Path(tempfile.mkdtemp())  # which pytest's are not: open to whom root becomes
    try:
        folder.chmod(0o555)
        kernel = """
            import sqlite3  # which may be nobody else's to read
            if os.geteuid() == 0:
                os.seteuid(65534)
            history = History(Path(sys.argv[2]) / "history.sqlite", told.append)
            assert history.intend(intent("nightly")) is None
            assert history.append(None, [Line("x", "program")]) == 0
            print(*told, sep="\\n")
        """
        (line,) = answer_of(start(kernel, str(folder)))
        assert "Permission denied" in line
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(folder)


def test_a_lock_that_somebody_keeps_delays_a_little_and_nothing_is_lost_for_good(
    frail: History, path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    monkeypatch.setattr(recording, "PAUSE", 0)
    key = frail.intend(an_intent())
    frail.append(key, lines_of(2))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert frail.append(key, lines_of(3)) == 0
    assert frail.intend(an_intent()) is None
    assert len(told) == 1
    assert "database is locked" in told[0]
    assert frail.log(key) == lines_of(2)  # reading is possible
    other.execute("ROLLBACK")
    other.close()
    assert frail.append(key, lines_of(3)) == 3
    assert frail.log(key) == lines_of(2) + lines_of(3)


def test_on_a_full_disk_the_first_so_many_lines_are_safe_and_the_rest_can_be_given_again(
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    kernel = """
        import resource
        from livy_magic.history import history as recording
        recording.PAUSE = 0
        lines = [Line(os.urandom(32).hex(), "program") for _ in range(10_000)]
        key = history.intend(intent("nightly"))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
        saved = history.append(key, lines)
        assert 0 < saved < len(lines), saved
        assert history.append(key, lines[saved:]) < len(lines) - saved
        assert len(told) == 1 and "cannot be used" in told[0], told
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        saved = len(history.log(key))
        assert history.entry(key).lines == saved
        assert history.append(key, lines[saved:]) == len(lines) - saved
        assert history.log(key) == lines
    """
    answer_of(start(kernel))


def test_a_database_that_may_not_grow_is_full(
    frail: History, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "PAUSE", 0)
    key = frail.intend(an_intent())
    frail._database._connection.execute("PRAGMA max_page_count = 20")
    noise = [Line(os.urandom(500).hex(), "program") for _ in range(1000)]
    saved = frail.append(key, noise)
    assert 0 <= saved < 1000
    assert "full" in told[0]
    assert frail.log(key) == noise[:saved]


def test_a_corrupt_file_is_moved_aside_and_a_new_one_begun(
    frail: History, path: Path, told: list[str]
) -> None:
    path.parent.mkdir()
    path.write_text("no database at all, but long enough to be looked at" * 100)
    use(frail)
    (line,) = told
    (kept,) = path.parent.glob("history.sqlite.corrupt-*")
    assert "corrupt" in line
    assert "history.sqlite.corrupt-*" in line
    assert kept.read_text().startswith("no database at all")
    assert len(frail.entries()) == 1


def test_a_file_that_becomes_corrupt_is_noticed_and_old_keys_mean_nothing_new(
    frail: History, path: Path, told: list[str]
) -> None:
    old = frail.intend(an_intent("old"))
    frail.append(old, [Line(os.urandom(32).hex(), "program") for _ in range(5000)])
    frail.close()
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    time.sleep(1.1 - time.time() % 1)  # the next second: keys are told apart by when a file began
    new = frail.intend(an_intent("new"))
    assert new is not None
    assert len(told) == 1
    frail.append(old, lines_of(3))
    frail.rejected(old, "this is not about the new one")
    (entry,) = frail.entries()
    assert (entry.key, entry.name, entry.outcome, entry.lines) == (new, "new", "pending", 0)


def test_a_person_who_asks_is_told_that_the_file_was_corrupt(frail: History, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("no database at all, but long enough to be looked at" * 100)
    with pytest.raises(HistoryError, match="was corrupt"):
        frail.entries()
    assert frail.entries() == []


def test_a_damaged_log_is_corruption(
    frail: History, edit: Callable[..., list[tuple]], told: list[str]
) -> None:
    key = frail.intend(an_intent())
    frail.append(key, lines_of(3))
    edit("UPDATE log SET chunk = x'00'")
    with pytest.raises(HistoryError, match="a saved log is damaged"):
        frail.log(key)


def test_of_kernels_that_find_a_corrupt_file_one_moves_it(
    history: History, path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    path.parent.mkdir()
    path.write_text("no database at all, but long enough to be looked at" * 100)
    kernel = """
        print("ready", flush=True)
        sys.stdin.readline()
        assert history.intend(intent("nightly")) is not None, told
    """
    kernels = [start(kernel) for _ in range(3)]
    for process in kernels:
        assert process.stdout.readline() == "ready\n"
    for process in kernels:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in kernels:
        answer_of(process)
    assert len(list(path.parent.glob("*.corrupt-*"))) == 1
    assert len(history.entries()) == 3


def test_a_file_that_another_kernel_has_replaced_already_is_not_moved(
    frail: History, path: Path
) -> None:
    frail.intend(an_intent())

    def notice_too_late(_: sqlite3.Connection) -> None:
        path.rename(path.with_name("moved by the other one"))
        path.touch()
        raise sqlite3.DatabaseError("database disk image is malformed")

    with pytest.raises(database.MovedAside):
        frail._database.run(notice_too_late)
    assert path.exists()
    assert list(path.parent.glob("*.corrupt-*")) == []


def test_a_file_that_was_deleted_by_hand_begins_anew(
    history: History, path: Path, edit: Callable[..., list[tuple]]
) -> None:
    history.intend(an_intent("old"))
    for file in path.parent.iterdir():
        file.unlink()
    history.intend(an_intent("new"))
    assert [entry.name for entry in history.entries()] == ["new"]
    assert edit("SELECT name FROM entry") == [("new",)]


# -- versions --------------------------------------------------------------------------------------


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    step = ("ALTER TABLE entry ADD COLUMN mood TEXT DEFAULT 'good'",)
    monkeypatch.setattr(database, "MIGRATIONS", [*database.MIGRATIONS, step])


def test_an_older_database_is_brought_up_to_date(
    history: History, edit: Callable[..., list[tuple]], request: pytest.FixtureRequest
) -> None:
    key = history.intend(an_intent())
    history.append(key, lines_of(3))
    history.close()
    request.getfixturevalue("next_version")
    assert history.entry(key).name == "nightly"
    assert history.log(key) == lines_of(3)
    assert edit("PRAGMA user_version") == [(2,)]
    assert edit("SELECT mood FROM entry") == [("good",)]


def test_a_step_that_fails_changes_nothing(
    frail: History, edit: Callable[..., list[tuple]], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = frail.intend(an_intent())
    frail.close()
    with monkeypatch.context() as patch:
        steps = ("DROP TABLE log", "SELECT nonsense")
        patch.setattr(database, "MIGRATIONS", [*database.MIGRATIONS, steps])
        with pytest.raises(HistoryError, match="nonsense"):
            frail.entries()
    assert edit("PRAGMA user_version") == [(1,)]
    assert frail.append(key, lines_of(3)) == 3


def test_a_newer_database_is_left_alone(
    frail: History,
    path: Path,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    edit: Callable[..., list[tuple]],
) -> None:
    frail.intend(an_intent())
    frail.close()
    edit("PRAGMA user_version = 2")
    before = path.read_bytes()
    assert_off(frail, told, "written by a newer livy_magic")
    assert path.read_bytes() == before


def test_another_programs_database_is_left_alone(
    frail: History, path: Path, told: list[str], edit: Callable[..., list[tuple]]
) -> None:
    path.parent.mkdir()
    edit("CREATE TABLE mine (x)")
    before = path.read_bytes()
    assert_off(frail, told, "another program's database")
    assert path.read_bytes() == before


# -- its place -------------------------------------------------------------------------------------


def test_nobody_else_can_read_it(history: History, path: Path) -> None:
    umask = os.umask(0)
    try:
        use(history)
        files = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(umask)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert files == dict.fromkeys(
        ["history.sqlite", "history.sqlite-wal", "history.sqlite-shm"], 0o600
    )


def test_a_file_that_was_open_to_others_is_closed_to_them(history: History, path: Path) -> None:
    use(history)
    history.close()
    path.chmod(0o644)
    use(history)
    assert path.stat().st_mode & 0o777 == 0o600


def test_livy_history_sets_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("LIVY_HISTORY", raising=False)
    usual = History().path
    assert usual.is_relative_to(tmp_path)
    assert (usual.parent.name, usual.name) == ("livy_magic", "history.sqlite")
    monkeypatch.setenv("LIVY_HISTORY", "~/mine.sqlite")
    assert History().path == tmp_path / "mine.sqlite"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVY_HISTORY", "~no such user/mine.sqlite")
    assert History().path == tmp_path / "~no such user" / "mine.sqlite"


def test_a_body_is_stored_as_json_that_anything_can_read(
    history: History, edit: Callable[..., list[tuple]]
) -> None:
    history.intend(an_intent())
    ((body,),) = edit("SELECT body FROM entry")
    assert json.loads(body) == {"file": "/a.py", "name": "nightly"}

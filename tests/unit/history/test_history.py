"""The history: nothing that was submitted is forgotten, and it never stands in the way."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livy_magic.errors import HistoryError
from livy_magic.history import Entry, History, Intent, Owner, database, retention
from livy_magic.history import history as recording
from livy_magic.history.saved_logs import pack, unpack
from livy_magic.protocol.log_format import Line
from livy_magic.protocol.models import BatchInfo, BatchRequest

SERVER = "http://livy.example:8998"
ROOT = Path(__file__).parents[3]


def an_intent(name: str = "nightly", server: str = SERVER, **more) -> Intent:
    return Intent(
        server=server, request=BatchRequest(file="/a.py", name=name), folder="/home/me", **more
    )


def a_batch(batch_id: int | str = 7, state: str = "running", **more) -> BatchInfo:
    return BatchInfo(id=batch_id, name="nightly", state=state, **more)


def lines_of(count: int, text: str = "line") -> list[Line]:
    return [Line(f"{text} {number}", "spark") for number in range(count)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "history.sqlite"


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def opened(path: Path, told: list[str]) -> Iterator[Callable[..., History]]:
    every: list[History] = []

    def build(**settings) -> History:
        every.append(History(path, told.append, **settings))
        return every[-1]

    yield build
    for history in every:
        history.close()


@pytest.fixture
def history(opened: Callable[..., History], told: list[str]) -> Iterator[History]:
    yield opened()
    assert told == []


@pytest.fixture
def frail(opened: Callable[..., History]) -> History:
    """A history that is expected to get into trouble."""
    return opened()


@pytest.fixture
def edit(path: Path) -> Callable[..., list[tuple]]:
    """What somebody does to the file with SQL, past the history."""

    def run(statement: str, *values) -> list[tuple]:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    return run


PRELUDE = """
import os, sys, threading
from pathlib import Path
from livy_magic.history import History, Intent
from livy_magic.protocol.log_format import Line
from livy_magic.protocol.models import BatchInfo, BatchRequest

told = []
history = History(Path(sys.argv[1]), told.append)

def intent(name):
    request = BatchRequest(file="/a.py", name=name)
    return Intent(server="http://livy.example:8998", request=request, folder="/")
"""


@pytest.fixture
def start(path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start another kernel, which runs some code with a ``history`` of its own."""
    every: list[subprocess.Popen[str]] = []

    def popen(code: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PRELUDE + textwrap.dedent(code), str(path), *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        every.append(
            subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return every[-1]

    yield popen
    for process in every:
        with process:
            process.kill()


def answer_of(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output.splitlines()


# -- the life of a submission -------------------------------------------------------------------


def test_a_submission_is_there_before_it_is_sent(history: History) -> None:
    before = time.time()
    key = history.intend(an_intent(user="me", notebook="Daily.ipynb", cell="a1b2", held=[3, "x-4"]))
    (entry,) = history.entries()
    assert entry.key == key
    assert (entry.outcome, entry.state, entry.info) == ("pending", "pending", None)
    assert (entry.server, entry.name, entry.user) == (SERVER, "nightly", "me")
    assert (entry.notebook, entry.cell, entry.folder) == ("Daily.ipynb", "a1b2", "/home/me")
    assert entry.held == (3, "x-4")
    assert before <= entry.submitted <= time.time()
    assert entry.submitter == Owner.this_process()


def test_a_batch_is_recorded_until_its_end(history: History) -> None:
    key = history.intend(an_intent())
    history.accepted(key, a_batch(state="starting"))
    history.seen(key, a_batch(state="running", owner="me"), at=20.0)
    history.seen(key, a_batch(app_id="app_1", spark_ui_url="http://ui"), at=30.0)
    history.seen(key, a_batch(state="success"), at=40.0)
    entry = history.entry(key)
    assert entry.outcome == "submitted"
    assert not entry.adopted
    assert entry.state == "success"
    assert [state for state, _ in entry.states] == ["starting", "running", "success"]
    assert entry.states[1:] == (("running", 20.0), ("success", 40.0))
    assert entry.ended == 40.0
    told = {"owner": "me", "app_id": "app_1", "spark_ui_url": "http://ui"}
    assert entry.info == replace(a_batch(state="success"), **told)


def test_an_end_stays_the_end_whatever_comes_late(history: History) -> None:
    key = history.intend(an_intent())
    history.accepted(key, a_batch())
    history.ended(key, "killed", at=10.0)
    history.seen(key, a_batch(state="running", app_id="app_1"), at=11.0)
    entry = history.entry(key)
    assert (entry.state, entry.ended) == ("killed", 10.0)
    assert entry.info.app_id == "app_1"


def test_a_batch_lost_from_sight_has_ended_in_its_last_state(history: History) -> None:
    key = history.intend(an_intent())
    history.accepted(key, a_batch(state="running"))
    history.ended(key, "running", at=10.0)
    assert (history.entry(key).state, history.entry(key).ended) == ("running", 10.0)


def test_a_rejection_says_why(history: History) -> None:
    key = history.intend(an_intent())
    history.rejected(key, "Livy refused: too many sessions")
    entry = history.entry(key)
    assert (entry.state, entry.reason) == ("rejected", "Livy refused: too many sessions")


def test_what_was_unknown_may_be_found_and_adopted_later(history: History) -> None:
    key = history.intend(an_intent())
    history.unsettled(key, "the answer was lost")
    assert (history.entry(key).state, history.entry(key).reason) == (
        "unknown",
        "the answer was lost",
    )
    history.accepted(key, a_batch(), adopted=True)
    entry = history.entry(key)
    assert (entry.state, entry.outcome, entry.adopted) == ("running", "submitted", True)
    assert entry.reason is None


def test_secrets_are_not_stored(history: History, path: Path) -> None:
    request = BatchRequest(
        file="s3://user:hunter2@bucket/a.py",
        name="nightly",
        args=["--password", "hunter2", "token=hunter2"],
        conf={"spark.my.secret": "hunter2", "spark.x": "1"},
    )
    url = "https://me:hunter2@livy.example"
    key = history.intend(Intent(server=url, request=request, folder="/"))
    history.accepted(key, a_batch(driver_log_url="http://me:hunter2@host/log"))
    assert history.entry(key).body == request.shown()
    assert history.entry(key).body["conf"]["spark.x"] == "1"
    assert history.find(url, 7, "nightly").key == key
    assert [entry.key for entry in history.entries(server=url)] == [key]
    assert all(b"hunter2" not in file.read_bytes() for file in path.parent.iterdir())


def test_odd_text_is_kept(history: History) -> None:
    odd = "half \ud800, NUL \0, snowman ☃, 🎉"
    key = history.intend(
        Intent(server=SERVER, request=BatchRequest(file="/é☃.py", name="ä"), folder="/x\udcff")
    )
    history.accepted(key, BatchInfo(id=10**30, name="ä", state=odd, owner=odd, app_id=odd))
    entry = history.entry(key)
    assert entry.info.id == 10**30
    assert entry.state == "half \\ud800, NUL \0, snowman ☃, 🎉"
    assert entry.folder == "/x\\udcff"
    assert entry.body["file"] == "/é☃.py"
    assert history.entries(owner=odd) == [entry]


# -- queries ------------------------------------------------------------------------------------


def test_the_newest_come_first_and_filters_leave_out(history: History) -> None:
    keys = {
        name: history.intend(an_intent(name, server=server, user=user))
        for name, server, user in [
            ("etl-1", SERVER, "me"),
            ("etl-2", SERVER, None),
            ("ETL-3", SERVER, None),
            ("report", "http://other", None),
        ]
    }
    history.accepted(keys["etl-1"], a_batch(1, "SUCCESS", owner="service"))
    history.accepted(keys["etl-2"], a_batch(2, "dead", owner="you"))
    history.rejected(keys["ETL-3"], "no")

    def names(**filters) -> list[str]:
        return [entry.name for entry in history.entries(**filters)]

    assert names() == ["report", "ETL-3", "etl-2", "etl-1"]
    assert names(limit=2) == ["report", "ETL-3"]
    assert names(limit=0) == []
    assert names(name="etl-*") == ["etl-2", "etl-1"]
    assert names(name="etl-[!1]") == ["etl-2"]
    assert names(state="success") == ["etl-1"]
    assert names(state="Rejected") == ["ETL-3"]
    assert names(state="pending") == ["report"]
    assert names(owner="me") == names(owner="service") == ["etl-1"]
    assert names(server="http://other") == ["report"]


def test_an_entry_that_is_not_there_is_an_error(history: History) -> None:
    with pytest.raises(HistoryError, match="no entry 99"):
        history.entry(99)


def test_a_batch_is_found_by_server_id_and_name_and_never_by_id_alone(history: History) -> None:
    first = history.intend(an_intent())
    history.accepted(first, a_batch(0))
    assert history.find(SERVER, 0, "nightly").key == first
    assert history.find(SERVER, 0, "hourly") is None
    assert history.find(SERVER, 0, None) is None
    assert history.find(SERVER, 1, "nightly") is None
    assert history.find(SERVER, "0", "nightly") is None
    assert history.find("http://other", 0, "nightly") is None


def test_of_batches_with_the_same_id_and_name_the_newest_is_meant(history: History) -> None:
    keys = [history.intend(an_intent()) for _ in range(4)]
    history.accepted(keys[0], a_batch(0))
    history.accepted(keys[1], a_batch(5))
    history.accepted(keys[2], a_batch(0))
    history.rejected(keys[3], "the name was held")
    assert history.find(SERVER, 0, "nightly").key == keys[2]
    # Number 5 was before the server's restart, or before number 0 took the name over.
    assert history.find(SERVER, 5, "nightly") is None


# -- logs ---------------------------------------------------------------------------------------

LINES = st.lists(
    st.builds(
        Line,
        st.text(st.characters(exclude_categories=())),
        st.sampled_from(["program", "spark", "diagnostics", "gap"]),
    )
)


@given(LINES)
def test_lines_come_back_as_they_were(lines: list[Line]) -> None:
    assert unpack(pack(lines)) == lines


def test_a_log_comes_back_as_it_was_however_it_came(history: History) -> None:
    lines = [
        Line("", "program"),
        Line("🎉 ☃ \0 \x1b[31m \r \n \u2028", "program"),
        Line("\ud800", "program"),
        Line("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "program"),
        Line("\ud83d" + "\ude00", "program"),  # two halves are not one whole
        Line("… lines lost here …", "gap"),
        Line("26/11/22 INFO X: y", "spark"),
        Line("x" * 1_000_000, "spark"),
        Line("z", "spark"),
        *lines_of(500, "x" * 300),
        Line("State: FAILED", "diagnostics"),
    ]
    one_by_one, at_once = history.intend(an_intent()), history.intend(an_intent())
    for line in lines:
        assert history.append(one_by_one, [line]) == 1
    assert history.append(at_once, lines) == len(lines)
    assert history.append(at_once, []) == 0
    assert history.log(one_by_one) == history.log(at_once) == lines
    assert history.entry(at_once).lines == len(lines)


def test_a_long_log_takes_few_rows_and_no_append_rewrites_it(
    history: History, edit: Callable[..., list[tuple]]
) -> None:
    key = history.intend(an_intent())
    for number in range(2000):
        history.append(key, [Line(f"{number:0100}", "program")])
    ((rows, longest),) = edit("SELECT count(*), max(weight) FROM log")
    assert rows == 4  # 200 kB
    assert longest <= 64 * 1024
    assert len(history.log(key)) == 2000


def test_a_log_that_does_not_exist_is_empty(history: History) -> None:
    assert history.log(99) == []


# -- several threads and kernels ----------------------------------------------------------------


def test_threads_share_a_history(history: History) -> None:
    keys = [history.intend(an_intent()) for _ in range(4)]

    def write(key: int) -> None:
        for line in lines_of(100):
            history.append(key, [line])

    threads = [threading.Thread(target=write, args=[key]) for key in keys for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key in keys:
        assert sorted(line.text for line in history.log(key)) == sorted(
            line.text for line in lines_of(100) * 2
        )


@pytest.mark.parametrize("local", [True, False], ids=["own disk", "network home"])
def test_kernels_that_start_and_write_at_once_lose_nothing(
    local: bool,
    history: History,
    start: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not local:  # here as well: what reads below would else turn the file into one with WAL
        monkeypatch.setattr(database, "LOCAL_FILE_SYSTEMS", frozenset())
    kernel = """
        from livy_magic.history import database
        if sys.argv[2] == "False":
            database.LOCAL_FILE_SYSTEMS = frozenset()
        database.PATIENCE = 60.0  # on a busy machine with a slow disk
        print("ready", flush=True)
        sys.stdin.readline()
        keys = [history.intend(intent(f"batch-{number}")) for number in range(20)]
        for number in range(200):
            assert history.append(keys[0], [Line(f"{os.getpid()} {number}", "program")]) == 1, told
        assert not told and None not in keys, told
        print(os.getpid(), keys[0])
    """
    kernels = [start(kernel, str(local)) for _ in range(3)]
    for process in kernels:
        assert process.stdout.readline() == "ready\n"
    for process in kernels:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in kernels:
        pid, key = answer_of(process)[-1].split()
        assert [line.text for line in history.log(int(key))] == [f"{pid} {n}" for n in range(200)]
    assert len({entry.key for entry in history.entries()}) == 60


def test_on_a_network_home_no_memory_is_shared(
    history: History, path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    def wal() -> bool:
        return path.read_bytes()[18] == 2  # the format's version to read it (SQLite file format)

    history.intend(an_intent())
    assert wal()
    history.close()
    monkeypatch.setattr(database, "LOCAL_FILE_SYSTEMS", frozenset())
    history.intend(an_intent())
    assert not wal()
    assert len(history.entries()) == 2


def test_a_submission_knows_those_of_the_same_name_at_the_same_time(history: History) -> None:
    batch = BatchInfo(id=7, name="nightly", state="running")
    before = history.intend(an_intent(name="nightly"))
    history.accepted(before, batch)  # of a server that has started anew since
    mine = history.intend(an_intent(name="nightly"))
    assert history.rivals(mine, 7) == []
    history.intend(an_intent(name="weekly"))
    late = history.intend(an_intent(name="nightly"))
    assert [one.key for one in history.rivals(mine, 7)] == [late]
    history.accepted(late, batch)
    assert [one.key for one in history.rivals(mine, 7)] == [late]
    assert history.rivals(mine, 8) == []
    assert history.rivals(None, 7) == []


def test_a_dead_kernels_submission_is_taken_over_once(
    history: History, start: Callable[..., subprocess.Popen[str]]
) -> None:
    kernel = """
        history.accepted(history.intend(intent("sent")), BatchInfo(id=1, state="running"))
        print(history.intend(intent("hanging")), flush=True)
        sys.stdin.readline()
    """
    dead, alive = start(kernel), start(kernel)
    key = int(dead.stdout.readline())
    alive.stdout.readline()
    assert history.take_orphans(SERVER) == []
    dead.kill()
    dead.wait()
    assert history.take_orphans("http://other") == []

    heir = """
        print("ready", flush=True)
        sys.stdin.readline()
        print(*(entry.key for entry in history.take_orphans("http://livy.example:8998")), *told, flush=True)
        sys.stdin.readline()
    """
    heirs = [start(heir) for _ in range(3)]
    for process in heirs:
        assert process.stdout.readline() == "ready\n"
    for process in heirs:
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [process.stdout.readline().split() for process in heirs]
    assert sorted(taken) == [[], [], [str(key)]]
    assert history.take_orphans(SERVER) == []

    heir_of_all = heirs[taken.index([str(key)])]
    heir_of_all.kill()
    heir_of_all.wait()
    (orphan,) = history.take_orphans(SERVER)
    assert (orphan.key, orphan.name, orphan.submitter) == (key, "hanging", Owner.this_process())


@pytest.mark.parametrize(
    ("change", "dead"),
    [
        ({}, False),
        ({"pid": 2**22 + 1}, True),  # Linux has none so high
        ({"started": "1"}, True),
        ({"boot": "another"}, True),
        ({"host": "another", "pid": 2**22 + 1, "boot": "another"}, False),
    ],
    ids=["this very process", "no such process", "later process", "earlier boot", "other host"],
)
def test_a_death_has_to_be_proven(change: dict, dead: bool) -> None:
    assert replace(Owner.this_process(), **change).is_dead() is dead


def test_a_process_that_its_parent_has_not_noticed_to_be_dead_is_dead() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        code = "from livy_magic.history import owner; import sys; print(owner._started(int(sys.argv[1])))"
        started = subprocess.run(
            [sys.executable, "-c", code, str(child.pid)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        kernel = replace(Owner.this_process(), pid=child.pid, started=started)
        assert not kernel.is_dead()
        child.kill()
        child.stdout.read()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert kernel.is_dead()


def test_a_forked_child_goes_on_with_a_connection_of_its_own(
    history: History, start: Callable[..., subprocess.Popen[str]]
) -> None:
    forking = """
        key = history.intend(intent("parent"))
        parents = history._database._connection
        holder, held, leave = history._database._lock, threading.Event(), threading.Event()
        def hold():
            with holder:
                held.set()
                leave.wait()
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        import warnings
        warnings.simplefilter("ignore")  # that forking with threads is dangerous: just that is tried
        child = os.fork()
        if not child:
            import signal
            signal.alarm(20)  # it must not wait for a lock for ever
            ok = history.intend(intent("child")) is not None
            ok = ok and history._database._connection is not parents
            os._exit(0 if ok and not told else 1)
        assert os.waitpid(child, 0)[1] == 0
        leave.set()
        thread.join()
        assert history._database._connection is parents
        assert history.append(key, [Line("still here", "program")]) == 1
    """
    answer_of(start(forking))
    child, parent = history.entries()
    assert (child.name, parent.name) == ("child", "parent")
    assert child.submitter.pid != parent.submitter.pid
    assert history.log(parent.key) == [Line("still here", "program")]


# -- never in the way ---------------------------------------------------------------------------


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


# -- versions -----------------------------------------------------------------------------------


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


# -- what is kept, and what goes ----------------------------------------------------------------


def reopened(history: History, edit: Callable[..., list[tuple]]) -> list[Entry]:
    """Open the history as if a day had passed."""
    history.close()
    edit("UPDATE tidied SET at = 0")
    return history.entries()


def test_old_entries_go(
    opened: Callable[..., History], edit: Callable[..., list[tuple]], told: list[str]
) -> None:
    history = opened(keep_days=30)
    old, new = history.intend(an_intent("old")), history.intend(an_intent("new"))
    history.append(old, lines_of(3))
    edit("UPDATE entry SET submitted = ? WHERE key = ?", time.time() - 31 * 86400, old)
    edit("UPDATE entry SET submitted = ? WHERE key = ?", time.time() - 29 * 86400, new)
    history.close()
    assert len(history.entries()) == 2  # once a day is enough
    assert [entry.name for entry in reopened(history, edit)] == ["new"]
    assert history.log(old) == []
    assert told == []


def test_when_there_is_too_much_the_oldest_logs_go_first_and_leave_a_gap(
    opened: Callable[..., History], edit: Callable[..., list[tuple]], told: list[str]
) -> None:
    history = opened(keep_bytes=200_000)
    keys = [history.intend(an_intent(f"batch-{number}")) for number in range(3)]
    logs = [[Line(os.urandom(32).hex(), "program") for _ in range(3000)] for _ in keys]
    for key, log in zip(keys, logs, strict=True):
        history.append(key, log)
    assert len(reopened(history, edit)) == 3
    assert history.size() < 250_000
    assert history.log(keys[0]) == history.log(keys[1]) == [retention.REMOVED]
    assert history.log(keys[2]) == logs[2]
    history.append(keys[0], lines_of(2))  # it still runs
    assert history.log(keys[0]) == [retention.REMOVED, *lines_of(2)]
    assert history.entry(keys[0]).lines == 3002
    assert told == []


def test_when_the_entries_alone_are_too_much_the_oldest_go(
    opened: Callable[..., History], edit: Callable[..., list[tuple]]
) -> None:
    history = opened(keep_bytes=200_000)
    for number in range(100):
        history.intend(an_intent(f"batch-{number}", cell="x" * 4000))
    left = [entry.name for entry in reopened(history, edit)]
    assert 10 < len(left) < 50
    assert left == [f"batch-{number}" for number in range(99, 99 - len(left), -1)]


def test_what_is_forgotten_leaves_no_trace_and_no_bytes(history: History, path: Path) -> None:
    keys = [history.intend(an_intent(f"private-{number}")) for number in range(20)]
    for key in keys:
        history.append(key, [Line(os.urandom(32).hex(), "program") for _ in range(500)])
    kept = history.intend(an_intent("kept"))
    before = history.size()
    assert history.forget(key=keys[0]) == 1
    assert history.forget(name="private-1?") == 10
    assert history.forget(before=time.time(), name="private*") == 9
    assert [entry.key for entry in history.entries()] == [kept]
    assert history.size() < before / 5
    assert all(b"private" not in file.read_bytes() for file in path.parent.iterdir())


def test_everything_can_be_forgotten_and_no_key_comes_again(history: History) -> None:
    last = [history.intend(an_intent()) for _ in range(3)][-1]
    assert history.forget() == 3
    assert history.entries() == []
    assert history.intend(an_intent()) > last


def test_a_forgotten_batch_that_runs_on_stays_forgotten(history: History) -> None:
    key = history.intend(an_intent())
    history.accepted(key, a_batch())
    history.forget(key=key)
    assert history.append(key, lines_of(3)) == 3
    history.seen(key, a_batch(state="success"))
    history.ended(key, "success")
    assert history.entries() == []
    assert history.log(key) == []


# -- its place ----------------------------------------------------------------------------------


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

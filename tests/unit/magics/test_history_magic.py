"""%livy_history in a real IPython shell: what was submitted, and how it is forgotten."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import responses
from IPython.core.error import UsageError

from livy_magic import Livy, display, history
from livy_magic.batch import Batch
from livy_magic.history import Intent
from livy_magic.protocol.log_format import Line
from livy_magic.protocol.models import BatchInfo, BatchRequest

URL = "http://livy.test"
PAYLOAD = "<img src=x onerror=alert(1)>"


@pytest.fixture
def line(shell):
    return lambda text="": shell.run_line_magic("livy_history", text)


def remember(
    name: str, state: str = "success", *, number: int = 7, server: str = URL, **more
) -> int:
    """Put a submission into the history that became a batch."""
    known = history.current()
    request = BatchRequest(file="/a.py", name=name)
    key = known.intend(Intent(server=server, request=request, folder="/", **more))
    known.accepted(key, BatchInfo(id=number, name=name, state=state, owner="alice"))
    known.append(key, [Line("printed", "program")])
    return key


def names(table) -> list[str]:
    return [entry.name for entry in table]


def test_the_newest_submission_comes_first_with_its_last_state(line):
    remember("first", "dead", number=0)
    remember("second", number=1)
    today = time.strftime("%Y-%m-%d")
    head, *rows = (row.split() for row in repr(line()).splitlines())
    assert head == ["submitted", "id", "state", "name", "owner", "took", "cause"]
    assert [row[:1] + row[2:6] for row in rows] == [
        [today, "1", "success", "second", "alice"],
        [today, "0", "dead", "first", "alice"],
    ]


def test_it_takes_the_filters_of_the_list_of_batches(line):
    for number, (name, state) in enumerate(
        [("etl-1", "success"), ("etl-2", "dead"), ("other", "dead")]
    ):
        remember(name, state, number=number)
    assert names(line("--state dead")) == ["other", "etl-2"]
    assert names(line("--name etl-*")) == ["etl-2", "etl-1"]
    assert names(line("--owner bob")) == []
    assert names(line("--mine --state dead")) == ["other", "etl-2"]
    assert names(line("--limit 1")) == ["other"]
    assert repr(line("--owner bob")) == "nothing was submitted"


def test_servers_are_named_when_there_are_several(line):
    remember("here")
    assert URL not in repr(line())
    remember("there", server="http://me:hunter2@other.test")
    assert "http://********@other.test" in repr(line())
    assert "hunter2" not in repr(line()) + line()._repr_html_()


def test_what_never_became_a_batch_says_what_it_is(line):
    known = history.current()
    for name, settle in (("no", known.rejected), ("perhaps", known.unsettled)):
        request = BatchRequest(file="/a.py", name=name)
        settle(known.intend(Intent(server=URL, request=request, folder="/")), "because")
    rejected, unknown = line()[1], line()[0]
    assert (rejected.state, unknown.state) == ("rejected", "unknown")
    assert "rejected" in repr(line())


def test_a_state_that_was_not_the_last_is_said_to_be_old(line):
    key = remember("lost", "running")
    assert "running when last seen" not in repr(line())
    history.current().ended(key, "running")
    assert "running when last seen" in repr(line())


def test_what_failed_says_why_in_a_line_and_what_succeeded_or_was_killed_needs_none(line):
    error = "pyspark.errors.exceptions.captured.AnalysisException: [UNRESOLVED_COLUMN] no `nme`"
    for state in ("dead", "success", "killed"):
        key = remember(state, state)
        noise = [Line(f"26/11/22 16:50:44 INFO X: {n} {'x' * 90}", "spark") for n in range(2_000)]
        lines = ["Traceback (most recent call last):", error, "+- Range (0, 10)"]
        history.current().append(
            key, [*noise, *(Line(text, "program") for text in lines), *noise[:20]]
        )
    rejected = history.current().intend(
        Intent(server=URL, request=BatchRequest(file="/a.py", name="no"), folder="/")
    )
    history.current().rejected(rejected, "the server refuses it\nAsk somebody.")
    head, *rows = repr(line()).splitlines()
    column = head.index("cause")
    assert [row[column:] for row in rows] == [
        "the server refuses it",
        "",
        "",
        "AnalysisException: [UNRESOLVED_COLUMN] no `nme`",
    ]


def test_no_text_of_a_server_becomes_markup(line):
    key = remember("x", notebook=PAYLOAD)
    history.current().seen(key, BatchInfo(id=PAYLOAD, state=PAYLOAD, owner=PAYLOAD))
    shown = line()._repr_html_()
    assert "<img" not in shown
    assert "&lt;img" in shown


# -- forgetting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["nightly", "7", "batch"])
def test_one_is_forgotten_by_name_id_or_variable(line, shell, capsys, word):
    key = remember("nightly")
    remember("other", number=8)
    livy = Livy(URL)
    shell.user_ns["batch"] = Batch(livy, BatchInfo(id=7, state="dead", name="nightly"), key=key)
    line(f"--forget {word}")
    assert capsys.readouterr().out.startswith("forgot 1 submission, freed ")
    assert names(line()) == ["other"]


def test_of_several_of_one_name_the_newest_is_forgotten(line):
    first = remember("nightly", number=1)
    remember("nightly", number=2)
    line("--forget nightly")
    assert [entry.key for entry in line()] == [first]


def test_old_ones_are_forgotten_and_the_rest_stays(line, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        forty_days_ago = time.time() - 40 * 86400
        patch.setattr(time, "time", lambda: forty_days_ago)
        remember("old")
    remember("new")
    line("--forget --older 30")
    assert "forgot 1 submission," in capsys.readouterr().out
    assert names(line()) == ["new"]


def test_everything_is_forgotten_only_when_that_is_said(line, capsys):
    for number in range(3):
        key = remember(f"batch-{number}", number=number)
        noise = [Line(str(hash((number, n))), "program") for n in range(50_000)]
        history.current().append(key, noise)
    with pytest.raises(UsageError, match="forget what"):
        line("--forget")
    assert len(line()) == 3
    line("--forget --all")
    assert line() == []
    out = capsys.readouterr().out
    assert "forgot 3 submissions, freed " in out
    assert "freed 0.0 MB" not in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--forget nobody", "the history has no batch 'nobody'"),
        ("--forget nightly --all", "forget what?"),
        ("--forget --all --older 3", "forget what?"),
        ("--forget --state dead", "--forget goes with BATCH"),
        ("--older 3", "--older and --all go with --forget"),
        ("nightly", "one argument too many"),
        ("--forget 7", "the history has no one batch '7': it is on http://livy.test, http://other"),
    ],
)
def test_a_misuse_is_said_in_one_line_and_nothing_is_forgotten(line, text, words):
    remember("nightly")
    remember("there", server="http://other")
    with pytest.raises(UsageError) as caught:
        line(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(line()) == 2


# -- a history that cannot be used ----------------------------------------------------------------


def test_trouble_is_told_once_under_the_cell_in_which_it_came(shell, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIVY_HISTORY", str(tmp_path / "file" / "history.sqlite"))
    request = BatchRequest(file="/a.py", name="nightly")
    shell.user_ns["submit"] = lambda: history.current().intend(
        Intent(server=URL, request=request, folder="/")
    )
    capsys.readouterr()
    shell.run_cell("submit()")
    (told,) = capsys.readouterr().out.splitlines()
    assert told.startswith("the history is incomplete: the history ")
    assert "Set LIVY_HISTORY" in told
    shell.run_cell("submit()")
    assert capsys.readouterr().out == ""


def test_code_gets_a_warning_in_its_log(tmp_path, caplog, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIVY_HISTORY", str(tmp_path / "file" / "history.sqlite"))
    request = BatchRequest(file="/a.py", name="nightly")
    for _ in range(2):
        history.current().intend(Intent(server=URL, request=request, folder="/"))
    ((name, _, text),) = caplog.record_tuples
    assert name == "livy_magic.history"
    assert "the history is incomplete" in text


def run(code: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr


def test_loading_does_not_import_sqlite(shell):
    code = """
        import sys
        import IPython  # which may load it
        before = set(sys.modules)
        import livy_magic.magics
        print({"sqlite3"} & (sys.modules.keys() - before))
    """
    assert run(code) == "set()\n"


@pytest.mark.parametrize("module", ["sqlite3", "fcntl"])
def test_a_python_without_a_module_submits_without_a_history(module):
    said = run(f"""
        import sys
        sys.modules[{module!r}] = None
        from livy_magic import history
        from livy_magic.protocol.models import BatchRequest
        request = BatchRequest(file="/a.py", name="nightly")
        for _ in range(2):
            key = history.current().intend(history.Intent(server="x", request=request, folder="/"))
            assert key is None
    """)
    assert (
        said == f"the history is incomplete: this Python has no {module}, so there is no history\n"
    )


def test_a_card_of_a_forgotten_batch_says_so():
    livy = Livy(URL)
    entry = history.current().entry(remember("nightly", "dead"))
    batch = Batch.recalled(livy, entry, [Line("cause", "program")])
    assert "Livy has forgotten it" in display.card(batch.snapshot, ["cause"])
    assert "Livy has forgotten it" in display.status_line(batch.snapshot)
    assert "Livy has forgotten it" in repr(batch)


@responses.activate
def test_a_submission_is_known_by_its_cell_and_notebook(shell, monkeypatch):
    monkeypatch.setenv("LIVY_URL", URL)
    monkeypatch.setenv("JPY_SESSION_NAME", "reports/nightly.ipynb")
    responses.post(f"{URL}/batches", json={"id": 7, "state": "success", "log": []}, status=201)
    shell.run_cell("%livy_submit hdfs:///a.py").raise_error()
    [entry] = history.current().entries()
    assert (entry.notebook, entry.cell) == ("reports/nightly.ipynb", "In [1]")
    table = shell.run_line_magic("livy_history", "")
    assert "reports/nightly.ipynb" not in repr(table)
    assert "nightly.ipynb" in repr(table)
    assert 'title="reports/nightly.ipynb">nightly.ipynb<' in table._repr_html_()

"""All forms in which a person has a batch in hand name it in a line."""

import re
from types import SimpleNamespace

import pytest
from IPython.core.error import UsageError

from livy_magic import Batch, Livy, load_ipython_extension, unload_ipython_extension
from livy_magic.protocol.models import BatchInfo

URL = "http://livy.test"


@pytest.fixture
def killed(shell, monkeypatch):
    """The names of the batches that were killed; the notebook has some in variables."""
    monkeypatch.setenv("LIVY_URL", URL)
    livy = Livy(URL)
    a, b, c = [
        Batch(livy, BatchInfo(id=number, name=name, state="running"))
        for number, name in enumerate("abc")
    ]
    shell.user_ns |= {"b": b, "hs": [a, b], "by_day": {"mon": c, "tue": a}, "none": [], "day": "x"}
    shell.user_ns["job"] = type("Job", (), {"batch": c})()
    names = []
    monkeypatch.setattr(Batch, "kill", lambda batch: names.append(batch.name))
    yield names
    livy.close()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("b", "b"), ("$b", "b"), ("{b}", "b"), ("${b}", "b"),
        ("hs", "ab"), ("{hs}", "ab"), ("$hs", "ab"), ("hs[0]", "a"), ("{hs[-1]}", "b"), ("hs[:1]", "a"),
        ("by_day", "ca"), ("by_day['mon']", "c"), ('by_day["tue"]', "a"), ("job.batch", "c"),
        ("hs b", "ab"), ("b hs", "ba"), ('"b"', "b"),
    ],
)  # fmt: skip
def test_a_batch_or_several_are_meant(shell, killed, words, names):
    shell.run_line_magic("livy_kill", words)
    assert killed == list(names)


@pytest.mark.parametrize("word", ["'b'", "day", "none", "hs[9]", "len(hs)", "hs.copy()", "etl-2"])
def test_anything_else_is_a_name_that_the_server_is_asked_for(shell, killed, wire, word):
    wire.get(re.compile(f"{URL}/batches/.*"), status=404, json={"msg": "not found"})
    with pytest.raises(Exception, match="Livy knows no batch"):
        shell.run_line_magic("livy_kill", word)
    assert killed == []


@pytest.mark.parametrize("magic", ["livy_log", "livy_history --forget"])
def test_where_one_is_wanted_several_are_refused(shell, killed, magic):
    name, _, options = magic.partition(" ")
    with pytest.raises(UsageError, match=r"^hs holds 2 batches: "):
        shell.run_line_magic(name, f"{options} hs")


@pytest.mark.parametrize(
    ("text", "seconds"), [("0.5", 0.5), ("90", 90), ("5m", 300), ("1h30m", 5400), ("1.5min", 90), ("20s", 20)]
)  # fmt: skip
def test_a_time_out_may_have_a_unit(shell, killed, monkeypatch, text, seconds):
    waited = []
    monkeypatch.setattr(
        "livy_magic.magics.magics.wait", lambda batches, timeout: waited.append((batches, timeout))
    )
    shell.run_line_magic("livy_wait", f"{{hs}} --timeout {text}")
    assert waited == [(shell.user_ns["hs"], seconds)]


@pytest.mark.parametrize("text", ["soon", "5x", "m", "-1", "1.2.3", "nan", "''"])
def test_a_time_out_that_is_none_is_refused(shell, killed, text):
    with pytest.raises(UsageError, match="--timeout"):
        shell.run_line_magic("livy_wait", f"hs --timeout {text}")


def test_a_quiet_submission_returns_its_batch_and_displays_nothing(
    shell, monkeypatch, wire, capsys
):
    monkeypatch.setenv("LIVY_URL", URL)
    unload_ipython_extension(shell)
    shell.kernel = SimpleNamespace(get_parent=lambda _: {})  # as in a notebook
    load_ipython_extension(shell)
    cards = []
    monkeypatch.setattr("livy_magic.magics.card.Card", cards.append)
    wire.post(f"{URL}/batches", json={"id": 7, "state": "success", "log": []}, status=201)
    capsys.readouterr()
    shell.run_cell("batch = %livy_submit --quiet hdfs:///a.py\n%livy_submit --quiet hdfs:///a.py")
    assert isinstance(shell.user_ns["batch"], Batch)
    assert isinstance(shell.user_ns["_"], Batch)
    assert cards == []
    assert capsys.readouterr().err == ""
    shell.run_cell("batch")
    assert cards == [shell.user_ns["batch"]]

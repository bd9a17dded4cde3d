"""Ten thousand random lines and cells a day, through the real magics: nothing but our own errors comes.

The seed is the day, so that a run can be repeated; a failure prints it with the line and the cell.
"""

import datetime as dt
import json
import random
import re

import pytest
import responses
from IPython.core.error import UsageError

from livy_magic import LivyError

URL = "http://livy.test:8998"
SECRETS = ("tok-3f9aZ", "pw-77Qx", "hdr-5kJ")
RUNS = 10_000
SENT = 500  # of them are no dry runs

OPTIONS = [
    "--name", "--name=x", "--wait", "--follow", "-o", "--out b", "--dry-run", "--dry-run=curl", "--dry-run=python",
    "--dry-run=spark-submit", "--if-exists", "rename", "--quiet", "--stage never", "--stage", "always", "--conf",
    "--conf spark.a=1", "--conf a=b", "-c", "--executor-memory 4GB", "--driver-memory", "4096", "--jars", "a.jar,",
    "--py-files", "job.py", "--packages a:b:1", "--properties-file night.conf", "--master yarn", "-v", "--class X",
    "--param", "day", "--param n=1", "--param token=x", "--profile", "prod", "--num-executors 3", "--files", "*.py",
    "--kill 3", "--keytab", "--nmae", "--", "-", "spark-submit", "--supervise", "--driver-cores 99999999999999",
]  # fmt: skip
WORDS = [
    "job.py", "hdfs:///etl.py", "s3://b/x.jar", "nowhere.py", "data", "it's", "{day}", "$day", "{day:%Y}", "{day.year!r:>9}",
    "{d['k']}", "{d[", "}", "{", "{{", "}}", "$", "$$", "${", "${x}", "{x}", "{n,1}", '{"a": 1}', "{n+", "{bad}", "{n/0}",
    "'", '"', "\\", "\\\n", "\\ \n", "\n", "\t", "`", "$(date)", ";", "&", "|", ">", "<", "#", "~/x", "~", "*", "?", "[a]",
    "“", "”", "–", "—", "\u200b", "\u00a0", "\ufeff", "\u00ad", "é", "😀", "\u2028", "\x0b", "\x1b[2J", "\x7f", "\u202e", "a=b", "=", ",",
    "C:\\x\\y.py", "cd . &&", "A=1", "exec", "nohup", "time", "password=hunter2", "!", "%", "0", "-1", "{'a'}", "{lambda}", "\x00",
]  # fmt: skip
LINES = [
    "#| name: x", "#| conf:", "#|   spark.a: 1", "#|   a: b", "#| executorMemory: 4GB", "#| wait: true", "#| dry-run: curl",
    "#| file: job.py", "#| args: --a 'b c'", "#| args: '", "#| jars: [a.jar, b.jar]", "#| nmae: x", "#| - x", "#|", "#| x: [", "# | a: b",
    "#| param: {a: 1}", "#| packages: [a:b:1]", "#| wait\u200b: true", "#| name: “x”", "# a comment", "#!/bin/bash", "", "   ",
    "print(1)", "x = 1", "from __future__ import annotations", "'''", '"""', "(", ")", "!ls", "%pip install x", "x?", "%%sql", "SELECT 1",
    "await x", "export X=1", "curl http://x", "print 'x'", "    y = 1", "x = \\", "\x0c", "\x00", "é = '“'", "# coding: latin-1",
    "spark-submit job.py", "spark-submit \\", "  --name x \\", "  job.py 'a", "b'", "cd . && \\", '{"file": "job.py"}', "{", '"file": 1', "}",
]  # fmt: skip
OTHERS = ["livy_batches", "livy_history", "livy_log", "livy_wait", "livy_kill"]
OTHER_OPTIONS = ["--state", "--name", "--limit 3", "--mine", "--forget", "--all", "--older 3", "--tail 2", "-f", "--output", "--timeout 1", "1"]  # fmt: skip


def some(rng, pieces, most, between):
    return "".join(rng.choice(pieces) + rng.choice(between) for _ in range(rng.randint(0, most)))


def random_text(rng):
    return "".join(
        chr(rng.choice([rng.randint(1, 127), rng.randint(128, 0x2FFF)])) for _ in range(9)
    )


def random_line(rng):
    line = some(rng, OPTIONS, 4, [" ", " ", " ", "="]) + some(rng, WORDS, 5, [" ", " ", ""])
    return line if rng.random() < 0.95 else random_text(rng) + line


def random_cell(rng):
    if rng.random() < 0.1:
        return f"spark-submit {random_line(rng)}\n"
    return some(rng, LINES, 6, ["\n", "\n", "\n", "\r\n", " "])


@pytest.fixture
def magics(shell, tmp_path, monkeypatch):
    """The real magics, for a server that is to be reached with secrets from everywhere."""
    for name in ("job.py", "a.jar", "b.jar"):
        (tmp_path / name).write_text("print(1)\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "night.conf").write_text(f"spark.my.password={SECRETS[1]}\n")
    profile = {
        "url": URL,
        "auth": {"kind": "bearer", "token": {"env": "MY_TOKEN"}},
        "headers": {"X-Api-Key": {"env": "MY_HEADER"}},
        "staging": str(tmp_path / "staging"),
    }
    (tmp_path / "livy_magic.yaml").write_text(
        json.dumps({"default": "prod", "profiles": {"prod": profile}})
    )
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
    monkeypatch.setenv("LIVY_HISTORY", str(tmp_path / "history.sqlite"))
    for name, secret in zip(("MY_TOKEN", "LIVY_PASSWORD", "MY_HEADER"), SECRETS, strict=True):
        monkeypatch.setenv(name, secret)

    class Bad:
        def __str__(self):
            raise RuntimeError("no text")

    shell.user_ns |= {
        "day": dt.date(2026, 1, 31), "n": 7, "d": {"k": "it's {n}"}, "x": "a b", "bad": Bad(),
    }  # fmt: skip
    return shell.magics_manager.registry["LivyMagics"]


@pytest.fixture
def posted(wire):
    """What was posted to a Livy where every batch has ended well."""
    bodies = []

    def post(request):
        bodies.append(json.loads(request.body))
        return (
            201,
            {},
            json.dumps({"id": len(bodies), "name": bodies[-1]["name"], "state": "success"}),
        )

    def get(request):
        answer = {
            "id": len(bodies),
            "state": "success",
            "log": [],
            "from": 0,
            "total": 0,
            "sessions": [],
        }
        return 200, {}, json.dumps(answer)

    def by_name(request):
        return 404, {}, json.dumps({"msg": "Session not found."})

    wire.add_callback(responses.POST, f"{URL}/batches", post)
    wire.add_callback(responses.GET, re.compile(rf"{URL}/batches/\d+(/.*)?(\?.*)?$"), get)
    wire.add_callback(responses.GET, re.compile(rf"{URL}/(batches|version)(\?.*)?$"), get)
    wire.add_callback(responses.GET, re.compile(rf"{URL}/batches/.+"), by_name)
    wire.add_callback(responses.DELETE, re.compile(rf"{URL}/batches/.+"), get)
    return bodies


def test_random_lines_and_cells_end_in_a_batch_or_in_an_error_of_ours(magics, posted, capsys):
    seed = dt.datetime.now(dt.timezone.utc).date().toordinal()
    rng = random.Random(seed)  # noqa: S311 -- to be repeatable is the point
    outcomes = {"ended": 0, "refused": 0}
    for run in range(RUNS):
        sent = run % (RUNS // SENT) == 0
        line = f"{'' if sent else '--dry-run '}{random_line(rng)}"
        cell = random_cell(rng) if rng.random() < 0.5 else None
        where = f"seed {seed}, run {run}: line {line!r}, cell {cell!r}"
        before = len(posted)
        told = ""
        try:
            if cell is not None:
                magics.livy_batch(line, cell)
            elif sent and rng.random() < 0.5:
                line = some(rng, WORDS + OTHER_OPTIONS, 4, [" ", " ", ""])
                getattr(magics, rng.choice(OTHERS))(line)
            else:
                magics.livy_submit(line)
            outcomes["ended"] += 1
        except (UsageError, LivyError) as error:
            told = str(error)
            outcomes["refused"] += 1
        except Exception as error:
            raise AssertionError(f"{where}, {line!r}") from error
        told += "".join(capsys.readouterr())
        assert not any(secret in told for secret in SECRETS), where
        assert sent or len(posted) == before, where
    assert min(outcomes.values()) > RUNS / 100
    assert posted

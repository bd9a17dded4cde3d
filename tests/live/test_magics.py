"""The magics in a real IPython shell, on the real Livy."""

from __future__ import annotations

import json
import os
import re
import signal
import threading

import pytest
from IPython.core.error import UsageError

from livy_magic import (
    Batch,
    BatchFailed,
    InvalidRequest,
    LivyError,
    WaitInterrupted,
    load_ipython_extension,
    unload_ipython_extension,
)

pytestmark = pytest.mark.livy


@pytest.fixture
def line(shell):
    return lambda name, text="": shell.run_line_magic(name, text)


@pytest.fixture
def cell(shell):
    return lambda line, code: shell.run_cell_magic("livy_batch", line, code)


# -- %%livy_batch ---------------------------------------------------------------------------------


def test_a_cell_runs_and_what_it_printed_is_shown(cell, capsys):
    batch = cell("--wait", "print('hello from a batch ✓')")
    assert batch.state == "success"
    out = capsys.readouterr().out.splitlines()
    assert out.count("hello from a batch ✓") == 1
    assert re.fullmatch(rf"batch {batch.id} .*: .*→ success after [\d.]+ s", out[-1])
    assert "<" not in "".join(out), "a terminal shows no HTML"


def test_a_traceback_points_at_the_line_of_the_cell_and_is_printed_once(cell, capsys):
    code = "#| conf:\n#|   spark.a: 1\n\n1 / 0\n"  # line 5, the magic's line being the first
    with pytest.raises(BatchFailed) as caught:
        cell("--wait --param A=1", code)
    assert capsys.readouterr().out.count("line 5, in <module>") == 1
    assert str(caught.value).endswith(" s\n  ZeroDivisionError: division by zero")


def test_what_a_quiet_wait_shows_is_nothing(cell, shell, capsys):
    assert cell("--wait --quiet -o batch", "print('unseen')") is shell.user_ns["batch"]
    assert capsys.readouterr().out == ""
    assert shell.user_ns["batch"].output() == ["unseen"]
    with pytest.raises(BatchFailed, match=r"(?s)ended as dead.*Traceback.*boom"):
        cell("--wait --quiet", "raise ValueError('boom')")
    assert capsys.readouterr().out == ""


def test_parameters_options_and_arguments_reach_the_program(shell, cell):
    shell.user_ns["day"] = "2026-01-01"
    shell.user_ns["limit"] = 12
    code = (
        "#| driverMemory: 640m\n#| args: [overridden]\n"
        "from __future__ import annotations\n"
        "import sys\nprint(DAY, COUNT, sys.argv[1:])"
    )
    batch = cell("--wait --param DAY=2026 --param COUNT=7 -o b -- {day} --limit $limit", code)
    assert batch.output() == ["2026 7 ['2026-01-01', '--limit', '12']"]
    assert shell.user_ns["b"] is batch
    assert batch.request.driver_memory == "640m"


def test_the_lines_options_win_over_the_cells(cell, capsys):
    cell("--dry-run --executor-memory 2g", "#| executorMemory: 1g\n#| queue: a\nprint(1)")
    body, _ = json.JSONDecoder().raw_decode(capsys.readouterr().out)
    assert (body["executorMemory"], body["queue"]) == ("2g", "a")


def test_a_cell_may_name_a_file_instead_of_code(cell, tmp_path):
    (tmp_path / "job.py").write_text("import sys; print('ran', *sys.argv[1:])")
    assert cell("--wait", "#| file: job.py\n#| args: a 'b c'\n").output() == ["ran a b c"]


def test_a_json_cell_is_the_post_body(cell, tmp_path):
    (tmp_path / "job.py").write_text("import sys; print(sys.argv[1:])")
    batch = cell("--wait", '{"file": "job.py", "args": ["1.50", "x"], "driverCores": 1}')
    assert batch.output() == ["['1.50', 'x']"]


def test_the_batch_is_bound_before_a_wait_can_fail(shell, cell):
    with pytest.raises(BatchFailed):
        cell("--wait -o broken", "raise SystemExit(1)")
    assert isinstance(shell.user_ns["broken"], Batch)


def test_a_dry_run_shows_the_body_masked_and_sends_nothing(shell, cell, line, capsys):
    before = len(line("livy_batches"))
    result = cell("--dry-run=curl --conf spark.my.password=hunter2 --name dry", "print(1)")
    out = capsys.readouterr().out
    assert result is None
    assert "\ncurl " in out
    assert "hunter2" not in out
    assert '"name": "dry"' in out
    assert "would be staged first: " in out
    assert len(line("livy_batches")) == before


# -- %livy_submit and the rest --------------------------------------------------------------------


def test_a_file_is_submitted_with_arguments_that_look_like_options(line, tmp_path):
    (tmp_path / "job.py").write_text("import sys; print(sys.argv[1:])")
    batch = line("livy_submit", "spark-submit --wait --conf spark.a=1 job.py --wait --conf x=y")
    assert batch.output() == ["['--wait', '--conf', 'x=y']"]
    assert dict(batch.request.conf)["spark.a"] == "1"


def test_log_wait_list_and_kill_speak_of_the_last_batch_or_a_named_one(cell, line, shell, capsys):
    cell("-o first --name first", "import time\nprint('up', flush=True)\ntime.sleep(600)")
    next(shell.user_ns["first"].follow(output=True))
    cell("--name second", "print('two')")
    assert line("livy_wait").name == "second"
    capsys.readouterr()
    line("livy_log", "first --output")
    assert capsys.readouterr().out == "up\n"
    line("livy_log", "--output --tail 1")
    assert capsys.readouterr().out == "two\n"
    table = line("livy_batches", "--limit 2")
    assert [batch.name for batch in table] == ["second", "first"]
    assert repr(table).splitlines()[1].split()[1:3] == ["success", "second"]
    line("livy_kill", "first")
    assert "killed batch" in capsys.readouterr().out
    line("livy_log", f"{shell.user_ns['first'].id} --output")  # Livy has forgotten it
    assert capsys.readouterr().out.endswith("up\n")
    table = line("livy_history", "--name first")
    assert [entry.state for entry in table] == ["killed"]


def test_following_prints_the_log_until_the_end(cell, capsys):
    cell("--follow", "print('a line')")
    assert "a line\n" in capsys.readouterr().out


def test_connect_says_where_each_setting_came_from(line, capsys, monkeypatch):
    line("livy_connect")
    out = capsys.readouterr().out
    assert out.startswith("Livy 0.7.1-incubating at 127.0.0.1:")
    assert "(default)" in out
    monkeypatch.setenv("LIVY_URL", "http://127.0.0.1:1")
    with pytest.raises(LivyError, match="cannot connect"):
        line("livy_connect", "http://127.0.0.1:1")


def test_a_setting_by_config_is_used_at_once(shell, line):
    shell.run_line_magic("config", "LivyMagics.url = 'http://127.0.0.1:1'")
    with pytest.raises(LivyError, match="cannot connect"):
        line("livy_batches")
    shell.run_line_magic("config", "LivyMagics.url = ''")
    line("livy_batches")


def test_the_private_livy_tells_its_status(line, capsys):
    line("livy_local", "status")
    out = capsys.readouterr().out
    assert "running at 127.0.0.1:" in out
    assert "Spark 3.5" in out or "Spark 4" in out


def test_run_all_stops_at_a_failed_batch_with_one_short_block(shell, capsys):
    result = shell.run_cell("%%livy_batch --wait\nraise ValueError('boom')")
    assert isinstance(result.error_in_exec, BatchFailed)
    shown = capsys.readouterr().out
    assert "boom" in shown
    assert "livy_magic/" not in shown  # none of our own stack


def test_waiting_for_several_shows_each_success_before_the_first_failure(cell, line, capsys):
    cell("-o bad", "raise SystemExit(3)")
    cell("-o good", "print('fine')")
    capsys.readouterr()
    with pytest.raises(BatchFailed, match="ended as dead"):
        line("livy_wait", "bad good")
    assert capsys.readouterr().out.endswith("fine\n")


def test_an_interrupt_ends_the_waiting_and_not_the_batch(cell, line):
    batch = cell("", "import time; time.sleep(600)")
    # To the process, as a person does: raised in a thread, it would not wake this one.
    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(WaitInterrupted) as caught:
        line("livy_wait")
    assert f"%livy_kill {batch.id}" in str(caught.value)
    assert batch.server.client.state(batch.id) == "running"
    line("livy_kill")


@pytest.mark.parametrize(
    ("magic", "text", "words"),
    [
        ("livy_submit", "", "needs a FILE"),
        ("livy_submit", "--nmae x a.py", "unknown option --nmae; did you mean --name?"),
        ("livy_submit", "{nowhere}.py", "nowhere is not defined"),
        ("livy_batches", "--limit many", "--limit N: 'many' is not a whole number"),
        ("livy_log", "a b", "one argument too many"),
        ("livy_log", "", "which batch?"),
        ("livy_local", "strat", "did you mean start?"),
    ],
)
def test_a_misuse_is_a_usage_error_in_one_line(line, magic, text, words):
    with pytest.raises(UsageError) as caught:
        line(magic, text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--executor-memory lots a.py", "executorMemory: 'lots' is not a memory size"),
        ("--name 123 a.py", "name: '123' is all digits"),
        ("--conf nothing a.py", "conf: 'nothing' is not of the form key=value"),
        ("missing.py", "no such file: missing.py"),
        (".", "is a folder"),
    ],
)
def test_a_bad_value_is_refused_before_anything_is_sent(line, text, words):
    with pytest.raises(InvalidRequest) as caught:
        line("livy_submit", text)
    assert words in str(caught.value)


def test_unloading_takes_the_magics_and_the_thread_away(shell, cell):
    cell("--wait", "print(1)")
    unload_ipython_extension(shell)
    assert "livy_submit" not in shell.magics_manager.magics["line"]
    assert not [thread for thread in threading.enumerate() if thread.name == "livy-magic-watcher"]
    load_ipython_extension(shell)

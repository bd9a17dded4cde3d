"""What is kept, and what goes"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from histories import a_batch, an_intent, lines_of

from livy_magic.history import Entry, History, retention
from livy_magic.protocol.log_format import Line


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

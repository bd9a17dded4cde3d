"""What all tests share: a history of their own, never that of whoever runs them; and servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from livy_magic import history
from livy_magic.history import recorder

pytest_plugins = ["servers"]


@pytest.fixture(scope="session", autouse=True)
def _history_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For servers and kernels that many tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVY_HISTORY", str(tmp_path_factory.mktemp("history") / "session.sqlite"))
        yield


@pytest.fixture(autouse=True)
def own_history(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An empty history, which ``history.current()`` is: its file."""
    file = tmp_path_factory.mktemp("history") / "history.sqlite"
    monkeypatch.setenv("LIVY_HISTORY", str(file))
    yield file
    recorder.flush()
    history.current().close()

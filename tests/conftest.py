"""What all tests share."""

import pytest

from livy_magic import history


@pytest.fixture(autouse=True)
def history_file(tmp_path_factory, monkeypatch):
    """A history of the test's own: nobody's real one is read or written."""
    file = tmp_path_factory.mktemp("history") / "history.sqlite"
    monkeypatch.setenv("LIVY_HISTORY", str(file))
    yield file
    history.current().close()

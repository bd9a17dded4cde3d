"""What all pure tests share."""

import pytest
import responses
from hypothesis import settings
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from livy_magic import load_ipython_extension, unload_ipython_extension

# An example may take long on a busy machine; that is no failure.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A real IPython shell with the extension loaded, in an empty folder, with no settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_PATH", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("LIVY_URL", "LIVY_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    load_ipython_extension(shell)
    yield shell
    unload_ipython_extension(shell)
    InteractiveShell.clear_instance()


@pytest.fixture
def wire():
    """A made-up network, which answers what it is told to; not every answer has to be asked for."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock

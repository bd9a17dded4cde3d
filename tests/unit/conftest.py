"""What all pure tests share."""

import contextlib
import os
import socket
import tempfile
from pathlib import Path

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
def odd_paths():
    """Paths with which the system has some trouble, by what that is; read them ``as_somebody_else``."""
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as listener:
        folder = Path(name)
        folder.chmod(0o755)
        paths = {kind: folder / f"{kind}.py" for kind in ("loop", "broken", "fifo", "socket")}
        paths |= {
            "long": folder / f"{'x' * 300}.py",
            "device": Path("/dev/zero"),
            "unreadable": folder / "package" / "unreadable.py",
            "closed": folder / "closed" / "job.py",
        }
        paths["loop"].symlink_to(paths["loop"])
        paths["broken"].symlink_to(folder / "nothing")
        os.mkfifo(paths["fifo"])
        listener.bind(str(paths["socket"]))
        for kind, mode in (("unreadable", 0o755), ("closed", 0)):
            paths[kind].parent.mkdir()
            paths[kind].touch(0)
            paths[kind].parent.chmod(mode)
        yield paths
        paths["closed"].parent.chmod(0o700)


@pytest.fixture
def as_somebody_else():
    """A block in which the process is not root's, to whom nothing is forbidden."""

    @contextlib.contextmanager
    def block():
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(before)

    return block()


@pytest.fixture
def wire():
    """A made-up network, which answers what it is told to; not every answer has to be asked for."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock

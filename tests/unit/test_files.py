"""What becomes of paths where the system answers otherwise than with a file."""

from pathlib import Path

import pytest

from livy_magic.errors import Unreachable
from livy_magic.files import expanded, file_mode, opened, working_folder
from livy_magic.protocol.client import LivyClient


def test_a_working_folder_that_was_removed_is_where_it_was(tmp_path, monkeypatch):
    folder = tmp_path / "removed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PWD", str(folder))
    folder.rmdir()
    assert working_folder() == folder
    monkeypatch.delenv("PWD")
    assert working_folder().is_absolute()


def test_nobodys_home_is_left_as_it_is():
    assert str(expanded("~nobody-of-that-name/x")) == "~nobody-of-that-name/x"


@pytest.mark.parametrize("ask", [file_mode, opened])
def test_a_name_that_no_file_has_is_an_error_of_the_system(ask, tmp_path):
    with pytest.raises(OSError, match="its name has a character that file names cannot have"):
        ask(tmp_path / "a\0b")


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_opening_what_is_no_file_neither_waits_nor_leaks(kind, odd_paths):
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="it is not a regular file"):
        opened(odd_paths[kind])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("file", [{"verify": "/no/ca.pem"}, {"cert": "/no/cert.pem"}])
def test_a_certificate_file_that_goes_away_is_no_lost_answer(file):
    with pytest.raises(Unreachable, match=r"/no/\w+\.pem") as caught:
        LivyClient("https://127.0.0.1:1", **file).version()
    assert not caught.value.sent

"""What a card shows last, when its updates come from two threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from livy_magic import Batch, BatchInfo, Livy
from livy_magic.magics.card import Card


class SlowPublisher(DisplayPublisher):
    """Takes its time over the first update, as long as a test wants."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.shown: list[str] = []
        self.busy = threading.Event()
        self.go_on = threading.Event()
        self.ended = threading.Event()

    def publish(self, data: dict[str, str], *, update: bool = False, **_: Any) -> None:
        if update and not self.busy.is_set():
            self.busy.set()
            self.go_on.wait(10)
        self.shown.append(data["text/plain"].rpartition(": ")[2])
        if self.shown[-1] == "killed":
            self.ended.set()


@pytest.fixture
def publisher() -> Iterator[SlowPublisher]:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.display_pub = SlowPublisher(parent=shell)
    yield shell.display_pub
    InteractiveShell.clear_instance()


def test_the_end_is_shown_last_even_if_the_update_before_it_is_slow(
    publisher: SlowPublisher,
) -> None:
    livy = Livy("http://127.0.0.1:1")  # nobody listens there
    batch = Batch(livy, BatchInfo(id=0, state="running"))
    Card(batch)
    assert publisher.busy.wait(10)  # its first look at the server failed, which is news
    batch._watch.end("killed")
    publisher.ended.wait(0.3)  # it must not be
    publisher.go_on.set()
    assert publisher.ended.wait(10)
    assert publisher.shown[-1] == "killed"
    livy.close()

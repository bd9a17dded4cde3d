"""What a display shows last, when its updates come from two threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from livy_magic import Batch, BatchInfo, Livy
from livy_magic.magics.card import Card
from livy_magic.magics.progress_bar import WaitProgress

NOWHERE = "http://127.0.0.1:1"  # nobody listens there


class SlowPublisher(DisplayPublisher):
    """Takes its time over the first update, as long as a test wants."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.shown: list[str] = []
        self.busy = threading.Event()
        self.go_on = threading.Event()
        self.updates = threading.Semaphore(0)

    def publish(self, data: dict[str, str], *, update: bool = False, **_: Any) -> None:
        if update and not self.busy.is_set():
            self.busy.set()
            self.go_on.wait(10)
        self.shown.append(data["text/plain"])
        if update:
            self.updates.release()


@pytest.fixture
def publisher() -> Iterator[SlowPublisher]:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.display_pub = SlowPublisher(parent=shell)
    yield shell.display_pub
    InteractiveShell.clear_instance()


def running(number: int) -> Batch:
    return Batch(Livy(NOWHERE), BatchInfo(id=number, state="running"))


def test_a_card_shows_the_end_last_even_if_the_update_before_it_is_slow(
    publisher: SlowPublisher,
) -> None:
    batch = running(0)
    Card(batch)
    assert publisher.busy.wait(10)
    batch.watch.end("killed")
    assert not publisher.updates.acquire(timeout=0.3)  # seconds in which it could overtake
    publisher.go_on.set()
    assert publisher.updates.acquire(timeout=10)
    assert publisher.updates.acquire(timeout=10)
    assert publisher.shown[-1] == "Batch 0: killed"
    batch.server.close()


def test_a_wait_shows_every_end_last_even_if_the_update_before_it_is_slow(
    publisher: SlowPublisher,
) -> None:
    batches = [running(0), running(1)]
    ends = [threading.Thread(target=batch.watch.end, args=["killed"]) for batch in batches]
    with WaitProgress(batches):
        for end in ends:
            end.start()
        assert publisher.busy.wait(10)
        assert not publisher.updates.acquire(timeout=0.3)  # seconds in which it could overtake
        publisher.go_on.set()
        for end in ends:
            end.join()
        assert publisher.shown[-1].count("killed") == 2
    for batch in batches:
        batch.server.close()

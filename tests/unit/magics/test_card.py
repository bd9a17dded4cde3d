"""A card: what it shows last, for how long it goes on, and that a cell shows a batch once."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from livy_magic import Batch, BatchInfo, Livy
from livy_magic.magics.card import Card, Shown
from livy_magic.magics.tables import BatchList

NOWHERE = "http://127.0.0.1:1"  # nobody listens there


class SlowPublisher(DisplayPublisher):
    """Takes its time over the first update, as long as a test wants."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.shown: list[str] = []
        self.pages: list[str] = []
        self.busy = threading.Event()
        self.go_on = threading.Event()
        self.updates = threading.Semaphore(0)

    def publish(self, data: dict[str, str], *, update: bool = False, **_: Any) -> None:
        if update and not self.busy.is_set():
            self.busy.set()
            self.go_on.wait(10)
        self.shown.append(data["text/plain"])
        self.pages.append(data["text/html"])
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


def seen(number: int) -> Batch:
    """Return a batch whose watcher sees the same whenever it looks."""
    livy = Livy(NOWHERE)

    def look() -> None:
        livy.watcher._ticked = time.time()

    livy.watcher.tick = look
    return Batch(livy, BatchInfo(id=number, state="running"), submitted=time.time())


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


def test_a_card_counts_the_seconds_while_nothing_else_changes_and_somebody_looks(
    publisher: SlowPublisher,
) -> None:
    publisher.go_on.set()
    batch = seen(0)
    Card(batch)
    for _ in range(3):
        assert publisher.updates.acquire(timeout=10)
    seconds = [int(re.search(r">(\d+) s, since ", page)[1]) for page in publisher.pages]
    assert seconds == sorted(set(seconds))
    batch.server.close()
    assert publisher.updates.acquire(timeout=10)
    assert ">since " in publisher.pages[-1], "nobody looks any more"
    assert not publisher.updates.acquire(timeout=1.5)  # seconds in which another one would come
    assert not [thread for thread in threading.enumerate() if thread.name == "livy-magic-cards"]


def test_a_batch_that_the_cell_shows_already_is_displayed_again_in_the_next_cell_only(
    publisher: SlowPublisher,
) -> None:
    publisher.go_on.set()
    shown, batch, both = Shown(), seen(0), BatchList([seen(1), seen(2)])
    shown.add(batch)
    shown.add(both)
    shown.batch(batch)
    shown.batches(both)
    assert not publisher.shown
    shown.clear()
    shown.batch(batch)
    assert publisher.shown[0].startswith("Batch 0: running")
    with pytest.raises(NotImplementedError):  # so that IPython shows its table
        shown.batches(both)
    batch.server.close()

"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from watched_server import NIGHTLY, Clock, Server, Stepped, threads

from livy_magic.watch.watch import Watch
from livy_magic.watch.watcher import Watcher


@pytest.fixture
def server() -> Server:
    return Server(NIGHTLY)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watcher(server: Server, clock: Clock) -> Iterator[Watcher]:
    watcher = Stepped(server, clock)
    yield watcher
    watcher.stop()
    assert not threads()


@pytest.fixture
def watch(watcher: Watcher) -> Watch:
    return watcher.watch(NIGHTLY)

"""What the tests of this folder share."""

import threading

import pytest
from lossy_livy import FakeLivy

from livy_magic import Livy, history
from livy_magic.submit import orphans, submission


@pytest.fixture
def server():
    with FakeLivy() as fake:
        fake.released = threading.Event()
        thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        fake.released.set()
        fake.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    settings = {
        "FIRST_PAUSE": 0.01,
        "LONGEST_PAUSE": 0.02,
        "PATIENCE": 0.5,
        "BIRTH": 0.05,
        "ROOM": 0.5,
    }
    for name, seconds in settings.items():
        monkeypatch.setattr(submission, name, seconds)
    monkeypatch.setattr(orphans, "PATIENCE", settings["PATIENCE"])


@pytest.fixture
def connect(server):
    every = []

    def connect(user=None, **more):
        every.append(Livy(server.url, user=user, timeout=(5, 5), **more))
        return every[-1]

    yield connect
    for livy in every:
        livy.close()


@pytest.fixture
def livy(connect):
    return connect()


@pytest.fixture
def told():
    return []


@pytest.fixture
def recorded():
    """What the history says of the newest submission."""

    def newest():
        return history.current().entries(limit=1)[0]

    return newest

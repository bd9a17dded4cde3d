"""For tests of watches: batches that end when they are told to, and all that a subscriber was told."""

from __future__ import annotations

import os
import threading
from itertools import pairwise

from livy_magic.protocol.models import is_final


class Gate:
    """What a batch waits for without costing anything: the opening of a pipe."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path

    def script(self, *, before="", after=""):
        return f"{before}\nread _ <{self.path} || true\n{after}\n"

    def open(self, word=""):
        """Let the batch go on, with a word for it if it reads one."""
        with self.path.open("w") as pipe:  # waits until the batch has come so far
            pipe.write(word)


class Seen:
    """All that a subscriber was told of a batch."""

    def __init__(self, batch):
        self.snapshots = [batch.snapshot]
        self._lock = threading.Condition()
        batch.on_change(self._add)

    def _add(self, snapshot):
        with self._lock:
            self.snapshots.append(snapshot)
            self._lock.notify_all()

    def wait_for(self, predicate, seconds=40.0, *, after=None):
        """Wait for the first snapshot that fits: of all so far and yet to come, or after that one."""
        start = 0 if after is None else self.snapshots.index(after) + 1

        def found():
            return next(filter(predicate, self.snapshots[start:]), None)

        with self._lock:
            assert self._lock.wait_for(lambda: found() is not None, seconds), self.snapshots[-1]
            return found()

    def check(self):
        """Nothing was invented, and each trouble was told with its time, and ended."""
        self.wait_for(lambda snapshot: snapshot.done)
        for snapshot in self.snapshots:
            assert (snapshot.error is None) == (snapshot.stale_since is None)
            assert not snapshot.gone
        for one, next_ in pairwise(self.snapshots):
            assert not is_final(one.info.state) or next_.info.state == one.info.state
            if one.error and next_.error:
                assert one.stale_since == next_.stale_since
        assert self.snapshots[-1].error is None

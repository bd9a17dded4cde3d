"""The recorder, which writes what the watches see of this user's batches into the history.

The watcher's thread only queues new snapshots; another thread writes them, because the database may
be locked or on a slow disk. That thread lives as long as there is something to write.
"""

from __future__ import annotations

import atexit
import itertools
import os
import threading
import time
from collections import deque
from weakref import WeakValueDictionary

from ..protocol.log_format import Line, end_of_known
from ..protocol.models import BatchInfo
from ..threads import Shared
from ..watch.snapshot import Snapshot
from ..watch.watch import Watch
from .history import History, current

RETRY = 60.0  # seconds after a failed write before it is tried again
ANCHOR = 100  # saved lines, the last ones, that are looked for in a log that goes on

LOST = Line("… lines may be missing here: the log was not read for a while …", "gap")


def record(watch: Watch, key: int) -> None:
    """Record in the history, from now on, what a watch sees.

    Only one process records a batch: the one that submitted it or, once that is dead, another one.
    In that process, only one watch records it: the last one passed here.

    Args:
        watch: The watch of a batch that has an entry in the history.
        key: The submission's key.
    """
    known = current()
    before = _recordings.get((known, key))
    if before is not None and before.watch is watch:
        return
    if before is not None:  # perhaps it belongs to a Livy that was closed
        before.dismiss()
    _recordings[known, key] = Recording(watch, known, key)


def flush(timeout: float = 5.0) -> None:
    """Wait until everything seen so far is written, or a write has failed.

    Args:
        timeout: The longest time to wait, in seconds.
    """
    _recorder.flush(timeout)


class Recording:
    """The recording of one batch: what its watch has seen, and how much of that is written.

    It subscribes to the watch, and lives as long as the watch does.
    """

    def __init__(self, watch: Watch, known: History, key: int) -> None:
        self.watch = watch
        self._history = known
        self._key = key
        self._process = os.getpid()
        self._views: deque[tuple[BatchInfo, float]] = deque()
        self._last: BatchInfo | None = None
        self._ours: bool | None = None  # whether this process owns the entry, once known
        self._saved: int | None = None  # the number of the watch's lines that are saved, once known
        watch.subscribe(self.note)
        self.note(watch.snapshot)

    def note(self, snapshot: Snapshot) -> None:
        """Queue a new snapshot, but not in a forked child, whose parent goes on recording."""
        if os.getpid() != self._process or self._ours is False:
            return
        if snapshot.info != self._last:
            self._last = snapshot.info
            self._views.append((snapshot.info, snapshot.ended or time.time()))
        _recorder.take(self)

    def dismiss(self) -> None:
        """Stop recording, because another watch takes over."""
        self._ours = False

    def write(self) -> bool:
        """Write what is new; only the recorder's thread calls this.

        Returns:
            False if the write failed and has to be tried again.
        """
        if self._ours is None:
            self._ours = self._history.take_over(self._key)
        if not self._ours:
            return self._ours is False
        while self._views:
            if not self._history.seen(self._key, *self._views[0]):
                return False
            self._views.popleft()
        snapshot = self.watch.snapshot  # read before the lines: the last lines precede the end
        return self._write_log() and (
            not snapshot.done or self._history.ended(self._key, snapshot.info.state, snapshot.ended)
        )

    def _write_log(self) -> bool:
        if self._saved is None:
            lines = self.watch.lines()
            self._saved = self._saved_before(lines) if lines else None
            if self._saved is None:
                return not lines
        lines = self.watch.lines(self._saved)
        saved = self._history.append(self._key, lines)
        self._saved += saved
        return saved == len(lines)

    def _saved_before(self, lines: list[Line]) -> int | None:
        """Return how many of the lines a dead kernel saved; None if the history cannot be used."""
        known = self._history.saved_lines(self._key)
        if known is None:
            return None
        saved = overlap(known, lines)
        if known and not saved and not self._history.append(self._key, [LOST]):
            return None
        return saved


def overlap(known: list[Line], lines: list[Line]) -> int:
    """Return how many lines of a log, read anew, are up to and including the last known line.

    Args:
        known: The saved lines.
        lines: The lines that were read anew.
    """
    if lines[: len(known)] == known:
        return len(known)
    # Lines before a gap may be any distance away, so look only for those after it.
    behind_gap = itertools.takewhile(lambda line: line.kind != "gap", reversed(known))
    anchor = list(itertools.islice(behind_gap, ANCHOR))[::-1]
    return end_of_known(anchor, lines, len(lines))


class Recorder(Shared):
    """The owner of the thread that writes, which lives as long as there is something to write."""

    def unlock(self) -> None:
        """See :class:`Shared`. A forked child drops the queue: the parent writes it."""
        super().unlock()
        self._waiting: dict[Recording, None] = {}  # an ordered set
        self._busy = self._stuck = False

    def take(self, recording: Recording) -> None:
        """Queue a recording that has something to write, and start the thread if necessary."""
        with self._lock:
            self._waiting[recording] = None
            if not self._busy:
                self._busy = True
                threading.Thread(target=self._run, name="livy-magic-recorder", daemon=True).start()

    def flush(self, timeout: float) -> None:
        """See :func:`flush`."""
        with self._lock:
            self._changed.wait_for(lambda: self._stuck or not self._busy, timeout)

    def _run(self) -> None:
        while True:
            with self._lock:
                recordings, self._waiting = self._waiting, {}
                self._busy = bool(recordings)
                self._changed.notify_all()
                if not recordings:
                    return
            failed = [recording for recording in recordings if not recording.write()]
            if failed:
                with self._lock:
                    self._waiting |= dict.fromkeys(failed)
                    self._stuck = True
                    self._changed.notify_all()
                time.sleep(RETRY)
                self._stuck = False


_recorder = Recorder()
_recordings: WeakValueDictionary[tuple[History, int], Recording] = WeakValueDictionary()

# When the kernel exits, still write an end that was seen just before.
atexit.register(flush, timeout=1.0)

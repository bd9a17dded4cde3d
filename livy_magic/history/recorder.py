"""What is seen of the batches that were submitted from here goes into the history.

The watcher's thread only notes that there is news; a thread of its own writes, since a database may
be locked, or on a slow disk. It lives as long as there is something to write.
"""

from __future__ import annotations

import atexit
import itertools
import os
import threading
import time
from collections import deque
from weakref import WeakValueDictionary

from ..protocol.log_format import Line
from ..protocol.models import BatchInfo
from ..threads import Shared
from ..watch.log_tail import end_of_known
from ..watch.snapshot import Snapshot
from ..watch.watch import Watch
from .history import History, current

RETRY = 60.0  # seconds after which is tried again what the history did not take
ANCHOR = 100  # saved lines that are looked for in a log that goes on

LOST = Line("… lines may be missing here: nobody read the log for a while …", "gap")


def record(watch: Watch, key: int) -> None:
    """Write into the history what a watch sees, from now on.

    One process does so for a batch: the one that submitted it, and another one when that is dead.
    In it, one watch does: the last one.

    Args:
        watch: A batch that was submitted from here.
        key: The submission.
    """
    known = current()
    before = _recordings.get((known, key))
    if before is not None and before.watch is watch:
        return
    if before is not None:  # of a Livy that was closed, perhaps
        before.dismiss()
    _recordings[known, key] = Recording(watch, known, key)


def flush(timeout: float = 5.0) -> None:
    """Wait until what was seen until now is written, or cannot be written.

    Args:
        timeout: Seconds to wait at most.
    """
    _recorder.flush(timeout)


class Recording:
    """What one batch's watch has seen, and how much of that is written.

    It listens to the watch, and lives as long.
    """

    def __init__(self, watch: Watch, known: History, key: int) -> None:
        self.watch = watch
        self._history = known
        self._key = key
        self._process = os.getpid()
        self._views: deque[tuple[BatchInfo, float]] = deque()
        self._last: BatchInfo | None = None
        self._ours: bool | None = None  # as long as nobody knows
        self._saved: int | None = None  # of the watch's lines, once that is known
        watch.subscribe(self.note)
        self.note(watch.snapshot)

    def note(self, snapshot: Snapshot) -> None:
        """Take news; not in a forked child, whose parent goes on recording."""
        if os.getpid() != self._process or self._ours is False:
            return
        if snapshot.info != self._last:
            self._last = snapshot.info
            self._views.append((snapshot.info, snapshot.ended or time.time()))
        _recorder.take(self)

    def dismiss(self) -> None:
        """Record nothing from now on: another watch does."""
        self._ours = False

    def write(self) -> bool:
        """Write what is new; False if that has to be tried again. Only ever called in one thread."""
        if self._ours is None:
            self._ours = self._history.take_over(self._key)
        if not self._ours:
            return self._ours is False
        while self._views:
            if not self._history.seen(self._key, *self._views[0]):
                return False
            self._views.popleft()
        snapshot = self.watch.snapshot  # before the lines: the last ones come before the end
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
        """Return how many of the lines a kernel had saved that is dead; None if that stays open."""
        known = self._history.saved_lines(self._key)
        if known is None:
            return None
        saved = overlap(known, lines)
        if known and not saved and not self._history.append(self._key, [LOST]):
            return None
        return saved


def overlap(known: list[Line], lines: list[Line]) -> int:
    """Return how many lines of a log, read anew, are known: up to where those that are known end."""
    if lines[: len(known)] == known:
        return len(known)
    # What stands before a gap may be at any distance.
    behind_gap = itertools.takewhile(lambda line: line.kind != "gap", reversed(known))
    anchor = list(itertools.islice(behind_gap, ANCHOR))[::-1]
    return end_of_known(anchor, lines, len(lines))


class Recorder(Shared):
    """The thread that writes, as long as there is something to write."""

    def unlock(self) -> None:
        """See :class:`Shared`. What a parent has not written yet, it writes itself."""
        super().unlock()
        self._waiting: dict[Recording, None] = {}  # in order
        self._busy = self._stuck = False

    def take(self, recording: Recording) -> None:
        """Have a recording write what is new."""
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

# An end that was seen just now is written yet.
atexit.register(flush, timeout=1.0)

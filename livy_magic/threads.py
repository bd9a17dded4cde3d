"""What threads share: locks that no interrupt and no fork leaves locked, and calls to subscribers."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # without any, Python would print what is logged


class Shared:
    """Something that threads share, and that nothing may leave locked for ever.

    An interrupt can strike between a Condition's ``__enter__``, which is Python, and the block
    behind it, and then the lock stays locked. A lock's own cannot be interrupted there, so it is
    always the lock that is entered, never the condition.
    """

    everything: ClassVar[WeakSet[Shared]] = WeakSet()

    def __init__(self) -> None:
        self.unlock()
        Shared.everything.add(self)

    def unlock(self) -> None:
        """Take new locks: in a forked child, the threads that hold the old ones do not exist."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)


def _after_fork() -> None:
    for one in list(Shared.everything):
        one.unlock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Published(Shared, Generic[T]):
    """Something whose news others want to know, as snapshots that never change."""

    def __init__(self) -> None:
        super().__init__()
        self._subscribers: list[Callable[[T], None]] = []

    def subscribe(self, callback: Callable[[T], None]) -> Callable[[], None]:
        """Call ``callback(snapshot)`` from now on when there is one, in the thread that brings it.

        The callback must not block. What it raises is logged, and harms nobody.

        Returns:
            What ends the subscription; calling it again does no harm.
        """

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        with self._lock:
            self._subscribers.append(callback)
        return unsubscribe

    def _tell(self, news: T) -> None:
        """Tell all subscribers; not to be called with the lock held."""
        with self._lock:
            subscribers = list(self._subscribers)
        for callback in subscribers:
            try:
                callback(news)
            except Exception:  # noqa: BLE001 -- logged; it is not the watcher's failure
                _log.exception("a subscriber failed")

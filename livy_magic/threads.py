"""Base classes of objects that threads share: locks that survive interrupts and forks, subscribers."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # without a handler, Python prints log records to stderr


class Shared:
    """An object with a lock that threads share, which neither an interrupt nor a fork leaves locked.

    A Condition's ``__enter__`` is written in Python: an interrupt between it and the block leaves
    the lock locked. A lock's own ``__enter__`` cannot be interrupted there. So always enter the
    lock, never the condition.
    """

    everything: ClassVar[WeakSet[Shared]] = WeakSet()

    def __init__(self) -> None:
        self.unlock()
        Shared.everything.add(self)

    def unlock(self) -> None:
        """Create new locks: in a forked child, the threads that hold the old ones do not exist."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)


def _after_fork() -> None:
    for one in list(Shared.everything):
        one.unlock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Published(Shared, Generic[T]):
    """An object that publishes immutable snapshots to its subscribers."""

    def __init__(self) -> None:
        super().__init__()
        self._subscribers: list[Callable[[T], None]] = []

    def subscribe(self, callback: Callable[[T], None]) -> Callable[[], None]:
        """Call ``callback(snapshot)`` for each new snapshot, in the thread that publishes it.

        The callback must not block. What it raises is logged, and stops neither the publisher nor
        other subscribers.

        Returns:
            A function that ends the subscription; further calls do nothing.
        """

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        with self._lock:
            self._subscribers.append(callback)
        return unsubscribe

    def _tell(self, news: T) -> None:
        """Call all subscribers with a snapshot; call this without holding the lock."""
        with self._lock:
            subscribers = list(self._subscribers)
        for callback in subscribers:
            try:
                callback(news)
            except Exception:  # noqa: BLE001 -- logged; the publisher itself did not fail
                _log.exception("a subscriber failed")

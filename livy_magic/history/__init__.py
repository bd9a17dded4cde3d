"""What was submitted from here, what became of it, and its logs: one SQLite database a user.

::

    history = current()
    key = history.intend(Intent(server=url, request=request, folder=folder))  # before the POST
    history.accepted(key, info)  # or rejected(), or unsettled()
    history.seen(key, info)  # at each change
    history.append(key, lines)  # as they come
"""

from __future__ import annotations

import functools
from pathlib import Path

from .database import place
from .history import History
from .owner import Owner
from .records import Entry, Intent, Outcome

__all__ = ["Entry", "History", "Intent", "Outcome", "Owner", "current"]


def current() -> History:
    """Return the one History of this process."""
    return _history_at(place())


@functools.cache
def _history_at(path: Path) -> History:
    return History(path)

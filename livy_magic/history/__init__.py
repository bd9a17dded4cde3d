"""What was submitted from here, what became of it, and its logs: one SQLite database a user.

::

    history = current()
    key = history.intend(Intent(server=url, request=request, folder=folder))  # before the POST
    history.accepted(key, info)  # or rejected(), or unsettled()
    history.seen(key, info)  # at each change
    history.append(key, lines)  # as they come
"""

from .history import History, current
from .owner import Owner
from .records import Entry, Intent, Outcome

__all__ = ["Entry", "History", "Intent", "Outcome", "Owner", "current"]

"""The history: each user's submissions, their outcomes and their logs, in one SQLite database.

In reading order: ``records`` (the rows of the database), ``history`` (writing and reading them),
``recorder`` (the thread that records what a watch sees), ``saved_logs`` (logs, compressed),
``retention`` (how long all that is kept), ``owner`` (proof that a submission's process is dead),
``database`` (the file).

This package must not block a submission or make it fail, and sends no request to a server::

    history = current()
    key = history.intend(Intent(server=url, request=request, folder=folder))  # before the POST
    history.accepted(key, info)  # or rejected(), or unsettled()
    history.seen(key, info)  # at each change
    history.append(key, lines)  # as they arrive
"""

from .history import History, current
from .owner import Owner
from .records import Entry, Intent, Outcome

__all__ = ["Entry", "History", "Intent", "Outcome", "Owner", "current"]

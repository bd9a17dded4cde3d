"""What was submitted from here, what became of it, and its logs: one SQLite database a user.

In reading order: ``records`` (a submission as the database has it), ``history`` (what is recorded and
asked for), ``recorder`` (what a watch sees is written, in a thread of its own), ``saved_logs``,
``retention`` (how long all of it is kept), ``owner`` (whether a submission's process is dead),
``database`` (the file).

It must not stand in the way of a submission, and never asks a server::

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

"""Submissions whose process died before the answer came: what became of them is found out later."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable

from ..errors import LivyError
from ..history import Entry, History
from ..protocol.client import LivyClient
from .evidence import by_name, is_mine
from .names import is_unique
from .submission import PATIENCE, pauses

LOOKS = 12

_log = logging.getLogger(__name__)


def settle_in_background(client: LivyClient, history: Callable[[], History], server: str) -> None:
    """Do what :func:`settle_orphans` does, in a thread that no exit waits for."""

    def settle() -> None:
        settle_orphans(client, history(), server)

    threading.Thread(target=settle, name="livy_magic orphans", daemon=True).start()


def settle_orphans(client: LivyClient, history: History, server: str) -> None:
    """Find out what became of submissions whose process died before the answer came.

    It takes as long as the server is away, prints nothing, and submits nothing.

    Args:
        client: The server.
        history: Where they are written down.
        server: What the history calls the server.
    """
    orphans = history.take_orphans(server)
    for pause in itertools.islice(pauses(), LOOKS):
        try:
            orphans = [entry for entry in orphans if not _is_settled(client, history, entry)]
        except LivyError:  # they stay pending, and are this process's now
            _log.debug("submissions of another process are not settled yet", exc_info=True)
        if not orphans:
            return
        time.sleep(pause)


def _is_settled(client: LivyClient, history: History, entry: Entry) -> bool:
    """Have the history know what became of a submission; say whether that can be told now."""
    found = by_name(client, entry.name)
    if found is None:
        if time.time() < entry.submitted + PATIENCE:  # the server may still be at it
            return False
        history.unsettled(
            entry.key,
            "its notebook died while it was sent; as far as can be seen, it never started",
        )
        return True
    others = [] if is_unique(entry.name) else history.rivals(entry.key, found.id)
    if is_mine(found, entry.name, entry.user, entry.held) and not others:
        history.accepted(entry.key, found, adopted=True)
    else:
        history.unsettled(entry.key, "its notebook died; the batch of that name may be another one")
    return True

"""Orphans: submissions whose process died before the answer arrived, and which this one settles."""

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

LOOKS = 12  # attempts to settle the orphans

_log = logging.getLogger(__name__)


def settle_in_background(client: LivyClient, history: Callable[[], History], server: str) -> None:
    """Run :func:`settle_orphans` in a thread that does not delay the exit of the process."""

    def settle() -> None:
        settle_orphans(client, history(), server)

    threading.Thread(target=settle, name="livy_magic orphans", daemon=True).start()


def settle_orphans(client: LivyClient, history: History, server: str) -> None:
    """Find the outcome of submissions whose process died, and record it in the history.

    This retries while the server does not answer, prints nothing, and submits nothing.

    Args:
        client: The server.
        history: The history that has these submissions.
        server: The server's name in the history.
    """
    orphans = history.take_orphans(server)
    for pause in itertools.islice(pauses(), LOOKS):
        try:
            orphans = [entry for entry in orphans if not _is_settled(client, history, entry)]
        except LivyError:  # they stay pending, and belong to this process now
            _log.debug("submissions of another process are not settled yet", exc_info=True)
        if not orphans:
            return
        time.sleep(pause)


def _is_settled(client: LivyClient, history: History, entry: Entry) -> bool:
    """Record the outcome of a submission; return False if it cannot be known yet."""
    found = by_name(client, entry.name)
    if found is None:
        if time.time() < entry.submitted + PATIENCE:  # the server may still be starting it
            return False
        history.unsettled(
            entry.key,
            "its notebook died during the submission; as far as the server shows, no batch was started",
        )
        return True
    others = [] if is_unique(entry.name) else history.rivals(entry.key, found.id)
    if is_mine(found, entry.name, entry.user, entry.held) and not others:
        history.accepted(entry.key, found, adopted=True)
    else:
        history.unsettled(
            entry.key, "its notebook died; the batch with that name may be another one"
        )
    return True

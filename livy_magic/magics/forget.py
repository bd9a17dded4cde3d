"""``%livy_history --forget``: which submissions a line selects, and how much space they took."""

from __future__ import annotations

import time

from IPython.core.error import UsageError

from ..history import History, current
from .in_hand import InHand
from .options import Parsed

DAY = 86400.0  # seconds


def forget(parsed: Parsed) -> str:
    """Remove the submissions that a line selects from the history, and return a message about it.

    Args:
        parsed: The line.

    Raises:
        UsageError: The line does not select any, or the history has no such batch.
        HistoryError: The history cannot be used.
    """
    name, older, everything = parsed.get("name"), parsed.get("older"), parsed.has("all")
    if parsed.has("state") or parsed.has("owner") or parsed.has("limit"):
        raise UsageError("--forget goes with BATCH, --older, --name or --all")
    if [bool(parsed.rest), name is not None or older is not None, everything].count(True) != 1:
        raise UsageError("forget what? A BATCH, those of --older DAYS or --name GLOB, or --all")
    before = None if older is None else time.time() - older * DAY
    known = current()
    size = known.size()
    key = _key(known, parsed.rest[0]) if parsed.rest else None
    count = known.forget(key=key, name=name, before=before)
    freed = max(0, size - known.size())
    return f"forgot {count} submission{'' if count == 1 else 's'}, freed {freed / 1e6:.1f} MB"


def _key(known: History, word: str) -> int:
    """Return the key of the newest submission of the batch that a word names."""
    if isinstance(word, InHand):
        batch, *others = word.batches
        if others:
            raise UsageError(f"{word} holds {1 + len(others)} batches: name one at a time")
        if batch.key is None:
            raise UsageError(f"{word} is not in the history")
        return batch.key
    found = [
        entry
        for entry in known.entries()
        if word in {entry.name, str(entry.info.id) if entry.info else None}
    ]
    servers = {entry.server for entry in found}
    if not found or len(servers) > 1:
        where = f": it is on {', '.join(sorted(servers))}" if found else ""
        raise UsageError(f"the history has no {'one ' if found else ''}batch {word!r}{where}")
    return found[0].key

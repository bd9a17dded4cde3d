"""Whether two views of the server's can be of one batch: ids and names may come again (design, part 4)."""

from __future__ import annotations

from .models import BatchInfo, is_final


def contradicts(known: BatchInfo, now: BatchInfo) -> bool:
    """Say whether two views cannot be of one batch.

    Ids start at 0 again when Livy restarts without recovery, and the name of a deleted batch is
    free. What a view leaves out contradicts nothing: some servers' first one has the id alone.
    """
    pairs = ((known.name, now.name), (known.owner, now.owner), (known.app_id, now.app_id))
    return known.id != now.id or any(a and b and a != b for a, b in pairs)


def is_another(known: BatchInfo, now: BatchInfo) -> bool:
    """Say whether a view is certainly of another batch than a view before it was.

    What has ended does not run again; a server that has just recovered may not know that yet.
    """
    runs_again = is_final(known.state) and now.state in {"starting", "running"}
    return runs_again or contradicts(known, now)

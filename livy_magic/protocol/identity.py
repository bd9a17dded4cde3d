"""Whether two of the server's views show one batch: ids and names are reused (design, part 4)."""

from __future__ import annotations

from .models import BatchInfo, is_final


def contradicts(known: BatchInfo, now: BatchInfo) -> bool:
    """Return whether two views cannot show one batch.

    Ids start at 0 again when Livy restarts without recovery, and the name of a deleted batch is
    free again. A missing value contradicts nothing: some servers' first view has only the id.
    """
    pairs = ((known.name, now.name), (known.owner, now.owner), (known.app_id, now.app_id))
    return known.id != now.id or any(a and b and a != b for a, b in pairs)


def is_another(known: BatchInfo, now: BatchInfo) -> bool:
    """Return whether a view certainly shows another batch than an earlier view.

    A batch that has ended never runs again, but a server that just recovered may not know its end.
    """
    runs_again = is_final(known.state) and now.state in {"starting", "running"}
    return runs_again or contradicts(known, now)

"""Whether two of the server's views show one batch: ids and names are reused (design, part 4)."""

from __future__ import annotations

from .models import BatchInfo, is_final, is_same_id


def contradicts(known: BatchInfo, now: BatchInfo) -> bool:
    """Return whether two views cannot show one batch.

    Ids start at 0 again when Livy restarts without recovery, and the name of a deleted batch is
    free again. A missing value contradicts nothing: some servers' first view has only the id, and
    one without it goes by its name.
    """
    pairs = ((known.name, now.name), (known.owner, now.owner), (known.app_id, now.app_id))
    by_name = known.id == known.name or now.id == now.name
    other_id = known.id != now.id and not by_name and not is_same_id(known.id, now.id)
    return other_id or any(a and b and a != b for a, b in pairs)


def is_another(known: BatchInfo, now: BatchInfo) -> bool:
    """Return whether a view certainly shows another batch than an earlier view.

    A batch that has ended never runs again, but a server that just recovered may not know its end.
    """
    runs_again = is_final(known.state) and now.state in {"starting", "running"}
    return runs_again or contradicts(known, now)

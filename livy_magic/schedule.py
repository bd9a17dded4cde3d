"""How often a server is looked at: pure functions of what is known, and a clock's seconds."""

from __future__ import annotations

import random

from .logs import LIVY_KEEPS

YOUNG = 10.0  # seconds in which a batch changes fast
SHORTEST, USUAL, LONGEST = 0.25, 0.5, 10.0  # seconds between two looks: young, not so young, old
LOOKED_AT = 2.0  # at most, while a person looks
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0


def interval(youngest_age: float, looked_at: bool, flow: float = 0.0) -> float:
    """Return the seconds between two looks at a healthy server.

    Args:
        youngest_age: Seconds since the youngest of the watched batches was submitted.
        looked_at: Whether a person looks at one of them: an open log, a visible panel.
        flow: Lines a second of the busiest log, which must not slide past between two looks.
    """
    if youngest_age < YOUNG:
        return SHORTEST
    pause = min(max(0.02 * youngest_age, USUAL), LONGEST)
    if looked_at:
        pause = min(pause, LOOKED_AT)
    if flow:
        pause = max(min(pause, LIVY_KEEPS / 2 / flow), SHORTEST)
    return pause


def backoff(failures: int, retry_after: float | None, rng: random.Random) -> float:
    """Return the seconds to leave a server alone after so many failures in a row.

    Jittered, so that many notebooks do not come back to a server at the same moment.

    Args:
        failures: Rounds without any answer, at least 1.
        retry_after: Seconds that the server asked to wait, when it did: never less than that.
        rng: Where the jitter comes from.
    """
    longest = min(FIRST_BACKOFF * 2.0 ** min(failures, 10), LONGEST_BACKOFF)
    asked = (retry_after or 0.0) * rng.uniform(1.0, 1.2)
    return max(rng.uniform(longest / 2, longest), asked)

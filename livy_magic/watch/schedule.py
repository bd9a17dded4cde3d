"""How often a server is looked at: pure functions of what is known, and a clock's seconds."""

from __future__ import annotations

import math
import random

YOUNG = 10.0  # seconds in which a batch changes fast
MINUTE = 60.0  # seconds in which people still wait for the end
SHORTEST, USUAL, LONGEST = 0.25, 0.5, 9.5  # seconds between two looks: young, not so young, old
SHARE = 0.018  # of a batch's age; with the look itself, its end is seen within 2 %
UNAWAITED = 3.0  # times as long, while nobody waits: a thousand notebooks may share a server
LOOKED_AT, LOOKED_AT_OLD = 2.0, 5.0  # seconds at most, while a person looks; at a batch of 1,000 s
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0
# Seconds that a server may ask for: Livy forgets a batch 600 s after its end, and who stays away for
# as long never sees it.
LONGEST_ASKED = 300.0
RUNNING_A_SECOND = 500.0  # batches that may run for each second between two looks at the list
LONGEST_LOG_PAUSE = 60.0
LOGS_A_SECOND = 10.0  # that are read while nobody looks at them


def interval(
    youngest_age: float, *, awaited: bool, looked_at: bool, turnover: float = math.inf
) -> float:
    """Return the seconds between two looks at a healthy server.

    Args:
        youngest_age: Seconds since the youngest of the watched batches was submitted.
        awaited: Whether somebody waits for the end of one of them.
        looked_at: Whether a person looks at one of them: an open log, a visible panel.
        turnover: Seconds in which the busiest log fills its window, and then loses lines.
    """
    if youngest_age < YOUNG:
        return SHORTEST
    pause = USUAL if youngest_age < MINUTE else min(SHARE * youngest_age, LONGEST)
    if not awaited:
        pause *= UNAWAITED
    if looked_at:
        pause = min(pause, list_pause(youngest_age))
    return max(min(pause, turnover / 2), SHORTEST)


def list_pause(quiet: float, running: int = 0) -> float:
    """Return the seconds between two looks at what a person looks at.

    Args:
        quiet: Seconds in which nothing changed.
        running: Batches that run on the server: where there are many, many others look at them, too.
    """
    return max(LOOKED_AT, min(max(0.005 * quiet, running / RUNNING_A_SECOND), LOOKED_AT_OLD))


def log_pause(age: float, watched: int) -> float:
    """Return the seconds between two readings of a log that nobody looks at and that is in no danger.

    Args:
        age: Seconds since the batch was submitted.
        watched: How many batches are watched.
    """
    return max(LOOKED_AT, min(0.1 * age, LONGEST_LOG_PAUSE), watched / LOGS_A_SECOND)


def backoff(failures: int, retry_after: float | None, rng: random.Random) -> float:
    """Return the seconds to leave a server alone after so many failures in a row.

    Jittered, so that many notebooks do not come back to a server at the same moment.

    Args:
        failures: Rounds without any answer, at least 1.
        retry_after: Seconds that the server asked to wait, when it did: never less than that, up to
            five minutes.
        rng: Where the jitter comes from.
    """
    longest = min(FIRST_BACKOFF * 2.0 ** min(failures, 10), LONGEST_BACKOFF)
    asked = min(retry_after or 0.0, LONGEST_ASKED) * rng.uniform(1.0, 1.2)
    return max(rng.uniform(longest / 2, longest), asked)

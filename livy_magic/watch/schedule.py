"""The polling intervals, in seconds: pure functions of ages and counts."""

from __future__ import annotations

import math
import random

YOUNG = 10.0  # age in seconds up to which a batch changes fast
MINUTE = 60.0  # age in seconds up to which people still wait for the end
SHORTEST, USUAL, LONGEST = 0.25, 0.5, 9.5  # seconds between polls: young, up to a minute, old
SHARE = 0.018  # of a batch's age: with the poll itself, its end is seen within 2 % of that
UNAWAITED = 3.0  # factor if nobody waits, since a thousand notebooks may share a server
LOOKED_AT, LOOKED_AT_OLD = 2.0, 5.0  # seconds between polls for a viewer; after 1,000 s of quiet
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0  # seconds
# The longest Retry-After that is obeyed, in seconds: Livy forgets a batch 600 s after its end, so a
# longer pause could miss the end.
LONGEST_ASKED = 300.0
RUNNING_A_SECOND = 500.0  # running batches for each second between polls of the list
LONGEST_LOG_PAUSE = 60.0  # seconds
LOGS_A_SECOND = 10.0  # logs without a viewer to read in each second


def interval(
    youngest_age: float, *, awaited: bool, looked_at: bool, turnover: float = math.inf
) -> float:
    """Return the seconds between two polls of a healthy server.

    Args:
        youngest_age: Seconds since the youngest watched batch was submitted.
        awaited: Whether somebody waits for the end of a watched batch.
        looked_at: Whether a person views a watched batch: in an open log, or a visible panel.
        turnover: Seconds in which the busiest log fills its window, and starts to lose lines.
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
    """Return the seconds between two polls of something that a person views.

    Args:
        quiet: Seconds since the last change.
        running: Number of running batches: if there are many, many other people view them, too.
    """
    return max(LOOKED_AT, min(max(0.005 * quiet, running / RUNNING_A_SECOND), LOOKED_AT_OLD))


def log_pause(age: float, watched: int) -> float:
    """Return the seconds between two reads of a log that nobody views and that loses no lines.

    Args:
        age: Seconds since the batch was submitted.
        watched: Number of watched batches.
    """
    return max(LOOKED_AT, min(0.1 * age, LONGEST_LOG_PAUSE), watched / LOGS_A_SECOND)


def backoff(failures: int, retry_after: float | None, rng: random.Random) -> float:
    """Return the seconds to wait before the next poll after failures in a row.

    The time is jittered, so that many notebooks do not return to a server at the same moment.

    Args:
        failures: Number of rounds without any answer, at least 1.
        retry_after: Seconds that the server asked to wait, or None; obeyed up to five minutes.
        rng: The source of the jitter.
    """
    longest = min(FIRST_BACKOFF * 2.0 ** min(failures, 10), LONGEST_BACKOFF)
    asked = min(retry_after or 0.0, LONGEST_ASKED) * rng.uniform(1.0, 1.2)
    return max(rng.uniform(longest / 2, longest), asked)

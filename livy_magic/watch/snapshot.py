"""What is known of a batch at one moment.

"I cannot see the batch" and "the batch failed" never mix: what goes wrong while looking leaves the
last known state in place, and stands beside it as ``error``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..errors import LivyError
from ..protocol.models import BatchInfo, is_final
from ..redact import mask_url

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # without any, Python would print what is logged


@dataclass(frozen=True)
class Snapshot:
    """What is known of a batch at one moment. Times are seconds since the epoch.

    Attributes:
        info: What the server last said.
        first_seen: When it was submitted from here, or else first looked at.
        submitted: When it was submitted, if that was from here.
        ended: When its end was seen, if that was by watching.
        error: Why the last look failed. ``info`` is as it was at ``stale_since``.
        stale_since: When looking began to fail; set exactly when ``error`` is.
        log_error: Why the log cannot be read, though the state can.
        gone: The server no longer knows it; ``info`` has what was last seen.
        recalled: What is known comes from the history: the server had forgotten the batch before.
        stillborn: It still shows no sign of life: what Livy refuses after registering it looks so.
        waits: Why it has not begun, on the private Livy: ``waits for 2 other batches``; or nothing.
        lines: Lines of log captured so far.
        complete: No question to the server can add anything: not to the log either.
    """

    info: BatchInfo
    first_seen: float
    submitted: float | None = None
    ended: float | None = None
    error: LivyError | None = None
    stale_since: float | None = None
    log_error: LivyError | None = None
    gone: bool = False
    recalled: bool = False
    stillborn: bool = False
    waits: str = ""
    lines: int = 0
    complete: bool = False

    @property
    def done(self) -> bool:
        """Whether there is nothing to wait for: it has ended, or the server forgot it."""
        return self.gone or is_final(self.info.state)


def explained(failure: Exception) -> LivyError:
    """Return what a snapshot says of a failed look."""
    if isinstance(failure, LivyError):
        return failure
    _log.error("looking at a batch failed", exc_info=failure)
    return LivyError(f"looking at the batch failed: {mask_url(repr(failure))}")

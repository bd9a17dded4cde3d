"""The state of a batch at one moment.

"I cannot see the batch" and "the batch failed" never mix: a failed look leaves the last known state
unchanged, and is stored beside it as ``error``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..errors import LivyError
from ..protocol.models import BatchInfo, is_final
from ..redact import mask_url

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # without a handler, Python prints log records to stderr


@dataclass(frozen=True)
class Snapshot:
    """The state of a batch at one moment. Times are in seconds since the epoch.

    Attributes:
        info: The server's last view.
        first_seen: When it was submitted from here, else when it was first looked at.
        submitted: When it was submitted from here, or None.
        ended: When the watcher saw its end, or None.
        error: The error of the last look, or None; if set, ``info`` is from ``stale_since``.
        stale_since: When looks began to fail; None if ``error`` is None.
        log_error: The error of reading the log, if only that fails, or None.
        gone: Whether the server no longer knows it; ``info`` is then the last view.
        recalled: Whether all this is from the history, because the server had forgotten the batch.
        stillborn: Whether it still shows no sign of life, like one that Livy rejects after
            registering it.
        waits: Why the private Livy has not started it yet (``waits for 2 other batches``), or empty.
        lines: Number of log lines captured so far.
        complete: Whether no request can add anything, not even to the log.
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
        """Whether waiting is over: the batch has ended, or the server forgot it."""
        return self.gone or is_final(self.info.state)


def explained(failure: Exception) -> LivyError:
    """Return the error for a snapshot after a failed look; log an unforeseen one."""
    if isinstance(failure, LivyError):
        return failure
    _log.error("looking at a batch failed", exc_info=failure)
    return LivyError(f"looking at the batch failed: {mask_url(repr(failure))}")

"""What can go wrong, as one tree.

::

    LivyError
    ├── ConfigError        the settings make no usable connection
    ├── InvalidRequest     a field that Livy would reject or misread (a ValueError, too)
    ├── StagingError       a local file cannot be put where Livy can read it
    ├── LocalServerError   the private Livy cannot be started or used
    ├── HistoryError       the history of submissions cannot be read or changed
    ├── ServerError        the conversation with the server failed
    │   ├── Unreachable    no answer: refused, timed out, TLS, name look-up
    │   ├── Unauthorized   401 or 403: of Livy, of a filter before it, or of a gateway
    │   ├── NotFound       the server knows no such batch
    │   └── NotLivy        an answer that is none of Livy's: a login page, a redirect, broken JSON
    ├── NotSubmitted       a submission that provably started no batch
    ├── SubmitUnknown      a submission of which nobody can say whether it started a batch
    ├── BatchFailed        the batch ended without success
    ├── BatchGone          the server forgot the batch before its end was seen
    ├── WaitTimeout        the batch runs on, but the caller's patience ended (a TimeoutError, too)
    └── WaitInterrupted    a person stopped waiting; what was waited for goes on

"The batch failed" is only ever ``BatchFailed``; "I cannot see the batch" only ever a ``ServerError``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class LivyError(Exception):
    """Base of everything that livy_magic raises on purpose.

    The message is the cause in one line; further lines say what to do.
    """

    def _render_traceback_(self) -> list[str]:
        """Tell IPython to show the message instead of our stack."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(LivyError):
    """The settings do not add up to a connection."""


class InvalidRequest(LivyError, ValueError):
    """A request field has a value that Livy would reject, misread or choke on."""


class StagingError(LivyError):
    """A local file or a cell's code cannot be put where Livy can read it."""


class LocalServerError(LivyError):
    """The private Livy of this machine cannot be started, reached or stopped."""


class HistoryError(LivyError):
    """The history of submissions cannot be read or changed; submitting works without it."""


class ServerError(LivyError):
    """The server answered with an error, or not at all.

    Attributes:
        request: The request line, without credentials: ``GET http://host:8998/batches/7``.
        status: The HTTP status, or None when there was no answer.
        text: The server's own words, in one of five shapes on the wire (protocol, part 7).
        retry_after: Seconds the server asked to wait, when it did.
    """

    def __init__(
        self,
        message: str,
        *,
        request: str,
        status: int | None = None,
        text: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.request = request
        self.status = status
        self.text = text
        self.retry_after = retry_after


class Unreachable(ServerError):
    """There was no answer.

    Attributes:
        sent: False when the request provably never left (no connection was made); True when
            the server may have acted on it.
    """

    def __init__(self, message: str, *, request: str, sent: bool) -> None:
        super().__init__(message, request=request)
        self.sent = sent


class Unauthorized(ServerError):
    """The server does not accept who we say we are, or what they may do."""


class NotFound(ServerError):
    """The server knows no batch of that id or name."""


class NotLivy(ServerError):
    """Something answered, but not Livy."""


class NotSubmitted(LivyError):
    """The submission ended without a batch, and that is certain."""


class SubmitUnknown(LivyError):
    """The answer to the submission was lost, and the server does not show the batch.

    Attributes:
        name: The batch name under which it may still appear.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class BatchFailed(LivyError):
    """The batch ended without success.

    Attributes:
        batch: Its handle, a :class:`livy_magic.Batch`, with its log.
        lines: The last lines of what the program printed: where the cause is, usually.
    """

    def __init__(self, message: str, *, batch: Any, lines: Sequence[str] = ()) -> None:
        super().__init__("\n".join([message, *(f"  {line}" for line in lines)]))
        self.batch = batch
        self.lines = tuple(lines)


class BatchGone(LivyError):
    """The server no longer knows the batch, and its end was not seen.

    Attributes:
        last: What was last seen of it: a :class:`livy_magic.BatchInfo`.
    """

    def __init__(self, message: str, *, last: Any) -> None:
        super().__init__(message)
        self.last = last


class WaitTimeout(LivyError, TimeoutError):
    """Waiting ended before the batch did; the batch runs on."""


class WaitInterrupted(LivyError):
    """A person stopped waiting; the batches run on, and so does a private Livy's start."""

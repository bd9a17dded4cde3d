"""The exceptions of livy_magic, as one tree.

::

    LivyError
    ├── ConfigError        the settings do not describe a usable connection
    ├── InvalidRequest     a field or an argument that makes no sense here (also a ValueError)
    ├── StagingError       a local file cannot be put where Livy can read it
    ├── LocalServerError   the private Livy cannot be started or used
    ├── HistoryError       the history of submissions cannot be read or changed
    ├── ServerError        the server answered with an error, or not at all
    │   ├── Unreachable    no answer: refused, timed out, TLS, name look-up
    │   ├── Unauthorized   401 or 403 from Livy, from a filter in front of it, or from a gateway
    │   ├── NotFound       the server knows no such batch
    │   └── NotLivy        something else answered: a login page, a redirect, broken JSON
    ├── NotSubmitted       the submission provably started no batch
    ├── SubmitUnknown      the submission may or may not have started a batch
    ├── BatchFailed        the batch ended without success
    ├── BatchGone          the server forgot the batch before its end was seen
    ├── WaitTimeout        the time-out passed; the batch is still running (also a TimeoutError)
    └── WaitInterrupted    a person stopped waiting; the batch is still running

"The batch failed" is always ``BatchFailed``; "I cannot see the batch" is always a ``ServerError``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class LivyError(Exception):
    """Base class of every exception that livy_magic raises on purpose.

    The first line of the message gives the cause; further lines say what to do.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # By itself, an exception is rebuilt in another process from its message alone.
        return _restored, (type(self), self.args, self._kept())

    def _kept(self) -> dict[str, Any]:
        """Return the attributes that go along to another process."""
        return vars(self)

    def _render_traceback_(self) -> list[str]:
        """Return the message, which IPython then shows instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(LivyError):
    """The settings do not describe a usable connection."""


class InvalidRequest(LivyError, ValueError):
    """A request field has a value that Livy would reject, misread or fail on."""


class StagingError(LivyError):
    """A local file or a cell's code cannot be put where Livy can read it."""


class LocalServerError(LivyError):
    """The private Livy on this machine cannot be started, reached or stopped."""


class HistoryError(LivyError):
    """The history of submissions cannot be read or changed; submitting works without it."""


class ServerError(LivyError):
    """The server answered with an error, or not at all.

    Attributes:
        request: The request line, without credentials: ``GET http://host:8998/batches/7``.
        status: The HTTP status, or None if there was no answer.
        text: The server's own message, which it sends in one of five forms (protocol, part 7).
        retry_after: The seconds to wait that the server asked for, or None.
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
    """The server did not answer.

    Attributes:
        sent: False if the request was provably never sent (no connection was made); True if the
            server may have acted on it.
    """

    def __init__(self, message: str, *, request: str, sent: bool) -> None:
        super().__init__(message, request=request)
        self.sent = sent


class Unauthorized(ServerError):
    """The server rejected the credentials, or the user lacks the permission."""


class NotFound(ServerError):
    """The server knows no batch with that id or name."""


class NotLivy(ServerError):
    """Something answered, but not Livy."""


class NotSubmitted(LivyError):
    """The submission provably started no batch."""


class SubmitUnknown(LivyError):
    """The answer to the submission was lost, and the server does not show the batch.

    Attributes:
        name: The name under which the batch may still appear.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class BatchFailed(LivyError):
    """The batch ended without success.

    Attributes:
        batch: The batch's handle, a :class:`livy_magic.Batch`, with its log.
        lines: The last lines that the program printed, which usually hold the cause.
    """

    def __init__(self, message: str, *, batch: Any, lines: Sequence[str] = ()) -> None:
        super().__init__("\n".join([message, *(f"  {line}" for line in lines)]))
        self.batch = batch
        self.lines = tuple(lines)

    def _kept(self) -> dict[str, Any]:
        return vars(self) | {"batch": None}  # a handle stays in its process


class BatchGone(LivyError):
    """The server forgot the batch before its end was seen.

    Attributes:
        last: The last known view of the batch, a :class:`livy_magic.BatchInfo`.
    """

    def __init__(self, message: str, *, last: Any) -> None:
        super().__init__(message)
        self.last = last


class WaitTimeout(LivyError, TimeoutError):
    """The time-out passed before the batch ended; the batch is still running."""


class WaitInterrupted(LivyError):
    """A person stopped waiting; the batches keep running, and a private Livy keeps starting."""


def _restored(kind: type[LivyError], arguments: tuple[Any, ...], kept: dict[str, Any]) -> LivyError:
    error = kind.__new__(kind, *arguments)
    vars(error).update(kept)
    return error

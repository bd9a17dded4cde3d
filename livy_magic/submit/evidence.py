"""What answers prove about a submission: that it started no batch, or which batch is its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal, TypeAlias

from ..errors import NotFound, NotLivy, ServerError, Unreachable
from ..protocol.client import GATEWAY, LivyClient
from ..protocol.models import BatchId, BatchInfo
from .names import is_unique

# What an error answer to a POST proves:
#   unsent     the request never arrived
#   busy       the server accepts no more batches at present, and started none
#   duplicate  another batch has the name, and no second one was started
#   refused    no batch was started, but Livy may have left an entry in its list
#   elsewhere  little: the answer redirects, and a server may have got the request before
#   unclear    nothing: a server may have got the request before the answer was lost
Verdict: TypeAlias = Literal["unsent", "busy", "duplicate", "refused", "elsewhere", "unclear"]

AFTER_REGISTERING = (HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR)
_NAMES_ARE_UNIQUE_SINCE = (0, 7, 1)
# These ask for the same request at another URL, so it was not acted upon (RFC 9110, 15.4.8, 15.4.9).
_NOT_HERE = (HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
# Usually a login page. But 303 may follow a request that was acted upon, and so, in older practice,
# may the others (RFC 9110, 15.4.2 to 15.4.4). nginx can turn its own time-out into a 302.
_ELSEWHERE = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER)
# Statuses of 4xx from gateways that passed the request on and got no answer, or whose client left:
# 460 is AWS's, 499 nginx's. 408 and 424 are defined otherwise, but gateways use them so.
_GAVE_UP = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.FAILED_DEPENDENCY, 460, 499)
# Statuses of 5xx that mean: neither acted upon nor passed on (RFC 9110, 15.6.2, 15.6.6; RFC 6585, 6).
_NOT_TAKEN = (
    HTTPStatus.NOT_IMPLEMENTED,
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
    HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED,
)
# Livy's 500 has an exception's message; a gateway's has a page, or nothing (protocol, part 7).
_EXCEPTION = re.compile(r"[a-z]\w*(\.[\w$]+)+(Exception|Error)\b")


def verdict(answer: ServerError) -> Verdict:
    """Return what an error answer to a POST proves (protocol, parts 1 and 6)."""
    if isinstance(answer, Unreachable):
        return "unclear" if answer.sent else "unsent"
    status = answer.status or 0
    if status in _NOT_HERE or status in _NOT_TAKEN:
        return "refused"
    if status in _ELSEWHERE:
        return "elsewhere"
    if status < HTTPStatus.BAD_REQUEST or status in _GAVE_UP:  # a login page, half an answer
        return "unclear"
    if "Duplicate session name" in answer.text or status == HTTPStatus.CONFLICT:
        return "duplicate"
    if (
        status == HTTPStatus.TOO_MANY_REQUESTS
        or "too many sessions are being created" in answer.text
    ):
        return "busy"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not _EXCEPTION.match(answer.text):
        return "unclear"
    return "refused"


def by_name(client: LivyClient, name: str) -> BatchInfo | None:
    """Return the batch with this name, or None if the server lists none.

    Raises:
        ServerError: The server did not answer the question.
    """
    try:
        return client.batch(name)
    except NotFound:
        return None


def is_mine(found: BatchInfo, name: str, user: str | None, held: Sequence[BatchId]) -> bool:
    """Return whether a batch found by a submission's name is certainly that submission's.

    Args:
        found: The batch.
        name: The name.
        user: The user name on the server, or None if it is not known.
        held: Ids of batches that had the name before.
    """
    return found.id not in held and (is_unique(name) or found.owner in {None, user})


def is_unborn(found: BatchInfo) -> bool:
    """Return whether a batch shows no sign of life: not even the log's section markers."""
    return found.state == "starting" and not found.log


def is_away(failure: ServerError) -> bool:
    """Return whether the server is down, as during a restart."""
    return (isinstance(failure, Unreachable) and not failure.sent) or failure.status in GATEWAY


def has_unique_names(client: LivyClient) -> bool:
    """Return whether the server keeps names unique, as only Livy does since 0.7.1.

    Other servers with its API have no ``/version``, or one that is not in numbers.

    Raises:
        ServerError: The server did not answer the question.
    """
    try:
        numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", client.version())
    except NotLivy as answer:
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        raise
    return numbers is not None and tuple(map(int, numbers.groups())) >= _NAMES_ARE_UNIQUE_SINCE

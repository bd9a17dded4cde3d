"""What answers prove of a submission: that nothing was started, or which batch is the one."""

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
#   unsent     nobody got it
#   busy       the server takes no more batches now, and started none
#   duplicate  the name is held, and no second batch was started
#   refused    nothing was started; what Livy had registered may be left in its list
#   unclear    nothing: whoever answered, or did not, may have passed it on before
Verdict: TypeAlias = Literal["unsent", "busy", "duplicate", "refused", "unclear"]

AFTER_REGISTERING = (HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR)
_NAMES_ARE_UNIQUE_SINCE = (0, 7, 1)
# Livy answers 500 with an exception's own words; a gateway has a page, or nothing (protocol, part 7).
_EXCEPTION = re.compile(r"[a-z]\w*(\.[\w$]+)+(Exception|Error)\b")


def verdict(answer: ServerError) -> Verdict:
    """Return what an error answer to a POST proves (protocol, parts 1 and 6)."""
    if isinstance(answer, Unreachable):
        return "unclear" if answer.sent else "unsent"
    status = answer.status or 0
    if status < HTTPStatus.BAD_REQUEST:  # a login page, a redirect, half an answer
        return "unclear"
    if "Duplicate session name" in answer.text:
        return "duplicate"
    if (
        status == HTTPStatus.TOO_MANY_REQUESTS
        or "too many sessions are being created" in answer.text
    ):
        return "busy"
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return "unclear"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not _EXCEPTION.match(answer.text):
        return "unclear"
    return "refused"


def by_name(client: LivyClient, name: str) -> BatchInfo | None:
    """Return the batch of this name, if the server lists one.

    Raises:
        ServerError: Nobody can say, this time.
    """
    try:
        return client.batch(name)
    except NotFound:
        return None


def is_mine(found: BatchInfo, name: str, user: str | None, held: Sequence[BatchId]) -> bool:
    """Say whether a batch found by a submission's name is certainly that submission's.

    Args:
        found: The batch.
        name: The name.
        user: Who one is on the server, if that is known.
        held: Ids of batches that had the name before.
    """
    return found.id not in held and (is_unique(name) or found.owner in {None, user})


def is_unborn(found: BatchInfo) -> bool:
    """Say whether it shows no sign of life: not even the log's section markers."""
    return found.state == "starting" and not found.log


def is_away(failure: ServerError) -> bool:
    """Say whether nobody is there to answer, as while the server starts again."""
    return (isinstance(failure, Unreachable) and not failure.sent) or failure.status in GATEWAY


def has_unique_names(client: LivyClient) -> bool:
    """Say whether the server never has two batches of one name: Livy itself, and not an old one.

    Other servers that speak its API have no ``/version``, or none in numbers.

    Raises:
        ServerError: Nobody can say, this time.
    """
    try:
        numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", client.version())
    except NotLivy as answer:
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        raise
    return numbers is not None and tuple(map(int, numbers.groups())) >= _NAMES_ARE_UNIQUE_SINCE

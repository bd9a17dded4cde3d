"""Prepares a request: adds defaults, a name and URIs that Livy can read; then sends the uploads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from ..errors import InvalidRequest, LivyError, NotSubmitted
from ..files import working_folder
from ..history import Entry
from ..local import LocalServer
from ..progress import Report
from ..protocol import fields
from ..protocol.models import POST_FIELDS, BatchInfo, BatchRequest, is_final
from ..redact import MASK
from ..staging.folder import Staging, Upload
from ..staging.paths import StageMode, resolve
from .names import another, unique

IfExists: TypeAlias = Literal["fail", "attach", "replace", "rename"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """The content of a submission; nothing has been sent yet.

    Attributes:
        request: The request with all defaults, a name, and URIs that Livy can read.
        uploads: The uploads to stage before the POST.
        given: The original request, without these additions.
        if_exists: The argument of :meth:`Livy.submit`; so are ``stage`` and ``defaults``.
    """

    request: BatchRequest
    uploads: tuple[Upload, ...]
    given: BatchRequest
    if_exists: IfExists = "fail"
    stage: StageMode = "auto"
    defaults: bool = True


class Planner:
    """Prepares requests for one server.

    Args:
        staging: The server's staging folder, or None.
        private: The private server, if this is it, or None.
        defaults: Field values by Python name for the fields that a request leaves unset.
    """

    def __init__(
        self, staging: Staging | None, private: LocalServer | None, defaults: Mapping[str, Any]
    ) -> None:
        self._staging = staging
        self._private = private
        self._defaults = defaults
        self._tidied = False

    def complete(self, request: BatchRequest, *, defaults: bool) -> BatchRequest:
        """Return the request with the private server's properties and the profile's defaults.

        Raises:
            InvalidRequest: ``request`` is not a BatchRequest.
            LocalServerError: The folder in which the private server should work was removed.
        """
        if not isinstance(request, BatchRequest):
            what = f"a {type(request).__name__} is not a BatchRequest"
            raise InvalidRequest(f"{what}; for example BatchRequest(file='hdfs:///jobs/etl.py')")
        layers: list[Mapping[str, Any]] = []
        if self._private is not None:
            layers.append({"conf": self._private.submission_conf()})
        if defaults:
            layers.append(self._defaults)
        layers.append(
            {f.name: v for f in POST_FIELDS if (v := getattr(request, f.name)) is not None}
        )
        return BatchRequest(**fields.merged(*layers), extra=request.extra)

    def resolved(
        self, request: BatchRequest, stage: StageMode, progress: Report
    ) -> tuple[BatchRequest, tuple[Upload, ...]]:
        """Return the request with a name, and URIs for paths and code; and the uploads for these.

        Raises:
            InvalidRequest: A local file does not exist.
            StagingError: Something must be staged, but no staging folder is configured.
        """
        check_choice("stage", stage, get_args(StageMode))
        if request.name is None:
            request = request.replace(name=unique(request.file))
        return resolve(
            request,
            self._staging,
            mode=stage,
            private=self._private is not None,
            folder=working_folder(),
            report=progress,
        )

    def send(self, uploads: Sequence[Upload], progress: Report) -> None:
        """Send the uploads; the first time, also remove old staged files in the background.

        Raises:
            StagingError: A file cannot be sent.
        """
        if not uploads:
            return
        assert self._staging is not None
        for upload in uploads:
            self._staging.send(upload, progress)
        if not self._tidied:
            self._tidied = True
            threading.Thread(target=_tidy, args=[self._staging], daemon=True).start()


def check_choice(what: str, choice: object, known: tuple[str, ...]) -> None:
    """Check that a word is one of the known choices.

    Raises:
        InvalidRequest: It is not; the message lists the choices.
    """
    if not isinstance(choice, str) or choice not in known:
        raise InvalidRequest(f"{what}: {choice!r} is none of {', '.join(known)}")


def with_free_name(
    request: BatchRequest, holder: BatchInfo, if_exists: IfExists, *, mine: bool
) -> BatchRequest:
    """Return the request under a name that it can use, although another batch has its name.

    Args:
        request: A request with a name.
        holder: The batch with that name.
        if_exists: See :meth:`Livy.submit`. For ``replace``, the name stays: the caller must then
            remove the holder.
        mine: Whether the holder is the user's own batch.

    Raises:
        NotSubmitted: ``if_exists`` does not permit the use of the name.
    """
    assert request.name is not None
    if if_exists in {"rename", "attach"}:
        return request.replace(name=another(request.name))
    if if_exists == "replace" and mine and is_final(holder.state):
        return request
    why = "; only a finished batch of your own can be replaced" if if_exists == "replace" else ""
    raise NotSubmitted(
        f"the name {request.name!r} is held by batch {holder.id} "
        f"({holder.owner or 'no owner'}, {holder.state}){why}\n"
        "Choose with if_exists (--if-exists): attach, replace or rename; or give another name."
    )


def runs_the_same(sent: BatchRequest, known: Plan | None, recorded: Entry | None) -> bool:
    """Return whether a batch certainly runs the same as a request would.

    Args:
        sent: The request, as it would be sent.
        known: The batch's plan, if this kernel submitted it, or None.
        recorded: The batch's entry in the history, with secrets masked, or None.
    """
    if known is not None:
        return known.request == sent
    # A masked secret cannot be compared.
    return recorded is not None and recorded.body == sent.shown() and MASK not in str(recorded.body)


def _tidy(staging: Staging) -> None:
    try:
        staging.remove_old()
    except LivyError:
        _log.warning("old staged files could not be removed", exc_info=True)

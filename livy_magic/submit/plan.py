"""From a request to what is sent: defaults, a name, and URIs that Livy can read; then the uploads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from ..errors import InvalidRequest, LivyError, NotSubmitted
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
    """What a submission would send: nothing has been sent yet.

    Attributes:
        request: The request with every default, its name, and URIs that Livy can read.
        uploads: What has to be staged before.
        given: The request as it was given, without all that.
        if_exists: As :meth:`Livy.submit` was told; so are ``stage`` and ``defaults``.
    """

    request: BatchRequest
    uploads: tuple[Upload, ...]
    given: BatchRequest
    if_exists: IfExists = "fail"
    stage: StageMode = "auto"
    defaults: bool = True


class Planner:
    """Makes requests ready for one server.

    Args:
        staging: Where files are put for it, if there is such a place.
        private: The private server, if it is that.
        defaults: Field values by Python name for what a request leaves unset.
    """

    def __init__(
        self, staging: Staging | None, private: LocalServer | None, defaults: Mapping[str, Any]
    ) -> None:
        self._staging = staging
        self._private = private
        self._defaults = defaults
        self._tidied = False

    def complete(self, request: BatchRequest, *, defaults: bool) -> BatchRequest:
        """Return the request with what the private server and the profile add to it.

        Raises:
            LocalServerError: The private server is to work in this folder, which was removed.
        """
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
        """Return the request under a name, with URIs for paths and code, and what to send for them.

        Raises:
            InvalidRequest: A local file does not exist.
            StagingError: There is something to stage, and no place configured.
        """
        check_choice("stage", stage, get_args(StageMode))
        if request.name is None:
            request = request.replace(name=unique(request.file))
        return resolve(
            request,
            self._staging,
            mode=stage,
            private=self._private is not None,
            folder=Path.cwd(),
            report=progress,
        )

    def send(self, uploads: Sequence[Upload], progress: Report) -> None:
        """Send what is to be staged; the first time, remove old files while nobody waits for it.

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


def check_choice(what: str, choice: str, known: tuple[str, ...]) -> None:
    """Refuse a word that is none of those known.

    Raises:
        InvalidRequest: It says which words there are.
    """
    if choice not in known:
        raise InvalidRequest(f"{what}: {choice!r} is none of {', '.join(known)}")


def with_free_name(
    request: BatchRequest, holder: BatchInfo, if_exists: IfExists, *, mine: bool
) -> BatchRequest:
    """Return the request under a name that it can have, now that another batch has its own.

    Args:
        request: It has a name.
        holder: The batch of that name.
        if_exists: See :meth:`Livy.submit`. To ``replace``, the name stays: the holder has to go.
        mine: Whether the holder is a batch of one's own.

    Raises:
        NotSubmitted: The name is not to be had that way.
    """
    assert request.name is not None
    if if_exists in {"rename", "attach"}:
        return request.replace(name=another(request.name))
    if if_exists == "replace" and mine and is_final(holder.state):
        return request
    why = "; only a finished batch of one's own is replaced" if if_exists == "replace" else ""
    raise NotSubmitted(
        f"the name {request.name!r} is held by batch {holder.id} "
        f"({holder.owner or 'no owner'}, {holder.state}){why}\n"
        "Choose with if_exists (--if-exists): attach, replace or rename; or give another name."
    )


def runs_the_same(sent: BatchRequest, known: Plan | None, recorded: Entry | None) -> bool:
    """Say whether a batch certainly runs what a request would.

    Args:
        sent: The request, as it would be sent.
        known: What this kernel submitted for that batch, if it did.
        recorded: What the history has of it, secrets masked, if it was submitted from here.
    """
    if known is not None:
        return known.request == sent
    # With a secret in it, nobody can say whether it is the same.
    return recorded is not None and recorded.body == sent.shown() and MASK not in str(recorded.body)


def _tidy(staging: Staging) -> None:
    try:
        staging.remove_old()
    except LivyError:
        _log.warning("old staged files could not be removed", exc_info=True)

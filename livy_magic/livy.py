"""The composition root: ``Livy`` joins settings, client, staging, watcher and private server."""

from __future__ import annotations

import fnmatch
import getpass
import operator
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from types import NoneType
from typing import Any, TypeAlias, get_args
from weakref import WeakValueDictionary

from requests.auth import AuthBase

from . import local
from .batch import Batch
from .errors import BatchGone, ConfigError, InvalidRequest, LivyError, NotFound
from .files import working_folder
from .history import Entry, History, Intent, current, recorder
from .progress import Patient, Report, silent
from .protocol import fields
from .protocol.client import LivyClient
from .protocol.field_types import Count
from .protocol.identity import is_another
from .protocol.models import BatchId, BatchInfo, BatchRequest, argument, is_final
from .redact import mask_url
from .settings import Settings, arguments, profiles
from .settings import load as load_settings
from .settings.auth import build as build_auth
from .spelling import nearest
from .staging.folder import Staging
from .staging.paths import StageMode
from .submit.evidence import by_name
from .submit.orphans import settle_in_background
from .submit.plan import IfExists, Plan, Planner, check_choice, runs_the_same, with_free_name
from .submit.submission import nothing_yet, runs_on, submit
from .watch.watcher import Watcher

_Identity: TypeAlias = tuple[BatchId, str | None, str | None]  # id, name, owner


class Livy:
    """A Livy server, with the authentication and the staging folder to use for it.

    ``Livy.connect()`` reads all of this from the settings; the constructor takes it as arguments.

    Args:
        url: Livy's URL.
        auth: Any requests auth object.
        user: The user name on the server: the owner of the user's batches, and the name of the
            user's folder in the staging folder.
        staging: fsspec URL of a folder that Livy's Spark can read.
        staging_as: The URL under which Spark sees that folder, if it is another.
        staging_options: fsspec's storage options for that folder.
        defaults: Field values by Python name for every request that leaves them unset.
        connection: Further arguments of :class:`~livy_magic.protocol.client.LivyClient`.

    Raises:
        ConfigError: ``staging_as`` is not a URI.

    Attributes:
        settings: The settings that :meth:`connect` found, with their origins, or None.
        target: The URL, profile or ``local`` that the caller of :meth:`connect`, or ``%config``,
            asked for; else None.
    """

    def __init__(
        self,
        url: str,
        *,
        auth: AuthBase | None = None,
        user: str | None = None,
        staging: str | None = None,
        staging_as: str | None = None,
        staging_options: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
        **connection: Any,
    ) -> None:
        self.url = arguments.read_url(url)
        self.user = user = arguments.read("user", user)
        self.auth = auth = arguments.read_auth(auth)
        connection = arguments.read_connection(connection)
        self.connection = connection
        self.target: str | None = None
        self.client = LivyClient(self.url, auth=auth, **connection)
        self.watcher = Watcher(self.client, may_return=self.is_current)
        self.staging: Staging | None = None
        if staging is not None:
            self.staging = Staging(
                arguments.read("staging", staging),
                user=user or getpass.getuser(),
                seen_as=arguments.read("staging_as", staging_as),
                options=arguments.read("staging_options", staging_options) or {},
            )
        self.settings: Settings | None = None
        self.private: local.LocalServer | None = None
        self._defaults = fields.read(arguments.read("defaults", defaults) or {}, where="default")
        self._has_settled_orphans = False
        self._newest: BatchInfo | None = None  # the last batch submitted from here
        self._handles: WeakValueDictionary[BatchId, Batch] = WeakValueDictionary()
        self._shown: dict[BatchId, BatchInfo] = {}  # the batch that each id last meant here
        # Not by id alone: ids start again when a server restarts without recovery.
        self._plans: dict[_Identity, Plan] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        raise LivyError(
            "a Livy stays in its process; call Livy.connect(), or Livy(…), in the other one"
        )

    def __repr__(self) -> str:
        return f"Livy({mask_url(self.url)!r})"

    @classmethod
    def connect(
        cls,
        target: str | None = None,
        *,
        overrides: Mapping[str, object] | None = None,
        report: Callable[[str], None] | None = print,
    ) -> Livy:
        """Return the server that the settings name; if they name none, a private one.

        Args:
            target: A URL, the name of a profile, or ``local`` for the private server.
            overrides: Settings that win over environment and files.
            report: Receives a line of progress if something takes longer than two seconds.

        Raises:
            ConfigError: The settings do not describe a usable connection.
            LocalServerError: The private server does not start.
        """
        if not isinstance(target, (str, NoneType)):
            raise ConfigError(
                f"a {type(target).__name__} names no server; write a URL, a profile's name, or local"
            )
        settings = load_settings(target, overrides=overrides or {})
        livy = (
            cls._configured(settings) if settings.url else cls._private(settings, report or silent)
        )
        livy.settings = settings
        chosen = target or (overrides or {}).get("profile") or (overrides or {}).get("url")
        livy.target = str(chosen) if chosen else None
        livy._settle_orphans()  # noqa: SLF001 -- of the same class
        return livy

    @classmethod
    def _configured(cls, settings: Settings) -> Livy:
        assert settings.url is not None
        return cls(
            settings.url,
            auth=build_auth(settings.auth, settings.url),
            user=settings.user,
            staging=settings.staging,
            staging_as=settings.staging_as,
            staging_options=settings.staging_options,
            defaults=settings.defaults,
            headers=settings.headers,
            verify=settings.verify,
            cert=settings.cert,
            proxies=settings.proxies,
            timeout=settings.timeout,
        )

    @classmethod
    def _private(cls, settings: Settings, report: Report) -> Livy:
        if local.find() is None and settings.origins["url"] == "default":
            known = ", ".join(profiles())
            aside = f" (none of the profiles {known} is the default)" if known else ""
            report(f"No Livy server is configured{aside}: starting a private one.")
        server = local.start(report=report)
        livy = cls(
            server.url,
            auth=server.auth,
            user=getpass.getuser(),
            staging=server.staging,
            defaults=settings.defaults,
            timeout=settings.timeout,
        )
        livy.private = server
        return livy

    @property
    def place(self) -> str:
        """The server's name in the history: its URL without secrets; ``local`` if it is private.

        The private server gets another port at each start, so its URL would not serve.
        """
        return "local" if self.private is not None else mask_url(self.url)

    @cached_property
    def _planner(self) -> Planner:
        return Planner(self.staging, self.private, self._defaults)

    @property
    def history(self) -> History:
        """The history of this user's submissions."""
        return current()

    @cached_property
    def version(self) -> str:
        """The server's version, such as ``0.7.1-incubating``; requested once.

        Raises:
            ServerError: The server does not answer the request.
        """
        return self.client.version()

    def is_current(self) -> bool:
        """Return whether the server is still the same: a private one may have stopped meanwhile."""
        return self.private is None or self.private == local.find()

    def close(self) -> None:
        """Stop watching; batches keep running, and so does a private server."""
        self.watcher.stop()

    # -- existing batches -------------------------------------------------------------------------

    def batch(self, key: BatchId | Batch) -> Batch:
        """Return the batch with this id or name; if the server forgot it, from the history.

        Ids start at 0 again when Livy restarts without recovery. An id means the batch that it was
        last shown as here, else the last one submitted from here with that id, until
        :meth:`batches` has shown it as another batch.

        Args:
            key: An id or a name; a :class:`Batch` is asked for anew.

        Raises:
            InvalidRequest: ``key`` is neither an id, a name nor a batch.
            NotFound: Neither the server nor the history has such a batch.
            BatchGone: The id belongs to another batch now.
            HistoryError: The history has the batch, but its log cannot be read.
            ServerError: The server does not answer the request.
        """
        key = _batch_id(key)
        try:
            info = self.client.batch(key)
        except NotFound as problem:
            entry = self.history.recall(self.place, key)
            if entry is not None:
                return self.recalled(entry)
            raise NotFound(
                f"Livy knows no batch {key!r}{nearest(str(key), self.known_names())}\n"
                "It forgets one about ten minutes after its end, or when it is killed;"
                " %livy_batches lists those it knows.",
                request=problem.request,
                status=problem.status,
                text=problem.text,
            ) from None
        meant = info if info.name == key else self._meant_by(info)
        if not is_another(meant, info):
            batch = self.handle(info)
            batch.keep_current()
            return batch
        entry = self.remembered(meant)
        if entry is not None:
            return self.recalled(entry)
        raise BatchGone(
            f"batch {meant.label} is gone, and {info.id} is another batch now\n"
            "%livy_batches lists those that are there.",
            last=meant,
        )

    def _meant_by(self, info: BatchInfo) -> BatchInfo:
        """Return the batch that a person means by this one's id."""
        shown = self._shown.get(info.id)
        if shown is None and self.remembered(info) is None:
            entry = self.history.recall(self.place, info.id)
            return entry.info if entry and entry.info else info
        return shown or info

    def recalled(self, entry: Entry) -> Batch:
        """Return the batch that a submission in the history started, as the history has it.

        Raises:
            HistoryError: The log cannot be read.
        """
        recorder.flush()
        return Batch.recalled(self, entry, self.history.log(entry.key))

    def remembered(self, info: BatchInfo) -> Entry | None:
        """Return the history's entry for the submission that started this batch, or None."""
        entry = self.history.find(self.place, info.id, info.name)
        return entry if entry and entry.info and not is_another(entry.info, info) else None

    def batches(
        self,
        state: str | None = None,
        name: str | None = None,
        owner: str | None = None,
        *,
        mine: bool = False,
        limit: int | None = None,
    ) -> list[Batch]:
        """Return the batches that the server keeps, newest first.

        The server cannot filter (protocol, part 2), so this requests pages until it has enough.

        Args:
            state: Only batches in this state.
            name: Only batches whose name matches this glob.
            owner: Only batches of this owner.
            mine: Only batches that the user owns, or that were submitted from here.
            limit: Maximum number of batches.

        Raises:
            ServerError: The server's list cannot be read.
        """
        texts = {"state": state, "name": name, "owner": owner}
        for what, text in texts.items():
            if not isinstance(text, (str, NoneType)):
                raise InvalidRequest(f"{what}: {text!r} is not text")
        if limit is not None:
            limit = argument("limit", Count(least=0), limit)

        def wanted(info: BatchInfo) -> bool:
            return (
                (state is None or info.state.lower() == state.lower())
                and (name is None or fnmatch.fnmatchcase(info.name or "", name))
                and (owner is None or info.owner == owner)
                and (not mine or self._is_mine(info))
            )

        found: list[Batch] = []
        for info in self.client.newest():
            if limit is not None and len(found) >= limit:
                break
            if wanted(info):
                found.append(self.handle(info))
        return found

    def known_names(self) -> list[str]:
        """Return the names of batches that this kernel submitted, or has a handle of."""
        held = {batch.name for batch in self._handles.values()}
        return sorted(filter(None, held | {name for _, name, _ in self._plans}))

    def _is_mine(self, info: BatchInfo) -> bool:
        submitted_here = _identity(info) in self._plans or self.remembered(info) is not None
        return submitted_here or (info.owner is not None and info.owner == self.user)

    def handle(
        self, info: BatchInfo, submitted: float | None = None, *, key: int | None = None
    ) -> Batch:
        """Return the handle of a batch that the server has just shown; the same one each time.

        Args:
            info: The server's view of the batch.
            submitted: When it was submitted from here, in seconds since the epoch, or None.
            key: The submission's key in the history, or None.
        """
        batch = self._handles.get(info.id)
        # After a restart of the server, another batch may have the id.
        if batch is None or batch.gone or batch.name != info.name or is_another(batch.info, info):
            plan = self._plans.get(_identity(info))
            batch = Batch(self, info, plan=plan, submitted=submitted, key=key)
            self._handles[info.id] = batch
        self._shown[info.id] = replace(info, log=())
        return batch

    # -- a new batch ------------------------------------------------------------------------------

    def plan(
        self,
        request: BatchRequest,
        *,
        if_exists: IfExists = "fail",
        stage: StageMode = "auto",
        defaults: bool = True,
    ) -> Plan:
        """Return exactly what :meth:`submit` would send, without sending anything.

        Args:
            request: The request.
            if_exists: See :meth:`submit`; this method does not check whether the name is held.
            stage: ``auto`` stages local files, ``always`` also files that the server might read
                itself, ``never`` leaves paths unchanged.
            defaults: Whether to fill unset fields from the profile's defaults.

        Raises:
            InvalidRequest: A local file does not exist, or Spark cannot use it.
            StagingError: Something must be staged, but no staging folder is configured.
            LocalServerError: The folder in which the private Livy should work was removed.
        """
        check_choice("if_exists", if_exists, get_args(IfExists))
        complete = self._planner.complete(request, defaults=defaults)
        sent, uploads = self._planner.resolved(complete, stage, silent)
        return Plan(sent, uploads, request, if_exists, stage, defaults)

    def submit(
        self,
        request: BatchRequest,
        *,
        wait: bool = False,
        if_exists: IfExists = "fail",
        stage: StageMode = "auto",
        defaults: bool = True,
        report: Callable[[str], None] | None = None,
        cell: str | None = None,
    ) -> Batch:
        """Start one batch, and return its handle.

        Args:
            request: The request; local files and code are staged first.
            wait: Whether to wait for the end, as :meth:`Batch.wait` does, with its errors.
            if_exists: What to do if a batch that the server lists has the request's name: ``fail``;
                ``attach`` to a running one of the same request, else rename; ``replace`` the user's
                own finished one; ``rename``.
            stage: See :meth:`plan`.
            defaults: See :meth:`plan`.
            report: Receives a line of progress every two seconds while files are staged, and a line
                for each unusual event: see :mod:`livy_magic.submit.submission`.
            cell: The id or number of the notebook cell that submits, for the history.

        Raises:
            InvalidRequest, StagingError, LocalServerError: As :meth:`plan`, before anything is sent;
                StagingError also if a file cannot be staged.
            NotSubmitted: No batch was started, for certain.
            SubmitUnknown: The server's answer was lost, and it does not show the batch.
            WaitInterrupted: A person interrupted the submission after the batch was started.
        """
        check_choice("if_exists", if_exists, get_args(IfExists))
        if not isinstance(wait, bool):
            raise InvalidRequest(
                f"wait: {wait!r} is neither True nor False; Batch.wait(seconds) waits so long"
            )
        self._settle_orphans()
        with nothing_yet():
            ready = self._ready(request, if_exists, stage, report or silent, defaults=defaults)
        if isinstance(ready, BatchInfo):
            batch = self.handle(ready)
            batch.keep_current()
        else:
            batch = self._send(*ready, cell, report or silent)
        return batch.wait() if wait else batch

    def _ready(
        self,
        request: BatchRequest,
        if_exists: IfExists,
        stage: StageMode,
        report: Report,
        *,
        defaults: bool,
    ) -> BatchInfo | tuple[Plan, list[BatchId]]:
        """Stage the files; return the plan, and the ids of the batches that had its name before.

        With ``attach``, return the running batch to attach to, if there is one.
        """
        complete = self._planner.complete(request, defaults=defaults)
        progress = Patient(report)
        holder = None if complete.name is None else by_name(self.client, complete.name)
        if holder is not None:
            if if_exists == "attach" and self._is_running_twin(
                holder, self._planner.resolved(complete, stage, progress)[0]
            ):
                return holder
            complete = with_free_name(complete, holder, if_exists, mine=self._is_mine(holder))
            if if_exists == "attach":
                report(f"batch {holder.label} runs something else: this is {complete.name!r}")
        sent, uploads = self._planner.resolved(complete, stage, progress)
        if holder is not None and if_exists == "replace":
            self.handle(holder).kill()  # only now: all local files can be read
        self._planner.send(uploads, progress)
        held = [] if holder is None else [holder.id]
        return Plan(sent, uploads, request, if_exists, stage, defaults), held

    def _send(self, plan: Plan, held: Sequence[BatchId], cell: str | None, report: Report) -> Batch:
        """Submit a plan whose files are staged, and return the handle of its batch."""
        submitted = time.time()
        intent = Intent(
            server=self.place,
            request=plan.request,
            folder=str(working_folder()),
            user=self.user,
            notebook=os.environ.get("JPY_SESSION_NAME"),  # set by Jupyter's server
            cell=cell,
            held=held,
        )
        done = submit(self.client, self.history, intent, report=report, witness=self._newest)
        info = self._newest = done.info
        try:
            if self.user is None and not done.adopted:
                self.user = info.owner  # the server's name for the user
            self._plans[_identity(info)] = replace(plan, uploads=())
            batch = self.handle(info, submitted, key=done.key)
            batch.keep_current()
            self.watcher.server_list.refresh()
        except KeyboardInterrupt:
            raise runs_on(info) from None
        return batch

    def _settle_orphans(self) -> None:
        """Find the outcomes of submissions whose process died, at the first call."""
        if not self._has_settled_orphans:
            self._has_settled_orphans = True
            settle_in_background(self.client, lambda: self.history, self.place)

    def _is_running_twin(self, holder: BatchInfo, sent: BatchRequest) -> bool:
        if is_final(holder.state):
            return False
        return runs_the_same(sent, self._plans.get(_identity(holder)), self.remembered(holder))


def _batch_id(key: Any) -> BatchId:
    """Return what a batch is asked for by: an id or a name, or those of a handle."""
    if isinstance(key, Batch):
        return key.info.address
    if isinstance(key, str) and key.strip():
        return key
    with suppress(TypeError):
        if not isinstance(key, bool):
            return operator.index(key)  # numpy's integers, too
    raise InvalidRequest(f"{key!r} is neither the id nor the name of a batch")


def _identity(info: BatchInfo) -> _Identity:
    return info.id, info.name, info.owner

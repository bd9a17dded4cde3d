"""The handle of one batch: its last known state, and the operations of Livy and Spark."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import timedelta
from functools import cached_property
from typing import Any, Protocol

from . import export
from .display import FROM_HISTORY, LONGEST_LINE
from .errors import (
    BatchFailed,
    BatchGone,
    InvalidRequest,
    LivyError,
    NotFound,
    ServerError,
    Unreachable,
    WaitTimeout,
)
from .history import Entry, recorder
from .protocol import fields
from .protocol.client import GATEWAY, LivyClient
from .protocol.field_types import Count, Seconds, no_path
from .protocol.identity import is_another
from .protocol.log_format import KINDS, Kind, Line
from .protocol.models import (
    POST_FIELDS,
    BatchId,
    BatchInfo,
    BatchRequest,
    argument,
    is_final,
    is_success,
)
from .redact import MASK, mask_url, plain
from .staging.paths import StageMode
from .submit.names import is_unique
from .submit.plan import IfExists, Plan
from .watch.snapshot import Snapshot
from .watch.watch import Watch
from .watch.watcher import Watcher

# Kinds of log lines that belong to the program's output.
OUTPUT: frozenset[Kind] = frozenset({"program", "gap"})
# Stack frames say little; the exceptions in the lines between them say what went wrong.
SAYS_NOTHING = re.compile(r"\s+at [\w.$<>/]+\(|\s*\.\.\. \d+ (more|common frames)|\s*$")
KILL_PAUSE = 0.5  # seconds before a DELETE whose answer was lost is repeated
# Seconds to look for the effect of a DELETE whose answer does not tell: on a batch that runs; on one
# that has ended, which some servers keep listed.
KILL_SHOWS, REMOVAL_SHOWS = 30.0, 2.0
CAUSE_LINES = 12  # most lines of output in the message of a BatchFailed


def last_words(backwards: Callable[[Collection[Kind]], Iterable[Line]]) -> list[str]:
    """Return what the end of a log says about why a batch failed; see :meth:`Batch.last_words`.

    Args:
        backwards: Gives the lines of some kinds, the last one first.
    """

    def complaints(kinds: Collection[Kind]) -> list[str]:
        texts = (line.text for line in backwards(kinds))
        said = (plain(text)[:LONGEST_LINE] for text in texts if not SAYS_NOTHING.match(text))
        return list(itertools.islice(said, CAUSE_LINES))[::-1]

    return complaints(OUTPUT) or complaints({"diagnostics"}) or complaints(KINDS)


class Server(export.Server, Protocol):
    """The interface of :class:`~livy_magic.Livy` that a batch uses.

    Attributes:
        client: The server's REST API.
        watcher: The thread that looks at the server's batches.
    """

    client: LivyClient
    watcher: Watcher

    def remembered(self, info: BatchInfo) -> Entry | None:
        """Return the history's entry for the submission that started this batch, or None."""

    def submit(
        self,
        request: BatchRequest,
        *,
        if_exists: IfExists = "fail",
        stage: StageMode = "auto",
        defaults: bool = True,
        report: Callable[[str], None] | None = None,
    ) -> Batch:
        """Start one batch, and return its handle; see :meth:`livy_magic.Livy.submit`."""


class Batch:
    """One batch on one server.

    Handles come from :meth:`Livy.submit`, :meth:`Livy.batch` and :meth:`Livy.batches`. The server's
    watcher keeps the first two kinds current until the batch ends. A handle from a list, which may
    have hundreds, is kept current once you wait for it, read its log or display it.

    Attributes:
        server: The :class:`Livy` server of the batch.
        plan: The plan that this kernel submitted, or None if it did not.
    """

    def __init__(
        self,
        server: Server,
        info: BatchInfo,
        *,
        plan: Plan | None = None,
        submitted: float | None = None,
        key: int | None = None,
    ) -> None:
        self.server = server
        self.plan = plan
        self._key = key
        self._found = info
        self._submitted = submitted

    @cached_property
    def watch(self) -> Watch:
        """The watch of this batch; the first access starts watching."""
        if self._key is None and self._entry is not None:
            self._submitted = self._entry.submitted
        watch = self.server.watcher.watch(self._found, submitted=self._submitted)
        if self.key is not None:
            recorder.record(watch, self.key)
        return watch

    @cached_property
    def _entry(self) -> Entry | None:
        return self.server.remembered(self._found)

    @property
    def key(self) -> int | None:
        """The submission's key in the history, from any kernel of this user, or None."""
        return self._entry.key if self._key is None and self._entry is not None else self._key

    @classmethod
    def recalled(cls, server: Server, entry: Entry, lines: Sequence[Line]) -> Batch:
        """Return the handle of a batch that the server has forgotten, from the history.

        Args:
            server: The server.
            entry: The submission that started the batch.
            lines: The saved log.
        """
        assert entry.info is not None
        batch = cls(server, entry.info, submitted=entry.submitted, key=entry.key)
        batch._entry = entry
        batch.watch = Watch(server.watcher, entry.info, submitted=entry.submitted, clock=time.time)
        batch.watch.recall(lines, entry.ended)
        return batch

    def __reduce__(self) -> tuple[Any, ...]:
        key = self.name if self.name is not None else self.id
        raise LivyError(
            f"batch {self.info.label} cannot be stored or copied, as its server keeps it current; keep"
            f" {key!r}, and get it back with livy.batch({key!r})"
        )

    def __repr__(self) -> str:
        forgotten = f" ({FROM_HISTORY})" if self.gone and self.snapshot.recalled else ""
        return f"Batch {self.info.label}: {self.state}{forgotten}"

    @property
    def request(self) -> BatchRequest | None:
        """The request as it was sent, or None if this kernel did not send it."""
        return self.plan.request if self.plan else None

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The POST body, secrets masked, from this kernel or the history, else None."""
        if self.plan is not None:
            return self.plan.request.shown()
        return self._entry.body if self._entry is not None else None

    @property
    def info(self) -> BatchInfo:
        """The server's last view of the batch."""
        return self.snapshot.info if self.is_watched else self._found

    @property
    def snapshot(self) -> Snapshot:
        """The state that the watcher last saw, and the error if its last look failed."""
        return self.watch.snapshot

    @property
    def id(self) -> BatchId:
        """The server's id: a number, or text on a server that uses GUIDs."""
        return self.info.id

    @property
    def name(self) -> str | None:
        """The name under which the batch was submitted, or None."""
        return self.info.name

    @property
    def state(self) -> str:
        """The server's word for the last known state."""
        return self.info.state

    @property
    def owner(self) -> str | None:
        """The user who submitted the batch, or None if the server does not authenticate users."""
        return self.info.owner

    @property
    def app_id(self) -> str | None:
        """The cluster manager's id, or None as long as there is none; a local Spark has none."""
        return self.info.app_id

    @property
    def is_watched(self) -> bool:
        """Whether the server's watcher keeps it current, or did so until its end."""
        return "watch" in vars(self)

    @property
    def done(self) -> bool:
        """Whether the batch has ended, or the server forgot it."""
        return self.snapshot.done

    @property
    def gone(self) -> bool:
        """Whether the server no longer knows the batch, as of the last look."""
        return self.is_watched and self.snapshot.gone

    @property
    def succeeded(self) -> bool:
        """Whether the batch ended with success."""
        return is_success(self.state)

    def look(self) -> Snapshot:
        """Have the watcher look now, and return the snapshot; it has the error if that failed."""
        return self.watch.refresh()

    def keep_current(self) -> None:
        """Start watching the batch until it ends, if the watcher does not do so yet."""
        self.watch  # noqa: B018 - the first access starts watching

    def wait(self, timeout: float | timedelta | None = None) -> Batch:
        """Block until the batch ends, and return it. An interrupt stops the wait, never the batch.

        Args:
            timeout: Seconds to wait at most, or a ``timedelta``.

        Raises:
            InvalidRequest: ``timeout`` is not a number of seconds.
            BatchFailed: The batch ended without success.
            BatchGone: The server forgot the batch before its end was seen.
            WaitTimeout: The batch was still running after ``timeout``.
            LivyError: A callback of :meth:`on_done`, which must not block, called this.
        """
        patience = None if timeout is None else argument("timeout", Seconds(), timeout)
        if not self.watch.wait_for(lambda: self.done, patience):
            raise WaitTimeout(f"batch {self.info.label} is still {self.state} after {patience:g} s")
        return self._outcome()

    def __await__(self) -> Generator[object, None, Batch]:
        """Wait for the batch in asynchronous code: ``await batch`` is the same as :meth:`wait`."""
        import asyncio  # imported late: a kernel has loaded it, a script may not need it

        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def settle() -> None:
            if not ended.done():  # the awaiting task may have been cancelled
                ended.set_result(None)

        def tell(_: Batch) -> None:
            loop.call_soon_threadsafe(settle)

        self.on_done(tell)
        with self.watch.awaited():
            yield from ended
        return self._outcome()

    def _outcome(self) -> Batch:
        if self.succeeded:
            return self
        if self.snapshot.gone and not is_final(self.state):
            raise BatchGone(
                f"the server no longer knows batch {self.info.label}; "
                f"it was {self.state} when last seen",
                last=self.info,
            )
        raise BatchFailed(
            f"batch {self.info.label} ended as {self.state}", batch=self, lines=self.last_words()
        )

    def last_words(self) -> list[str]:
        """Return the lines that say why the batch failed, if it did.

        They are the end of its output; without any, of the cluster manager's diagnostics; without
        those, of its whole log.
        """
        self.look()  # if the batch had ended before it was found, its log is still unread
        return last_words(self.watch.backwards)

    def times(self) -> tuple[float | None, float | None]:
        """Return when it was submitted, and when its end was seen, in seconds since the epoch.

        Each is None unless this kernel's watcher or the history knows. Nothing is asked of the server.
        """
        if self.is_watched and self.snapshot.submitted is not None:
            return self.snapshot.submitted, self.snapshot.ended
        entry = self.server.remembered(self.info)
        return (None, None) if entry is None else (entry.submitted, entry.ended)

    def log(self) -> list[str]:
        """Return all log lines captured from the server, in order; a gap line stands for lost ones.

        Raises:
            ServerError: The server does not give the log, and the batch has not ended.
        """
        return [line.text for line in self._news()]

    def output(self) -> list[str]:
        """Return the lines that the program itself printed, without Spark's own log.

        If Livy runs the driver on a cluster, the program prints to the driver's log there, which
        Livy's log does not include (engines page, part 1).

        Raises:
            ServerError: As :meth:`log`.
        """
        return [line.text for line in self._news() if line.kind in OUTPUT]

    def last_output(self, count: int) -> list[str]:
        """Return the last ``count`` lines of output captured so far, without a request."""
        count = argument("count", Count(least=0), count)
        newest = itertools.islice(self.watch.backwards(OUTPUT), count)
        return [line.text for line in newest][::-1]

    def _news(self) -> list[Line]:
        snapshot = self.look()
        trouble = snapshot.error or snapshot.log_error
        if trouble is not None and not (snapshot.done and snapshot.lines):
            raise trouble
        return self.watch.lines()

    def follow(self, *, output: bool = False) -> Iterator[str]:
        """Yield the log's lines as they arrive, until the batch ends; wait if the server is down.

        Args:
            output: Whether to yield only the lines that the program itself printed.
        """
        for line in self.watch.follow():
            if not output or line.kind in OUTPUT:
                yield line.text

    def on_done(self, callback: Callable[[Batch], None]) -> None:
        """Call ``callback(batch)`` once when the batch has ended, or now if it already has.

        The call is in the watcher's thread, or now in this one; the callback must not block.
        """
        _check_callable("callback", callback)
        pending = [callback]

        def call(snapshot: Snapshot) -> None:
            if not snapshot.done:
                return
            try:  # this thread and the watcher may see the end at the same moment
                once = pending.pop()
            except IndexError:
                return
            once(self)

        self.watch.subscribe(call)
        call(self.snapshot)

    def on_change(self, callback: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call ``callback(snapshot)`` at each change; return a function that ends this."""
        _check_callable("callback", callback)
        return self.watch.subscribe(callback)

    def export(self, form: str) -> str:
        """Return the submission in another form, secrets masked.

        Args:
            form: ``json``, ``curl``, ``python`` …: see :mod:`livy_magic.export`.

        Raises:
            InvalidRequest: There is no such form, or another kernel submitted the batch: only that
                kernel knows the whole submission.
        """
        if self.plan is None and self.body is not None:
            raise InvalidRequest(
                f"batch {self.info.label} was submitted by another kernel, and only that kernel can export it\n"
                "batch.resubmit() submits the same again, and batch.body shows it, secrets masked."
            )
        if self.plan is None:
            raise self._unknown_request()
        return export.rendered(form, self.server, self.plan)

    @property
    def given(self) -> BatchRequest:
        """The original request; secrets are masked in it if it is from the history.

        Raises:
            InvalidRequest: The batch was not submitted from here.
        """
        if self.plan is not None:
            return self.plan.given
        if self.body is None:
            raise self._unknown_request()
        name = str(self.body.get("name") or "")
        # Leave out a generated name, and one from an older version that is no longer valid.
        without = {"name"} if is_unique(name) or no_path(name) else set()
        body = {key: value for key, value in self.body.items() if key not in without}
        values = fields.read(body, where="history")
        return BatchRequest(**values)

    def _unknown_request(self) -> InvalidRequest:
        return InvalidRequest(
            f"batch {self.info.label} was not submitted from here, "
            "and Livy does not show what a batch runs"
        )

    def resubmit(self, *, report: Callable[[str], None] | None = None, **changes: Any) -> Batch:
        """Submit the same request again, with changes, and return the new batch.

        Local files and code are staged again, with their current content. If another batch has the
        name, it gets a suffix.

        Args:
            report: See :meth:`Livy.submit`.
            **changes: Fields of the request, by Python name; None unsets a field.

        Raises:
            InvalidRequest: The batch was not submitted from here; or a field holds a secret, which
                the history does not store, and which must be given again.
            NotSubmitted: No batch was started, for certain.
            SubmitUnknown: The server's answer was lost, and it does not show the batch.
        """
        request = self.given.replace(**changes)
        for field in POST_FIELDS:
            if MASK in str(getattr(request, field.name)):
                key = field.metadata["json"]
                raise InvalidRequest(f"{key}: the history keeps no secrets; give the value again")
        return self.server.submit(
            request,
            if_exists="rename",
            stage=self.plan.stage if self.plan else "auto",
            defaults=self.plan is not None and self.plan.defaults,
            report=report,
        )

    def kill(self, timeout: float | timedelta = 150.0) -> None:
        """Kill the batch, and make the server forget it. A batch that has ended is only forgotten.

        Before that, the end of its log is read. Livy kills spark-submit, and the application that
        the cluster manager runs for it (protocol, part 4). If the answer does not say that the
        batch is gone, looks tell; some servers keep it listed, as ``killed`` (dialects, part 13).

        Args:
            timeout: Seconds to keep trying if the server's answer is lost.

        Raises:
            BatchGone: The server no longer knows the batch, and another one may have its id or
                name: nothing was killed.
            ServerError: The server refuses, or did not answer within ``timeout``; or it accepted the
                request, and the batch is still running.
        """
        patience = argument("timeout", Seconds(), timeout)
        snapshot = self.look()
        if snapshot.recalled or (snapshot.gone and not is_final(self.state)):
            raise self._was_gone()
        if snapshot.gone:
            return
        had_ended = is_final(snapshot.info.state)
        deadline = time.monotonic() + patience
        sent = False  # whether a DELETE was sent and its answer lost
        shown_by: float | None = None  # until when to look for the effect of one whose answer came
        while True:
            try:
                now = self._found_again()
                if now is None:
                    if sent:
                        break
                    raise BatchGone(
                        f"batch {self.info.label} is gone, and another one has its id or name now; "
                        "nothing was killed",
                        last=self.info,
                    )
                if shown_by is None:
                    sent = True
                    if self.server.client.delete(self.info.address):
                        break
                    shows = REMOVAL_SHOWS if had_ended else KILL_SHOWS
                    shown_by = min(deadline, time.monotonic() + shows)
                    continue
                late = time.monotonic() + KILL_PAUSE > shown_by
                if is_final(now.state) and (late or not had_ended):
                    self.look()  # the server keeps it listed, and so tells its last state
                    return
                if late:
                    raise self._runs_on(now)
                time.sleep(KILL_PAUSE)
            except NotFound:
                if not sent and not had_ended:
                    raise self._was_gone() from None
                break
            except ServerError as failure:
                # The answer is lost; if the kill worked, a second DELETE finds no batch.
                lost = isinstance(failure, Unreachable) or (sent and failure.status in GATEWAY)
                pause = max(KILL_PAUSE, failure.retry_after or 0.0)
                if not lost or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
        self.watch.end("killed")

    def _was_gone(self) -> BatchGone:
        return BatchGone(
            f"batch {self.info.label} is gone: the server no longer knows it; nothing was killed",
            last=self.info,
        )

    def _runs_on(self, now: BatchInfo) -> ServerError:
        address = f"{mask_url(self.server.url)}/batches/{self.info.address}"
        return ServerError(
            f"batch {self.info.label} was to be killed, and the server did not refuse, but it is still"
            f" {plain(now.state)}\nIt may run on: look with %livy_batches, or kill it again.",
            request=f"DELETE {address}",
        )

    def _found_again(self) -> BatchInfo | None:
        """Return the batch that the server has at this address, if it is this one.

        Raises:
            NotFound: The server has none there.
        """
        now = self.server.client.batch(self.info.address)
        # Views always include the name if there is one, but some answers to a POST do not.
        named_now = self.name is None and self.plan is None and now.name is not None
        return None if named_now or is_another(self.info, now) else now


def _check_callable(what: str, value: object) -> None:
    if not callable(value):  # else it would fail in the watcher's thread, where nobody sees it
        raise InvalidRequest(f"{what}: a {type(value).__name__} cannot be called")

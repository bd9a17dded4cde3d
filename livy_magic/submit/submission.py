"""Submits exactly once: the POST, and the recovery from lost answers (design, part 4).

A submission is recorded in the history, then posted. Its outcome is a batch, :class:`NotSubmitted`
with proof that nothing was started, or :class:`SubmitUnknown`; the history records which.

If the answer is unclear, the batch's name settles the outcome, since Livy never has two batches
with one name. The name finds the batch, and the POST may be repeated under it: Livy rejects
whichever arrives second as a duplicate, and starts nothing.

A 301, 302 or 303 is a gateway's, which as a rule redirects instead of passing the POST on. It proves
that nothing was started if it came at once and Livy then has no batch of that name: a gateway that
asked Livy has had Livy's answer, and Livy registers a batch before it answers.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import (
    BatchGone,
    ConfigError,
    LivyError,
    NotFound,
    NotLivy,
    NotSubmitted,
    ServerError,
    SubmitUnknown,
    Unauthorized,
    WaitInterrupted,
)
from ..history import History, Intent
from ..progress import Report, silent
from ..protocol.client import LivyClient, other_batch
from ..protocol.models import BatchInfo
from .evidence import (
    AFTER_REGISTERING,
    by_name,
    has_unique_names,
    is_away,
    is_mine,
    is_unborn,
    verdict,
)
from .names import is_unique

PATIENCE = 60.0  # seconds after a lost answer during which the POST may be repeated
ROOM = 300.0  # seconds to wait for a server that accepts no more batches at present
BIRTH = 10.0  # seconds after which a live batch shows a log
GLANCE = 2.0  # seconds for the single look after an interrupt
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds between two looks
AT_ONCE = 5.0  # seconds within which no gateway stops waiting for Livy
STRANGERS = 4  # looks in a row that something other than this Livy may answer


@dataclass(frozen=True)
class Submitted:
    """A submission that started a batch.

    Attributes:
        info: The batch.
        key: Its key in the history, or None if the history cannot be used.
        adopted: Whether it was found by its name, because the answer was lost.
    """

    info: BatchInfo
    key: int | None
    adopted: bool = False


def submit(
    client: LivyClient,
    history: History,
    intent: Intent,
    *,
    report: Report = silent,
    witness: BatchInfo | None = None,
) -> Submitted:
    """Start one batch, and return it.

    Args:
        client: The server.
        history: Records the submission before the POST, and its outcome.
        intent: The submission; its ``held`` are ids of batches that are certainly others.
        report: Receives a line for each unusual event: waited, found by its name, sent again.
        witness: An earlier batch on the server. While the server still has it, it has not lost its
            state.

    Raises:
        NotSubmitted: No batch was started, for certain.
        SubmitUnknown: The server's answer was lost, and it does not show the batch.
        WaitInterrupted: A person interrupted the submission after the batch was started.
    """
    return _Submission(client, history, intent, report, witness).run()


class _Submission:
    """One submission in progress."""

    def __init__(
        self,
        client: LivyClient,
        history: History,
        intent: Intent,
        report: Report,
        witness: BatchInfo | None,
    ) -> None:
        assert intent.request.name is not None
        self._client = client
        self._history = history
        self._intent = intent
        self._name = intent.request.name
        self._report = report
        self._witness = witness
        self._key: int | None = None
        self._info: BatchInfo | None = None
        self._adopted = False
        self._in_doubt = False  # whether a POST is in flight, or its answer was unclear
        self._was_away = False  # whether the server was down; a restart may have lost all names
        self._names_are_unique = False  # False until proved

    def run(self) -> Submitted:
        """Post the request, settle an unclear answer, and record the outcome in the history."""
        problem: LivyError
        try:
            self._key = self._history.intend(self._intent)
            self._info = self._post()
            self._history.accepted(self._key, self._info, adopted=self._adopted)
            return Submitted(self._info, self._key, self._adopted)
        except KeyboardInterrupt:
            problem = self._interrupted()
        except LivyError as failure:
            problem = failure
            if not isinstance(failure, NotSubmitted | SubmitUnknown):  # for example, no token
                problem = self._unknown(failure) if self._in_doubt else nothing_because(failure)
        self._record(problem)
        raise problem

    def _record(self, problem: LivyError) -> None:
        reason = str(problem).partition("\n")[0]
        if self._info is not None:
            self._history.accepted(self._key, self._info, adopted=True)
        elif isinstance(problem, SubmitUnknown):
            self._history.unsettled(self._key, reason)
        else:
            self._history.rejected(self._key, reason)

    # -- the POST ---------------------------------------------------------------------------------

    def _post(self) -> BatchInfo:
        """POST until the server accepts the batch, and return it."""
        end = time.monotonic() + ROOM
        for pause in pauses():
            began = time.monotonic()
            answer = self._send()
            if isinstance(answer, BatchInfo):
                return answer
            proof = verdict(answer)
            if proof == "elsewhere":
                return self._settle(answer, at_once=time.monotonic() - began < AT_ONCE)
            # If a unique name is held, a gateway has repeated the POST.
            if proof == "unclear" or (proof == "duplicate" and is_unique(self._name)):
                return self._settle(answer)
            if proof == "unsent":
                raise nothing_because(answer) from answer
            if proof != "busy":
                raise self._refused(answer) from answer
            wait = max(pause, answer.retry_after or 0.0)
            if time.monotonic() + wait > end:
                raise NotSubmitted(
                    f"nothing was submitted: the server takes no more batches now: {answer}"
                ) from answer
            if pause == FIRST_PAUSE:
                self._report(
                    f"the server takes no more batches now ({answer.text}):"
                    f" trying again for up to {ROOM / 60:.0f} minutes"
                )
            time.sleep(wait)
        raise AssertionError

    def _send(self) -> BatchInfo | ServerError:
        """POST once; return the batch, or the error."""
        before, self._in_doubt = self._in_doubt, True
        try:
            info = self._client.create(self._intent.request)
        except LivyError as failure:
            if not isinstance(failure, ServerError):  # without credentials, nothing was sent
                self._in_doubt = before
                raise
            if verdict(failure) not in {"unclear", "elsewhere"}:
                self._in_doubt = before
            return failure
        return info if info.name in {None, self._name} else other_batch("POST /batches")

    def _refused(self, answer: ServerError) -> NotSubmitted:
        """Remove the entry that a refused POST may have left, and return the error to raise.

        If a POST fails after Livy registered the batch, this stays in the list for ever:
        ``starting``, without any log, and with its name taken (protocol, part 1).
        """
        left = ""
        if verdict(answer) == "refused" and answer.status in AFTER_REGISTERING:
            for pause in (0.5, 1.0, 0.0):
                try:
                    self._remove_stillborn()
                except ServerError as failure:
                    left = f"\nIt may have left a dead entry {self._name!r} in its list: {failure}"
                    time.sleep(pause)
                else:
                    left = ""
                    break
        who = "nothing was submitted" if isinstance(answer, NotLivy) else "Livy refused"
        return NotSubmitted(f"{who}: {answer}{left}")

    def _remove_stillborn(self) -> None:
        found = self._look()
        if found is None or self._is_anothers(found) or not is_unborn(found):
            return
        # A view also has an empty log if the user may not read it; this request fails then.
        if self._client.log(found.id, of=found.id).entries:
            return
        with contextlib.suppress(NotFound):
            # Where the answer does not say so, a second look has to.
            if not self._client.delete(found.id) and self._client.batch(found.id).id == found.id:
                raise ServerError("it is still there", request=f"DELETE /batches/{found.id}")
        self._report(
            f"removed the dead entry {found.label} that the refusal had left in Livy's list"
        )

    # -- an unclear answer ------------------------------------------------------------------------

    def _settle(self, lost: ServerError, *, at_once: bool = False) -> BatchInfo:
        """Return the batch of a POST whose answer is unclear, found by its name or posted again.

        Args:
            lost: The answer.
            at_once: Whether it is a redirect that came at once, so that one look settles it.
        """
        redirect = lost if at_once else None
        end = last_repeat = time.monotonic() + PATIENCE
        strangers = doubts = 0
        for pause in pauses():
            found = None
            try:
                found = self._look()
                missing, strangers = found is None, 0
            except ServerError as failure:
                lost, missing = failure, False
                self._was_away |= is_away(failure)
                strangers += isinstance(failure, NotLivy | Unauthorized)
            if found is not None:
                return self._adopt(found, lost)
            if missing and redirect is not None:
                if self._may_repeat():
                    raise nothing_because(redirect) from redirect
                doubts += 1  # the look proves nothing, unless the server keeps names unique
                if doubts == STRANGERS:
                    raise self._unknown(redirect) from redirect
            left = end - time.monotonic()
            if left <= 0 or strangers == STRANGERS:
                raise self._unknown(lost) from lost
            if pause == 4 * FIRST_PAUSE:
                self._report(
                    f"the answer to the submission was lost: looking for batch {self._name!r}"
                    f" for up to {PATIENCE:.0f} s"
                )
            asked = min(lost.retry_after or 0.0, PATIENCE / 2)  # nobody waits for an hour
            time.sleep(min(max(pause, asked), left))
            if missing and time.monotonic() < last_repeat and self._may_repeat():
                answer = self._send()
                if isinstance(answer, BatchInfo):
                    self._report(
                        f"the first answer was lost, and nothing had started: batch {answer.label}"
                        " is the second attempt, under the same name"
                    )
                    return answer
                if verdict(answer) == "refused" and answer.status in AFTER_REGISTERING:
                    raise self._refused(answer) from answer
                lost = answer
                self._was_away |= verdict(answer) == "unsent"
                end = max(end, time.monotonic() + LONGEST_PAUSE)
        raise AssertionError

    def _adopt(self, found: BatchInfo, lost: ServerError) -> BatchInfo:
        """Return the batch that has the name, if it is this submission's.

        Raises:
            NotSubmitted: It is certainly another one.
            SubmitUnknown: It may be another one.
        """
        end = time.monotonic() + BIRTH
        while self._is_disputed(found) and time.monotonic() < end:  # until the rival is settled
            time.sleep(FIRST_PAUSE)
        if self._is_anothers(found):
            raise NotSubmitted(
                f"nothing was submitted: the name {self._name!r} went to batch {found.id}"
                f" ({found.owner or 'no owner'}, {found.state}) in the meantime\n"
                "Give another name, or choose with if_exists (--if-exists)."
            ) from lost
        if not self._is_mine(found):
            advice = "Set `user` to your user name on the server, so that such a batch is recognised as yours."
            if self._is_disputed(found):
                advice = "Another notebook of yours submitted the same name at the same time: give each its own."
            raise SubmitUnknown(
                f"the answer to the submission was lost; there is a new batch {found.label} of"
                f" {found.owner or 'no owner'}, and it is not certain that it is this one: {lost}\n{advice}",
                name=self._name,
            ) from lost
        end = time.monotonic() + BIRTH
        while is_unborn(found) and time.monotonic() < end:  # the server is starting it, or gave up
            time.sleep(FIRST_PAUSE)
            with contextlib.suppress(ServerError):
                found = self._look() or found
        doubt = ""
        if is_unborn(found):
            doubt = "; it has no log yet: if that stays so, Livy refused it, and it can be killed"
        self._report(
            f"the answer to the submission was lost: batch {found.label} was found by its name{doubt}"
        )
        self._adopted = True
        return found

    def _unknown(self, lost: LivyError) -> SubmitUnknown:
        return SubmitUnknown(
            f"the answer to the submission was lost, and no batch {self._name!r} was found: {lost}\n"
            f"It may still appear: look with %livy_batches --name {self._name} before submitting again.",
            name=self._name,
        )

    def _may_repeat(self) -> bool:
        """Return whether a second POST certainly cannot start a second batch."""
        if not self._names_are_unique:
            with contextlib.suppress(ServerError):
                self._names_are_unique = has_unique_names(self._client)
        return self._names_are_unique and (not self._was_away or self._is_remembered())

    def _is_remembered(self) -> bool:
        """Return whether the server still has an earlier batch, and so knows all later names."""
        if self._witness is None or self._witness.name is None:
            return False
        try:
            return self._client.batch(self._witness.name).id == self._witness.id
        except ServerError:
            return False

    # -- the batch of that name -------------------------------------------------------------------

    def _look(self) -> BatchInfo | None:
        return by_name(self._client, self._name)

    def _is_anothers(self, found: BatchInfo) -> bool:
        owners = {found.owner, self._intent.user}
        differ = None not in owners and len(owners) > 1
        return found.id in self._intent.held or (
            not is_unique(self._name) and (differ or "submitted" in self._rivals(found))
        )

    def _is_mine(self, found: BatchInfo) -> bool:
        mine = is_mine(found, self._name, self._intent.user, self._intent.held)
        return mine and (is_unique(self._name) or not self._rivals(found))

    def _is_disputed(self, found: BatchInfo) -> bool:
        """Return whether it may be the batch that another notebook of this user now submits."""
        rivals = set() if is_unique(self._name) else self._rivals(found)
        return bool(rivals) and "submitted" not in rivals

    def _rivals(self, found: BatchInfo) -> set[str]:
        """Return the outcomes of other submissions that may have started this batch."""
        return {entry.outcome for entry in self._history.rivals(self._key, found.id)}

    # -- an interrupt -----------------------------------------------------------------------------

    def _interrupted(self) -> LivyError:
        """Return the error to raise after an interrupt, which one quick look decides."""
        if self._info is None and self._in_doubt:
            self._info = self._glance()
        if self._info is not None:
            return runs_on(self._info)
        if self._in_doubt:
            return SubmitUnknown(
                f"interrupted while batch {self._name!r} was being submitted: it may have started\n"
                f"Look with %livy_batches --name {self._name} before submitting again.",
                name=self._name,
            )
        return NotSubmitted("interrupted: nothing was submitted")

    def _glance(self) -> BatchInfo | None:
        """Look once, in a thread, so that a server that hangs cannot delay the interrupt."""
        seen: list[BatchInfo | None] = []

        def look() -> None:
            with contextlib.suppress(LivyError):
                seen.append(self._look())

        thread = threading.Thread(target=look, name="livy_magic glance", daemon=True)
        with contextlib.suppress(KeyboardInterrupt):
            thread.start()
            thread.join(GLANCE)
        found = seen[0] if seen else None
        return found if found is not None and self._is_mine(found) else None


@contextlib.contextmanager
def nothing_yet() -> Iterator[None]:
    """Raise :class:`NotSubmitted` if the server fails, or a person interrupts, in the block."""
    try:
        yield
    except (ServerError, BatchGone, ConfigError) as problem:
        raise nothing_because(problem) from problem
    except KeyboardInterrupt:
        raise NotSubmitted("interrupted: nothing was submitted") from None


def nothing_because(problem: LivyError) -> NotSubmitted:
    """Return the error for a submission that certainly started nothing."""
    return NotSubmitted(f"nothing was submitted: {problem}")


def runs_on(info: BatchInfo) -> WaitInterrupted:
    """Return the error for an interrupt after the batch was started."""
    return WaitInterrupted(
        f"interrupted, but batch {info.label} has been submitted, and runs on\n"
        f"%livy_kill {info.id} ends it."
    )


def pauses() -> Iterator[float]:
    """Yield the seconds to pause between looks, doubled each time up to a limit."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)

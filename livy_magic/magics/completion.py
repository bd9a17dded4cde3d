"""Tab completion for the magics: options, option values from a short list, and batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ConfigError
from ..protocol.models import STATES
from ..settings import profiles
from .options import (
    BATCHES,
    CELL,
    HISTORY,
    LOCAL,
    LOCAL_VERBS,
    LOG,
    PANEL,
    SUBMIT,
    WAIT,
    Option,
    by_flag,
)

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext

Words: TypeAlias = Callable[[], Iterable[str]]

# A magic and the text typed after it: at the line's start, where it needs no %; after an assignment;
# or after another magic that runs it, such as %time.
_CALL = re.compile(
    r"(?:^\s*%{0,2}|=\s*%|%%?\w+\s(?:.*\s)?%{0,2})(?P<name>livy_\w+)(?P<typed>\s.*)$"
)


def matcher(batches: Words) -> Any:
    """Return a matcher for IPython, whose completions suppress all others.

    Args:
        batches: Returns names of batches.
    """
    # Each magic's options, and the words that it accepts besides options.
    magics: dict[str, tuple[Sequence[Option], Words]] = {
        "livy_connect": ((), lambda: ["local", *_profiles()]),
        "livy_submit": (SUBMIT, list),
        "livy_batch": (CELL, list),
        "livy_batches": (BATCHES, list),
        "livy_history": (HISTORY, batches),
        "livy_log": (LOG, batches),
        "livy_wait": (WAIT, batches),
        "livy_kill": ((), batches),
        "livy_panel": (PANEL, list),
        "livy_local": (LOCAL, lambda: LOCAL_VERBS),
    }

    # Imported late: a shell has loaded it already, and importing the magics needs none.
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier="livy_magic")
    def match(context: CompletionContext) -> dict[str, object]:
        call = _CALL.search(context.text_until_cursor)
        magic = magics.get(call["name"]) if call else None
        found = _offers(call["typed"], *magic) if call and magic else []
        completions = [SimpleCompletion(text, type="magic") for text in found]
        return {"completions": completions, "suppress": bool(completions)}

    return match


def _offers(before: str, options: Sequence[Option], words: Words) -> list[str]:
    """Return the completions at the cursor, given the text between the magic and it."""
    *given, typed = re.split(r"\s+", before)
    known = by_flag(options)

    def values_of(flag: str) -> Iterable[str]:
        values: dict[str, Words] = {"--profile": _profiles, "--state": lambda: STATES}
        return known[flag].choices or values.get(flag, list)()

    flag, equals, value = typed.partition("=")
    if equals:
        # IPython replaces only the text after the "=".
        return _starting(value, values_of(flag)) if flag in known else []
    last = known.get(given[-1]) if given else None
    if last and last.value_name and not last.alone:
        return _starting(typed, values_of(last.flag))
    if typed.startswith("-"):
        return _starting(typed, [option.flag for option in options])
    return _starting(typed, words())


def _profiles() -> list[str]:
    try:
        return list(profiles())
    except ConfigError:  # %livy_connect will report it
        return []


def _starting(typed: str, candidates: Iterable[str]) -> list[str]:
    return sorted({text for text in candidates if text.startswith(typed)})

"""Tab completion of a magic's options, and of their values where these are few."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from .options import Option


def matcher(offers: Callable[[str], list[str]]) -> Any:
    """Return a matcher for IPython: where it has anything to offer, nothing else is offered.

    Args:
        offers: Returns what may stand at the cursor, given the line before it.
    """

    @context_matcher(identifier="livy_magic")
    def match(context: CompletionContext) -> dict[str, object]:
        found = [SimpleCompletion(text, type="magic") for text in offers(context.text_until_cursor)]
        return {"completions": found, "suppress": bool(found)}

    return match


def complete(
    before: str,
    options: Sequence[Option],
    *,
    words: Callable[[], Iterable[str]],
    values: Mapping[str, Callable[[], Iterable[str]]],
) -> list[str]:
    """Return what may stand at the cursor, given the line before it.

    Args:
        before: The line up to the cursor, magic included.
        options: What the magic takes.
        words: What else may stand there: names of batches, verbs.
        values: By flag, what an option's value may be, where that is not a fixed choice.
    """
    *given, typed = re.split(r"\s+", before.lstrip())
    known = {option.flag: option for option in options}
    known |= {option.short: option for option in options if option.short}

    def values_of(flag: str) -> list[str]:
        return [*known[flag].choices, *values.get(flag, list)()]

    flag, equals, value = typed.partition("=")
    if equals:
        # What IPython replaces begins behind the "=".
        return _starting(value, values_of(flag)) if flag in known else []
    last = known.get(given[-1]) if given else None
    if last and last.value_name and not last.alone:
        return _starting(typed, values_of(last.flag))
    if typed.startswith("-"):
        return _starting(typed, [option.flag for option in options])
    return _starting(typed, words())


def _starting(typed: str, candidates: Iterable[str]) -> list[str]:
    return sorted({text for text in candidates if text.startswith(typed)})

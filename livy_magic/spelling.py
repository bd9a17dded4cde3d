"""Spelling suggestions: the known word that a misspelt one stands for, the key for a typographic sign."""

from __future__ import annotations

from collections.abc import Iterable

_QUOTES = dict.fromkeys("“”„‟", '"') | dict.fromkeys("‘’‚‛", "'")
_DASHES = "‐‑‒–—―−﹣－"
INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""The signs that show as nothing."""

TYPOGRAPHIC = f"{''.join(_QUOTES)}{_DASHES}{INVISIBLE}"
"""The signs that a chat or a word processor puts in place of those that were typed."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean X?"`` for the known word nearest to ``word``, else ``""``."""
    import difflib  # imported late: only a mistake needs it

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


def typographic(sign: str, *, begins_word: bool = False) -> str:
    """Return what one of the ``TYPOGRAPHIC`` signs is, and what to write: ``“ (U+201C) …; write "``.

    Args:
        sign: The sign.
        begins_word: It is the first of its word, so that a long dash stands for the two of an option.
    """
    code = f"U+{ord(sign):04X}"
    if sign in _QUOTES:
        return f"{sign} ({code}) is a typographic quote; write {_QUOTES[sign]}"
    if sign in _DASHES:
        meant = "--" if begins_word and sign in "–—―" else "-"
        return f"{sign} ({code}) is a typographic dash; write {meant}"
    return f"{code} is an invisible sign; delete it"


def first_typographic(text: str) -> str | None:
    """Return what the first typographic or no-break sign of a name is, if it has one."""
    found = next((sign for sign in text if sign in TYPOGRAPHIC), None)
    if found is not None:
        return typographic(found, begins_word=text.startswith(found))
    return "U+00A0 is a no-break blank; delete it" if "\u00a0" in text else None


def check_visible(text: str) -> None:
    """Refuse a path with a sign that nobody sees, and that no file is called by.

    Raises:
        ValueError: Its text completes the sentence "<text> ...".
    """
    found = next((sign for sign in text if sign in INVISIBLE), None)
    if found is not None:
        raise ValueError(f"has an invisible sign, U+{ord(found):04X}; delete it")

"""A line becomes words: a shell's quotes, Python's variables, and nothing else of a shell."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from IPython.core.error import UsageError

_PIECE = re.compile(
    r"""(?P<blank>\s+)
      | '(?P<single>[^']*)'
      | "(?P<double>(?:\\"|[^"\\]|\\(?!"))*)"
      | (?P<plain>[^\s'"]+)""",
    re.VERBOSE,
)

_REFERENCE = re.compile(
    r"""(?P<dollars>\$\$)
      | (?P<open>\{\{)
      | (?P<close>\}\})
      | \$?\{(?P<braced>[^\W\d]\w*)\}
      | \$(?P<bare>[^\W\d]\w*)""",
    re.VERBOSE,
)


def split(line: str) -> list[str]:
    r"""Split a line into words.

    Quotes are those of a shell, also inside a word: ``--name="my job"``. Within double quotes,
    ``\"`` is a quote. Any other backslash is a backslash, as in ``C:\jobs\etl.py``.

    Raises:
        UsageError: A quote is never closed, or the line ends in a backslash.
    """
    if line.rstrip().endswith("\\"):
        raise UsageError(
            r"the line ends in a backslash; quote a word that does end in one, '…\'. A %% line cannot be"
            " continued: options go into its cell, `#| name: value`, and so does a spark-submit command"
        )
    words: list[str] = []
    word: str | None = None
    position = 0
    while position < len(line):
        piece = _PIECE.match(line, position)
        if piece is None:
            raise UsageError(f"the quote {line[position]} in column {position + 1} is never closed")
        position = piece.end()
        if piece.lastgroup != "blank":
            text = piece[piece.lastgroup or 0]
            word = (word or "") + (text.replace('\\"', '"') if piece["double"] else text)
        elif word is not None:
            words.append(word)
            word = None
    return words if word is None else [*words, word]


def expand(word: str, namespace: Mapping[str, object]) -> str:
    """Put the values of variables into a word of a line, from left to right.

    - ``{name}``, ``$name`` and ``${name}``, where ``name`` is an identifier, become
      ``str(namespace["name"])``. The value is not looked into again.
    - ``$$`` becomes ``$``.
    - ``{{`` becomes ``{``, and the ``}}`` that closes it ``}``.
    - All else stays as it is: ``{2}``, ``$1``, ``{"a": {"b": 1}}``.

    Raises:
        UsageError: A variable is not defined.
    """
    unclosed = 0

    def replacement(match: re.Match[str]) -> str:
        nonlocal unclosed
        if match["dollars"]:
            return "$"
        if match["open"]:
            unclosed += 1
            return "{"
        if match["close"]:
            closes = unclosed > 0
            unclosed -= closes
            return "}" if closes else "}}"
        name = match["braced"] or match["bare"]
        if name in namespace:
            return str(namespace[name])
        if not name.isidentifier():
            return match[0]
        literal = match[0].replace("$", "$$").replace("{", "{{").replace("}", "}}")
        cause = f"{name} is not defined here"
        if name in os.environ:
            cause += f", only in the environment: {name} = os.environ[{name!r}] would do that"
        raise UsageError(f"{cause}; to mean it literally: {literal}")

    return _REFERENCE.sub(replacement, word)

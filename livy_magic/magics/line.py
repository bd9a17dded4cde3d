r"""Splitting a line into words: by the magics' own rules, or by a shell's for a pasted command.

=============  ==============================================  ======================================
in the line    the magics' own rules                           a shell's
=============  ==============================================  ======================================
``'…'``        the text itself                                 the text itself
``"…"``        one word; ``\"`` is a quote                     one word; ``\`` before ``$ ` " \``
``\x``         a backslash and an x, as in ``C:\x``            x; ``C:\x`` at a word's start stays
``# …``        itself                                          a comment, at a word's start
``; | $(…)``   themselves                                      refused: no shell runs
``{…} $name``  Python, but not in single quotes                Python, but not in single quotes
=============  ==============================================  ======================================
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from IPython.core.error import UsageError

from ..redact import is_secret
from ..spelling import TYPOGRAPHIC, typographic
from .references import NAME, expanded, field_at

_SPECIAL = rf"'\"\\{{}}${re.escape(TYPOGRAPHIC)}"

_REFERENCES = r"\$\$ | \$\{(?!\{) | \{\{"  # no expression in braces begins inside these

_OWN = re.compile(
    rf"""(?P<blank>\s+)
      | '(?P<single>[^']*)'
      | "(?P<double>(?:\\"|[^"\\]|\\(?!"))*)"
      | (?P<odd>[{re.escape(TYPOGRAPHIC)}])
      | (?P<open>['"])
      | (?P<plain>{_REFERENCES} | [^\s{_SPECIAL}]+ | [\\{{}}$])""",
    re.VERBOSE,
)

_SHELL = re.compile(
    rf"""(?P<continued>\\\r?\n)
      | (?P<late>\\[^\S\n]+(?=\n))
      | (?P<last>\\\s*\Z)
      | (?P<end>\r?\n)
      | (?P<blank>[^\S\n]+)
      | \\(?P<escaped>.)
      | '(?P<single>[^']*)'
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | (?P<odd>[{re.escape(TYPOGRAPHIC)}])
      | (?P<substitution>`|\$(?:[('"0-9@*\#?!-]|\{{(?!{NAME}\}})))
      | (?P<operator>[;&|<>()]+)
      | (?P<open>['"])
      | (?P<several>\{{[^\s'"{{}}]*(?:,|\.\.)[^\s'"{{}}]*\}})
      | (?P<plain>{_REFERENCES} | [^\s{_SPECIAL};&|<>()`]+ | [{{}}$])""",
    re.VERBOSE | re.DOTALL,
)
_WINDOWS = re.compile(
    r"""[A-Za-z]:\\(?:[^\s'"`;&|<>()\\]|\\(?!\s|\Z))*"""
)  # a Windows path, from which a shell would remove the backslashes
_HOME = re.compile(r"~(?=/|\s|\Z)")
_COMMENT = re.compile(r"#[^\n]*")

# A shell's syntax within double quotes.
_DOUBLE = re.compile(
    rf"""\\(?P<literal>[$`]) | \\(?P<quoted>["\\]) | (?P<continued>\\\r?\n)
      | (?P<substitution>`|\$(?:[(0-9@*\#?!-]|\{{(?!{NAME}\}})))
      | (?P<plain>\$\$ | [^\\$`]+ | .)""",
    re.VERBOSE | re.DOTALL,
)


class Kind(Enum):
    """How a piece of a word was written."""

    PLAIN = "no quotes"
    DOUBLE = "double quotes"
    LITERAL = "single quotes, or behind a shell's backslash"
    HOME = "a tilde in a command"


class Piece(NamedTuple):
    """A part of a word, without its quotes."""

    text: str
    kind: Kind


class Word(str):
    """A word without its quotes, before variables are replaced.

    Attributes:
        pieces: Its parts.
        start: Its position in the line.
    """

    __slots__ = ("pieces", "start")

    pieces: tuple[Piece, ...]
    start: int

    def __new__(cls, pieces: list[Piece], start: int) -> Word:  # noqa: D102, PYI034 -- Self is 3.11's
        word = super().__new__(cls, "".join(piece.text for piece in pieces))
        word.pieces, word.start = tuple(pieces), start
        return word

    @property
    def is_pattern(self) -> bool:
        """Whether a shell would match it against files: ``*``, ``?`` or ``[`` without quotes."""
        return any(
            piece.kind is Kind.PLAIN and set("*?[") & set(piece.text) for piece in self.pieces
        )


def split(line: str) -> list[Word]:
    r"""Split a line into words by the magics' own rules.

    Quotes work as in a shell, also inside a word: ``--name="my job"``. Within double quotes, ``\"``
    is a quote. Any other backslash stands for itself, as in ``C:\jobs\etl.py``.

    Raises:
        UsageError: A quote is never closed, a character is typographic, or the line ends in a
            backslash.
    """
    return list(own_words(line))


def own_words(line: str) -> Iterator[Word]:
    """Yield the words that :func:`split` returns; raise for a faulty one only when it is reached."""
    pieces: list[Piece] = []
    start: int | None = None
    position = 0
    while position < len(line):
        token = _OWN.match(line, position)
        assert token is not None
        where, position = position, token.end()
        if token["blank"]:
            if start is not None:
                yield Word(pieces, start)
            pieces, start = [], None
            continue
        if token["open"]:
            raise _never_closed(line, where)
        if token["odd"]:
            raise _odd(line, where, begins_word=start is None)
        if token["plain"] == "\\" and not line[position:].strip():
            raise _ends_in_backslash()
        start = where if start is None else start
        if token["single"] is not None:
            pieces.append(Piece(token["single"], Kind.LITERAL))
        elif token["double"] is not None:
            pieces.append(Piece(token["double"].replace('\\"', '"'), Kind.DOUBLE))
        else:
            position = _add_plain(pieces, line, where, position)
    if start is not None:
        yield Word(pieces, start)


def shell_words(text: str) -> list[Word]:
    r"""Split a pasted command into words, as a shell does.

    A ``\`` at its end continues a line; only comments may follow the command.

    Raises:
        UsageError: A quote is never closed; a character is typographic; a line's continuation is
            broken; the command needs a shell; or something other than a comment follows it.
    """
    words: list[Word] = []
    pieces: list[Piece] = []
    start: int | None = None
    position = 0
    while position < len(text):
        if start is None and (comment := _COMMENT.match(text, position)):
            position = comment.end()
            continue
        if start is None and (path := _WINDOWS.match(text, position)):
            pieces, start, position = [Piece(path[0], Kind.PLAIN)], position, path.end()
            continue
        token = _SHELL.match(text, position)
        assert token is not None
        where, position = position, token.end()
        if token["continued"]:
            continue
        if token["blank"] or token["end"]:
            if start is not None:
                words.append(Word(pieces, start))
            pieces, start = [], None
            if token["end"] and words:
                _check_nothing_below(text[position:])
                break
            continue
        _check_no_shell(text, token, begins_word=start is None)
        if token["escaped"] or token["single"] is not None:
            pieces.append(Piece(token["escaped"] or token["single"], Kind.LITERAL))
        elif token["double"] is not None:
            pieces += _in_double_quotes(text, where + 1, token.end("double"))
        elif start is None and _HOME.match(text, where):
            pieces.append(Piece("~", Kind.HOME))
            position = where + 1
        else:
            position = _add_plain(pieces, text, where, position)
        start = where if start is None else start
    return words if start is None else [*words, Word(pieces, start)]


def _check_no_shell(text: str, token: re.Match[str], *, begins_word: bool) -> None:
    """Raise UsageError for syntax that no shell accepts, or that only a shell can execute."""
    where = token.start()
    if token["late"]:
        line = text.count("\n", 0, where) + 1
        raise UsageError(
            f"line {line}: a blank stands behind the backslash at its end; delete it, so that the"
            " command goes on"
        )
    if token["last"]:
        raise _ends_in_backslash()
    if token["odd"]:
        raise _odd(text, where, begins_word=begins_word)
    if token["open"]:
        raise _never_closed(text, where)
    if token["substitution"]:
        raise _substitution(text, where, token["substitution"])
    if token["operator"] or (token["several"] and not field_at(text, where)):
        raise UsageError(
            f"{token[0]} in {_place(text, where)} is for a shell, and none runs here; leave it out (a batch"
            " runs in the background anyway), or quote it if the program should get it"
        )


def _in_double_quotes(text: str, start: int, end: int) -> list[Piece]:
    """Return the pieces of a text within double quotes, by a shell's rules."""
    pieces = [Piece("", Kind.DOUBLE)]
    position = start
    while position < end:
        token = _DOUBLE.match(text, position, end)
        assert token is not None
        if token["substitution"]:
            raise _substitution(text, position, token["substitution"])
        if token["literal"]:
            pieces += [Piece(token["literal"], Kind.LITERAL), Piece("", Kind.DOUBLE)]
        else:
            more = token["quoted"] or token["plain"] or ""
            pieces[-1] = Piece(pieces[-1].text + more, Kind.DOUBLE)
        position = token.end()
    return pieces


def _add_plain(pieces: list[Piece], line: str, start: int, end: int) -> int:
    """Add unquoted text, including the whole of a Python expression in braces; return its end."""
    text = line[start:end]
    if text.startswith("{") and (field := field_at(line, start)):
        end = field.end
        text = line[start:end]
    if pieces and pieces[-1].kind is Kind.PLAIN:
        text = pieces.pop().text + text
    pieces.append(Piece(text, Kind.PLAIN))
    return end


def _check_nothing_below(text: str) -> None:
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            shown = "something else" if is_secret(line) else f"`{line.strip()[:40]}`"
            raise UsageError(
                f"below the spark-submit command stands {shown}; every line of the command but the last"
                " ends in a backslash, and nothing else may be in the cell"
            )


# -- errors in a line -----------------------------------------------------------------------------


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = f"column {position - text.rfind(chr(10), 0, position)}"
    return f"line {line}, {column}" if "\n" in text else column


def _never_closed(text: str, position: int) -> UsageError:
    return UsageError(f"the quote {text[position]} in {_place(text, position)} is never closed")


def _odd(text: str, position: int, *, begins_word: bool) -> UsageError:
    is_option = begins_word and text[position + 1 : position + 2] != "-"
    what = typographic(text[position], begins_word=is_option)
    return UsageError(
        f"{_place(text, position)}: {what}, or put straight quotes around a word that is to have it"
    )


def _ends_in_backslash() -> UsageError:
    return UsageError(
        r"the line ends in a backslash; quote a word that does end in one, '…\', and delete a blank behind"
        " one where the line goes on. A %% line cannot be continued: options go into its cell,"
        " `#| name: value`, and so does a spark-submit command"
    )


def _substitution(text: str, position: int, sign: str) -> UsageError:
    return UsageError(
        f"{sign} in {_place(text, position)} is for a shell, and none runs here; put what it stands for into"
        " a variable of the notebook, {name}; in single quotes it is text"
    )


# -- variables --------------------------------------------------------------------------------------


def expand(word: str, namespace: Mapping[str, object]) -> str:
    """Replace the variables in a word of a line by their values, from left to right.

    - ``{name}``, ``$name`` and ``${name}``, where ``name`` is an identifier, become
      ``str(namespace["name"])``. The value is not expanded again.
    - ``{day:%Y}``, ``{c.day}``, ``{d["k"]!r}``, ``{n + 1}``: a Python expression that begins with a
      name becomes its value, formatted as in an f-string.
    - ``$$`` becomes ``$``.
    - ``{{`` becomes ``{``, and the ``}}`` that closes it ``}``.
    - Everything else is unchanged: ``{2}``, ``$1``, ``{"a": {"b": 1}}``, ``{a,b}``. So is any text in
      single quotes.

    Args:
        word: A word of :func:`split` or :func:`shell_words`, or any text.
        namespace: The variables.

    Raises:
        UsageError: A variable is not defined, an expression fails, or braces begin with a variable
            but hold no expression.
    """
    pieces = word.pieces if isinstance(word, Word) else (Piece(word, Kind.PLAIN),)
    texts: list[str] = []
    unclosed = 0
    for text, kind in pieces:
        if kind is Kind.LITERAL:
            texts.append(text)
        elif kind is Kind.HOME:
            texts.append(os.path.expanduser(text))  # noqa: PTH111 -- Path's fails without a home
        else:
            with_values, unclosed = expanded(text, namespace, unclosed)
            texts.append(with_values)
    return "".join(texts)

"""The Python file that a cell stands for, and the parameters that stand in it."""

from __future__ import annotations

import ast
import keyword
import re
import shlex
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from IPython.core.error import UsageError

from ..redact import is_secret, mask_args, mask_url
from .cell import MARK, parts
from .cell import lines as lines_of
from .options import CELL, FIRST_ARGUMENT, words_of

MAGIC = "%%livy_batch"

# A comment on line 1 or 2 that Python takes for the file's encoding (PEP 263): "encoding=cp1252"
# in the magic's line would be one.
_ENCODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*[-\w.]")

# What ast.literal_eval raises, and repr of what is nested too deeply.
NO_LITERAL = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError)


def application(line: str, cell: str, params: Mapping[str, object]) -> str:
    """Return the Python file that a cell stands for.

    Its line N is line N of the cell, the magic's line being line 1, so a traceback points at what
    the user sees. Line 1 is the magic's line as a comment, with the parameters before it; when the
    cell has imports from ``__future__``, which nothing may precede, they go behind the last one.
    Secrets in the line and in cell options are masked.

    Args:
        line: The magic's line, as it was typed.
        cell: The code, cell options included.
        params: Variables to define, literals all.

    Raises:
        UsageError: A parameter cannot be written down as a literal, or should not be.
    """
    first = f"# {MAGIC} {_masked_line(line)}".rstrip()
    assignments = "; ".join(_assignment(name, value) for name, value in params.items())
    code = _masked_options(cell)
    if assignments:
        behind = _behind_future(code, assignments)
        if behind is None:
            return f"{assignments}  {first}\n{code}"
        code = behind
    if any(_ENCODING.match(text) for text in (first, next(lines_of(code), ""))):
        # It is UTF-8, whatever another line seems to say: the first declaration counts.
        first = f"# coding: utf-8; {first.removeprefix('# ')}"
    return f"{first}\n{code}"


def _behind_future(code: str, assignments: str) -> str | None:
    """Return the code with the assignments behind its last ``__future__`` import, if it has one."""
    try:
        with _no_warnings():
            tree = ast.parse(code)
    except (SyntaxError, ValueError):  # the batch will say so, in its traceback
        return None
    imports = [
        statement
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
    ]
    if not imports:
        return None
    last = imports[-1]
    assert last.end_lineno is not None
    assert last.end_col_offset is not None
    lines = list(lines_of(code))
    text = lines[last.end_lineno - 1].encode()  # Python counts columns in UTF-8
    before, after = text[: last.end_col_offset], text[last.end_col_offset :]
    lines[last.end_lineno - 1] = f"{before.decode()}; {assignments}{after.decode()}"
    return "".join(lines)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Keep Python from warning about code that is not run here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _masked_line(line: str) -> str:
    line = re.sub(r"[\r\n\0]+", " ", line).strip()
    if is_secret(line):
        return shlex.join(mask_args(words_of(line, CELL, first=FIRST_ARGUMENT)))
    return mask_url(line)


def _masked_options(cell: str) -> str:
    """Return the cell with its options emptied if they speak of a secret; they are comments now."""
    top, below = parts(cell)
    options = "".join(line for line in top if line.startswith(MARK))
    if is_secret(options) or mask_url(options) != options:
        top = [re.sub(r"^#\|[^\r\n]*", MARK, line) for line in top]
    return "".join(top + below)


def param(text: str, namespace: Mapping[str, object]) -> tuple[str, object]:
    """Read a ``--param``: ``NAME`` takes the variable of that name, ``NAME=VALUE`` gives the value.

    Raises:
        UsageError: The name is none, is not defined, or looks like a secret's; or the value cannot be
            written down as a literal.
    """
    name, equals, value = text.partition("=")
    _check_name(name)
    if equals:
        return name, param_value(value)
    if name not in namespace:
        raise UsageError(f"--param {name}: {name} is not defined here")
    _check_value(name, namespace[name])
    return name, namespace[name]


def param_value(text: str) -> object:
    """Return what ``text`` spells as a Python literal, or ``text`` itself where it spells none."""
    try:
        with _no_warnings():
            value = ast.literal_eval(text)
    except NO_LITERAL:
        return text
    return value if _is_literal(value) else text


def _assignment(name: str, value: object) -> str:
    """Return ``name = value`` as Python source, in one line."""
    _check_name(name)
    _check_value(name, value)
    return f"{name} = {value!r}"


def _check_name(name: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"--param {name}: {name!r} is no variable name")
    if is_secret(name):
        raise UsageError(
            f"--param {name}: looks like a secret, and the staged file is no place for one; let the"
            " program read it from its environment or from a secret store of the cluster"
        )


def _check_value(name: str, value: object) -> None:
    if not _is_literal(value):
        raise UsageError(
            f"--param {name}: this {type(value).__name__} cannot be written as a plain literal; pass"
            " numbers, text, or lists, tuples, sets and dicts of them"
        )


def _is_literal(value: object) -> bool:
    """Say whether ``repr`` writes ``value`` down in full: not so for nan, or an array."""
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except NO_LITERAL:
        return False

"""The Python file made from a cell, with the parameters in it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Mapping

from ..redact import is_secret, mask_args, mask_text
from .cell import MARK, parts
from .cell import lines as lines_of
from .options import CELL, FIRST_ARGUMENT, words_of
from .parameters import assignments, no_warnings

MAGIC = "%%livy_batch"

# A comment on line 1 or 2 that Python reads as the file's encoding (PEP 263), such as
# "encoding=cp1252" in the magic's line.
_ENCODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*[-\w.]")


def application(line: str, cell: str, params: Mapping[str, object]) -> str:
    """Return the Python file made from a cell.

    Line N of the file is line N of the cell, where line 1 is the magic's, so a traceback has the
    line numbers that the user sees. Line 1 is the magic's line as a comment, after the parameters;
    if the cell imports from ``__future__``, which must come first, they follow the last such import.
    Secrets in the line and in cell options are masked.

    Args:
        line: The magic's line, as typed.
        cell: The code, including cell options.
        params: Variables to define, from :func:`~livy_magic.magics.parameters.param`.

    Raises:
        UsageError: A parameter's value cannot be written as Python source.
    """
    first = f"# {MAGIC} {_masked_line(line)}".rstrip()
    defined = assignments(params)
    code = _masked_options(cell)
    if defined:
        behind = _behind_future(code, defined)
        if behind is None:
            return f"{defined}  {first}\n{code}"
        code = behind
    if any(_ENCODING.match(text) for text in (first, next(lines_of(code), ""))):
        # The file is UTF-8, even if a comment looks like another declaration: the first one counts.
        first = f"# coding: utf-8; {first.removeprefix('# ')}"
    return f"{first}\n{code}"


def _behind_future(code: str, defined: str) -> str | None:
    """Return the code with the assignments after its last ``__future__`` import; None without one."""
    try:
        with no_warnings():
            tree = ast.parse(code)
    except (SyntaxError, ValueError):  # the batch's traceback will report it
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
    lines[last.end_lineno - 1] = f"{before.decode()}; {defined}{after.decode()}"
    return "".join(lines)


def _masked_line(line: str) -> str:
    line = re.sub(r"[\r\n\0]+", " ", line).strip()
    words = words_of(line, CELL, first=FIRST_ARGUMENT)
    masked = mask_args(words)
    return line if masked == words else shlex.join(masked)


def _masked_options(cell: str) -> str:
    """Return the cell, with its options blanked if they contain a secret: here they are comments."""
    top, below = parts(cell)
    options = "".join(line for line in top if line.startswith(MARK))
    if is_secret(options) or mask_text(options) != options:
        top = [re.sub(r"^#\|[^\r\n]*", MARK, line) for line in top]
    return "".join(top + below)

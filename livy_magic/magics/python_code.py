"""Checks before staging whether a cell's code is Python."""

from __future__ import annotations

import ast
import re
import warnings

from IPython.core.error import UsageError
from IPython.core.inputtransformer2 import TransformerManager

from ..redact import is_secret
from .spark_submit import is_command

# How a line of shell or SQL begins, tested where Python's parser stopped.
_SHELL = re.compile(
    r"\s*(?:export|source|sudo|cd|ls|cat|cp|mv|rm|mkdir|chmod|echo|curl|wget|git|bash|sh|pip3?|conda|apt|apt-get"
    r"|python3?|hdfs|hadoop|yarn|kinit|aws|gsutil|az|docker|kubectl|beeline|pyspark|spark-\w+)(?=\s)"
    r"|\s*[A-Za-z_]\w*=[^\s$`]*[$`]"
)
_SQL = re.compile(
    r"\s*(?:select|insert|create|drop|alter|show|describe|use|merge|update|delete|truncate|explain)\s",
    re.IGNORECASE,
)
_PACKAGES = re.compile(r"[!%]\s*(?:pip3?|conda|mamba|uv)\b")
_OPEN_TEXT = "unterminated"  # the start of Python's message about a string that is never closed


def complaint(code: str, first_line: int) -> str | None:
    """Return what this Python cannot compile in a cell's code, or None. The code is not run.

    Another version may know the syntax; code that no Python can compile raises an error.

    Args:
        code: The cell from its first line of code on.
        first_line: The number of that line in the cell.

    Raises:
        UsageError: The code contains IPython syntax, shell commands or SQL, or an ``await`` that only
            works in a notebook.
    """
    problem = _problem(code)
    if problem is None:
        return None
    at = problem.lineno or 1
    if not problem.msg.startswith(_OPEN_TEXT):
        _check_no_ipython(code, first_line)
    if _compiles(code, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
        raise UsageError(
            f"line {first_line + at - 1} of the cell: await outside a function is the notebook's; put the"
            " code into `async def main():`, and below it `asyncio.run(main())`"
        )
    lines = code.splitlines()
    line = lines[at - 1] if at <= len(lines) else ""
    place = f"line {first_line + at - 1} of the cell: "
    if is_command(line):
        raise UsageError(
            f"{place}a spark-submit command has a cell of its own, with `#|` options at most"
        )
    if _SHELL.match(line):
        raise UsageError(
            f"{place}{_shown(line)} is for a shell, and a batch runs Python: subprocess.run([…]) runs a"
            " program where the driver is"
        )
    if _SQL.match(line):
        raise UsageError(
            f'{place}{_shown(line)} is SQL, and a batch runs Python: spark.sql("""…""")'
        )
    return f"{place}{problem.msg}"


def _problem(code: str) -> SyntaxError | None:
    """Return the error that stops the code from compiling, or None."""
    try:
        _compile(code, 0)
    except SyntaxError as problem:
        return problem
    except ValueError as problem:  # older Pythons raise it for a NUL
        return SyntaxError(str(problem))
    except (RecursionError, MemoryError):  # another Python may have a larger stack
        pass
    return None


def _compile(code: str, flags: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(code, "<cell>", "exec", flags, dont_inherit=True)


def _compiles(code: str, flags: int) -> bool:
    try:
        _compile(code, flags)
    except (SyntaxError, ValueError):
        return False
    return True


def _check_no_ipython(code: str, first_line: int) -> None:
    """Raise UsageError for syntax that only IPython can turn into Python."""
    before = code.splitlines(keepends=True)
    try:
        after = TransformerManager().transform_cell(code).splitlines(keepends=True)
    except SyntaxError:  # IPython cannot read it either
        return
    changed = next((n for n, line in enumerate(before) if after[n : n + 1] != [line]), None)
    if changed is None or (changed == len(before) - 1 and before[-1] + "\n" == after[changed]):
        return
    line = before[changed].strip()
    place = f"line {first_line + changed} of the cell: "
    if before[changed][:1].isspace() and after[changed].lstrip() == before[changed].lstrip():
        raise UsageError(f"{place}the code is indented; begin it in the first column")
    if _PACKAGES.search(line):
        to_do = "packages come with --py-files, or packed with --archives"
    elif line.startswith("%%"):
        to_do = "a cell has one magic; leave this one out"
    elif re.search(r"(?:^|=\s*)!", line):
        to_do = "subprocess.run([…]) runs a program where the driver is"
    else:
        to_do = "leave it out"
    raise UsageError(f"{place}{_shown(line)} is IPython's, and a batch runs plain Python: {to_do}")


def _shown(line: str) -> str:
    return "this" if is_secret(line) else f"`{line.strip()[:40]}`"

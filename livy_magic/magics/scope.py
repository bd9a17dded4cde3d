"""The variables of the code that calls a magic."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

_RUNS_A_MAGIC = {
    InteractiveShell.run_line_magic.__code__,
    InteractiveShell.run_cell_magic.__code__,
}


def variables(shell: InteractiveShell) -> dict[str, Any]:
    """Return the variables of the code that calls the running magic, by name.

    The calling function's variables override the notebook's, as when IPython expands the line of
    its own magics. ``needs_local_scope`` is no alternative: it gives a cell magic the notebook's
    variables only. Python's builtins are excluded: nobody wants the value of ``{id}``. Unlike
    IPython, this follows Python's rules: a local variable without a value yet hides the notebook's
    variable of the same name, and so do the variables of enclosing functions, as long as these
    still run (before Python 3.12, every comprehension is such a function).
    """
    names: dict[str, Any] = dict(shell.user_ns)
    frame = _calling_frame()
    if frame is None:
        return names
    if frame.f_globals is not shell.user_global_ns:
        names |= frame.f_globals  # of the calling module
    for scope in reversed(list(_scopes(frame))):
        code = scope.f_code
        if code.co_flags & inspect.CO_OPTIMIZED:  # only functions have a fixed set of variables
            for name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
                names.pop(name, None)
        names |= scope.f_locals
    return names


def _calling_frame() -> FrameType | None:
    """Return the frame of the code that calls the running magic, or None."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 -- as IPython does; inspect has no cheaper one
    while frame is not None and frame.f_code not in _RUNS_A_MAGIC:
        frame = frame.f_back
    if frame is None:  # the method was called without IPython
        return None
    # A shell with its own way of running magics says how many frames lie between.
    for _ in range(frame.f_locals.get("_stack_depth", 1)):
        frame = frame.f_back if frame is not None else None
    # IPython's own code calls the magic for an alias, and for an older IPython's `magic()`.
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("IPython."):
        frame = frame.f_back
    return frame


def _scopes(frame: FrameType) -> Iterator[FrameType]:
    """Yield the frame, and those of the functions that enclose its code, innermost first."""
    outer: FrameType | None = frame
    code = frame.f_code
    while outer is not None:
        if outer is frame or (
            outer.f_code.co_flags & inspect.CO_OPTIMIZED
            and any(constant is code for constant in outer.f_code.co_consts)
        ):
            yield outer
            code = outer.f_code
        outer = outer.f_back

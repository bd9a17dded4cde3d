"""Where a magic stands in the user's code, and which variables that code has there."""

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
    """Return what each name means where the magic stands that runs now.

    The calling function's variables come first, then the notebook's: the order in which IPython
    expands the line of its own magics. ``needs_local_scope`` would not do: a cell magic gets the
    notebook's variables alone. Python's builtins do not count: nobody means what ``{id}`` would
    become. And where IPython would take the notebook's variable for one of the same name, Python's
    rules hold: a local variable that has no value yet hides it, and so do the variables of the
    functions around the calling one, as far as these still run (before Python 3.12, every
    comprehension is such a function).
    """
    names: dict[str, Any] = dict(shell.user_ns)
    frame = _calling_frame()
    if frame is None:
        return names
    if frame.f_globals is not shell.user_global_ns:
        names |= frame.f_globals  # of the module that called
    for scope in reversed(list(_scopes(frame))):
        code = scope.f_code
        if code.co_flags & inspect.CO_OPTIMIZED:  # only a function knows its variables in advance
            for name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
                names.pop(name, None)
        names |= scope.f_locals
    return names


def _calling_frame() -> FrameType | None:
    """Return the frame of the code in which the running magic stands."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 -- as IPython does; inspect has no cheaper one
    while frame is not None and frame.f_code not in _RUNS_A_MAGIC:
        frame = frame.f_back
    if frame is None:  # the method was called without IPython
        return None
    # A shell that runs magics in a way of its own says how many frames lie between.
    for _ in range(frame.f_locals.get("_stack_depth", 1)):
        frame = frame.f_back if frame is not None else None
    # An alias of a magic, and the magic of an older IPython's `magic()`, are run from within IPython.
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("IPython."):
        frame = frame.f_back
    return frame


def _scopes(frame: FrameType) -> Iterator[FrameType]:
    """Yield the frame, and those of the functions that its code stands in, the innermost first."""
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

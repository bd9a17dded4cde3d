"""The notebook side: magics, their lines and cells, and what they display.

In reading order: ``magics`` (each parses, calls, returns), ``line``, ``references``, ``scope`` and
``in_hand`` (the words of a line, and the variables in them), ``options`` and ``spark_submit`` (the
options), ``cell``, ``python_code``, ``parameters`` and ``application`` (a cell, whether its code is
Python, its parameters, and the file made from it), ``completion``, ``in_place`` (output that is
updated in place), ``waiting``, ``progress_bar`` and ``output`` (a wait, and what it shows),
``tables`` and ``card`` (how results are displayed), ``forget``, ``history_warnings``.

This package must not know HTTP: whatever a magic does, the Python API does.
"""

from __future__ import annotations

import logging
from typing import Any
from weakref import WeakKeyDictionary

from ..batch import Batch
from .card import Shown
from .history_warnings import HistoryWarnings
from .magics import Chosen, LivyMagics
from .tables import BatchList

_history_log = logging.getLogger("livy_magic.history")
_warnings = HistoryWarnings()
_chosen: WeakKeyDictionary[Any, Chosen] = WeakKeyDictionary()  # by shell, after an unload


def load(shell: Any) -> None:
    """Register the magics, and the card as the display of a Batch."""
    shell.register_magics(LivyMagics)
    magics = shell.magics_manager.registry[LivyMagics.__name__]
    if shell in _chosen:
        magics.go_on(_chosen[shell])
    shell.Completer.custom_matchers.append(magics.matcher)
    _history_log.addHandler(_warnings)
    shell.events.register("post_run_cell", _warnings.show)
    shell.events.register("post_run_cell", magics.shown.clear)
    if hasattr(shell, "kernel"):  # a terminal cannot update what it has printed
        _show(shell, magics.shown)


def _show(shell: Any, shown: Shown) -> None:
    """Register the display of batches, each once per cell."""
    formatter = shell.display_formatter.ipython_display_formatter
    formatter.for_type(Batch, shown.batch)
    formatter.for_type(BatchList, shown.batches)


def unload(shell: Any) -> None:
    """Undo :func:`load`."""
    magics = shell.magics_manager.registry.pop(LivyMagics.__name__, None)
    if magics is None:
        return
    _chosen[shell] = magics.chosen()
    magics.close()
    shell.Completer.custom_matchers.remove(magics.matcher)
    _history_log.removeHandler(_warnings)
    shell.events.unregister("post_run_cell", _warnings.show)
    for known in shell.magics_manager.magics.values():
        for name in [
            name for name, magic in known.items() if getattr(magic, "__self__", None) is magics
        ]:
            del known[name]
    shell.configurables.remove(magics)
    shell.events.unregister("post_run_cell", magics.shown.clear)
    for kind in (Batch, BatchList):
        shell.display_formatter.ipython_display_formatter.pop(kind, None)

"""The notebook side: magics, their lines and cells, and what they display."""

from __future__ import annotations

import logging
import re
from typing import Any

from ..batch import Batch
from .card import Card
from .magics import LivyMagics
from .trouble import Trouble

_LINE = re.compile(r"\s*%{0,2}livy_(connect|submit|batch|batches|history|log|wait|kill|local)\s")

_history_log = logging.getLogger("livy_magic.history")
_trouble = Trouble()


def load(shell: Any) -> None:
    """Register the magics, and the card as the way a Batch shows."""
    shell.register_magics(LivyMagics)
    _history_log.addHandler(_trouble)
    shell.events.register("post_run_cell", _trouble.show)
    shell.set_hook("complete_command", _completed, re_key=_LINE)
    if hasattr(shell, "kernel"):  # a terminal cannot renew what it has printed
        shell.display_formatter.ipython_display_formatter.for_type(Batch, Card)


def _completed(shell: Any, event: Any) -> list[str]:
    magics: LivyMagics = shell.magics_manager.registry[LivyMagics.__name__]
    return magics.complete(event.text_until_cursor)


def unload(shell: Any) -> None:
    """Undo :func:`load`."""
    magics = shell.magics_manager.registry.pop(LivyMagics.__name__, None)
    if magics is None:
        return
    magics.close()
    _history_log.removeHandler(_trouble)
    shell.events.unregister("post_run_cell", _trouble.show)
    for kind in shell.magics_manager.magics.values():
        for name in [
            name for name, magic in kind.items() if getattr(magic, "__self__", None) is magics
        ]:
            del kind[name]
    shell.configurables.remove(magics)
    shell.strdispatchers["complete_command"].regexs.pop(_LINE, None)
    shell.display_formatter.ipython_display_formatter.pop(Batch, None)

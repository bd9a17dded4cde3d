"""The panel's place: below its cell, or beside the notebook in JupyterLab.

A kernel cannot know its front end. So the panel is first displayed below the cell, and its browser
side reports where it runs; only JupyterLab has a place beside the notebook.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Wish: TypeAlias = Literal["inline", "side", "split"]

ANCHORS = {"side": "right", "split": "split-right"}
PLACES = {"side": "in the side bar", "split": "in a tab beside the notebook"}


class Placement:
    """The place of one panel, as the user wishes it.

    Args:
        panel: The widget to display.
        title: The title of its tab.
    """

    def __init__(self, panel: object, title: str) -> None:
        self._panel = panel
        self._title = title
        self._wish: Wish = "inline"
        self._beside: Any = None  # the sidecar, if there is one

    def wish(self, wish: Wish) -> None:
        """Set the place for the next view; close the sidecar, if there is one."""
        self._wish = wish
        if self._beside is not None:
            self._beside.close()
            self._beside = None

    def greet(self, view: Mapping[str, Any]) -> dict[str, Any] | None:
        """Move a panel to its place when a view below a cell has appeared.

        Args:
            view: The view's message: ``frontend``, and whether it is ``inline``, below a cell.

        Returns:
            The ``text`` to show in that view, and whether to ``hide`` everything else; None if the
            panel stays there.
        """
        if self._wish == "inline" or not view.get("inline", True):
            return None
        where = PLACES[self._wish]
        if view.get("frontend") != "lab":
            return {"text": f"Only JupyterLab can show the panel {where}.", "hide": False}
        if self._beside is None:
            try:
                from sidecar import Sidecar  # an extra, which may not be installed
            except ImportError:
                text = f"To show the panel {where}: pip install 'livy-magic[lab]', then reload the page."
                return {"text": text, "hide": False}
            self._beside = Sidecar(title=self._title, anchor=ANCHORS[self._wish])
            self._beside.append_display_data(self._panel)
        return {"text": f"The panel is {where}.", "hide": True}

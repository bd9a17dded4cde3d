"""Where the panel is displayed: below its cell, or beside the notebook in JupyterLab.

A kernel cannot know which front end shows it. So the panel is displayed in the cell first, and its
browser side says where it runs; only JupyterLab has a place beside the notebook.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Wish: TypeAlias = Literal["inline", "side", "split"]

ANCHORS = {"side": "right", "split": "split-right"}
PLACES = {"side": "in the side bar", "split": "in a tab beside the notebook"}


class Placement:
    """Puts a panel where a person wants it.

    Args:
        panel: The widget to display.
        title: What stands on its tab.
    """

    def __init__(self, panel: object, title: str) -> None:
        self._panel = panel
        self._title = title
        self._wish: Wish = "inline"
        self._beside: Any = None  # the sidecar, while there is one

    def wish(self, wish: Wish) -> None:
        """Take where it is wanted from now on."""
        self._wish = wish
        if self._beside is not None:
            self._beside.close()
            self._beside = None

    def greet(self, view: Mapping[str, Any]) -> dict[str, Any] | None:
        """Put a panel whose first view has just appeared where it is wanted.

        Args:
            view: The view's message: ``frontend``, and whether it is ``inline``, below a cell.

        Returns:
            What is to be said in that view: ``text``, and whether to ``hide`` all else.
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

"""The panel as a Jupyter widget: state in small traits, everything else in messages."""

from __future__ import annotations

import contextvars
import html
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..display import first_line, table_html, table_text
from ..errors import LivyError
from ..livy import Livy
from ..redact import mask_url, plain
from .controller import Controller
from .logview import MOST
from .placement import Placement

STATIC = Path(__file__).with_name("static")
TABLE = 50  # batches that are shown where no front end runs


class LivyPanel(anywidget.AnyWidget):
    """Lists a server's batches, and shows the log of the one that is selected.

    One serves all places where it is displayed, which are views of it. Neither batches nor log lines
    are in its traits, so they are not saved with a notebook.

    Args:
        livy: The server.
    """

    _esm = STATIC / "panel.js"
    _css = STATIC / "panel.css"

    about = traitlets.Dict(help="whose batches they are, and what the browser has to know").tag(
        sync=True
    )
    as_of = traitlets.Float(0.0, help="when the server was seen last, s since the epoch").tag(
        sync=True
    )

    def __init__(self, livy: Livy) -> None:
        super().__init__(
            about={"server": _title(livy), "user": livy.user or "", "limits": {"lines": MOST}}
        )
        self._title = _title(livy)
        self._livy = livy
        self.placement = Placement(self, f"Livy · {self._title}")
        self._context = contextvars.copy_context()
        self.controller = Controller(livy, self._tell, self._greet)
        self.on_msg(self._receive)

    def __repr__(self) -> str:
        return f"LivyPanel({self._title!r})"

    def _receive(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        # A kernel takes the browser's messages where its own last one came from. Sent in the context
        # of the browser's newest message, they let the next ones through while a cell runs. The
        # first may come before the browser has a subshell for them, so each one counts.
        self._context = contextvars.copy_context()
        self.controller.receive(content)

    def _tell(self, content: dict[str, Any], buffers: Sequence[bytes]) -> None:
        self._context.run(self.send, content, list(buffers))

    def _greet(self, view: Mapping[str, Any]) -> dict[str, Any] | None:
        return self._context.copy().run(self.placement.greet, view)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add what is shown where no front end runs: the newest batches as a table, and as text.

        Without a time in it, so that the same batches are the same text.
        """
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        title = f"Batches on {self._title}"
        try:
            infos = self.controller.infos() or list(islice(self._livy.client.newest(), TABLE + 1))
        except LivyError as problem:  # the panel itself goes on trying, and says so
            texts = [title, first_line(problem)]
            data["text/html"] = _paragraphs(texts)
        else:
            more = ["… and more"] if len(infos) > TABLE else []
            texts = [title, table_text(infos[:TABLE]), *more]
            table = table_html(infos[:TABLE])
            data["text/html"] = f"{_paragraphs([title])}{table}{_paragraphs(more)}"
        data["text/plain"] = "\n".join(texts)
        return data, metadata


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts)


def _title(livy: Livy) -> str:
    """Return what a person calls the server: the profile's name, or where it is."""
    if livy.private is not None:
        return "private Livy"
    profile = livy.settings.profile if livy.settings else None
    return plain(profile or mask_url(livy.url))

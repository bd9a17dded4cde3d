"""The panel's Jupyter widget: its state is in small traits, everything else in messages."""

from __future__ import annotations

import contextvars
import html
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..display import Row, first_line, table_html, table_text
from ..errors import LivyError
from ..livy import Livy
from ..redact import mask_url, plain
from .controller import Controller
from .logview import MOST
from .placement import Placement

STATIC = Path(__file__).with_name("static")
TABLE = 50  # most batches to show without a front end


class LivyPanel(anywidget.AnyWidget):
    """A widget that lists a server's batches, and shows the log of the selected one.

    One widget serves all its views, the places where it is displayed. Its traits hold neither
    batches nor log lines, so these are not saved with a notebook.

    Args:
        livy: The server.
    """

    _esm = STATIC / "panel.js"
    _css = STATIC / "panel.css"

    about = traitlets.Dict(help="the server, the user, and limits that the browser needs").tag(
        sync=True
    )
    as_of = traitlets.Float(0.0, help="when the server last answered, s since the epoch").tag(
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
        # ipykernel routes a widget's messages to the subshell of the widget's last send. Sends in
        # the context of the browser's newest message thus let the next ones through while a cell
        # runs. The first may come before the browser has a subshell, so keep each one's context.
        self._context = contextvars.copy_context()
        self.controller.receive(content)

    def _tell(self, content: dict[str, Any], buffers: Sequence[bytes]) -> None:
        self._context.run(self.send, content, list(buffers))

    def _greet(self, view: Mapping[str, Any]) -> dict[str, Any] | None:
        return self._context.copy().run(self.placement.greet, view)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add the newest batches as a table and as text, to show where no front end runs.

        These hold no time, so that the same batches give the same text.
        """
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        title = f"Batches on {self._title}"
        try:
            infos = self.controller.infos() or list(islice(self._livy.client.newest(), TABLE + 1))
        except LivyError as problem:  # the panel itself shows the error, and keeps trying
            texts = [title, first_line(problem)]
            data["text/html"] = _paragraphs(texts)
        else:
            more = ["… and more"] if len(infos) > TABLE else []
            rows = [Row(info) for info in infos[:TABLE]]
            texts = [title, table_text(rows), *more]
            table = table_html(rows)
            data["text/html"] = f"{_paragraphs([title])}{table}{_paragraphs(more)}"
        data["text/plain"] = "\n".join(texts)
        return data, metadata


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts)


def _title(livy: Livy) -> str:
    """Return the server's title: the profile's name, else its URL; or ``private Livy``."""
    if livy.private is not None:
        return "private Livy"
    profile = livy.settings.profile if livy.settings else None
    return plain(profile or mask_url(livy.url))

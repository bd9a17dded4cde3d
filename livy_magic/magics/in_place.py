"""Output that is updated in place, in a cell or a terminal, and progress shown that way."""

from __future__ import annotations

import html
import shutil
import sys
import time
from typing import Protocol

from IPython import get_ipython
from IPython.display import display

from ..progress import Progress

EVERY = 10.0  # minimum seconds between two lines, if printed lines cannot be updated


def in_notebook() -> bool:
    """Return whether a front end displays output and can update it; a terminal cannot."""
    return hasattr(get_ipython(), "kernel")


class Place(Protocol):
    """A part of the visible output whose content can be replaced."""

    def show(self, text: str, markup: str = "") -> None:
        """Replace the content.

        Args:
            text: One line, or several.
            markup: The same as HTML, if that shows more than the text.
        """

    def end(self) -> None:
        """Leave the present content for good."""


def new_place() -> Place:
    """Return a new place below the running cell's output so far."""
    return _Output() if in_notebook() else _Line()


def _preformatted(text: str) -> str:
    """Return text as HTML in the style of a cell's printed output."""
    style = (
        "margin:0;padding:0;font-size:var(--jp-code-font-size,inherit);"
        "line-height:var(--jp-code-line-height,inherit);white-space:pre-wrap;overflow-wrap:anywhere"
    )
    return f'<pre style="{style}">{html.escape(text)}</pre>'


class _Output:
    """An output of a cell, updated by its display id."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}

    def show(self, text: str, markup: str = "") -> None:
        """See Place."""
        bundle = {"text/plain": text, "text/html": markup or _preformatted(text)}
        if not self._shown:
            self._handle = display(bundle, raw=True, display_id=True)
        elif bundle != self._shown:
            self._handle.update(bundle, raw=True)
        self._shown = bundle

    def end(self) -> None:
        """See Place."""


class _Line:
    """The last line of a terminal; if output is not a terminal, a few lines."""

    def __init__(self) -> None:
        self._text = ""
        self._width = 0
        self._printed = -EVERY
        self._unsaid = ""

    def show(self, text: str, markup: str = "") -> None:  # noqa: ARG002 -- a terminal shows none
        """See Place."""
        if text == self._text:
            return
        self._text = text
        if sys.stdout.isatty():
            text = text[: shutil.get_terminal_size().columns - 1]
            print(f"\r{text:{self._width}}", end="", flush=True)
            self._width = len(text)
        elif time.monotonic() - self._printed < EVERY:
            self._unsaid = text
        else:
            print(text)
            self._unsaid, self._printed = "", time.monotonic()

    def end(self) -> None:
        """See Place."""
        if self._width or self._unsaid:
            print(self._unsaid)
        self._width, self._unsaid = 0, ""


class Reports:
    """A ``report`` that shows each activity's progress in one place, and prints other lines.

    It is a context manager: when its block ends, even by an exception, no bar goes on moving.
    """

    def __init__(self) -> None:
        self._place: Place | None = None
        self._last: Progress | None = None

    def __enter__(self) -> Reports:  # noqa: PYI034 -- Python 3.10 has no Self
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end()

    def __call__(self, text: str) -> None:
        """Show a line."""
        if not isinstance(text, Progress):
            self._end()
            print(text)
            return
        if self._last is None or self._last.activity != text.activity:
            self._end()
        self._place = self._place or new_place()
        value = "" if text.part is None else f' value="{text.part:.3f}"'
        self._place.show(str(text), f"<div><progress{value}></progress> {html.escape(text)}</div>")
        self._last = text
        if text.part == 1.0:
            self._end()

    def _end(self) -> None:
        if self._place is not None and self._last is not None:
            self._place.show(str(self._last), f"<div>{html.escape(self._last)}</div>")
            self._place.end()
        self._place = self._last = None

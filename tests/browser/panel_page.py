"""The panel in a page, by what a person does and sees."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, expect

CONNECT = """import os
os.environ["LIVY_LOCAL_DIR"] = {base!r}
os.environ["LIVY_HISTORY"] = {history!r}
%load_ext livy_magic
{more}
%livy_connect {server}"""
PANEL = "%livy_panel"
# More settings for it: who one is.
AS_ALICE = """os.environ["PASSWORD"] = "of the test"
%config LivyMagics.auth = {"kind": "basic", "user": "alice", "password": {"env": "PASSWORD"}}"""


def connecting(server: str | Path, history: Path, more: str = "") -> str:
    """Return the cell that connects to a server: a URL, or the folder of a private one.

    Args:
        server: The server.
        history: A file for the history.
        more: What is to be set as well.
    """
    private = isinstance(server, Path)
    return CONNECT.format(
        base=str(server) if private else "",
        history=str(history),
        more=more,
        server="local" if private else server,
    )


class PanelPage:
    """One view of the panel; lines of a log are counted from 1, as they are shown.

    Attributes:
        root: All of it.
        status: How the server and the kernel are.
        list: The batches.
        log: The lines.
        notices: What became of the actions.
        question: Whether to kill.
        form: To submit from.
    """

    def __init__(self, root: Locator) -> None:
        self.root = root
        self.status = root.locator(".livy-status-text")
        self.list = root.get_by_role("grid", name="Batches")
        self.log = root.locator(".livy-log-scroll")
        self.notices = root.locator(".livy-notices")
        self.question = root.get_by_role("alertdialog")
        self.form = root.locator(".livy-form")

    def row(self, name: str) -> Locator:
        """Return the row of the batch of that name."""
        text = self.root.page.locator(".livy-name .livy-text").get_by_text(name, exact=True)
        return self.list.locator(".livy-rows").get_by_role("row").filter(has=text)

    def state(self, name: str) -> Locator:
        return self.row(name).locator(".livy-state .livy-text")

    def note(self, name: str) -> Locator:
        """Return a batch's progress or cause."""
        return self.row(name).locator(".livy-note .livy-text")

    def names(self) -> list[str]:
        """Return the names of the rows that are in the page, in the order that is seen."""
        rows = self.list.locator(".livy-rows .livy-row")
        placed = rows.evaluate_all(
            """rows => rows.map(row => [
                row.getBoundingClientRect().top, row.querySelector(".livy-name .livy-text").textContent])"""
        )
        return [name for _, name in sorted(placed)]

    def open(self, name: str) -> None:
        """Open a batch's log by a click on its row."""
        self.row(name).click()
        expect(self.root.locator(".livy-detail-name")).to_contain_text(name)

    def line(self, number: int) -> Locator:
        """Return a line of the log that is drawn, by its number."""
        return self.log.locator(f'.livy-log-line:has([data-line="{number}"]) .livy-log-text')

    def visible_lines(self) -> list[str]:
        """Return the text of the lines within the view."""
        texts: list[str] = self.log.evaluate(
            """view => {
                const {top, bottom} = view.getBoundingClientRect();
                return [...view.querySelectorAll(".livy-log-line")]
                    .filter(line => {
                        const box = line.getBoundingClientRect();
                        return box.bottom > top + 1 && box.top < bottom - 1;
                    })
                    .map(line => line.querySelector(".livy-log-text").textContent);
            }"""
        )
        return texts

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.root.get_by_role("button", name=name, exact=isinstance(name, str))

    def kill(self, name: str) -> None:
        """Kill a batch whose log is open, and confirm it."""
        self.open(name)
        self.root.locator(".livy-acts").get_by_role("button", name="Kill").click()
        expect(self.question).to_contain_text(f"Kill {name}")
        self.question.get_by_role("button", name="Kill").click()

    def field(self, key: str) -> Locator:
        """Return what the form has for a field: where it is filled in, and what is said beside it."""
        return self.form.locator(".livy-field").filter(
            has=self.root.page.locator(".livy-label").get_by_text(re.compile(rf"^{key}\b"))
        )

    def fill(self, **values: str) -> None:
        """Fill in some of the form's fields."""
        for key, value in values.items():
            self.field(key).locator("input, textarea").first.fill(value)

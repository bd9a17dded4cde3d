"""JupyterLab in a browser, by what a person does and sees."""

from __future__ import annotations

import re
from pathlib import Path

from lab_server import LabServer
from panel_page import PanelPage
from playwright.sync_api import ConsoleMessage, Error, Locator, Page, expect

PATIENCE = 30_000  # ms; the machine may be busy
READY = """() => {
    const notebook = window.jupyterapp?.shell?.currentWidget;
    if (!notebook?.context?.isReady || !notebook.sessionContext.isReady) return false;
    return notebook.sessionContext.session?.kernel?.status === "idle";
}"""
NOTEBOOK = "window.jupyterapp.shell.currentWidget"
SPLASH = "#jupyterlab-splash"
# Notebook 7 itself says these in every page.
NOT_OURS = (
    "TypeError: Cannot read properties of undefined (reading 'schema')",
    "Error: Command 'filebrowser:open-path' not registered.",
)
# And JupyterLab says this of what another page asked the same kernel.
ANOTHER_PAGES = "Comm not found for comm id"
KEPT = Path(__file__).with_name("screenshots")


class Lab:
    """One page with one notebook in it; cells are counted from 0.

    Attributes:
        page: Playwright's page.
        errors: What the browser's console called an error, and exceptions that nothing caught.
    """

    def __init__(self, server: LabServer, page: Page) -> None:
        self._server = server
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", self._hear)
        page.on("pageerror", self._catch)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(ANOTHER_PAGES):
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _catch(self, error: Error) -> None:
        text = error.stack or error.message
        if not (text.startswith(NOT_OURS) and "/static/notebook/" in text):
            self.errors.append(text)

    def open(self, *cells: str, kernel: str = "python3", name: str = "notebook") -> Path:
        """Write a notebook with these code cells, open it in JupyterLab, and wait for its kernel."""
        file = self._server.write(name, *cells, kernel=kernel)
        self.show(file)
        return file

    def open_in_notebook(self, *cells: str, name: str = "notebook") -> Path:
        """Do the same in Notebook 7."""
        file = self._server.write(name, *cells, kernel="python3")
        self.show(file, "notebooks")
        return file

    def show(self, file: Path, application: str = "lab/tree") -> None:
        """Open a notebook that is there already, and wait for its kernel."""
        query = f"?reset&token={self._server.token}"
        self.page.goto(f"{self._server.url}{application}/{file.name}{query}")
        self.await_kernel()

    def reload(self) -> None:
        """Load the page anew; the kernel goes on."""
        self.page.reload()
        self.await_kernel()

    def await_kernel(self) -> None:
        """Wait until the page is ready and the kernel has nothing to do."""
        self.page.wait_for_function(READY, timeout=2 * PATIENCE)
        expect(self.page.locator(SPLASH)).to_have_count(0)

    # -- cells ------------------------------------------------------------------------------------

    def cell(self, number: int) -> Locator:
        return self.page.locator(f'.jp-Cell[data-windowed-list-index="{number}"]')

    def output(self, number: int) -> Locator:
        """Return where a cell shows its output."""
        return self.cell(number).locator(".jp-Cell-outputArea")

    def panel(self, number: int) -> PanelPage:
        """Return the panel that a cell shows."""
        return PanelPage(self.output(number).locator(".livy-panel"))

    def panel_beside(self) -> PanelPage:
        """Return the panel that is in a side bar or a tab."""
        return PanelPage(self.page.locator(".jp-LinkedOutputView .livy-panel"))

    def new_view_of_output(self, number: int) -> None:
        """Show a cell's output in a tab as well, by the menu's command."""
        self.page.evaluate(
            f"""number => {{
                {NOTEBOOK}.content.activeCellIndex = number;
                window.jupyterapp.commands.execute("notebook:create-output-view");
            }}""",
            number,
        )

    def start(self, number: int) -> None:
        """Have a cell executed."""
        self.page.evaluate(
            f"""number => {{
                {NOTEBOOK}.content.deselectAll();
                {NOTEBOOK}.content.activeCellIndex = number;
                window.jupyterapp.commands.execute("notebook:run-cell");
            }}""",
            number,
        )

    def prompt(self, number: int) -> Locator:
        """Return what says whether a cell runs, or has run."""
        return self.cell(number).locator(".jp-InputPrompt")

    def await_end(self, number: int) -> None:
        """Wait until a cell has been executed."""
        expect(self.prompt(number)).to_have_text(re.compile(r"\[\d+\]:"), timeout=2 * PATIENCE)

    def run(self, number: int) -> None:
        """Execute a cell that succeeds."""
        self.start(number)
        self.await_end(number)
        error = self.output(number).locator('[data-mime-type="application/vnd.jupyter.stderr"]')
        assert not error.count(), error.inner_text()

    # -- notebook and kernel ----------------------------------------------------------------------

    def restart_kernel(self) -> None:
        """Restart the kernel, as the menu does once it has asked."""
        self.page.evaluate(f"() => {NOTEBOOK}.sessionContext.restartKernel()")
        self.await_kernel()

    def interrupt_kernel(self) -> None:
        self.page.evaluate(f"() => {NOTEBOOK}.sessionContext.session.kernel.interrupt()")

    def save(self) -> None:
        """Save the notebook, with the state of its widgets."""
        self.page.evaluate(f"() => {NOTEBOOK}.context.save()")

    def trust(self) -> None:
        """Trust the notebook by its command, which asks first."""
        self.page.evaluate(
            '() => { window.trusting = window.jupyterapp.commands.execute("notebook:trust"); }'
        )
        self.page.get_by_role("dialog").get_by_role("button", name="Trust").click()
        self.page.evaluate("() => window.trusting")

    def dark(self) -> None:
        """Change to the dark theme."""
        self.page.evaluate(
            """() => window.jupyterapp.commands.execute(
                "apputils:change-theme", { theme: "JupyterLab Dark" })"""
        )
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
        expect(self.page.locator(SPLASH)).to_have_count(0)

    # -- what is kept -----------------------------------------------------------------------------

    def picture(self, name: str) -> None:
        """Keep a screenshot, for people to look at."""
        KEPT.mkdir(exist_ok=True)
        self.page.screenshot(path=KEPT / f"{name}.png")

"""What the panel costs a browser: bytes over its websocket, time until something is seen, memory.

Times run in the page itself, by its own clock, from a message on its websocket or a person's click
to the end of the frame that shows it. The kernel knows the batches and the log by then: how fast a
server tells them is no figure of the panel. Nothing else is open in JupyterLab.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import chromium
import lab_server
from lab import Lab
from panel_page import PANEL, PanelPage, connecting
from playwright.sync_api import CDPSession, Page, expect
from report import Reading
from stub import Stub, running

import livy_magic.panel

PROBE = Path(__file__).with_name("probe.js")
STATIC = Path(livy_magic.panel.__file__).with_name("static")
BATCHES = 10_000
LINES = 1_000_000
STATES = ("success", "dead", "running", "killed")
KB = 1000
RUNS = 7
SLOW = 180_000  # ms: a million lines are read
SETTLED = 1500  # ms after which everything that belongs to it has come


def figures() -> Iterator[Reading]:
    """Measure all of it against the stub."""
    sizes = [(STATIC / name).stat().st_size for name in ("panel.js", "panel.css")]
    yield Reading("the panel's JavaScript and stylesheet", [sum(sizes) / 1024], 80, "KiB")
    with jupyterlab() as lab, running() as stub:
        panels = Panels(lab, stub)
        yield from panels.of_the_list()
        yield from panels.of_the_log()


@contextmanager
def jupyterlab(python: Path | str = sys.executable) -> Iterator[Lab]:
    """Open a page that measures itself; ``python`` has JupyterLab."""
    if chromium.program() is None:
        raise SystemExit(chromium.MISSING)
    with tempfile.TemporaryDirectory() as folder, chromium.running() as browser:
        os.environ["LIVY_HISTORY"] = str(Path(folder) / "history.sqlite")
        with lab_server.running(Path(folder) / "jupyter", python) as server:
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.add_init_script(path=PROBE)
            yield Lab(server, page)


def first_paint(lab: Lab, condition: str) -> tuple[float, float]:
    """Run the second cell; return the ms until what it shows is seen, and the KB that came for it."""
    lab.page.evaluate("() => probe.clear()")
    lab.start(1)
    seen = painted(lab.page, condition)
    lab.page.wait_for_timeout(SETTLED)
    return seen - message(lab.page, "out", "execute_request")["at"], received(lab.page)


def painted(page: Page, condition: str) -> float:
    """Wait until a condition holds; return when the frame that shows it was done, ms."""
    at: float = page.evaluate(f"() => {{ {HELPERS} return probe.painted(() => {condition}); }}")
    return at


def message(page: Page, way: str, text: str) -> dict[str, Any]:
    """Return the first message with that text that came "in" or went "out": when, and its size."""
    found: dict[str, Any] = page.evaluate("([way, text]) => probe.message(way, text)", [way, text])
    return found


def received(page: Page) -> float:
    """Return how many KB came."""
    size: float = page.evaluate("() => probe.bytes()")
    return size / KB


def heap(client: CDPSession) -> float:
    """Return the bytes of JavaScript's objects that are in use."""
    client.send("HeapProfiler.collectGarbage")
    size: float = client.send("Runtime.getHeapUsage")["usedSize"]
    return size


class Panels:
    """One notebook with the panel, twice, of one server that has many batches and a long log."""

    def __init__(self, lab: Lab, stub: Stub) -> None:
        self._lab, self._page, self._stub = lab, lab.page, stub
        self._client = lab.page.context.new_cdp_session(lab.page)
        views = {n: {"state": STATES[n % 4], "owner": "alice"} for n in range(1, BATCHES)}
        stub.set(
            batches=BATCHES,
            written=[LINES] + [0] * (BATCHES - 1),
            step=100_000,
            keeps=10 * LINES,
            views=views,
        )
        lab.open(connecting(stub.url, Path(os.environ["LIVY_HISTORY"])), PANEL, PANEL)
        lab.run(0)
        self._empty = heap(self._client)

    @property
    def panel(self) -> PanelPage:
        return self._lab.panel(1)

    # -- the list --

    def of_the_list(self) -> Iterator[Reading]:
        first = self._first_paint()
        runs = [self._first_paint() for _ in range(RUNS)]
        what = f"{BATCHES:,} batches, one view more: "
        with_all = f"the first one, with the panel's JavaScript: {first[1]:,.0f} KB"
        yield Reading(f"{what}from the cell to the list being seen", _first(runs), 300, "ms")
        yield Reading(f"{what}received for that", _second(runs), 150, "KB", with_all)
        runs = [self._changes([BATCHES - 2], state) for state in _alternating(RUNS)]
        what = "one batch changes: "
        yield Reading(f"{what}from its message to being seen", _first(runs), 100, "ms")
        yield Reading(f"{what}its message", _second(runs), 1, "KB")
        runs = [
            self._changes(range(BATCHES - 501, BATCHES - 1), state) for state in _alternating(RUNS)
        ]
        what = "500 batches change: "
        yield Reading(f"{what}from their message to being seen", _first(runs), None, "ms")
        yield Reading(f"{what}their message", _second(runs), 50, "KB")

    def _first_paint(self) -> tuple[float, float]:
        """Run the cell; return the ms until its list is seen, and the KB that came for that."""
        newest = f"rows().some(row => row.includes('etl-{BATCHES - 1}'))"
        return first_paint(self._lab, f"probe.message('in', 'snapshot') && {newest}")

    def _changes(self, numbers: Sequence[int], state: str) -> tuple[float, float]:
        """Have batches change; return the ms from the message until its chip is seen, and its KB."""
        self._page.evaluate("() => probe.clear()")
        self._stub.set(views={n: {"state": state, "owner": "alice"} for n in numbers})
        seen = painted(self._page, f"chips().includes('{state} {len(numbers)}')")
        patch = message(self._page, "in", '"patch"')
        return seen - patch["at"], patch["size"] / KB

    # -- the log --

    def of_the_log(self) -> Iterator[Reading]:
        self._lab.run(2)
        keeper = self._lab.panel(2)  # what it shows, the kernel keeps
        for panel in (keeper, self.panel):
            panel.list.get_by_role("columnheader", name="Id").click()
        keeper.open("etl-0")
        expect(keeper.root).to_contain_text(f"{LINES:,} lines", timeout=SLOW)
        runs = [self._open_log() for _ in range(RUNS)]
        what = f"{LINES:,} lines: "
        yield Reading(f"{what}from the click to the end being seen", _first(runs), 300, "ms")
        yield Reading(f"{what}bytes received for that", _second(runs), 60, "KB")
        jumps = [self._jump(share / 100) for share in (5, 81, 33, 95, 50, 12, 68)]
        yield Reading(f"{what}a far jump until its lines are seen", jumps, 100, "ms")
        yield from self._flow()
        self._page.evaluate("() => probe.clear()")
        grown = [(heap(self._client) - self._empty) / KB / KB]
        what = "the browser's memory after all that, beyond JupyterLab with the notebook"
        yield Reading(what, grown, 60, "MB")

    def _open_log(self) -> tuple[float, float]:
        """Open the log; return the ms from the click until its end is seen, and the KB for that."""
        panel = self.panel
        panel.open("etl-1")
        self._page.wait_for_timeout(SETTLED)
        self._page.evaluate("() => probe.clear()")
        panel.row("etl-0").click(no_wait_after=True)
        seen = painted(self._page, f"lines().includes('{LINES}')")
        return seen - message(self._page, "out", '"open"')["at"], received(self._page)

    def _jump(self, share: float) -> float:
        """Go far away by the scroll bar; return the ms until the lines there are seen."""
        took: float = self._page.evaluate(
            f"""async share => {{
                {HELPERS}
                const log = panel().querySelector(".livy-log-scroll");
                const before = lines()[0], begun = performance.now();
                log.scrollTop = share * log.scrollHeight;
                const there = () => lines()[0] !== before && !log.querySelector(".livy-log-missing");
                return await probe.painted(there) - begun;
            }}""",
            share,
        )
        return took

    def _flow(self) -> Iterator[Reading]:
        self.panel.button("follow").click()
        self._stub.set(flows={0: 1000})
        runs = [self._page.evaluate("() => probe.pace(8)") for _ in range(3)]
        self._stub.set(flows={})
        what = "1,000 lines/s followed for 8 s: time between two frames, "
        late = [statistics.quantiles(run, n=20)[-1] for run in runs]
        yield Reading(f"{what}95 of 100", late, 20, "ms")
        yield Reading(f"{what}the longest", [max(run) for run in runs], 50, "ms")


# The first panel in the page is the one that is measured.
HELPERS = """
    const texts = what => [...panel().querySelectorAll(what)].map(one => one.textContent);
    const panel = () => document.querySelector(".livy-panel") || document.createElement("i");
    const rows = () => texts(".livy-rows .livy-row");
    const chips = () => texts(".livy-chip");
    const lines = () => [...panel().querySelectorAll(
        ".livy-log-line:not(.livy-log-missing) .livy-log-number")].map(one => one.dataset.line);
"""


def _alternating(runs: int) -> Iterator[str]:
    """Yield two states in turns that no batch has."""
    return (("idle", "recovering")[run % 2] for run in range(runs))


def _first(runs: Sequence[tuple[float, float]]) -> list[float]:
    return [one for one, _ in runs]


def _second(runs: Sequence[tuple[float, float]]) -> list[float]:
    return [other for _, other in runs]

"""Ten thousand batches and millions of lines: the first, the middle and the last are read."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

BATCHES = 10_000
LINES = 3_000_000
STATES = ("success", "dead", "running", "killed")


@pytest.mark.parametrize("ratio", [1, 2])
def test_ten_thousand_batches_and_a_log_of_millions_of_lines_are_read_to_their_ends(
    new_lab, open_panel, large_livy, ratio
):
    large_livy.set(
        batches=BATCHES,
        written=[LINES] + [0] * (BATCHES - 1),
        step=300_000,
        keeps=2 * LINES,
        short=True,
        views={n: {"state": STATES[n % 4]} for n in range(1, BATCHES)},
    )
    lab = new_lab(device_scale_factor=ratio)
    panel = open_panel(lab, large_livy.url)
    keyboard = lab.page.keyboard
    expect(panel.button("all 10000")).to_be_visible()
    expect(panel.state("etl-9999")).to_have_text("killed")
    panel.row("etl-9999").focus()
    keyboard.press("End")
    expect(panel.row("etl-0")).to_be_focused()
    expect(panel.row("etl-0")).to_be_in_viewport()
    grid = panel.list
    grid.evaluate("grid => { grid.scrollTop = (grid.scrollHeight - grid.clientHeight) / 2; }")
    expect(panel.row("etl-5000")).to_be_in_viewport()
    lab.picture(f"large-list-{ratio}")
    large_livy.set(views={5000: {"state": "dead"}})
    expect(panel.state("etl-5000")).to_have_text("dead")
    expect(panel.row("etl-5000")).to_be_in_viewport()

    panel.root.get_by_placeholder("filter").fill("etl-0")
    panel.open("etl-0")
    extent = panel.root.locator(".livy-log-extent")
    expect(extent).to_contain_text(f"{LINES:,} lines", timeout=90_000)
    last = panel.line(LINES)
    expect(last).to_have_text(f"line {LINES - 1}")
    expect(last).to_be_in_viewport(ratio=0.9)
    panel.log.focus()
    keyboard.press("Home")
    expect(panel.line(1)).to_have_text("line 0")
    expect(panel.line(1)).to_be_in_viewport(ratio=0.9)
    middle = LINES // 2
    panel.root.get_by_label("Search the log").fill(f"line {middle}")
    expect(panel.line(middle + 1)).to_have_text(f"line {middle}")
    expect(panel.line(middle + 1)).to_be_in_viewport(ratio=0.9)
    lab.picture(f"long-log-{ratio}")
    panel.log.evaluate("log => { log.scrollTop = log.scrollHeight; }")
    expect(last).to_have_text(f"line {LINES - 1}")
    expect(last).to_be_in_viewport(ratio=0.9)
    assert panel.visible_lines()[-1] == f"line {LINES - 1}"
    more = LINES + 3_000
    large_livy.set(written=[more] + [0] * (BATCHES - 1))
    expect(panel.line(more)).to_have_text(f"line {more - 1}")
    expect(panel.line(more)).to_be_in_viewport(ratio=0.9)

"""The panel by keyboard alone, and for those who do not see it."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

MOST_TABS = 40


def tab_to(panel, name: str) -> None:
    """Go on by the Tab key until that control has the focus."""
    keyboard = panel.root.page.keyboard
    for _ in range(MOST_TABS):
        keyboard.press("Tab")
        if panel.root.page.evaluate("() => document.activeElement.textContent") == name:
            return
    pytest.fail(f"{name} is not reached by {MOST_TABS} tabs")


def test_a_batch_is_read_killed_and_submitted_again_by_keyboard_alone(
    lab, open_panel, standin_server
):
    file = standin_server.script("keys.txt", *(f"print key {n}" for n in range(50)), "sleep 600")
    short = standin_server.script("short.txt", "print short and done")
    submits = "\n".join(f"batch = %livy_submit --name {name} {file}" for name in ("one", "two"))
    panel = open_panel(lab, standin_server.folder.parent, submits)
    lab.run(2)
    expect(panel.note("two")).to_have_text("key 49")
    cells = lab.page.locator(".jp-Cell").count()
    keyboard = lab.page.keyboard
    panel.root.get_by_placeholder("filter").focus()
    keyboard.press("ArrowDown")
    expect(panel.row("two")).to_be_focused()
    keyboard.press("ArrowDown")
    expect(panel.row("one")).to_be_focused()
    for key in "bax":  # in the notebook's command mode: insert, insert, cut
        keyboard.press(key)
    keyboard.press("Enter")
    expect(panel.log).to_be_focused()
    expect(panel.line(50)).to_be_in_viewport()
    keyboard.press("b")
    keyboard.press("Home")
    expect(panel.line(1)).to_be_in_viewport()
    keyboard.press("Control+f")
    keyboard.type("key 30")
    keyboard.press("Enter")
    expect(panel.line(31)).to_be_in_viewport()
    keyboard.press("Escape")
    keyboard.press("Escape")
    keyboard.press("Escape")
    expect(panel.row("one")).to_be_focused()
    keyboard.press("Delete")
    expect(panel.question).to_contain_text("Kill one")
    keyboard.press("Escape")
    expect(panel.question).to_be_hidden()
    expect(panel.row("one")).to_be_focused()
    keyboard.press("Delete")
    keyboard.press("Enter")
    expect(panel.state("one")).to_have_text("killed")
    expect(panel.state("two")).to_have_text("running")

    tab_to(panel, "Resubmit")
    keyboard.press("Enter")
    expect(panel.field("file").locator("input")).to_be_focused()
    keyboard.press("Control+a")
    keyboard.type(short)
    keyboard.press("Enter")
    expect(panel.notices).to_contain_text("was submitted")
    expect(panel.log).to_contain_text("short and done")
    expect(lab.page.locator(".jp-Cell")).to_have_count(cells)


def test_nothing_serious_is_found_by_axe(lab, open_panel, large_livy):
    lines = ["26/11/22 19:41:07 WARN A: b", "ValueError: bad", "\x1b[32mgreen\x1b[0m", "plain"]
    states = ("success", "dead", "running", "killed", "starting", "unheard-of")
    large_livy.set(
        batches=12,
        written=[5] * 12,
        texts={11: lines * 20},
        views={n: {"state": states[n % 6], "owner": "alice"} for n in range(11)},
    )
    panel = open_panel(lab, large_livy.url)
    assert_accessible_throughout(lab, panel, "light")
    lab.dark()
    assert_accessible_throughout(lab, panel, "dark")


def assert_accessible_throughout(lab, panel, theme: str) -> None:
    expect(panel.state("etl-9")).to_have_text("killed")
    assert_accessible(panel)
    panel.open("etl-11")
    expect(panel.line(80)).to_have_text("plain")
    panel.root.get_by_label("Search the log").fill("bad")
    expect(panel.root.locator(".livy-log-count")).to_have_text(re.compile(r"\d+/20"))
    panel.row("etl-9").get_by_role("checkbox").check()
    panel.row("etl-11").get_by_role("checkbox").check()
    assert_accessible(panel)
    lab.picture(f"list-and-log-{theme}")
    panel.button("Kill 1 …").click()
    expect(panel.question).to_be_visible()
    assert_accessible(panel)
    lab.picture(f"question-{theme}")
    panel.button("Keep running").click()
    panel.button("Clear").click()
    panel.button("+ New batch").click()
    panel.button("Submit").click()
    expect(panel.field("file").locator(".livy-error")).to_be_visible()
    assert_accessible(panel)
    panel.button("Cancel").click()


def assert_accessible(panel) -> None:
    found = Axe().run(panel.root.page, context=".livy-panel").response["violations"]
    serious = [
        f"{one['impact']}: {one['help']}: {[node['html'] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert not serious, "\n".join(serious)

"""Where the panel is: beside the notebook in JupyterLab, below its cell elsewhere; wide and narrow."""

from __future__ import annotations

import re

import nbformat
import pytest
from nbclient import NotebookClient
from panel_page import connecting
from playwright.sync_api import expect

NARROW = 300  # px


@pytest.mark.parametrize(
    ("option", "where"),
    [("--side", "in the side bar"), ("--split", "in a tab beside the notebook")],
)
def test_in_jupyterlab_the_panel_stands_beside_the_notebook(
    lab, own_history, standin_server, option, where
):
    file = standin_server.script("beside.txt", "print seen beside", "sleep 600")
    cell = f"batch = %livy_submit --name beside {file}"
    lab.open(connecting(standin_server.folder.parent, own_history), f"%livy_panel {option}", cell)
    lab.run(0)
    lab.run(1)
    expect(lab.panel(1).root).to_contain_text(f"The panel is {where}.")
    panel = lab.panel_beside()
    expect(panel.status).to_contain_text("connected")
    lab.run(2)
    expect(panel.state("beside")).to_have_text("running")
    expect(panel.button(re.compile(r"^running \d"))).to_be_visible()
    panel.open("beside")
    expect(panel.log).to_contain_text("seen beside")
    lab.picture(f"beside{option}")
    back = panel.root.get_by_role("button", name="Back")
    if back.is_visible():
        back.click()
        expect(panel.state("beside")).to_be_visible()
        lab.picture(f"beside{option}-list")
    panel.kill("beside")
    expect(panel.root.locator(".livy-detail-state")).to_contain_text("killed")
    assert width_needed(panel) <= width(panel)
    lab.panel(1).button("Show here as well").click()
    expect(lab.panel(1).state("beside")).to_have_text("killed")


def test_in_notebook_7_the_panel_is_below_its_cell_and_one_line_says_why(
    lab, own_history, large_livy
):
    large_livy.set(batches=3, written=50)
    lab.open_in_notebook(connecting(large_livy.url, own_history), "%livy_panel --side")
    lab.run(0)
    lab.run(1)
    panel = lab.panel(1)
    expect(panel.root).to_contain_text("Only JupyterLab can show the panel in the side bar.")
    expect(panel.status).to_contain_text("connected")
    panel.open("etl-1")
    expect(panel.line(50)).to_be_visible()
    large_livy.set(ended=[1])
    expect(panel.state("etl-1")).to_have_text("success")


def test_where_nothing_runs_there_is_a_table_and_the_same_as_text(
    own_history, large_livy, tmp_path
):
    large_livy.set(batches=60, written=20, views={59: {"name": "<i>new</i>"}})
    cells = [connecting(large_livy.url, own_history), "%livy_panel"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, store_widget_state=False).execute()
    data = notebook.cells[1].outputs[0].data
    title, head, newest, *_, last = data["text/plain"].splitlines()
    assert title == f"Batches on {large_livy.url}"
    assert head.split() == ["id", "state", "name"]
    assert newest.split() == ["59", "running", "<i>new</i>"]
    assert last == "… and more"
    table = data["text/html"]
    assert "&lt;i&gt;new&lt;/i&gt;" in table
    assert "etl-58" in table
    assert "… and more" in table
    assert "<script" not in table


def test_where_there_is_room_the_list_says_when_batches_began(lab, open_panel, large_livy):
    large_livy.set(batches=2, written=20)
    panel = open_panel(lab, large_livy.url)
    expect(panel.state("etl-1")).to_be_visible()
    large_livy.set(batches=3, written=20)  # it comes while the panel looks
    began = panel.row("etl-2").locator(".livy-start")
    expect(began).to_have_text(re.compile(r"^\d\d:\d\d$"))
    expect(panel.row("etl-1").locator(".livy-start")).to_have_text("")
    panel.root.evaluate("panel => { panel.style.width = '880px'; }")
    expect(began).to_be_hidden()
    panel.root.evaluate("panel => { panel.style.width = '920px'; }")
    expect(began).to_be_visible()
    assert width_needed(panel) <= width(panel)


def test_a_panel_of_300_pixels_can_be_used(lab, open_panel, large_livy):
    states = ("running", "dead", "success", "killed")
    large_livy.set(
        batches=40, written=120, views={n: {"state": states[n % 4]} for n in range(1, 40)}
    )
    panel = open_panel(lab, large_livy.url)
    panel.root.evaluate(f"panel => {{ panel.style.width = '{NARROW}px'; }}")
    use_narrow(lab, panel, "light")
    lab.dark()
    use_narrow(lab, panel, "dark")


def use_narrow(lab, panel, theme: str) -> None:
    expect(panel.state("etl-39")).to_be_visible()
    assert width_needed(panel) <= width(panel)
    expect(panel.button("success 10")).to_be_in_viewport(ratio=1)
    lab.picture(f"narrow-list-{theme}")
    panel.button("dead 10").click()
    panel.row("etl-33").click()
    expect(panel.line(120)).to_be_in_viewport()
    expect(panel.list).to_be_hidden()
    lab.picture(f"narrow-log-{theme}")
    panel.root.get_by_role("button", name="Back").click()
    panel.row("etl-33").get_by_role("checkbox").check()
    expect(panel.root.locator(".livy-selection")).to_contain_text("1 selected")
    panel.button("success 10").click()  # the states stay in sight
    lab.picture(f"narrow-selected-{theme}")
    panel.button("Clear").click()
    panel.button("all 40").click()
    panel.button("+ New batch").click()
    panel.button("Submit").click()
    expect(panel.field("file").locator(".livy-error")).to_be_visible()
    assert width_needed(panel) <= width(panel)
    lab.picture(f"narrow-form-{theme}")
    panel.button("Cancel").click()


def test_where_it_is_narrow_but_tall_the_log_stands_below_the_list_and_seldom_things_behind_dots(
    lab, open_panel, large_livy
):
    large_livy.set(batches=3, written=120)
    panel = open_panel(lab, large_livy.url)
    panel.root.evaluate("panel => { panel.style.width = '250px'; panel.style.height = '700px'; }")
    panel.open("etl-2")
    expect(panel.line(120)).to_be_visible()
    expect(panel.list).to_be_visible()
    expect(panel.button("wrap")).to_be_hidden()
    more = panel.button("more of this log")
    more.click()
    panel.button("wrap").click()
    expect(panel.button("wrap")).to_have_attribute("aria-pressed", "true")
    assert width_needed(panel) <= width(panel)
    lab.picture("narrow-and-tall")
    lab.page.keyboard.press("Escape")
    expect(panel.button("wrap")).to_be_hidden()
    expect(more).to_be_focused()


def width(panel) -> int:
    return panel.root.evaluate("panel => panel.offsetWidth")


def width_needed(panel) -> int:
    """Return the width of the panel's content: wider than the panel means that some is cut off."""
    return panel.root.evaluate(
        """panel => Math.max(...[panel, ...panel.querySelectorAll(
            ".livy-head-line, .livy-bars, .livy-detail-head, .livy-form, .livy-notices")]
            .filter(part => part.offsetWidth)
            .map(part => part.getBoundingClientRect().left + part.scrollWidth
                - panel.getBoundingClientRect().left))"""
    )

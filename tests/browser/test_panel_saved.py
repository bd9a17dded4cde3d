"""A notebook that was saved with the panel open: what is in it, and what it shows when opened again."""

from __future__ import annotations

import re

import nbformat
from panel_page import AS_ALICE
from playwright.sync_api import expect

WIDGETS = "application/vnd.jupyter.widget-state+json"
GONE = re.compile(r"kernel gone \(as of \d\d:\d\d\); run %livy_panel again")


def test_a_saved_notebook_is_small_holds_no_log_and_no_secret_and_says_that_its_kernel_is_gone(
    lab, open_panel, large_livy, jupyter
):
    large_livy.set(
        batches=10_000,
        written=[100_000] + [0] * 9_999,
        keeps=200_000,
        short=True,
        views={9_999: {"name": "<b>newest</b>"}},
    )
    panel = open_panel(lab, large_livy.url, more=AS_ALICE)
    file = jupyter.folder / "notebook.ipynb"
    panel.root.get_by_placeholder("filter").fill("etl-0")
    panel.open("etl-0")
    expect(panel.line(100_000)).to_have_text("line 99999")
    before = file.stat().st_size
    lab.save()
    assert file.stat().st_size <= before + 100_000
    text = file.read_text()
    assert "line 99999" not in text
    assert "of the test" not in text.replace('= \\"of the test\\"', "")  # but in the cell's source
    notebook = nbformat.read(file, as_version=4)
    state = str(notebook.metadata.widgets[WIDGETS])
    assert "etl-9998" not in state

    # Somebody sends it: nobody has signed what is in it.
    notebook.cells.append(nbformat.v4.new_code_cell("'changed on the way'"))
    sent = jupyter.folder / "sent.ipynb"
    nbformat.write(notebook, sent)
    lab.show(sent)
    output = lab.output(1)
    expect(output).to_contain_text("Batches on")
    expect(output).to_contain_text("<b>newest</b>")
    expect(output).to_contain_text("etl-9998")
    expect(output.locator(".livy-panel")).to_have_count(0)
    lab.picture("saved-not-trusted")
    lab.trust()
    reopened = lab.panel(1)
    expect(reopened.status).to_have_text(GONE)
    expect(reopened.root).to_contain_text("The list is not saved.")
    lab.picture("saved-trusted")
    lab.run(0)
    lab.run(1)
    expect(lab.panel(1).status).to_contain_text("connected")
    expect(lab.panel(1).row("etl-9998")).to_be_visible()

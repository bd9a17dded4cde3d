"""Batches are killed from the panel: while the kernel has nothing to do, and while a cell runs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

BUSY = re.compile(r"\[\*\]:")
VERSION = "import ipykernel\nprint('ipykernel', ipykernel.__version__)"
# Cells that run until a file is there: one waits in the system, one computes.
SLEEPING = f"{VERSION}\nimport os, time\nwhile not os.path.exists({{go!r}}):\n    time.sleep(0.1)"
COMPUTING = f"{VERSION}\nimport os\nwhile not os.path.exists({{go!r}}):\n    pass"


@pytest.fixture
def open_running(open_panel, standin_server):
    """Open the panel with batches that run, submitted from further cells; the next cell is ``busy``."""

    def open_(lab, *names, busy="", **options):
        file = standin_server.script("long.txt", "print at work", "sleep 600")
        submits = "\n".join(f"batch = %livy_submit --name {name} {file}" for name in names)
        base = standin_server.folder.parent
        panel = open_panel(lab, base, submits, busy, "%livy_batches", **options)
        lab.run(2)
        for name in names:
            expect(panel.state(name)).to_have_text("running")
        return panel

    yield open_
    client = standin_client(standin_server)
    for info in client.newest():
        client.delete(info.id)


def standin_client(standin):
    from livy_magic.protocol.client import LivyClient

    return LivyClient(standin.server.url, auth=standin.server.auth)


def test_a_batch_is_killed_by_a_click_that_is_confirmed(lab, open_running):
    panel = open_running(lab, "to-kill", "to-keep")
    panel.open("to-keep")
    panel.root.locator(".livy-acts").get_by_role("button", name="Kill").click()
    expect(panel.question).to_contain_text("Kill to-keep")
    panel.question.get_by_role("button", name="Keep running").click()
    expect(panel.question).to_be_hidden()
    panel.kill("to-kill")
    expect(panel.state("to-kill")).to_have_text("killed")
    expect(panel.notices).to_contain_text("killed")
    expect(panel.log).to_contain_text("at work")  # it was read, and stays
    expect(panel.note("to-kill")).to_have_text("Livy has forgotten it; from the history")
    expect(panel.row("to-kill").get_by_role("img", name="from the history")).to_be_visible()
    expect(panel.state("to-keep")).to_have_text("running")
    lab.run(4)
    expect(lab.output(4)).to_contain_text("to-keep")
    expect(lab.output(4)).not_to_contain_text("to-kill")


def test_several_batches_are_killed_at_once_and_the_ended_are_left_out(
    lab, open_running, standin_server
):
    panel = open_running(lab, "first", "second", "third")
    panel.kill("third")
    expect(panel.state("third")).to_have_text("killed")
    for name in ("first", "second", "third"):
        panel.row(name).get_by_role("checkbox").check()
    expect(panel.root.locator(".livy-selection")).to_contain_text("3 selected")
    lab.picture("several-selected")
    panel.button("Kill 2 …").click()
    expect(panel.question).to_contain_text("Kill 2 batches")
    expect(panel.question).to_contain_text("(1 of the selected ended already)")
    panel.question.get_by_role("button", name="Kill 2").click()
    expect(panel.state("first")).to_have_text("killed")
    expect(panel.state("second")).to_have_text("killed")
    assert not list(standin_client(standin_server).newest())


@pytest.mark.parametrize(
    ("version", "cell"),
    [("", SLEEPING), ("", COMPUTING), ("7.1.0", SLEEPING)],
    ids=["sleeping", "computing", "ipykernel-7.1"],
)
def test_a_batch_is_killed_while_a_cell_runs(lab, open_running, ipykernel, tmp_path, version, cell):
    kernel = {"kernel": ipykernel(version)} if version else {}
    panel = open_running(lab, "to-kill", busy=cell.format(go=str(tmp_path / "go")), **kernel)
    lab.start(3)
    expect(lab.output(3)).to_contain_text(f"ipykernel {version}")
    panel.kill("to-kill")
    expect(panel.state("to-kill")).to_have_text("killed")
    expect(panel.notices).to_contain_text("killed")
    expect(lab.prompt(3)).to_have_text(BUSY)
    (tmp_path / "go").touch()
    lab.await_end(3)


def test_where_the_kernel_listens_only_between_cells_the_panel_says_so_and_kills_then(
    lab, open_running, ipykernel, tmp_path
):
    cell = SLEEPING.format(go=str(tmp_path / "go"))
    panel = open_running(lab, "to-kill", busy=cell, kernel=ipykernel("6.31.0"))
    lab.start(3)
    expect(lab.output(3)).to_contain_text("ipykernel 6.31.0")
    panel.open("to-kill")
    log = panel.root.locator(".livy-log-body")
    expect(log).to_contain_text("kernel busy: missing lines come when its cell ends")
    panel.kill("to-kill")
    expect(panel.notices).to_contain_text(
        "kernel busy: will be sent when the cell ends; or interrupt it"
    )
    expect(panel.status).to_contain_text("kernel busy: the list is live")
    expect(panel.state("to-kill")).to_have_text("running")
    lab.picture("kernel-busy")
    (tmp_path / "go").touch()
    expect(panel.state("to-kill")).to_have_text("killed")
    expect(panel.notices).not_to_contain_text("kernel busy")
    expect(panel.status).not_to_contain_text("kernel busy")


def test_a_batch_that_cannot_be_killed_says_why(lab, open_panel, large_livy):
    large_livy.set(batches=2, written=20)
    panel = open_panel(lab, large_livy.url)
    expect(panel.state("etl-1")).to_have_text("running")
    panel.open("etl-1")
    large_livy.set(status="403 Forbidden")
    panel.kill("etl-1")
    expect(panel.notices).to_contain_text("not killed: etl-1 (1)")
    large_livy.set(status="200 OK")
    expect(panel.status).to_contain_text("connected")
    expect(panel.state("etl-1")).to_have_text("running")

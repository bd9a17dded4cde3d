"""Batches and their logs appear, grow and end in the panel; reloads, restarts and outages are said."""

from __future__ import annotations

import re

import pytest
import stub
from panel_page import PANEL, connecting
from playwright.sync_api import expect

FAREWELL = "26/11/26 09:27:04 INFO ShutdownHookManager: Deleting directory /tmp/spark-"
GROWING = """%%livy_batch --name growing
import time
for number in range(1, 41):
    print("step", number, "of 40", flush=True)
    time.sleep(0.25)
"""
MOST_LOOKS = 3
AS_OF = re.compile(r"as of \d\d:\d\d")


def test_a_batch_submitted_in_a_cell_is_seen_to_begin_to_grow_and_to_succeed(
    lab, open_panel, local_server, local_base
):
    panel = open_panel(lab, local_base, GROWING)
    lab.start(2)
    expect(panel.state("growing")).to_have_text("running")
    panel.open("growing")
    expect(panel.log).to_contain_text("step 2 of 40")
    expect(panel.root.locator(".livy-log-extent")).to_contain_text("growing")
    assert "step 40 of 40" not in panel.log.inner_text()
    expect(panel.log).to_contain_text("step 39 of 40")  # it follows
    expect(panel.state("growing")).to_have_text("success")
    expect(panel.root.locator(".livy-detail-state")).to_have_text("success")
    panel.root.get_by_label("What of the log is shown").select_option("program output")
    expect(panel.line(40)).to_have_text("step 40 of 40")
    expect(panel.root.locator(".livy-log-extent")).to_have_text("40 lines")


def test_a_batch_that_failed_says_why_in_the_list_and_at_length_below_it(
    lab, open_panel, standin_server
):
    why = "ValueError: invalid literal for int() with base 10: 'x'"
    said = [f"print step {n}" for n in range(40)]
    farewell = [f"error {FAREWELL}{n}" for n in range(12)]  # all that Livy's list has of the log
    file = standin_server.script("failing.txt", *said, f"print {why}", *farewell, "exit 1")
    panel = open_panel(
        lab, standin_server.folder.parent, f"batch = %livy_submit --name failing {file}"
    )
    lab.run(2)
    expect(panel.state("failing")).to_have_text("dead")
    expect(panel.note("failing")).to_have_text(why)
    panel.open("failing")
    panel.root.get_by_role("tab", name="Cause").click()
    cause = panel.root.get_by_role("tabpanel", name="Cause")
    expect(cause).to_contain_text(why)
    assert cause.inner_text().startswith(f"{why}\n\nstep ")
    assert cause.evaluate("e => e.scrollTop") == 0


def test_a_page_that_is_loaded_anew_shows_the_panel_as_it_was(lab, open_panel, large_livy):
    large_livy.set(batches=3, written=150, short=True)
    panel = open_panel(lab, large_livy.url)
    expect(panel.row("etl-2")).to_contain_text("running")
    lab.save()
    lab.reload()
    expect(panel.status).to_contain_text("connected")
    expect(panel.row("etl-0")).to_contain_text("running")
    panel.open("etl-1")
    expect(panel.line(150)).to_have_text("line 149")
    large_livy.set(ended=[1])
    expect(panel.state("etl-1")).to_have_text("success")


def test_nothing_is_asked_of_the_server_for_a_page_that_is_left(lab, open_panel, large_livy):
    large_livy.set(batches=3, written=50)
    open_panel(lab, large_livy.url)
    lab.save()
    large_livy.count()
    while not large_livy.count()["requests"]:  # it is looked at
        lab.page.wait_for_timeout(500)
    lab.page.goto("about:blank")
    for _ in range(MOST_LOOKS):
        lab.page.wait_for_timeout(5000)  # that nothing comes can only be waited for
        if not large_livy.count()["requests"]:
            break
    else:
        pytest.fail("the server is asked for the list on and on")


def test_a_panel_whose_kernel_was_restarted_says_so_and_a_new_one_works(
    lab, open_panel, large_livy
):
    large_livy.set(batches=3, written=50)
    panel = open_panel(lab, large_livy.url)
    lab.restart_kernel()
    expect(panel.status).to_contain_text("kernel gone")
    expect(panel.status).to_contain_text(AS_OF)
    expect(panel.status).to_contain_text("run %livy_panel again")
    expect(panel.row("etl-2")).to_be_visible()  # the list stays readable
    lab.picture("kernel-gone")
    panel.button("+ New batch").click()
    expect(panel.form).to_contain_text("kernel gone: run %livy_panel again")
    panel.button("Cancel").click()
    panel.kill("etl-2")
    expect(panel.notices).to_contain_text("run %livy_panel again to see what became of it")
    lab.run(0)
    lab.run(1)
    expect(panel.status).to_contain_text("connected")
    large_livy.set(ended=[2])
    expect(panel.state("etl-2")).to_have_text("success")


def test_a_server_that_is_down_is_unreachable_since_then_and_back_when_it_is_back(lab, own_history):
    with stub.running() as livy:
        livy.set(batches=2, written=50)
        lab.open(connecting(livy.url, own_history), PANEL)
        lab.run(0)
        livy.set(status="503 Service Unavailable")
        lab.run(1)
        panel = lab.panel(1)
        expect(panel.status).to_contain_text(re.compile(r"trouble since \d\d:\d\d"))
        expect(panel.root).to_contain_text("Waiting for the list of batches")
        livy.set(status="200 OK")
        expect(panel.status).to_contain_text("connected")
        expect(panel.state("etl-1")).to_have_text("running")
        livy.set(status="401 Unauthorized")
        expect(panel.status).to_contain_text(re.compile(r"unauthorised since \d\d:\d\d"))
        expect(panel.status).to_contain_text("The server requires authentication: set `auth`.")
        livy.set(status="200 OK")
        expect(panel.status).to_contain_text("connected")
    expect(panel.status).to_contain_text(re.compile(r"unreachable since \d\d:\d\d"))
    expect(panel.status).to_contain_text(AS_OF)
    expect(panel.state("etl-1")).to_have_text("running")  # it may be, nobody knows
    assert is_whole(panel.status)
    lab.picture("unreachable")
    panel.root.evaluate("panel => { panel.style.width = '300px'; }")
    assert is_whole(panel.status)
    dot, words = panel.root.locator(".livy-dot").bounding_box(), panel.status.bounding_box()
    assert words["y"] <= dot["y"] <= words["y"] + 18  # beside the first line
    lab.picture("unreachable-narrow")
    with stub.running(int(livy.url.rpartition(":")[2])) as again:
        again.set(batches=3, written=50)
        expect(panel.status).to_contain_text("connected")
        expect(panel.row("etl-2")).to_be_visible()


def test_two_views_of_one_panel_are_alike_in_batches_and_free_in_what_they_show(
    lab, open_panel, large_livy
):
    large_livy.set(batches=4, written=150, short=True)
    one = open_panel(lab, large_livy.url, PANEL)
    lab.run(2)
    two = lab.panel(2)
    one.open("etl-1")
    two.open("etl-3")
    two.root.get_by_placeholder("filter").fill("etl-3")
    expect(two.row("etl-2")).to_have_count(0)
    expect(one.row("etl-2")).to_be_visible()
    expect(one.root.locator(".livy-detail-name")).to_contain_text("etl-1")
    large_livy.set(ended=[3])
    expect(one.state("etl-3")).to_have_text("success")
    expect(two.state("etl-3")).to_have_text("success")
    expect(two.line(150)).to_have_text("line 149")
    expect(one.line(150)).to_have_text("line 149")


def test_a_view_of_a_cells_output_is_a_view_of_its_own(lab, open_panel, large_livy):
    large_livy.set(batches=2, written=50)
    open_panel(lab, large_livy.url)
    lab.new_view_of_output(1)
    view = lab.panel_beside()
    expect(view.status).to_contain_text("connected")
    view.open("etl-0")
    expect(view.line(50)).to_be_visible()


def is_whole(text) -> bool:
    """Say whether nothing of a text is cut off."""
    return text.evaluate(
        "text => text.scrollWidth <= text.clientWidth && text.scrollHeight <= text.clientHeight"
    )

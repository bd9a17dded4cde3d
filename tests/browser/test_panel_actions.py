"""What a person does with batches: submit from the form, submit again, copy, find."""

from __future__ import annotations

import re

from panel_page import AS_ALICE
from playwright.sync_api import expect


def test_a_batch_is_submitted_from_the_form_then_again_with_an_edit_and_copied_as_a_line(
    new_lab, open_panel, standin_server
):
    file = standin_server.script("once.txt", "print all is done")
    lab = new_lab(permissions=["clipboard-read", "clipboard-write"])
    panel = open_panel(lab, standin_server.folder.parent)
    panel.button("+ New batch").click()
    expect(panel.field("file")).to_contain_text("(needed)")
    expect(panel.field("args")).to_contain_text("the application's own arguments; one a line")
    lab.picture("form-empty")
    panel.fill(name="from-the-form", args="--date\n2026-11-22", driverMemory="lots")
    panel.button("Submit").click()
    expect(panel.field("file").locator(".livy-error")).to_contain_text("is missing")
    expect(panel.field("driverMemory").locator(".livy-error")).to_contain_text("lots")
    expect(panel.field("name").locator(".livy-error")).to_be_hidden()
    summary = panel.form.get_by_text("2 fields are invalid: file, driverMemory")
    expect(summary).to_be_visible()
    lab.picture("form-mistakes")
    panel.fill(file=file, driverMemory="512m")
    panel.button("Submit").click()
    expect(panel.state("from-the-form")).to_have_text("success")
    expect(panel.notices).to_contain_text("was submitted")
    expect(panel.log).to_contain_text("all is done")  # it was opened
    expect(panel.form).to_be_hidden()

    panel.button("Resubmit").click()
    expect(panel.form.get_by_role("heading")).to_contain_text("Resubmit from-the-form")
    expect(panel.field("args").locator("textarea")).to_have_value("--date\n2026-11-22")
    panel.fill(name="once-more", args="--date\n2026-11-23")
    panel.button("Submit as a new batch").click()
    expect(panel.state("once-more")).to_have_text("success")
    assert standin_server.calls()[-1][-2:] == ["--date", "2026-11-23"]

    panel.open("once-more")
    panel.button("Copy line").click()
    expect(panel.notices).to_contain_text("copied: %livy_submit")
    line = lab.page.evaluate("() => navigator.clipboard.readText()")
    assert line.startswith("%livy_submit ")
    assert "--name once-more" in line
    assert line.endswith(f"{file} --date 2026-11-23")

    panel.root.get_by_role("tab", name="Request").click()
    expect(panel.root.get_by_role("tabpanel", name="Request")).to_contain_text('"2026-11-23"')
    panel.root.get_by_role("tab", name="Cause").click()
    expect(panel.root.get_by_role("tabpanel", name="Cause")).to_contain_text("It ended well.")


def test_the_list_has_all_the_room_until_a_batch_is_opened_and_that_one_stays_in_sight(
    lab, open_panel, large_livy
):
    large_livy.set(batches=40, written=20)
    panel = open_panel(lab, large_livy.url)
    expect(panel.row("etl-28")).to_be_in_viewport(ratio=1)
    below = panel.root.bounding_box()["height"] - panel.list.bounding_box()["height"]
    panel.open("etl-28")
    expect(panel.line(20)).to_be_in_viewport()
    expect(panel.row("etl-28")).to_be_in_viewport(ratio=1)
    list_, log = panel.list.bounding_box(), panel.log.bounding_box()
    row = panel.row("etl-28").bounding_box()
    assert row["y"] + row["height"] <= list_["y"] + list_["height"] <= log["y"]
    assert below < log["height"]  # there was nothing but the head and the filters


def test_filters_order_selection_and_place_outlive_every_change(lab, open_panel, large_livy):
    states = ("success", "dead", "running", "killed")
    large_livy.set(
        batches=200,
        written=20,
        views={
            n: {"state": states[n % 4], "owner": ("alice", "bob")[n // 4 % 2]} for n in range(200)
        },
    )
    panel = open_panel(lab, large_livy.url, more=AS_ALICE)
    expect(panel.root).to_contain_text("as alice")
    expect(panel.button("all 200")).to_be_visible()
    panel.button("dead 50").click()
    expect(panel.state("etl-197")).to_have_text("dead")
    expect(panel.row("etl-196")).to_have_count(0)
    panel.root.get_by_label("mine").check()
    expect(panel.button("dead 25")).to_be_visible()
    assert set(panel.list.locator(".livy-rows .livy-owner .livy-text").all_inner_texts()) == {
        "alice"
    }
    panel.list.get_by_role("columnheader", name="Id").click()
    assert panel.names()[:2] == ["etl-1", "etl-9"]
    panel.row("etl-9").get_by_role("checkbox").check()
    panel.list.hover()
    lab.page.mouse.wheel(0, 15 * 28)
    expect(panel.row("etl-129")).to_be_visible()
    before = panel.row("etl-129").bounding_box()
    lab.page.mouse.move(5, 5)  # nothing stays for the pointer's sake

    changed = {n: {"state": "dead", "owner": "alice"} for n in (0, 2, 64)}
    large_livy.set(views=changed)
    expect(panel.button("dead 28")).to_be_visible()
    assert panel.row("etl-129").bounding_box() == before  # three more stand above it
    expect(panel.button("dead 28")).to_have_attribute("aria-pressed", "true")
    expect(panel.root.locator(".livy-selection")).to_contain_text("1 selected")

    panel.button("Clear").click()
    panel.button("dead 28").click()
    panel.root.get_by_label("mine").uncheck()
    panel.root.get_by_placeholder("filter").fill("etl-19")
    expect(panel.button("all 11")).to_be_visible()
    panel.root.get_by_placeholder("filter").fill("nothing like it")
    expect(panel.root).to_contain_text("No batch matches the filters.")


def test_a_log_is_searched_and_its_errors_and_gaps_are_found(new_lab, open_panel, large_livy):
    lines = [f"row {n} is fine" for n in range(900)]
    lines[100] = "ValueError: the first thing that went wrong"
    lines[600] = "26/11/22 19:41:07 ERROR Executor: the second thing"
    lines[450] = "\x1b[31mred\x1b[0m and plain, NEEDLE"
    lines[700] = "another needle"
    lines[701] = "a very long line " + "and so on " * 300
    large_livy.set(batches=1, keeps=1000, texts={0: lines})
    lab = new_lab(accept_downloads=True, permissions=["clipboard-read", "clipboard-write"])
    panel = open_panel(lab, large_livy.url)
    panel.open("etl-0")
    expect(panel.line(900)).to_have_text("row 899 is fine")
    panel.button("first error").click()
    expect(panel.line(101)).to_be_in_viewport()
    expect(panel.root.locator(".livy-log-said")).to_have_text("error in line 101")
    panel.button("next error").click()
    expect(panel.line(601)).to_be_in_viewport()
    panel.button("previous error").click()
    expect(panel.line(101)).to_be_in_viewport()

    panel.root.get_by_label("Search the log").fill("needle")
    expect(panel.root.locator(".livy-log-count")).to_have_text("1/2")
    expect(panel.line(451)).to_have_text("red and plain, NEEDLE")
    expect(panel.line(451).locator("mark")).to_have_text("NEEDLE")
    expect(panel.line(451).locator("span").get_by_text("red", exact=True)).to_be_visible()
    panel.button("next hit").click()
    expect(panel.root.locator(".livy-log-count")).to_have_text("2/2")
    expect(panel.line(701)).to_be_in_viewport()
    lab.picture("log-search")
    panel.button("next hit").click()
    expect(panel.root.locator(".livy-log-count")).to_have_text("1/2")
    panel.button("previous hit").click()
    expect(panel.root.locator(".livy-log-count")).to_have_text("2/2")
    expect(panel.line(702)).to_contain_text("characters more)")
    panel.button("wrap").click()
    lab.picture("log-wrapped")
    panel.button("wrap").click()
    panel.button("match case").click()
    expect(panel.root.locator(".livy-log-count")).to_have_text("1/1")

    with lab.page.expect_download() as saved:
        panel.button("download").click()
    assert saved.value.suggested_filename == "etl-0 (0).log"
    assert saved.value.path().read_text() == "".join(f"{line}\n" for line in lines)
    panel.button("copy").click()
    expect(panel.root.locator(".livy-log-said")).to_have_text("copied 900 lines")
    copied = lab.page.evaluate("() => navigator.clipboard.readText()")
    assert copied.splitlines() == lines


def test_a_reader_who_scrolled_up_stays_and_is_told_of_new_lines_and_lost_ones_are_a_gap(
    lab, open_panel, large_livy
):
    large_livy.set(batches=1, written=150, short=True)
    panel = open_panel(lab, large_livy.url)
    panel.open("etl-0")
    expect(panel.line(150)).to_have_text("line 149")
    panel.log.hover()
    lab.page.mouse.wheel(0, -500)
    expect(panel.button("follow")).to_have_attribute("aria-pressed", "false")
    before = panel.visible_lines()
    large_livy.set(written=157)
    expect(panel.button("▾ 7 new lines")).to_be_visible()
    assert panel.visible_lines() == before
    lab.picture("new-lines")
    panel.button("▾ 7 new lines").click()
    expect(panel.line(157)).to_have_text("line 156")
    expect(panel.button(re.compile("new lines"))).to_be_hidden()
    large_livy.set(written=1157)
    expect(panel.log).to_contain_text("line 1156")
    lab.page.mouse.wheel(0, -198 * 18)
    expect(panel.log.locator(".livy-log-gap .livy-log-text")).to_contain_text(
        "lines lost here: more than the 200 that the server keeps"
    )
    expect(panel.log).to_contain_text("line 957")


def test_a_log_is_followed_on_when_a_question_below_it_came_and_went(lab, open_panel, large_livy):
    large_livy.set(batches=1, written=150)
    panel = open_panel(lab, large_livy.url)
    panel.open("etl-0")
    expect(panel.line(150)).to_be_in_viewport()
    panel.root.locator(".livy-acts").get_by_role("button", name="Kill").click()
    panel.question.get_by_role("button", name="Keep running").click()
    large_livy.set(written=160)
    expect(panel.line(160)).to_be_in_viewport()
    expect(panel.button("follow")).to_have_attribute("aria-pressed", "true")

"""What a server, a user or a log says is text in the panel: nothing of it runs, nothing is loaded."""

from __future__ import annotations

from panel_page import PanelPage
from playwright.sync_api import expect

RUNS = "window.hacked = true"
IMAGE = f'<img src="x" onerror="{RUNS}">'
SCRIPT = f"<script>{RUNS}</script>"
ADDRESS = f"javascript:{RUNS}"


def assert_harmless(panel: PanelPage) -> None:
    """What is shown is text and controls of our own."""
    page = panel.root.page
    assert page.evaluate("() => window.hacked") is None
    expect(panel.root.locator("img, script, iframe, object, embed, svg, style")).to_have_count(0)
    addresses = panel.root.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert all(address.startswith(("http://", "https://")) for address in addresses), addresses


def test_markup_in_names_logs_states_and_errors_of_a_server_is_shown_as_it_is(
    lab, open_panel, large_livy
):
    large_livy.set(
        batches=2,
        written=[0, 0],
        texts={1: [f"log {IMAGE}", f"\x1b]8;;{ADDRESS}\x07link\x1b]8;;\x07 {SCRIPT}"]},
        views={
            1: {
                "name": IMAGE,
                "owner": SCRIPT,
                "appId": f"app {IMAGE}",
                "appInfo": {"driverLogUrl": ADDRESS, "sparkUiUrl": "https://spark.test/<b>"},
            },
            0: {"state": SCRIPT, "appInfo": {"driverLogUrl": f"data:text/html,{SCRIPT}"}},
        },
    )
    panel = open_panel(lab, large_livy.url)
    expect(panel.row(IMAGE)).to_contain_text(SCRIPT)
    expect(panel.state("etl-0")).to_have_text(SCRIPT)
    panel.open(IMAGE)
    expect(panel.line(1)).to_have_text(f"log {IMAGE}")
    expect(panel.line(2)).to_contain_text(SCRIPT)
    expect(panel.root.locator(".livy-links a")).to_have_text(["Spark UI ↗"])
    panel.root.get_by_label("Search the log").fill("<img")
    expect(panel.line(1).locator("mark")).to_have_text("<img")
    panel.root.get_by_role("tab", name="Request").click()
    expect(panel.root.get_by_role("tabpanel", name="Request")).to_contain_text(f"app {IMAGE}")
    lab.picture("request")
    large_livy.set(status="500 Server Error", message=f"broken {IMAGE}")
    panel.kill(IMAGE)
    expect(panel.notices).to_contain_text(f"broken {IMAGE}")
    expect(panel.status).to_contain_text(f"broken {IMAGE}")
    assert_harmless(panel)


def test_markup_in_what_is_submitted_is_shown_as_it_is(lab, open_panel, standin_server):
    file = standin_server.script("markup.txt", f"print {IMAGE}", f"error {SCRIPT}", "exit 1")
    panel = open_panel(lab, standin_server.folder.parent)
    panel.button("+ New batch").click()
    panel.fill(driverMemory=IMAGE, file=file)
    panel.button("Submit").click()
    expect(panel.field("driverMemory").locator(".livy-error")).to_contain_text(IMAGE)
    panel.fill(driverMemory="", name=f"markup-{IMAGE}", args=f"{SCRIPT}\n{IMAGE}")
    panel.button("Submit").click()
    expect(panel.state(f"markup-{IMAGE}")).to_have_text("dead")
    expect(panel.log).to_contain_text(IMAGE)
    panel.root.get_by_role("tab", name="Request").click()
    request = panel.root.get_by_role("tabpanel", name="Request")
    expect(request).to_contain_text(SCRIPT)
    panel.root.get_by_role("tab", name="Cause").click()
    expect(panel.root.get_by_role("tabpanel", name="Cause")).to_contain_text(SCRIPT)
    lab.picture("cause")
    panel.button("Resubmit").click()
    expect(panel.field("args").locator("textarea")).to_have_value(f"{SCRIPT}\n{IMAGE}")
    assert_harmless(panel)

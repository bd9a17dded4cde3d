"""A real JupyterLab and a real browser; each test has a page of its own and keeps a picture of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chromium
import lab_server
import panel_page
import pytest
import stub
from lab import PATIENCE, Lab
from lab_server import LabServer
from panel_page import PANEL, PanelPage
from playwright.sync_api import Browser, expect

NewLab = Callable[..., Lab]
OpenPanel = Callable[..., PanelPage]

expect.set_options(timeout=PATIENCE)


def missing(reason: str) -> None:
    """Skip a test and say why; under CI fail it, so that nothing is skipped there silently."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """JupyterLab and Notebook 7, for all tests."""
    with lab_server.running(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="session")
def ipykernel() -> Callable[[str], str]:
    """Return the name of the kernel that runs an ipykernel of that version."""

    def named(version: str) -> str:
        kernel = f"ipykernel-{version}"
        if not (lab_server.KERNELS / kernel).exists():
            missing(f"ipykernel {version} is not there: `make kernels` installs it")
        return kernel

    return named


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, for all tests."""
    if chromium.program() is None:
        missing(chromium.MISSING)
    with chromium.running() as browser:
        yield browser


@pytest.fixture
def new_lab(
    request: pytest.FixtureRequest, browser: Browser, jupyter: LabServer
) -> Iterator[NewLab]:
    """Open pages, each in a context of its own made with the options given; keep their pictures."""
    labs: list[Lab] = []

    def make(**options: Any) -> Lab:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        labs.append(Lab(jupyter, context.new_page()))
        return labs[-1]

    yield make
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    for number, lab in enumerate(labs):
        lab.picture(f"{name}-{number + 1}" if number else name)
        lab.page.context.close()
    jupyter.clear()
    errors = [error for lab in labs for error in lab.errors]
    assert not errors, "the browser's console has errors:\n" + "\n".join(errors)


@pytest.fixture
def lab(new_lab: NewLab) -> Lab:
    """A page."""
    return new_lab()


@pytest.fixture
def open_panel(own_history: Path) -> OpenPanel:
    """Open a notebook that is connected to a server, and the panel in its second cell.

    Further cells stay as they are; ``more`` are settings for the first one.
    """

    def open_(
        lab: Lab, server: str | Path, *cells: str, more: str = "", **options: Any
    ) -> PanelPage:
        lab.open(panel_page.connecting(server, own_history, more), PANEL, *cells, **options)
        lab.run(0)
        lab.run(1)
        panel = lab.panel(1)
        expect(panel.status).to_contain_text("connected")
        return panel

    return open_


@pytest.fixture
def large_livy() -> Iterator[stub.Stub]:
    """A stand-in for a Livy with as many batches and lines as it is told to have."""
    with stub.running() as server:
        yield server

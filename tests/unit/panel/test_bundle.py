"""The panel's JavaScript: what is committed is what its sources make, and the sources are tested."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STATIC = ROOT / "livy_magic" / "panel" / "static"
LARGEST = (
    80 * 1024
)  # bytes of both: they go to the browser with each panel, and into saved notebooks


@pytest.fixture(scope="module")
def node() -> Callable[..., None]:
    """Run Node in js/ with some arguments; without Node, or its packages, say so."""
    program = shutil.which("node")
    if program is None or not (ROOT / "js" / "node_modules").exists():
        reason = "the panel's JavaScript is not tested: install Node 20 or newer, then `make js`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [program, *arguments],
            cwd=ROOT / "js",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_committed_is_what_the_sources_make(node, tmp_path):
    node("build.mjs", str(tmp_path))
    made, committed = contents(tmp_path), contents(STATIC)
    names = made.keys() | committed.keys()
    others = sorted(name for name in names if made.get(name) != committed.get(name))
    assert not others, "js/ makes these differently: run `make js`, and commit what it writes"


def test_the_sources_pass_their_own_tests(node):
    node("--test")


def test_the_bundle_is_small():
    assert sum((STATIC / name).stat().st_size for name in ("panel.js", "panel.css")) <= LARGEST

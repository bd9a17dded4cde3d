"""The wheel on each supported Python: it installs, works without anything else, and goes again."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from environments import ROOT, Environment, run
from servers import NewBase

CELLS = Path(__file__).with_name("cells.py")
VERSIONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


def test_the_metadata_is_as_package_indexes_want_it(distributions: list[Path]) -> None:
    run([sys.executable, "-m", "twine", "check", "--strict", *distributions])


def test_the_wheel_holds_the_package_and_the_sample_and_nothing_else(wheel: Path) -> None:
    package = ROOT / "livy_magic"
    files = {
        str(file.relative_to(ROOT))
        for file in package.rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as content:
        names = {name for name in content.namelist() if ".dist-info/" not in name}
    sample = "livy_magic-0.1.0.data/data/etc/jupyter/livy_magic.sample.yaml"
    assert names == files | {sample}
    assert "livy_magic/py.typed" in names
    assert any(name.endswith(".js") for name in names), "the panel is built, not made at install"


def test_the_sdist_holds_what_the_tests_need(distributions: list[Path]) -> None:
    [sdist] = [file for file in distributions if file.name.endswith(".tar.gz")]
    with tarfile.open(sdist) as content:
        names = {name.partition("/")[2] for name in content.getnames()}
    assert {"Makefile", "LICENSE", "README.md", "tests/pythons.sh", "tests/conftest.py"} <= names
    assert not [name for name in names if ".venv" in name or "node_modules" in name]


@pytest.mark.parametrize("version", VERSIONS)
def test_cells_run_from_the_wheel_and_nothing_stays_of_it(
    version: str,
    pythons: dict[str, str],
    wheel: Path,
    no_java: dict[str, str],
    new_base: NewBase,
    tmp_path: Path,
) -> None:
    if version not in pythons:
        assert version != VERSIONS[0] or not os.environ.get("CI"), f"CI wants Python {version}"
        assert pythons, "there is no Python that livy_magic supports"
        pytest.skip(f"Python {version} was not found on this machine")
    environment = Environment(tmp_path / "env", pythons[version], wheel, "[local]")
    base = {"LIVY_LOCAL_DIR": str(new_base(f"wheel-{version}"))}
    run([environment.python, CELLS], {**no_java, **base, "HOME": str(tmp_path)})
    environment.pip("uninstall", "--yes", "livy-magic")
    assert environment.remains() == []
    shutil.rmtree(environment.folder)  # half a gigabyte


WITHOUT_SPARK = """
import sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "livy_magic")
result = shell.run_cell("%livy_local start")
assert "pip install 'livy-magic[local]'" in str(result.error_in_exec), result
assert not {"pyspark", "psutil", "jgo"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def bare(
    tmp_path_factory: pytest.TempPathFactory, pythons: dict[str, str], wheel: Path
) -> Environment:
    """The newest Python, with the wheel without extras."""
    return Environment(tmp_path_factory.mktemp("bare"), next(iter(pythons.values())), wheel)


def test_without_extras_everything_but_the_private_livy_is_there(
    bare: Environment, no_java: dict[str, str], tmp_path: Path
) -> None:
    run([bare.python, "-c", WITHOUT_SPARK], {**no_java, "HOME": str(tmp_path)})


def test_jupyterlab_finds_what_shows_the_panel_without_a_build(bare: Environment) -> None:
    share = bare.folder / "share/jupyter"
    program = [sys.executable, "-m", "jupyter", "labextension", "list"]
    found = run(program, {**os.environ, "JUPYTER_PATH": str(share), "NO_COLOR": "1"})
    [section] = [part for part in found.split("\n\n") if str(share / "labextensions") in part]
    [widget] = [line for line in section.splitlines() if " anywidget " in f" {line.strip()} "]
    assert "enabled" in widget
    assert "OK" in widget
    assert "build" not in found.lower()

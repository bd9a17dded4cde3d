"""Notebooks executed by nbclient, in a process of its own, and saved."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat

import livy_magic

EXECUTE = "from nbclient.cli import main; main()"


def execute(folder: Path, *codes: str) -> list[nbformat.NotebookNode]:
    """Execute cells in a folder, save them as a notebook, and return them as they were saved."""
    file = folder / "notebook.ipynb"
    cells = [nbformat.v4.new_code_cell(code) for code in codes]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)
    places = {"PYTHONPATH": str(Path(livy_magic.__file__).parents[1])} | dict.fromkeys(
        ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR"), str(folder)
    )
    subprocess.run(
        [sys.executable, "-c", EXECUTE, "--inplace", "--allow-errors", str(file)],
        cwd=folder,
        env=os.environ | places,
        check=True,
    )
    saved: list[nbformat.NotebookNode] = nbformat.read(file, 4).cells
    return saved

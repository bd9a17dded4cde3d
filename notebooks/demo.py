"""Run quickstart.ipynb on the private Livy, and show a person what happens: ``make demo``."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from livy_magic import local
from livy_magic.magics.in_place import Reports

NOTEBOOK = Path(__file__).parent / "quickstart.ipynb"


def main() -> int:
    """Return the exit code: 0 when every cell ran."""
    clock = time.monotonic()
    print("Starting the private Livy on this machine ...", flush=True)
    with Reports() as report:
        server = local.start(report=report)
    print(f"  Livy at {server.url} with Spark {server.spark_version} {since(clock)}\n")

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook,
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
        extra_arguments=["--log-level=ERROR"],  # the kernel's own advice is for other people
    )
    clock = time.monotonic()
    with client.setup_kernel():
        print(f"Started a kernel for {NOTEBOOK.name} {since(clock)}")
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "markdown":
                print(f"\n{cell.source.strip()}")
                continue
            print(indented(cell.source, ">>> "), flush=True)
            clock = time.monotonic()
            try:
                client.execute_cell(cell, number)
            except CellExecutionError as failure:
                print(failure)
                return 1
            for output in cell.outputs:
                print(indented(text_of(output), "    "))
            print(f"    {since(clock)}")
    print("\nmake lab opens the same notebook in JupyterLab; the private Livy stops when idle.")
    return 0


def text_of(output: nbformat.NotebookNode) -> str:
    """Return what a cell's output says as plain text."""
    if output.output_type == "stream":
        return output.text.rstrip("\n")
    return output.data.get("text/plain", "")


def indented(text: str, prefix: str) -> str:
    """Return ``text`` with ``prefix`` before each line."""
    return "\n".join(prefix + line for line in text.splitlines())


def since(clock: float) -> str:
    """Return the time since ``clock`` in brackets."""
    return f"[{time.monotonic() - clock:.1f} s]"


if __name__ == "__main__":
    raise SystemExit(main())

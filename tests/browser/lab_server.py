"""A real Jupyter server in a process of its own: JupyterLab and Notebook 7, and their kernels."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import requests

import livy_magic

PATIENCE = 60.0  # seconds
KERNELS = Path(sys.prefix) / "kernels"  # other ipykernels, which `make kernels` puts there
# Nothing is asked of the internet, and nothing is saved but what a test saves, widgets included.
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True},
}
OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--expose-app-in-browser",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port=0",
    "--ServerApp.terminals_enabled=False",
    "--LabApp.extension_manager=readonly",
    "--JupyterNotebookApp.expose_app_in_browser=True",
    "--log-level=WARN",
)


@dataclass(frozen=True)
class LabServer:
    """The server from outside.

    Attributes:
        url: Where it is.
        token: What it asks for.
        base: Where all its files are.
    """

    url: str
    token: str
    base: Path

    @property
    def folder(self) -> Path:
        """Where its notebooks are."""
        return self.base / "work"

    def write(self, name: str, *cells: str, kernel: str) -> Path:
        """Write a notebook of code cells; return its file."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        )
        path = self.folder / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return path

    def clear(self) -> None:
        """End every kernel, which outlives the page that started it; forget settings and notebooks."""
        for session in self._ask("GET", "sessions"):
            self._ask("DELETE", f"sessions/{session['id']}")
        for kernel in self._ask("GET", "kernels"):
            self._ask("DELETE", f"kernels/{kernel['id']}")
        for folder in (self.folder, self.base / "config" / "settings"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()

    def _ask(self, method: str, path: str) -> Any:
        answer = requests.request(
            method,
            f"{self.url}api/{path}",
            headers={"Authorization": f"token {self.token}"},
            timeout=PATIENCE,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextmanager
def running(base: Path, python: Path | str = sys.executable) -> Iterator[LabServer]:
    """Start the server with all its files in ``base``, for the block; ``python`` has JupyterLab."""
    folder, data, config, runtime = (base / name for name in ("work", "data", "config", "runtime"))
    for one in (folder, config / "labconfig"):
        one.mkdir(parents=True)
    (config / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    _add_kernels(data / "kernels")
    token = secrets.token_hex(16)
    settings = {
        "HOME": base,
        "IPYTHONDIR": base / "ipython",
        "JUPYTER_CONFIG_DIR": config,
        "JUPYTER_DATA_DIR": data,
        "JUPYTER_RUNTIME_DIR": runtime,
        "JUPYTERLAB_SETTINGS_DIR": config / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": config / "workspaces",
        "JUPYTER_TOKEN": token,
        "LIVY_HISTORY": os.environ["LIVY_HISTORY"],
        "PYTHONPATH": Path(livy_magic.__file__).parents[1],
    }
    unset = ("LIVY_", "JUPYTER")  # settings of whoever runs the tests
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(unset)}
    log = base / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [python, "-m", "jupyterlab", *OPTIONS, f"--ServerApp.root_dir={folder}"],
            env=inherited | {name: str(value) for name, value in settings.items()},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        server = LabServer(_url(process, runtime, log), token, base)
        yield server
        server.clear()
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _add_kernels(folder: Path) -> None:
    """Write kernelspecs that run this Python, each with another ipykernel before its own."""
    for packages in KERNELS.glob("ipykernel-*"):
        spec = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": packages.name,
            "language": "python",
            "env": {"PYTHONPATH": os.pathsep.join([str(packages), "${PYTHONPATH}"])},
            "metadata": {"debugger": False},
        }
        (folder / packages.name).mkdir(parents=True)
        (folder / packages.name / "kernel.json").write_text(json.dumps(spec))


def _url(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Wait until the server answers; return its URL, which ends in a slash."""
    file = runtime / f"jpserver-{process.pid}.json"
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            url: str = json.loads(file.read_text())["url"]
            requests.get(f"{url}api", timeout=PATIENCE).raise_for_status()
        except (FileNotFoundError, ValueError, requests.ConnectionError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"JupyterLab did not start:\n{log.read_text()}") from None
            time.sleep(0.1)  # it tells nobody
        else:
            return url

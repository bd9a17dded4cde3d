"""What somebody reads whose machine lacks something that make needs."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from environments import ROOT, run

TLS = ROOT / "tests/unit/protocol/tls"


def program(file: Path, *lines: str) -> Path:
    """Make a shell script."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(["#!/bin/sh", *lines]))
    file.chmod(0o700)
    return file


def fake_python(file: Path, version: str, missing: str = "") -> None:
    """Make a program that answers the question of pythons.sh."""
    program(file, f"echo {version.replace('.', ' ')} {file}", f"echo {missing}")


@pytest.fixture
def found(tmp_path: Path):
    """Return what pythons.sh finds in an otherwise empty PATH, and what it says."""

    def find() -> tuple[list[str], list[str]]:
        done = subprocess.run(
            [ROOT / "tests/pythons.sh"],
            env={"PATH": f"{tmp_path}/bin:/bin", "PYENV_ROOT": f"{tmp_path}/pyenv", "HOME": "/"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines(), done.stderr.splitlines()

    return find


def test_the_newest_supported_python_comes_first_wherever_it_is(found, tmp_path: Path) -> None:
    fake_python(tmp_path / "bin/python3.10", "3.10")
    fake_python(tmp_path / "pyenv/versions/3.12.1/bin/python3", "3.12")
    fake_python(tmp_path / "pyenv/versions/3.9.1/bin/python3", "3.9")
    pythons, said = found()
    assert pythons[0] == f"3.12 {tmp_path}/pyenv/versions/3.12.1/bin/python3"
    assert f"3.10 {tmp_path}/bin/python3.10" in pythons
    assert not [line for line in pythons if line.startswith("3.9 ")]
    assert said == []


def test_a_python_that_is_passed_over_is_told_of(found, tmp_path: Path) -> None:
    fake_python(tmp_path / "bin/python3.15", "3.15")
    lacking = tmp_path / "bin/python3.14"
    fake_python(lacking, "3.14", "ensurepip")
    program(
        tmp_path / "bin/python3.13", "echo 'pyenv: python3.13: command not found' >&2", "exit 127"
    )
    pythons, said = found()
    assert not [line for line in pythons if line.split()[0] in {"3.13", "3.14", "3.15"}]
    assert said == [
        "Python 3.15 is passed over: pyspark does not support it yet",
        f"{lacking} is passed over: it lacks ensurepip (on Debian: apt install python3.14-venv)",
    ]


def make(*arguments: str, **variables: str) -> tuple[int, list[str]]:
    """Run make, and return its exit code and what it says."""
    done = subprocess.run(
        [str(shutil.which("make")), "--silent", *arguments],
        env={**os.environ, **variables},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, [line for line in done.stdout.splitlines() if "***" not in line]


def test_make_without_any_python_says_which_it_wants(tmp_path: Path) -> None:
    program(tmp_path / "bin/pyenv", "exit 1")
    target = f"{tmp_path}/env/bin/python"
    tools = {"awk", "bash", "sed", "seq", "sh", "make", "ls"}
    for tool in tools:
        (tmp_path / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    code, said = make(
        target,
        f"VENV={tmp_path}/env",
        PATH=f"{tmp_path}/bin",
        HOME=str(tmp_path),
        PYENV_ROOT="/none",
    )
    assert code
    assert said == [
        "Python 3.10 to 3.14 is needed: install one, or name it: make PYTHON=/path/to/python"
    ]


def test_make_refuses_a_python_that_will_not_do(tmp_path: Path) -> None:
    old = program(tmp_path / "python", "exit 1")
    code, said = make(f"{tmp_path}/env/bin/python", f"VENV={tmp_path}/env", f"PYTHON={old}")
    assert code
    [line] = said
    assert line.startswith(f"{old} is no Python 3.10 or newer that can make virtual environments")


def test_make_does_not_take_another_python_than_asked_for(tmp_path: Path) -> None:
    other = program(tmp_path / "python", "echo Python 3.10.99")
    code, said = make("lint", f"PYTHON={other}")
    assert code
    [line] = said
    assert f"make VENV=.venv-other PYTHON={other} makes another" in line


# pip itself.


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory, pythons: dict[str, str]) -> Path:
    """A virtual environment of the oldest Python that there is."""
    folder = tmp_path_factory.mktemp("venv")
    run([list(pythons.values())[-1], "-m", "venv", folder])
    return folder


def install(venv: Path, variables: Mapping[str, str]) -> tuple[int, list[str]]:
    """Install something that no index has, and return the exit code and what is said."""
    own = {name: text for name, text in os.environ.items() if not name.startswith("PIP_")}
    done = subprocess.run(
        [ROOT / "tests/pip_install.sh", venv, "livy-magic-is-nowhere"],
        env={**own, "PIP_RETRIES": "1", "PIP_NO_CACHE_DIR": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


NOWHERE = "http://127.0.0.1:9/simple"  # nobody listens there


def test_no_network_is_said_in_a_line(venv: Path) -> None:
    code, said = install(venv, {"PIP_INDEX_URL": NOWHERE})
    assert code == 1
    [line] = said
    assert line.startswith("The package index cannot be reached: is there a network?")


def test_a_proxy_that_does_not_answer_is_said_in_a_line(venv: Path) -> None:
    code, said = install(venv, {"PIP_PROXY": "http://127.0.0.1:9"})
    assert code == 1
    assert said == [
        "The proxy does not answer: HTTPS_PROXY=http://host:port names another, NO_PROXY='*' none"
    ]


class EmptyIndex(BaseHTTPRequestHandler):
    """A package index without packages."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def tls_index() -> Iterator[str]:
    """A package index whose certificate nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "localhost.pem", TLS / "localhost.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmptyIndex)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}/simple"
    server.shutdown()
    server.server_close()


def test_an_unknown_certificate_is_said_in_a_line_and_its_ca_can_be_named(
    venv: Path, tls_index: str
) -> None:
    code, said = install(venv, {"PIP_INDEX_URL": tls_index})
    assert code == 1
    [line] = said
    assert line.endswith("name the file with its CA, REQUESTS_CA_BUNDLE=/path/to/ca.pem")
    code, said = install(
        venv, {"PIP_INDEX_URL": tls_index, "REQUESTS_CA_BUNDLE": str(TLS / "localhost.pem")}
    )
    assert code == 1
    assert "No matching distribution found for livy-magic-is-nowhere" in said[-2]
    assert said[-1] == f"pip could not install the packages: {venv}/pip.log says more"


def test_an_old_pip_is_replaced_first(venv: Path) -> None:
    package = next((venv / "lib").glob("python3.*/site-packages/pip"))
    init = package / "__init__.py"
    new = init.read_text()
    init.write_text('__version__ = "21.2.4"\n')
    try:
        code, said = install(venv, {"PIP_INDEX_URL": NOWHERE})
    finally:
        init.write_text(new)
    assert code == 1
    assert said[0] == "  pip 21.2.4 is too old: getting a newer one ..."
    assert said[1].startswith("The package index cannot be reached")

"""The cookie by which the private Livy knows its owner."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from livy_magic.local.cookie import SignedCookie, owner, signed


class Server:
    """Lets in who has a cookie signed with the secret, and echoes the body."""

    def __init__(self) -> None:
        self.secret = b"first"
        self.seen: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        cookie = re.fullmatch('hadoop.auth="(.+)&s=(.+)"', handler.headers["Cookie"])
        assert cookie
        self.seen.append(cookie[0])
        digest = hashlib.sha1(cookie[1].encode() + self.secret).digest()  # noqa: S324 - Hadoop's
        good = base64.b64decode(cookie[2]) == digest
        handler.send_response(200 if good else 401)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    secret = tmp_path / "secret"
    secret.write_bytes(b"first")
    return secret


@pytest.fixture
def used(tmp_path: Path) -> Path:
    used = tmp_path / "used"
    used.touch()
    os.utime(used, (0, 0))
    return used


def test_the_cookie_is_hadoops_token_with_its_signature() -> None:
    token, _, signature = signed("ann", b"secret", 1700000000.5).partition("&s=")
    assert token == "u=ann&p=ann&t=ldap&e=1700000000500"
    assert base64.b64decode(signature) == hashlib.sha1(f"{token}secret".encode()).digest()  # noqa: S324


def test_the_owner_is_let_in_with_a_cookie_that_ends_soon(
    server: Server, secret: Path, used: Path
) -> None:
    answer = requests.post(server.url, b"body", auth=SignedCookie(secret, used), timeout=5)
    assert (answer.status_code, answer.content) == (200, b"body")
    assert f"u={owner()}&" in server.seen[0]
    expires = int(re.findall(r"e=(\d+)", server.seen[0])[0]) / 1000
    assert time.time() + 60 < expires < time.time() + 3600


def test_after_a_restart_of_the_server_the_request_is_sent_again_with_the_new_secret(
    server: Server, secret: Path, used: Path
) -> None:
    auth = SignedCookie(secret, used)
    server.secret = b"second"
    secret.write_bytes(b"second")
    with requests.Session() as session:
        answers = [session.post(server.url, b"body", auth=auth, timeout=5) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == b"body"
    assert len(server.seen) == 3, "the second request is right at once"


@pytest.mark.parametrize("ended", [True, False])
def test_a_refusal_that_no_new_secret_explains_is_handed_on(
    server: Server, secret: Path, used: Path, ended: bool
) -> None:
    auth = SignedCookie(secret, used)
    server.secret = b"unknown"
    if ended:
        secret.unlink()
        used.unlink()
    assert requests.post(server.url, b"body", auth=auth, timeout=5).status_code == 401
    assert len(server.seen) == 2  # once more, and no loop


def test_use_is_noted_but_not_with_every_request(server: Server, secret: Path, used: Path) -> None:
    auth = SignedCookie(secret, used)
    requests.post(server.url, b"", auth=auth, timeout=5)
    assert used.stat().st_mtime > time.time() - 60
    os.utime(used, (0, 0))
    requests.post(server.url, b"", auth=auth, timeout=5)
    assert used.stat().st_mtime == 0


def test_the_secret_shows_nowhere(secret: Path, used: Path) -> None:
    assert "first" not in repr(SignedCookie(secret, used))

"""TLS against a real TLS server; its certificate, self-signed, is good for this test alone."""

import http.server
import json
import socket
import ssl
import struct
import threading
from pathlib import Path

import pytest

from livy_magic.errors import Unreachable
from livy_magic.protocol.client import LivyClient
from livy_magic.protocol.models import BatchRequest

FOLDER = Path(__file__).with_name("tls")
CERTIFICATE, KEY = str(FOLDER / "localhost.pem"), str(FOLDER / "localhost.key")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = json.dumps({"version": "0.7.1-incubating"}).encode()
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + answer)

    def do_POST(self):
        """End without an answer, and without a word of TLS about that."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A refused handshake is what some of these tests are about."""


@pytest.fixture
def start():
    servers = []

    def start(*, wants_certificate=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, KEY)
        if wants_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(CERTIFICATE)
        server = Server(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return f"https://localhost:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_unknown_authority_is_refused_and_the_setting_is_named(start):
    with pytest.raises(Unreachable, match=r"no TLS connection: (.|\n)*`verify`") as refused:
        LivyClient(start()).create(BatchRequest(file="/a.py"))
    assert not refused.value.sent


def test_the_authorities_of_the_settings_count_and_not_those_of_the_environment(start, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/does/not/exist")
    assert LivyClient(start(), verify=CERTIFICATE).version() == "0.7.1-incubating"


def test_a_client_certificate_is_shown_to_the_server(start):
    url = start(wants_certificate=True)
    with pytest.raises(Unreachable):
        LivyClient(url, verify=CERTIFICATE).version()
    client = LivyClient(url, verify=CERTIFICATE, cert=(CERTIFICATE, KEY))
    assert client.version() == "0.7.1-incubating"


def test_a_connection_that_ends_after_the_request_may_have_brought_it(start):
    with pytest.raises(Unreachable, match="the connection broke") as lost:
        LivyClient(start(), verify=CERTIFICATE).create(BatchRequest(file="/a.py"))
    assert lost.value.sent


@pytest.mark.parametrize("end", ["closed", "reset", "garbage"])
def test_a_handshake_that_breaks_off_has_brought_nothing(end):
    def accept():
        connection, _ = door.accept()
        connection.recv(100)
        if end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif end == "garbage":
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=accept)
        thread.start()
        with pytest.raises(Unreachable) as lost:
            LivyClient(f"https://127.0.0.1:{door.getsockname()[1]}").create(
                BatchRequest(file="/a.py")
            )
        thread.join()
    assert not lost.value.sent

"""A proxy in front of a Livy that breaks what passes through it.

Each request meets a fault or none. Which one is said by a *script*, a list of faults for the next
requests that fit; or by a *storm*, a random choice that depends on nothing but the seed, whom the
request is about, and how many there were about it: threads may come in any order. (A closed port
hits whoever comes meanwhile; that alone differs from run to run.)

What a client sees of a fault does not tell whether Livy got the request, so most come in both
variants: ``Fault("503", passed=True)`` is a gateway that passed the request on and then lost patience.

The proxy notes what reached Livy and each fault that it played; :meth:`Proxy.story` tells it.
"""

from __future__ import annotations

import json
import random
import re
import select
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

REFUSING = 0.3  # seconds in which nobody listens
DRIPPING = 0.03  # seconds between two pieces of a slow answer
PIECES = 6
PATIENCE = 60.0  # seconds; a test that takes longer hangs
# Below the range from which the system takes the ports of outgoing connections: while nobody
# listens, one of them would get this port, or be connected to itself.
PORTS = range(20000, 32000)

LOGIN = b"<html><head><title>Sign in</title></head><body><form>Password</form></body></html>"
OTHER_JSON = (b'{"status": "ok"}', b"[]", b'"ok"', b"null", b"42", b'{"items": []}')


class Hold:
    """A moment at which a request stands still: ``reached`` is set then, until ``go`` is set."""

    def __init__(self):
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self):
        self.reached.set()
        assert self.go.wait(PATIENCE)


@dataclass(frozen=True)
class Fault:
    """What a request meets.

    Attributes:
        kind: What the client sees; ``none`` is a fault that is none.
        passed: Whether Livy gets the request all the same.
        before: Where the request stands still before Livy can get it.
        after: Where it stands still when Livy has answered it.
    """

    kind: str
    passed: bool
    before: Hold | None = field(default=None, compare=False)
    after: Hold | None = field(default=None, compare=False)

    def __str__(self):
        return f"{self.kind}, {'passed on' if self.passed else 'not passed on'}"


FAULTS = (
    Fault("refused", passed=False),
    Fault("reset", passed=False),
    Fault("reset", passed=True),
    Fault("silence", passed=False),
    Fault("silence", passed=True),
    Fault("drip", passed=True),
    *(Fault(status, passed) for status in ("500", "502", "503", "504") for passed in (False, True)),
    Fault("429", passed=False),
    Fault("401", passed=False),
    Fault("redirect", passed=False),
    Fault("login page", passed=False),
    Fault("login page", passed=True),
    Fault("broken JSON", passed=True),
    Fault("cut off", passed=True),
    Fault("other JSON", passed=False),
    Fault("other JSON", passed=True),
)


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Reached(NamedTuple):
    """A request that reached Livy, and whether the client got all of Livy's answer to it."""

    method: str
    path: str
    status: int
    answer: bytes
    delivered: bool


class Proxy:
    """Listens on ``url`` and passes on to the Livy at ``upstream``, which may change."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.reached: list[Reached] = []
        self.played: list[tuple[str, str, Fault]] = []
        self._lock = threading.Condition()
        self._script: list[tuple[str, re.Pattern, Fault]] = []
        self._seed, self._rate, self._faults = 0, 0.0, FAULTS
        self._about: Counter[str] = Counter()
        self._listener = self._listening(PORTS)
        self._port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._poke, self._poked = socket.socketpair()
        self._closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self):
        self._closing.set()
        self._poke.send(b"x")
        self._thread.join()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._poke.close()
        self._poked.close()

    # -- which faults --

    def script(self, *faults, method="", path=""):
        """Play these to the next requests of a method whose path has a part that fits."""
        with self._lock:
            self._script += [(method, re.compile(path), fault) for fault in faults]

    def storm(self, seed, rate, faults=FAULTS):
        """From now on, a share of all requests meets a fault."""
        with self._lock:
            self._seed, self._rate, self._faults = seed, rate, faults

    def calm(self):
        """From now on everything passes."""
        with self._lock:
            self._rate = 0.0

    def refuse(self):
        """Close the listening socket for a moment."""
        self._poke.send(b"x")

    def await_faults(self, count):
        """Wait until so many faults were played."""
        with self._lock:
            assert self._lock.wait_for(lambda: len(self.played) >= count, PATIENCE), self.story()

    def story(self, about=""):
        """Tell what happened to requests whose path or name has this part, and the seed."""
        with self._lock:
            kinds = Counter(str(fault) for _, _, fault in self.played)
            lines = [f"{method} {path}: {fault}" for method, path, fault in self.played]
            lines += [f"reached: {one.method} {one.path} {one.status}" for one in self.reached]
        told = [line for line in lines if about in line]
        return "\n".join(
            [f"seed {self._seed}, {len(self.played)} faults, {len(self.reached)} requests reached"]
            + [f"  {count:4} {kind}" for kind, count in kinds.most_common()]
            + [f"  {line}" for line in told[-200:]]
        )

    def _next(self, method, path, body) -> Fault | None:
        about = json.loads(body)["name"] if method == "POST" and body else unquote(path)
        with self._lock:
            fault = self._scripted(method, path) or self._stormy(about)
            if fault:
                self.played.append((method, about, fault))
                self._lock.notify_all()
        return fault

    def _scripted(self, method, path):
        for entry in self._script:
            wanted, pattern, fault = entry
            if method.startswith(wanted) and pattern.search(path):
                self._script.remove(entry)
                return fault
        return None

    def _stormy(self, about):
        # What follows the first dash of a name may be random. The query says nothing.
        subject = about.removeprefix("/batches/").partition("?")[0].partition("-")[0]
        self._about[subject] += 1
        rng = random.Random(f"{self._seed} {subject} {self._about[subject]}")  # noqa: S311 -- no secret
        return rng.choice(self._faults) if rng.random() < self._rate else None

    # -- connections --

    def _listening(self, ports):
        for port in ports:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen(128)
            except OSError:
                listener.close()
            else:
                return listener
        raise AssertionError(f"no port of {ports} is free")

    def _accept(self):
        while True:
            readable, _, _ = select.select([self._listener, self._poked], [], [])
            if self._poked in readable:
                self._poked.recv(100)
                self._listener.close()
                if self._closing.wait(REFUSING):
                    return
                self._listener = self._listening([self._port])
            else:
                connection, address = self._listener.accept()
                self._connections.add(connection)
                thread = threading.Thread(target=self._converse, args=[connection, address])
                self._threads.append(thread)
                thread.start()

    def _converse(self, connection, address):
        try:
            with suppress(ConnectionError, TimeoutError):
                _Conversation(connection, address, self)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()


class _Conversation(BaseHTTPRequestHandler):
    """One connection of a client, with all of its requests."""

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE
    server: Proxy

    def do_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server._next(self.command, self.path, body) or Fault("none", passed=True)
        answer = None
        if fault.before:
            fault.before()
        if fault.passed:
            answer = self._passed_on(body)
        if fault.after:
            fault.after()
        if answer:
            delivered = fault.kind in {"none", "drip"}
            reached = Reached(self.command, self.path, answer.status, answer.body, delivered)
            with self.server._lock:
                self.server.reached.append(reached)
        self._play(fault.kind, answer)

    do_GET = do_POST = do_DELETE = do_any  # noqa: N815 - the base class looks them up

    def log_message(self, *args):
        pass

    def _passed_on(self, body) -> Answer | None:
        """Return Livy's answer; None if there is no Livy."""
        headers = {key: value for key, value in self.headers.items() if key not in _ONE_HOP}
        connection = HTTPConnection(urlsplit(self.server.upstream).netloc, timeout=PATIENCE)
        try:
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()

    def _play(self, kind, answer):
        if kind == "refused":
            self.server.refuse()
        if kind in {"refused", "reset"}:
            # Closed with something unsent and no time to send it, TCP resets the connection.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
        elif kind == "silence":
            self.connection.recv(1)  # until the client gives up
            self.close_connection = True
        elif kind.isdigit():
            page = f"<html><head><title>Error {kind}</title></head></html>".encode()
            self._answer(Answer(int(kind), _HEADERS.get(kind, _HTML), page))
        elif kind == "redirect":
            self._answer(Answer(302, [("Location", "http://login.test/?back=livy")], b""))
        elif kind == "login page":
            self._answer(Answer(200, _HTML, LOGIN))
        elif kind == "other JSON":
            number = len(self.server.played) % len(OTHER_JSON)
            self._answer(Answer(200, _JSON, OTHER_JSON[number]))
        elif answer is None:
            self._answer(Answer(502, _HTML, b"<html><title>502 Livy is not there</title></html>"))
        elif kind == "broken JSON":
            self._answer(answer._replace(body=answer.body[: len(answer.body) * 2 // 3]))
        elif kind == "cut off":
            self._head(answer)
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.close_connection = True
        elif kind == "drip":
            self._head(answer)
            size = len(answer.body) // PIECES + 1
            for start in range(0, len(answer.body), size):
                self.server._closing.wait(DRIPPING)
                self.wfile.write(answer.body[start : start + size])
        else:
            self._answer(answer)

    def _answer(self, answer):
        self._head(answer)
        self.wfile.write(answer.body)

    def _head(self, answer):
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name not in _ONE_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()


_ONE_HOP = {"Host", "Connection", "Accept-Encoding", "Content-Length", "Transfer-Encoding"}
_HTML = [("Content-Type", "text/html")]
_JSON = [("Content-Type", "application/json")]
_HEADERS = {
    "401": [*_HTML, ("WWW-Authenticate", "Basic")],
    "429": [*_HTML, ("Retry-After", "1")],
}

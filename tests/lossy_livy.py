"""What the tests of submit/ share."""

import json
import socket
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from livy_magic import BatchRequest

ROOT = Path(__file__).parents[1]


NIGHTLY = BatchRequest(file="hdfs:///etl.py", name="nightly")


NAMELESS = BatchRequest(file="hdfs:///etl.py")


TOO_MANY = "Rejected, too many sessions are being created!"


PAGE = b"<html><title>Sign in</title></html>"


class FakeLivy(ThreadingHTTPServer):
    """Answers like Livy (protocol, part 1), and fails at a POST or a look as a test wants it.

    Attributes:
        started: The names of all batches that ever ran: what must be there once, or not at all.
        posts: What goes wrong at the next POSTs: ``after:X`` when the batch has been started.
        looks: What goes wrong at the next GETs of a batch; a function is called before the answer.
        owner: As whom the server knows whoever asks.
        before_post: Is called with the server before a POST is worked off.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.started = []
        self.listed = {}
        self.posts, self.looks, self.deleted, self.requests = [], [], [], []
        self.version = "0.7.1-incubating"
        self.unique = True
        self.owner = None
        self.state, self.log = "running", ["stdout: ", "\nstderr: "]
        self.prefix = ""
        self.before_post = lambda _: None

    def add(self, name, **members):
        number = len(self.requests)  # an id is never used twice
        self.listed[name] = {
            "id": number, "name": name, "owner": self.owner, "state": self.state, "log": self.log
        } | members  # fmt: skip
        return self.listed[name]

    def names(self, method):
        return [path for verb, path, _ in self.requests if verb == method]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (OSError, ValueError):  # the connection was cut, here or there
            self.close_connection = True

    def answer(self, status, body=b"", **headers):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(text))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)

    def fail(self, how):
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.wfile.close()
            self.connection.close()
            self.close_connection = True
        elif how == "hang":
            self.close_connection = True
            self.server.released.wait(10)
        elif how == "html":
            self.answer(200, PAGE)
        elif how.startswith("3"):
            self.answer(int(how), Location="http://me:pw@sso.test:8443/login;s=pw?token=pw")
        elif how == "cut":
            self.answer(201, b'{"id": 7, "sta')
        elif how == "wrong":
            self.answer(201, {"id": 77, "name": "another", "state": "running"})
        elif how == "429":
            self.answer(429, b"", Retry_After="0")
        elif how == "later":
            self.answer(503, b"", Retry_After="3600")
        elif how == "busy":
            self.answer(400, {"msg": self.server.prefix + TOO_MANY})
        elif how == "refused":
            self.answer(500, "java.lang.ClassCastException: x")
        elif how == "bad":
            self.answer(400, {"msg": f"{self.server.prefix}requirement failed: x"})
        else:
            self.answer(int(how), b"<html><title>Gateway</title></html>")

    def note(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append((self.command, path, self.client_address))
        return path, json.loads(body) if body else {}

    def do_GET(self):
        server = self.server
        path, _ = self.note()
        _, _, key, *rest = [*path.split("/"), ""] if path != "/version" else ["", "", ""]
        if path == "/version":
            if server.version is None:
                return self.answer(404, {"message": "Not Found"})
            return self.answer(200, {"version": server.version})
        if server.looks and not rest[0]:
            how = server.looks.pop(0)
            if callable(how):
                how()
            elif how != "ok":
                return self.fail(how)
        for view in server.listed.values():
            if key in (view["name"], str(view["id"])):
                if rest[0] == "log":
                    log = view["log"]
                    return self.answer(
                        200, {"id": view["id"], "from": 0, "total": len(log), "log": log}
                    )
                return self.answer(200, view)
        return self.answer(404, {"msg": f"Session '{key}' not found."})

    def do_DELETE(self):
        path, _ = self.note()
        key = path.rpartition("/")[2]
        listed = self.server.listed
        [name] = [name for name, view in listed.items() if key in {name, str(view["id"])}]
        self.server.deleted.append(listed.pop(name)["id"])
        self.answer(200, {"msg": "deleted"})

    def do_POST(self):
        server = self.server
        _, body = self.note()
        server.before_post(server)
        when, _, how = (server.posts.pop(0) if server.posts else "").rpartition(":")
        name = body["name"]
        how = "" if how == "ok" else how
        if how and when != "after":
            if how in {"refused", "bad"}:
                server.add(name, state="starting", log=[])
            return self.fail(how)
        if server.unique and name in server.listed:
            words = f"{server.prefix}Duplicate session name: Some({name}) for session 9"
            return self.answer(400, {"msg": words})
        server.started.append(name)
        view = server.add(name)
        return self.fail(how) if how else self.answer(201, view)


UNCLEAR = ["reset", "502", "503", "504", "500", "524", "408", "499", "html", "cut", "wrong"]


def interrupt(*_args, **_more):
    raise KeyboardInterrupt

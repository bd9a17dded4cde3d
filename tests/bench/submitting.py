"""What a submission costs over the bare POST, on a server that answers at once."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from report import Figure, difference, in_turns

from livy_magic import BatchRequest, Livy

_RUNS = 300


def figures() -> Iterator[Figure]:
    """Submit and POST in turns."""
    with _stub() as url:
        livy = Livy(url)
        body = {"file": "hdfs:///jobs/etl.py", "args": ["2026-01-01"], "conf": {"spark.a": "1"}}
        request = BatchRequest(**body)
        numbers = itertools.count()

        def submit() -> float:
            start = time.perf_counter()
            livy.submit(request)
            return time.perf_counter() - start

        def post() -> float:
            start = time.perf_counter()
            answer = requests.post(
                f"{url}/batches", json={**body, "name": f"bare-{next(numbers)}"}, timeout=10
            )
            answer.json()
            return time.perf_counter() - start

        submit(), post()
        ours, theirs = in_turns(submit, post, _RUNS)
        livy.close()
    yield Figure("livy.submit(…)", "requests.post(…)", ours, theirs, difference, 0.001, "ms")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    numbers = itertools.count()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(201, {"id": next(self.numbers), "name": body["name"], "state": "success"})

    def do_GET(self) -> None:
        self._answer(200, {"id": 0, "from": 0, "total": 0, "log": [], "state": "success"})

    def _answer(self, status: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _stub() -> Iterator[str]:
    """A server in a process of its own, so that it takes no time of this one's."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()

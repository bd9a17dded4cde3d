"""A Livy without Spark, in a process of its own: its batches write logs like Spark's, and it counts.

Every byte of requests and answers is counted, headers included. What the clock shows is said by
whoever measures, so that an hour of watching takes no hour.
"""

from __future__ import annotations

import gzip
import json
import socketserver
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import requests

LINES = (
    "26/11/22 19:{m:02d}:{s:02d} INFO DAGScheduler: Submitting ResultStage {n} (MapPartitionsRDD[{k}] at sum at etl.py:{b})",
    "26/11/22 19:{m:02d}:{s:02d} INFO TaskSetManager: Starting task {n}.0 in stage {k}.0 (TID {n}) (worker-{b}, executor driver, partition {n}, PROCESS_LOCAL, 7{k} bytes)",
    "26/11/22 19:{m:02d}:{s:02d} INFO TaskSetManager: Finished task {n}.0 in stage {k}.0 (TID {n}) in {k} ms on worker-{b} (executor driver) ({n}/{k})",
    "26/11/22 19:{m:02d}:{s:02d} INFO MemoryStore: Block broadcast_{n} stored as values in memory (estimated size {k} KiB, free 43{b} MiB)",
    "26/11/22 19:{m:02d}:{s:02d} INFO BlockManagerInfo: Removed broadcast_{n}_piece0 on worker-{b}:4{k} in memory (size: {k} KiB, free: 434.{b} MiB)",
)
# As Livy's Jetty sends them.
HEAD = (
    "HTTP/1.1 {status}\r\nDate: Sun, 22 Nov 2026 19:41:07 GMT\r\n"
    "Content-Type: application/json;charset=utf-8\r\n{encoding}Content-Length: {length}\r\n"
    "Server: Jetty(9.3.24.v20180605)\r\n\r\n"
)


class Livy:
    """What the stub knows: set by ``/stub/set``, read and put back to zero by ``/stub/count``."""

    def __init__(self) -> None:
        self.batches = 1
        self.keeps = 200
        self.short = False
        self.most = 0
        self.written: list[int] = [0]  # lines of each batch
        self.step = 0  # lines by which a log grows each time it is read, until all are there
        self.read: dict[int, int] = {}  # lines of such a log that are there
        self.flows: dict[int, tuple[int, float]] = {}  # lines a second, and since when
        self.ended: set[int] = set()
        self.status, self.message = "200 OK", ""
        self.texts: dict[int, list[str]] = {}  # logs that were told line by line
        self.views: dict[int, dict[str, Any]] = {}  # members that differ from the usual
        self.reset()

    def reset(self) -> None:
        self.counts = {"requests": 0, "up": 0, "down": 0, "log": 0, "connections": 0}

    def be_told(self, told: dict[str, Any]) -> None:
        """Take what is told; all but what has ended stays as it was where nothing is told."""
        self.batches = told.get("batches", self.batches)
        self.keeps = told.get("keeps", self.keeps)
        self.short = told.get("short", self.short)
        self.most = told.get("most", self.most)
        self.ended = set(told.get("ended", ()))
        self.status = told.get("status", self.status)
        self.message = told.get("message", self.message)
        for number, members in told.get("views", {}).items():
            self.views[int(number)] = members
        if "written" in told:
            written = told["written"]
            self.written = written if isinstance(written, list) else [written] * self.batches
            self.step, self.read = told.get("step", 0), {}
        for number, lines in told.get("texts", {}).items():
            self.texts[int(number)] = lines
            self.written[int(number)] = len(lines)
        if "flows" in told:
            # What flowed so far is there to stay.
            for number in self.flows:
                self.written[number] = self.end(number)
            now = time.monotonic()
            self.flows = {int(number): (pace, now) for number, pace in told["flows"].items()}

    def answer(self, path: str, query: dict[str, int]) -> Any:
        if self.message:
            return {"msg": self.message}
        parts = path.strip("/").split("/")
        if len(parts) == 1:
            start = query.get("from", 0)
            size = min(query.get("size", 100), self.most or self.batches)
            chosen = range(self.batches)[start : start + size]
            views = [self.view(number) for number in chosen]
            return {"from": start, "total": self.batches, "sessions": views}
        number = self.number(unquote(parts[1]))
        if parts[2:] == ["state"]:
            return {"id": number, "state": self.view(number)["state"]}
        if parts[2:] == ["log"]:
            end = self.end(number)
            first = max(0, end - self.keeps)
            start, total = query.get("from", 0), end - first + 2
            size = query.get("size", 100)
            size = min(total if size < 0 else size, self.most or total)
            part = self.entries(number, first, end, start, start + size)
            if self.step:
                self.read[number] = end + self.step
            self.counts["log"] += sum(len(line) + 1 for line in part)
            return {"id": number, "from": start, "total": total, "log": part}
        return self.view(number)

    def number(self, key: str) -> int:
        """Return the number of a batch that was asked for by it, or by its name."""
        names = {view.get("name"): number for number, view in self.views.items()}
        return names[key] if key in names else int(key.removeprefix("etl-"))

    def view(self, number: int) -> dict[str, Any]:
        end = self.end(number)
        usual = {
            "id": number,
            "name": f"etl-{number}",
            "owner": None,
            "proxyUser": None,
            "state": "success" if number in self.ended else "running",
            "appId": None,
            "appInfo": {"driverLogUrl": None, "sparkUiUrl": None},
            "log": self.entries(number, max(0, end - 10), end)[-10:],
        }
        return usual | self.views.get(number, {})

    def end(self, number: int) -> int:
        """Return how many lines a batch's log has by now."""
        written = self.written[number]
        if self.step:
            written = min(written, self.read.get(number, self.step))
        pace, since = self.flows.get(number, (0, 0.0))
        return written + int(pace * (time.monotonic() - since))

    def entries(
        self, batch: int, first: int, end: int, start: int = 0, stop: int | None = None
    ) -> list[str]:
        """Return the entries of a window of lines, or its part from one position up to another."""
        text, last = short_line if self.short else line, end - first + 1
        if batch in self.texts:
            text = self._told_line
        marks = {0: "stdout: ", last: "\nstderr: "}
        return [
            marks.get(position) or text(batch, first + position - 1)
            for position in range(last + 1)[start:stop]
        ]

    def _told_line(self, batch: int, number: int) -> str:
        return self.texts[batch][number]


def short_line(_batch: int, number: int) -> str:
    """Return a line that says its number, and takes little room."""
    return f"line {number}"


def line(batch: int, number: int) -> str:
    """Return a line of a batch's log."""
    seconds, k = divmod(number * 37 + batch, 60)[1], (number * 7919 + batch) % 997
    return LINES[(number + batch) % len(LINES)].format(
        m=number % 3600 // 60, s=seconds, n=number, k=k, b=batch
    )


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    livy = Livy()

    def handle(self) -> None:
        self.livy.counts["connections"] += 1
        while head := self._head():
            target = urlsplit(head[0].split()[1].decode())
            query = {key: int(values[0]) for key, values in parse_qs(target.query).items()}
            if target.path.startswith("/stub/"):
                self._send(self._control(target.path, head), head=[])
                continue
            sent = self._send(self.livy.answer(target.path, query), head, self.livy.status)
            self.livy.counts["requests"] += 1
            self.livy.counts["up"] += sum(map(len, head))
            self.livy.counts["down"] += sent

    def _head(self) -> list[bytes]:
        lines = []
        while (text := self.rfile.readline()) not in (b"\r\n", b""):
            lines.append(text)
        return [*lines, b"\r\n"] if lines else []

    def _control(self, path: str, head: list[bytes]) -> Any:
        length = next(
            (int(one.split()[1]) for one in head if one.lower().startswith(b"content-l")), 0
        )
        told = json.loads(self.rfile.read(length) or b"{}")
        if path == "/stub/count":
            counts, _ = self.livy.counts, self.livy.reset()
            return counts
        self.livy.be_told(told)
        return {}

    def _send(self, value: Any, head: list[bytes], status: str = "200 OK") -> int:
        body, encoding = json.dumps(value).encode(), ""
        if any(one.lower().startswith(b"accept-encoding") and b"gzip" in one for one in head):
            body, encoding = gzip.compress(body, 6), "Content-Encoding: gzip\r\n"
        first = HEAD.format(status=status, encoding=encoding, length=len(body))
        answer = first.encode() + body
        self.wfile.write(answer)
        return len(answer)


class Stub:
    """The stub from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def set(self, **what: Any) -> None:
        """Say what there is; what is not said stays as it was, but for what has ended.

        Args:
            batches: How many there are.
            written: How many lines each has written: a number, or a list of them.
            step: Of those, so many are there at first, and so many more each time they were read.
            flows: From now on these batches write so many lines a second: ``{batch: lines}``.
            keeps: How many lines of each the server keeps.
            most: Views and log entries that it hands out at once; 0 for all that are asked for.
            short: Lines only say their number, from 0: ``line 17``.
            ended: The numbers of those that have succeeded; of none when it is not said.
            status: With which HTTP status everything is answered from now on: ``401 Unauthorized``.
            message: What is answered then; nothing ends that.
            texts: The lines of the logs of some: ``{batch: [line, …]}``.
            views: What else there is to know of some: ``{batch: {member: value}}``.
        """
        self._session.post(f"{self.url}/stub/set", json=what, timeout=60).raise_for_status()

    def count(self) -> dict[str, int]:
        """Return what was counted since the last time."""
        counts: dict[str, int] = self._session.get(f"{self.url}/stub/count", timeout=60).json()
        return counts


@contextmanager
def running(port: int = 0) -> Iterator[Stub]:
    """Start the process, at a port that is free or at this one, for the block."""
    command = [sys.executable, __file__, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Stub(process.stdout.readline().strip())
        finally:
            process.terminate()


if __name__ == "__main__":
    socketserver.ThreadingTCPServer.daemon_threads = True
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()

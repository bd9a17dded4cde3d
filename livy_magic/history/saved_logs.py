"""The saved logs: lines in compressed chunks; only a log's last chunk ever changes."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..protocol.log_format import Line
from .database import transaction

if TYPE_CHECKING:
    import sqlite3

CHUNK = 64 * 1024  # characters of text to compress together; a longer line stays whole


def divided(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Yield the lines in order, in parts of one chunk each."""
    start = size = 0
    for position, line in enumerate(lines):
        size += len(line.text) + 1
        if size >= CHUNK:
            yield lines[start : position + 1]
            start, size = position + 1, 0
    if start < len(lines):
        yield lines[start:]


def pack(lines: Sequence[Line]) -> bytes:
    """Return the lines as a compressed chunk, in runs of lines of one kind."""
    runs = [
        [kind, [line.text for line in run]]
        for kind, run in itertools.groupby(lines, key=lambda line: line.kind)
    ]
    # A line may end in a lone surrogate (half a character), which plain UTF-8 cannot encode.
    return zlib.compress(json.dumps(runs, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def unpack(chunk: bytes) -> list[Line]:
    """Return the lines of a chunk.

    Raises:
        sqlite3.DatabaseError: The chunk is damaged, which means that the database is.
    """
    import sqlite3  # imported late: at the first use of the history

    try:
        text = zlib.decompress(chunk).decode("utf-8", "surrogatepass")
    except zlib.error as problem:
        raise sqlite3.DatabaseError(f"a saved log is damaged ({problem})") from problem
    return [Line(line, kind) for kind, run in json.loads(text) for line in run]


def append(connection: sqlite3.Connection, key: int | None, lines: Sequence[Line]) -> bool:
    """Add at most a chunk's lines to a log: to its last chunk if they fit, else as a new chunk.

    Returns:
        True; in its place, the caller gets False if the history cannot be used.
    """
    weight = sum(len(line.text) + 1 for line in lines)
    with transaction(connection):
        there = connection.execute(
            "UPDATE entry SET lines = lines + ? WHERE key = ?", (len(lines), key)
        )
        if there.rowcount == 0:  # the entry was forgotten meanwhile, or never recorded
            return True
        last = connection.execute(
            "SELECT part, weight, chunk FROM log WHERE entry = ? ORDER BY part DESC LIMIT 1", (key,)
        ).fetchone()
        if last and last["weight"] + weight <= CHUNK:
            connection.execute(
                "UPDATE log SET weight = weight + ?, chunk = ? WHERE part = ?",
                (weight, pack([*unpack(last["chunk"]), *lines]), last["part"]),
            )
        else:
            connection.execute(
                "INSERT INTO log (entry, weight, chunk) VALUES (?, ?, ?)",
                (key, weight, pack(lines)),
            )
    return True


def read(connection: sqlite3.Connection, key: int) -> list[Line]:
    """Return all lines of a saved log."""
    chunks = connection.execute("SELECT chunk FROM log WHERE entry = ? ORDER BY part", (key,))
    return [line for (chunk,) in chunks for line in unpack(chunk)]


def end(connection: sqlite3.Connection, key: int) -> list[Line]:
    """Return the last lines of a log: those of its last two chunks."""
    chunks = connection.execute(
        "SELECT chunk FROM log WHERE entry = ? ORDER BY part DESC LIMIT 2", (key,)
    ).fetchall()
    return [line for (chunk,) in reversed(chunks) for line in unpack(chunk)]

"""What watching costs with other clients, in environments of their own: ``make bench-peers``.

Each peer asks for the state of every batch once a round, in the only way it has.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from report import HEAD, Reading
from stub import Stub, running
from watching import watched

ROUNDS = 10

PYLIVY = """
import sys
from livy import LivyBatch
url, size, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
batches = [LivyBatch(url, number) for number in range(size)]
for _ in range(rounds):
    for batch in batches:
        batch.state
"""

AIRFLOW = """
import sys
from airflow.providers.apache.livy.hooks.livy import LivyHook
size, rounds = int(sys.argv[2]), int(sys.argv[3])
hooks = [LivyHook() for _ in range(size)]
for _ in range(rounds):
    for number, hook in enumerate(hooks):
        hook.get_batch_state(number)
"""

PEERS = {"pylivy": PYLIVY, "airflow": AIRFLOW}


def main(environments: Path) -> None:
    """Print a row a peer and number of batches."""
    print(HEAD, flush=True)
    with running() as stub:
        for size in (1, 10, 50):
            theirs = {name: _polled(stub, environments / name, name, size) for name in PEERS}
            counts = watched(stub, size, pace=0).counts
            ours = sum(counts[way] for way in ("up", "down"))
            for name, value in theirs.items():
                what = f"{size} batches: bytes of a round; {name}: {value:,.0f} B"
                print(Reading(what, [ours], value if size > 1 else None, "B").row, flush=True)


def _polled(stub: Stub, environment: Path, name: str, size: int) -> float:
    """Return the bytes of one of the peer's rounds."""
    stub.set(batches=size, written=300)
    stub.count()
    subprocess.run(
        [environment / "bin/python", "-c", PEERS[name], stub.url, str(size), str(ROUNDS)],
        env={**os.environ, "AIRFLOW_CONN_LIVY_DEFAULT": stub.url},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    counts = stub.count()
    return (counts["up"] + counts["down"]) / ROUNDS


if __name__ == "__main__":
    main(Path(sys.argv[1]))

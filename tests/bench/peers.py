"""What others cost, in environments of their own: ``make bench-peers``.

Each client asks for the state of every batch once a round, in the only way it has. And a table of as
many rows as the panel's list has in ``make bench`` is shown by ipydatagrid.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import showing
from report import HEAD, Reading, amount
from stub import Stub, running
from watching import Watched, watched

ROUNDS = 10

PYLIVY = """
import sys, time
from livy import LivyBatch
url, size, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
batches = [LivyBatch(url, number) for number in range(size)]
start = time.process_time()
for _ in range(rounds):
    for batch in batches:
        batch.state
print(time.process_time() - start)
"""

AIRFLOW = """
import sys, time
from airflow.providers.apache.livy.hooks.livy import LivyHook
size, rounds = int(sys.argv[2]), int(sys.argv[3])
hooks = [LivyHook() for _ in range(size)]
start = time.process_time()
for _ in range(rounds):
    for number, hook in enumerate(hooks):
        hook.get_batch_state(number)
print(time.process_time() - start)
"""

PEERS = {"pylivy": PYLIVY, "airflow": AIRFLOW}
COSTS: tuple[tuple[str, Callable[[Watched], float], str], ...] = (
    ("requests", lambda tick: tick.counts["requests"], "requests"),
    ("bytes both ways", lambda tick: tick.counts["up"] + tick.counts["down"], "B"),
    ("processor time", lambda tick: tick.cpu * 1000, "ms"),
)

GRID = """from ipydatagrid import DataGrid
import pandas
columns = ["id", "name", "owner", "state", "app", "start", "end", "note"]
rows = [[n, f"etl-{n}", "alice", "running", "", n, n, ""] for n in range(size)]
table = pandas.DataFrame(rows, columns=columns)"""
DRAWN = """[...document.querySelectorAll(".jp-OutputArea canvas")].some(canvas => {
    if (!canvas.width || !canvas.height) return false;
    const colours = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(colours.buffer)).size > 3;
})"""


def main(environments: Path) -> None:
    """Print a row a number of batches, and kind of cost."""
    print(HEAD, flush=True)
    with running() as stub:
        for size in (1, 10, 50):
            theirs = {name: _polled(stub, environments / name, name, size) for name in PEERS}
            ours = watched(stub, size, pace=0)
            for kind, cost, unit in COSTS:
                values = {name: cost(watched) for name, watched in theirs.items()}
                beside = ", ".join(f"{name}: {amount(one, unit)}" for name, one in values.items())
                goal = min(values.values()) if unit == "B" and size > 1 else None
                what = f"{size} watched, a round: {kind}"
                print(Reading(what, [cost(ours)], goal, unit, beside).row, flush=True)
    for reading in _shown(environments / "ipydatagrid"):
        print(reading.row, flush=True)


def _polled(stub: Stub, environment: Path, name: str, size: int) -> Watched:
    """Return what one of the peer's rounds costs."""
    stub.set(batches=size, written=300)
    stub.count()
    peer = subprocess.run(
        [environment / "bin/python", "-c", PEERS[name], stub.url, str(size), str(ROUNDS)],
        env={**os.environ, "AIRFLOW_CONN_LIVY_DEFAULT": stub.url},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    counts = {name: number / ROUNDS for name, number in stub.count().items()}
    return Watched(counts, float(peer.stdout.split()[-1]) / ROUNDS)


def _shown(environment: Path) -> Iterator[Reading]:
    """Show a table with ipydatagrid."""
    with showing.jupyterlab(environment / "bin/python") as lab:
        lab.open(f"size = {showing.BATCHES}\n{GRID}", "DataGrid(table)")
        lab.run(0)
        runs = [showing.first_paint(lab, DRAWN) for _ in range(showing.RUNS)]
    what = f"ipydatagrid, {showing.BATCHES:,} rows: "
    yield Reading(f"{what}from the cell to its being seen", [time for time, _ in runs], None, "ms")
    yield Reading(f"{what}received for that", [size for _, size in runs], None, "KB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

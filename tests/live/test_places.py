"""More batches than the private Livy runs at once: the others wait, say so, and can be killed."""

from __future__ import annotations

import pytest

from livy_magic import BatchRequest, Code, Livy
from livy_magic.display import card, status_line

pytestmark = pytest.mark.livy

# Runs until a file is there; no Spark is needed for that.
BLOCKS = """
import pathlib, sys, time
print("runs", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.1)
"""


@pytest.fixture
def livy(new_base, running, monkeypatch):
    base = new_base("places")
    monkeypatch.setenv("LIVY_LOCAL_DIR", str(base))
    monkeypatch.setenv("LIVY_LOCAL_BATCHES", "1")
    with running(base):
        livy = Livy.connect("local")
        yield livy
        livy.close()


def test_they_wait_in_order_and_one_that_is_killed_loses_nobodys_place(livy, tmp_path):
    files = [tmp_path / str(number) for number in range(3)]
    first, second, third = [
        livy.submit(BatchRequest(file=Code(BLOCKS), args=[str(file)])) for file in files
    ]
    assert first.watch.wait_for(lambda: first.last_output(1) == ["runs"], 60)
    for batch, others in ((second, "1 other batch"), (third, "2 other batches")):
        assert batch.watch.wait_for(lambda: batch.snapshot.waits == f"waits for {others}", 60)  # noqa: B023
        assert status_line(batch.snapshot).endswith(f"; waits for {others}")
        assert f"waits for {others}" in card(batch.snapshot, [])
    second.kill()
    assert second.state == "killed"
    assert third.watch.wait_for(lambda: third.snapshot.waits == "waits for 1 other batch", 60)
    files[0].touch()
    files[2].touch()
    assert first.wait(60).output() == ["runs"]
    assert third.wait(60).output() == ["runs"]
    assert third.snapshot.waits == ""
    assert any("waits for 2 other batches" in line for line in third.log())

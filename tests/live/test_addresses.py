"""Which names a URL carries to the real Livy, and how the others are reached. A stand-in for Spark."""

from __future__ import annotations

import pytest

from livy_magic import BatchRequest, InvalidRequest, Livy, LivyError, NotFound
from livy_magic.protocol.client import _path
from livy_magic.protocol.field_types import no_path
from livy_magic.protocol.models import BatchInfo

pytestmark = pytest.mark.livy

# The first and last characters of planes and blocks, and what looks like something else.
FAR = "\u0080\u0085\u009f\u00a0\u00ad\u00b2\u0300\u0660\u200b\u2028\u2029\u202e\u3000\ue000\ufeff\ufffe\uffff\U00010000\U0001f600\U0010ffff"
ODD = [
    *(f"{first}{sign}{last}" for sign in (*map(chr, range(1, 128)), *FAR) for first, last in ("ab", ("", "e"), ("s", ""))),
    *(f"x%{number:02X}" for number in range(256)),
    *(f"y%{number:02x}z" for number in range(256)),
    *("%", "%%", "%zz", "%2", "%252F", "%u002F", "...", "..a", "a..", "/", "//", "a//b", "a/state", "a/log"),
    *("a\\..\\b", "..\\a", "1.5", "-2", "+1", "0x10", "00a", "L" * 4000, "é" * 600),
    *("..", ".", "../a", "a/..", "./a", "a/../../b", "../..", "L" * 130_900, "a;x=1", ";", "%2F", "%3F%23"),
]  # fmt: skip


@pytest.fixture
def livy(standin_server):
    server = standin_server.server
    livy = Livy(server.url, auth=server.auth, user="me", staging=server.staging)
    yield livy
    for batch in livy.batches(state="running"):
        batch.kill()
    livy.close()


@pytest.fixture
def submit(livy, standin_server):
    """Submit as another client does, that looks at no name; return what Livy says."""
    file = standin_server.script("another-client.sh", "print here", "sleep 600")
    ended = standin_server.script("ends.sh", "exit 0")

    def submit(name: str, *, runs: bool = True) -> BatchInfo:
        body = {"file": file if runs else ended, "name": name}
        return BatchInfo.from_json(*livy.client._call("POST", "/batches", body=body))

    return submit


def leads_to(livy: Livy, name: str) -> object:
    """Return the id of what Livy has at the URL that is made of a name; None where it has no batch."""
    try:
        answer, _ = livy.client._call("GET", _path(name))
    except (LivyError, UnicodeEncodeError):
        return None
    return answer.get("id")


def test_every_name_that_a_url_does_not_carry_is_known_and_all_are_found(livy, submit):
    batches = [submit(name, runs=False) for name in dict.fromkeys(ODD)]
    lost = {one.name for one in batches if leads_to(livy, one.name) != one.id}
    assert [name for name in lost if not no_path(name)] == []
    # What is not lost here, but is taken for it: dots between slashes that stay within /batches.
    assert {name for name in ODD if no_path(name)} - lost == {"a/..", "./a"}
    for one in batches:
        assert livy.client.batch(one.name).id == one.id
    for one in batches:
        if no_path(one.name):
            livy.client.delete(one.name)
            with pytest.raises(NotFound):
                livy.client.batch(one.id)
    for name in lost:
        with pytest.raises(InvalidRequest):
            BatchRequest(file="hdfs:///etl.py", name=name)


def test_a_batch_whose_name_no_url_carries_is_watched_read_and_killed_and_no_other(livy, submit):
    names = ["etl", "etl;v2", "p/q", "p%2Fq", "..", "a;b"]
    for name in names:
        submit(name)
    for name in names:
        batch = livy.batch(name)
        assert next(batch.follow()) == "here"
        assert (batch.name, batch.state, batch.gone) == (name, "running", False)
    for name in ("etl;v2", "p%2Fq", "..", "a;b"):
        batch = livy.batch(name)
        batch.kill()
        assert batch.snapshot.gone
    assert {batch.name for batch in livy.batches(state="running")} == {"etl", "p/q"}

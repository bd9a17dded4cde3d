"""A batch is submitted again, on the real Livy. A stand-in for Spark."""

from __future__ import annotations

import pytest

from livy_magic import BatchRequest, InvalidRequest, Livy
from livy_magic.history import recorder

pytestmark = pytest.mark.livy


@pytest.fixture
def connect(standin_server):
    """Connect as a kernel would."""
    every = []

    def livy() -> Livy:
        server = standin_server.server
        one = Livy(server.url, auth=server.auth, user="me", staging=server.staging)
        one.private = server
        every.append(one)
        return one

    yield livy
    for one in every:
        one.close()


def test_the_same_runs_again_as_it_is_now_and_with_changes(standin_server, connect):
    livy = connect()
    script = standin_server.script("again.py", "print one")
    first = livy.submit(BatchRequest(file=script, name="again", args=["1"])).wait()
    standin_server.script("again.py", "print two")
    second = first.resubmit(args=["2"]).wait()
    assert (first.output(), second.output()) == (["one"], ["two"])
    assert second.id != first.id
    assert second.name.startswith("again-")  # the first one's name is still held
    assert second.request.args == ("2",)
    assert standin_server.calls()[-1][-1] == "2"


def test_another_kernel_submits_again_what_the_history_knows(standin_server, connect):
    script = standin_server.script("mine.py", "print mine")
    request = BatchRequest(file=script, conf={"spark.my.secret": "geheim", "spark.a": "1"})
    before = connect().submit(request).wait()
    recorder.flush()

    found = connect().batch(before.id)
    assert found.given.conf["spark.my.secret"] == "********"
    calls = len(standin_server.calls())
    with pytest.raises(InvalidRequest, match="conf: the history keeps no secrets; give the value"):
        found.resubmit()
    assert len(standin_server.calls()) == calls

    again = found.resubmit(conf={**found.given.conf, "spark.my.secret": "neu"}).wait()
    assert again.output() == ["mine"]
    assert "spark.my.secret=neu" in standin_server.calls()[-1]
    assert again.name != before.name


def test_what_somebody_else_submitted_is_not_known(standin_server, connect):
    livy = connect()
    script = standin_server.script("theirs.py", "print theirs")
    plan = livy.plan(BatchRequest(file=script, name="theirs"))
    for upload in plan.uploads:
        livy.staging.send(upload, lambda _: None)
    theirs = livy.client.create(plan.request)  # as another program would
    with pytest.raises(InvalidRequest, match="was not submitted from here"):
        livy.batch(theirs.id).resubmit()

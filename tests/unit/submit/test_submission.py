"""A submission whose answer gets lost ends as one batch, or as a proven nothing"""

import contextlib
import random

import pytest
from lossy_livy import NAMELESS, NIGHTLY, UNCLEAR

from livy_magic import NotSubmitted, SubmitUnknown
from livy_magic.submit import submission


@pytest.mark.parametrize("request_", [NIGHTLY, NAMELESS], ids=["named", "nameless"])
@pytest.mark.parametrize("how", [*UNCLEAR, "301", "302", "303"])
def test_a_batch_that_was_started_before_the_answer_was_lost_is_the_one(
    how, request_, livy, server, told, recorded
):
    server.posts = [f"after:{how}"]
    batch = livy.submit(request_, report=told.append)
    assert server.started == [batch.name]
    assert server.names("POST") == ["/batches"]
    assert told == [
        f"the answer to the submission was lost: batch {batch.id} {batch.name!r} was found by its name"
    ]
    assert (recorded().outcome, recorded().adopted, recorded().info.id) == (
        "submitted",
        True,
        batch.id,
    )


@pytest.mark.parametrize("request_", [NIGHTLY, NAMELESS], ids=["named", "nameless"])
@pytest.mark.parametrize("how", UNCLEAR)
def test_a_post_that_never_got_through_is_sent_again_under_the_same_name(
    how, request_, livy, server, told, recorded
):
    server.posts = [f"before:{how}"]
    batch = livy.submit(request_, report=told.append)
    assert server.started == [batch.name]
    [line] = told
    assert line.startswith("the first answer was lost, and nothing had started: batch ")
    assert line.endswith(f"{batch.name!r} is the second attempt, under the same name")
    assert (recorded().outcome, recorded().adopted) == ("submitted", False)


@pytest.mark.parametrize("prefix", ["", "Rejected, Reason: "], ids=["0.7", "0.8"])
def test_a_first_post_that_arrives_late_makes_the_second_a_duplicate_and_is_adopted(
    prefix, livy, server, told
):
    server.prefix = prefix
    server.posts = ["before:reset"]

    def late(fake):
        if len(fake.names("POST")) == 2:
            fake.started.append("nightly")
            fake.add("nightly")

    server.before_post = late
    batch = livy.submit(NIGHTLY, report=told.append)
    assert server.started == ["nightly"]
    assert batch.id == server.listed["nightly"]["id"]
    assert "was found by its name" in told[0]


def test_a_time_out_while_the_server_is_still_at_it_ends_as_one_batch(connect, server):
    livy = connect()
    livy.client._timeout = (5, 0.2)
    server.posts = ["after:hang"]
    batch = livy.submit(NAMELESS)
    assert server.started == [batch.name]


def test_faults_one_after_the_other_still_end_as_one_batch(livy, server):
    server.posts = ["before:reset", "before:html", "after:502"]
    server.looks = ["reset", "html", "wrong", "ok", "429", "cut"]
    batch = livy.submit(NAMELESS)
    assert server.started == [batch.name]
    assert batch.id == server.listed[batch.name]["id"]


class Storm(list):
    """Faults without an end, of a seed."""

    def __init__(self, seed, *faults):
        self.rng = random.Random(seed)  # noqa: S311 - the same faults each time
        self.faults = faults

    def __bool__(self):
        return True

    def pop(self, _):
        return self.rng.choice(self.faults) if self.rng.random() < 0.5 else "ok"


def test_in_a_storm_every_submission_is_one_batch_or_none(livy, server, monkeypatch):
    monkeypatch.setattr(submission, "PATIENCE", 20.0)
    monkeypatch.setattr(submission, "ROOM", 20.0)
    faults = [f"{when}:{how}" for when in ("before", "after") for how in UNCLEAR]
    server.posts = Storm(1, "busy", "429", "307", "before:302", "after:303", *faults)
    server.looks = Storm(2, *UNCLEAR)
    handles = []
    for number in range(40):
        name = f"batch {number}" if number % 2 else None
        with contextlib.suppress(NotSubmitted):  # as when the name cannot be looked up before
            handles.append(livy.submit(NAMELESS.replace(name=name)))
    assert server.started == [batch.name for batch in handles]
    assert [server.listed[batch.name]["id"] for batch in handles] == [batch.id for batch in handles]
    assert len(handles) > 20


def test_a_gateway_that_repeats_the_post_itself_does_no_harm(livy, server):
    """It answers with what the second one met; the first one started."""

    def twice(fake):
        [name] = fake.gateways
        fake.started.append(name)
        fake.add(name)

    server.before_post = twice
    plan = livy.plan(NAMELESS)
    server.gateways = [plan.request.name]
    # A generated name is nobody else's, also when it is given back.
    batch = livy.submit(plan.request)
    assert server.started == [batch.name]
    assert batch.id == server.listed[batch.name]["id"]


@pytest.mark.parametrize("version", [None, "", "0.6.0-incubating"], ids=["none", "silent", "old"])
def test_where_names_are_not_unique_nothing_is_sent_twice(version, livy, server, recorded):
    server.version, server.unique = version, False
    server.posts = ["before:reset"]
    with pytest.raises(SubmitUnknown, match="%livy_batches --name nightly") as caught:
        livy.submit(NIGHTLY)
    assert caught.value.name == "nightly"
    assert server.names("POST") == ["/batches"]
    assert recorded().outcome == "unknown"


def test_where_names_are_not_unique_a_batch_that_shows_up_is_adopted(livy, server):
    server.version, server.unique = None, False
    server.posts = ["after:reset"]
    server.looks = ["ok", "404", "404"]
    assert livy.submit(NIGHTLY).id == server.listed["nightly"]["id"]
    assert server.names("POST") == ["/batches"]


def test_a_server_that_was_away_may_have_forgotten_names_and_is_sent_nothing_twice(
    livy, server, monkeypatch
):
    monkeypatch.setattr(submission, "PATIENCE", 2.0)
    server.posts = ["before:reset"]
    server.looks = ["ok", *["503"] * 3]  # three: reading is repeated by itself
    with pytest.raises(SubmitUnknown):
        livy.submit(NIGHTLY)
    assert server.names("POST") == ["/batches"]


def test_a_server_that_was_away_and_knows_an_earlier_batch_has_forgotten_nothing(
    livy, server, monkeypatch
):
    monkeypatch.setattr(submission, "PATIENCE", 20.0)
    earlier = livy.submit(NAMELESS)
    server.posts = ["before:reset"]
    server.looks = ["ok", *["503"] * 3]
    assert livy.submit(NIGHTLY).name == "nightly"
    assert server.started == [earlier.name, "nightly"]


def test_a_long_search_is_announced(livy, server, told, monkeypatch):
    monkeypatch.setattr(submission, "LONGEST_PAUSE", 0.1)
    server.version = None
    server.posts = ["before:reset"]
    with pytest.raises(SubmitUnknown):
        livy.submit(NIGHTLY, report=told.append)
    [line] = told
    assert line.startswith("the answer to the submission was lost: looking for batch 'nightly'")


def test_a_gateway_that_asks_for_long_patience_gets_as_much_as_there_is(livy, server, monkeypatch):
    server.posts = ["before:later"]
    assert livy.submit(NAMELESS).name == server.started[0]


@pytest.mark.parametrize("how", ["301", "302", "303"])
def test_a_redirect_proves_by_one_look_that_nothing_was_submitted(how, livy, server, recorded):
    server.posts = [f"before:{how}"]
    with pytest.raises(NotSubmitted, match=r"redirects to http://sso\.test:8443/login:") as caught:
        livy.submit(NAMELESS)
    assert "pw" not in str(caught.value)
    looks = [path for path in server.names("GET") if path != "/version"]
    assert (len(looks), len(server.names("POST")), server.started) == (1, 1, [])
    assert recorded().outcome == "rejected"


def test_a_redirect_proves_nothing_where_names_are_not_looked_up(livy, server, recorded):
    server.version = None  # as where ids are GUIDs
    server.posts = ["before:302"]
    with pytest.raises(SubmitUnknown, match="redirects to"):
        livy.submit(NAMELESS)
    assert set(server.names("GET")) == {f"/batches/{recorded().name}", "/version"}
    assert server.names("POST") == ["/batches"]


def test_a_redirect_that_came_late_is_a_lost_answer(livy, server, monkeypatch):
    """As nginx may make of its own time-out: Livy is still at it."""
    monkeypatch.setattr(submission, "AT_ONCE", 0.0)
    server.posts = ["before:302"]

    def late(fake):
        if len(fake.names("POST")) == 2:
            fake.started.append("nightly")
            fake.add("nightly")

    server.before_post = late
    assert livy.submit(NIGHTLY).id == server.listed["nightly"]["id"]
    assert server.started == ["nightly"]


def test_where_looks_are_redirected_as_well_it_is_soon_given_up(livy, server, recorded):
    server.posts = ["before:302"]
    server.looks = ["302"] * 4
    with pytest.raises(SubmitUnknown, match=r"redirects to http://sso\.test"):
        livy.submit(NAMELESS)
    assert recorded().outcome == "unknown"


def test_a_login_page_instead_of_livy_is_soon_given_up(livy, server, recorded):
    server.posts = ["before:html"]
    server.looks = ["html"] * 4
    with pytest.raises(SubmitUnknown, match="There may be a login page or a proxy"):
        livy.submit(NAMELESS)
    assert recorded().outcome == "unknown"


def test_each_post_goes_out_on_a_connection_of_its_own(livy, server):
    """A kept one that Livy closed after 30 s of silence would die under it (protocol, part 8)."""
    for _ in range(2):
        livy.client.version()
        livy.submit(NAMELESS)
    ports = [address for method, _, address in server.requests if method == "POST"]
    others = {address for method, _, address in server.requests if method != "POST"}
    assert len(set(ports)) == 2
    assert not others & set(ports)

"""What Livy refuses, has no room for, or gives to somebody else"""

import socket

import pytest
from lossy_livy import NAMELESS, NIGHTLY, TOO_MANY, interrupt

from livy_magic import Livy, NotSubmitted, SubmitUnknown, history
from livy_magic.errors import ConfigError
from livy_magic.submit import submission

# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["refused", "bad"])
def test_what_a_refused_post_left_is_removed_and_told(how, livy, server, told, recorded):
    server.posts = [how]
    with pytest.raises(NotSubmitted, match="Livy refused"):
        livy.submit(NAMELESS, report=told.append)
    assert server.listed == {}
    [line] = told
    assert line.startswith("removed the dead entry")
    assert (recorded().outcome, server.started) == ("rejected", [])
    assert "Livy refused" in recorded().reason


def test_what_a_refused_second_post_left_is_removed_as_well(livy, server):
    server.posts = ["before:reset", "refused"]
    with pytest.raises(NotSubmitted):
        livy.submit(NAMELESS)
    assert (server.listed, server.started) == ({}, [])


# What by definition was not acted upon, nor is said by a gateway that has passed it on.
NOT_DONE = "307 308 401 403 404 405 406 407 410 411 413 414 415 421 425 426 431 501 505 511"


@pytest.mark.parametrize("how", NOT_DONE.split())
def test_what_was_not_acted_upon_is_told_at_once_and_nothing_is_sent_again(
    how, livy, server, recorded
):
    server.posts = [how]
    with pytest.raises(NotSubmitted) as caught:
        livy.submit(NAMELESS)
    assert ("redirects to http://sso.test:8443/login" in str(caught.value)) == (how[0] == "3")
    assert "pw" not in str(caught.value)
    assert [method for method, *_ in server.requests] == ["POST"]
    assert recorded().outcome == "rejected"


def test_a_conflict_is_a_name_that_is_held(livy, server):
    """The name was made here: a gateway repeated the POST."""
    server.posts = ["after:409"]
    assert livy.submit(NAMELESS).name == server.started[0]
    server.posts = ["409"]
    with pytest.raises(NotSubmitted):
        livy.submit(NIGHTLY)


def test_where_nobody_listens_nothing_was_submitted(recorded):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        livy = Livy(f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(NotSubmitted, match=r"nothing was submitted: .* cannot connect"):
            livy.submit(NAMELESS)
        assert recorded().outcome == "rejected"
        with pytest.raises(NotSubmitted, match="nothing was submitted"):  # the name is looked up
            livy.submit(NIGHTLY)


def refuses_to_sign(_):
    raise ConfigError("the command that gives a token failed")


def fails_to_sign(_):
    raise RuntimeError("vault: token=hunter2\nis sealed")


def signs_badly(request):
    request.headers["Authorization"] = "Bearer hunter2\n"
    return request


def signs_in_greek(request):
    request.headers["Authorization"] = "Bearer κλειδί"
    return request


@pytest.mark.parametrize(
    ("auth", "cause"),
    [
        (refuses_to_sign, "the command that gives a token failed"),
        (fails_to_sign, r"RuntimeError: vault: token=\*+ is sealed"),
        (signs_badly, "characters that no header can carry"),
        (signs_in_greek, "characters that no header can carry"),
    ],
)
@pytest.mark.parametrize("request_", [NIGHTLY, NAMELESS], ids=["named", "nameless"])
def test_without_credentials_nothing_was_submitted(
    auth, cause, request_, connect, server, recorded
):
    with pytest.raises(NotSubmitted, match=f"nothing was submitted: .*{cause}") as caught:
        connect(auth=auth).submit(request_)
    assert "hunter2" not in str(caught.value)
    assert "κλειδί" not in str(caught.value)
    assert server.requests == []
    if request_ is NAMELESS:
        assert recorded().outcome == "rejected"


def test_credentials_that_are_lost_while_an_answer_is_sought_prove_nothing(
    livy, server, monkeypatch
):
    server.posts = ["after:reset"]
    monkeypatch.setattr(livy.client, "batch", refuses_to_sign)
    with pytest.raises(SubmitUnknown, match="gives a token failed"):
        livy.submit(NAMELESS)


# -- a server that is full -------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "Rejected, Reason: "], ids=["0.7", "0.8"])
@pytest.mark.parametrize("how", ["busy", "429"])
def test_a_full_server_is_waited_for_and_that_is_told_once(how, prefix, livy, server, told):
    server.prefix = prefix
    server.posts = [how] * 3
    batch = livy.submit(NAMELESS, report=told.append)
    assert server.started == [batch.name]
    [line] = told
    assert line.startswith("the server takes no more batches now (")
    assert "trying again for up to" in line


def test_a_server_that_stays_full_is_given_up(livy, server, recorded):
    server.posts = ["busy"] * 1000
    with pytest.raises(NotSubmitted, match=f"takes no more batches now: {TOO_MANY}"):
        livy.submit(NAMELESS)
    assert (recorded().outcome, server.started) == ("rejected", [])


def test_an_interrupt_while_a_full_server_is_waited_for_started_nothing(
    livy, server, monkeypatch, recorded
):
    server.posts = ["busy"] * 1000
    monkeypatch.setattr(submission.time, "sleep", interrupt)
    with pytest.raises(NotSubmitted, match="interrupted: nothing was submitted"):
        livy.submit(NAMELESS)
    assert (recorded().outcome, server.started) == ("rejected", [])


# -- two users, one name ---------------------------------------------------------------------------


def taken_by(owner):
    """Somebody else submits under the same name, between our look and our POST."""

    def take(fake):
        if "nightly" not in fake.listed:
            fake.add("nightly", owner=owner, state="starting", log=[])

    return take


@pytest.mark.parametrize("posts", [[], ["before:reset"], ["before:reset", "before:502"]])
def test_a_name_that_went_to_somebody_else_meanwhile_is_left_to_them(posts, connect, server):
    server.before_post, server.posts = taken_by("bob"), posts
    with pytest.raises(NotSubmitted, match=r"Duplicate|went to batch \d+ \(bob, starting\)"):
        connect(user="alice").submit(NIGHTLY)
    assert (server.deleted, server.started) == ([], [])


def test_of_two_notebooks_with_one_name_none_gets_the_others_batch(connect, server, recorded):
    rivals = [connect(user="alice")]

    def rival_is_faster(_):
        if rivals:
            rivals.pop().submit(NIGHTLY)

    server.owner = "alice"
    server.before_post, server.posts = rival_is_faster, ["ok", "before:reset"]
    with pytest.raises(
        NotSubmitted, match=r"the name 'nightly' went to batch \d+ \(alice, running"
    ):
        connect(user="alice").submit(NIGHTLY)
    assert (server.deleted, server.started) == ([], ["nightly"])
    assert sorted(one.outcome for one in history.current().entries()) == ["rejected", "submitted"]


def test_whose_of_two_notebooks_a_batch_is_is_not_guessed(connect, server, recorded):
    livy = connect(user="alice")
    other = history.Intent(server=livy.place, request=NIGHTLY, folder="/", user="alice")

    def rival_has_no_answer_yet(fake):
        if "nightly" not in fake.listed:
            livy.history.intend(other)
            fake.add("nightly", owner="alice")

    server.before_post, server.posts = rival_has_no_answer_yet, ["before:reset"]
    with pytest.raises(SubmitUnknown, match=r"it is not certain[^\n]*\nAnother notebook of yours"):
        livy.submit(NIGHTLY)
    assert server.deleted == []


def test_whether_a_new_batch_is_ours_is_not_guessed(connect, server, recorded):
    server.before_post, server.posts = taken_by("bob"), ["before:reset"]
    with pytest.raises(SubmitUnknown, match=r"of bob, and it is not certain[^\n]*\n.*Set `user`"):
        connect(user=None).submit(NIGHTLY)
    assert recorded().outcome == "unknown"


def test_an_answer_tells_as_whom_the_server_knows_us(connect, server):
    server.owner = "alice"
    livy = connect(user=None)
    livy.submit(NAMELESS)
    server.posts = ["after:reset"]
    assert livy.submit(NIGHTLY).owner == "alice"


def test_a_refusal_does_not_remove_somebody_elses_young_batch(connect, server):
    server.before_post, server.posts = taken_by("bob"), ["400"]
    with pytest.raises(NotSubmitted):
        connect(user="alice").submit(NIGHTLY)
    assert (server.deleted, list(server.listed)) == ([], ["nightly"])


def test_a_batch_that_had_the_name_before_is_never_adopted(livy, server):
    """As when another one's DELETE is still on its way."""
    old = server.add("nightly", state="success")
    entry = history.Intent(server=livy.place, request=NIGHTLY, folder="/", held=[old["id"]])
    server.posts = ["before:reset"]
    with pytest.raises(NotSubmitted, match="went to batch"):
        submission.submit(livy.client, livy.history, entry)
    assert (server.started, server.deleted) == ([], [])


def test_a_batch_that_shows_no_life_is_handed_over_with_a_warning(livy, server, told):
    server.state, server.log = "starting", []
    server.posts = ["after:reset"]
    livy.submit(NAMELESS, report=told.append)
    assert told[0].endswith("if that stays so, Livy refused it, and it can be killed")

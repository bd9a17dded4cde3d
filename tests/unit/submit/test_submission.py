"""Exactly once: one batch and its handle, or none and the proof of it, whatever the network does."""

import contextlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from livy_magic import BatchRequest, Livy, NotSubmitted, SubmitUnknown, history
from livy_magic.errors import ConfigError, WaitInterrupted
from livy_magic.submit import orphans, submission

ROOT = Path(__file__).parents[3]
NIGHTLY = BatchRequest(file="hdfs:///etl.py", name="nightly")
NAMELESS = BatchRequest(file="hdfs:///etl.py")
TOO_MANY = "Rejected, too many sessions are being created!"
PAGE = b"<html><title>Sign in</title></html>"


class FakeLivy(ThreadingHTTPServer):
    """Answers like Livy (protocol, part 1), and fails at a POST or a look as a test wants it.

    Attributes:
        started: The names of all batches that ever ran: what must be there once, or not at all.
        posts: What goes wrong at the next POSTs: ``after:X`` when the batch has been started.
        looks: What goes wrong at the next GETs of a batch; a function is called before the answer.
        owner: As whom the server knows whoever asks.
        before_post: Is called with the server before a POST is worked off.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.started = []
        self.listed = {}
        self.posts, self.looks, self.deleted, self.requests = [], [], [], []
        self.version = "0.7.1-incubating"
        self.unique = True
        self.owner = None
        self.state, self.log = "running", ["stdout: ", "\nstderr: "]
        self.prefix = ""
        self.before_post = lambda _: None

    def add(self, name, **members):
        number = len(self.requests)  # an id is never used twice
        self.listed[name] = {
            "id": number, "name": name, "owner": self.owner, "state": self.state, "log": self.log
        } | members  # fmt: skip
        return self.listed[name]

    def names(self, method):
        return [path for verb, path, _ in self.requests if verb == method]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (OSError, ValueError):  # the connection was cut, here or there
            self.close_connection = True

    def answer(self, status, body=b"", **headers):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(text))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)

    def fail(self, how):
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.wfile.close()
            self.connection.close()
            self.close_connection = True
        elif how == "hang":
            self.close_connection = True
            self.server.released.wait(10)
        elif how == "html":
            self.answer(200, PAGE)
        elif how == "redirect":
            self.answer(302, Location="http://sso.test/login")
        elif how == "cut":
            self.answer(201, b'{"id": 7, "sta')
        elif how == "wrong":
            self.answer(201, {"id": 77, "name": "another", "state": "running"})
        elif how == "429":
            self.answer(429, b"", Retry_After="0")
        elif how == "later":
            self.answer(503, b"", Retry_After="3600")
        elif how == "busy":
            self.answer(400, {"msg": self.server.prefix + TOO_MANY})
        elif how == "refused":
            self.answer(500, "java.lang.ClassCastException: x")
        elif how == "bad":
            self.answer(400, {"msg": f"{self.server.prefix}requirement failed: x"})
        else:
            self.answer(int(how), b"<html><title>Gateway</title></html>")

    def note(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append((self.command, path, self.client_address))
        return path, json.loads(body) if body else {}

    def do_GET(self):
        server = self.server
        path, _ = self.note()
        _, _, key, *rest = [*path.split("/"), ""] if path != "/version" else ["", "", ""]
        if path == "/version":
            if server.version is None:
                return self.answer(404, {"message": "Not Found"})
            return self.answer(200, {"version": server.version})
        if server.looks and not rest[0]:
            how = server.looks.pop(0)
            if callable(how):
                how()
            elif how != "ok":
                return self.fail(how)
        for view in server.listed.values():
            if key in (view["name"], str(view["id"])):
                if rest[0] == "log":
                    log = view["log"]
                    return self.answer(
                        200, {"id": view["id"], "from": 0, "total": len(log), "log": log}
                    )
                return self.answer(200, view)
        return self.answer(404, {"msg": f"Session '{key}' not found."})

    def do_DELETE(self):
        path, _ = self.note()
        key = path.rpartition("/")[2]
        listed = self.server.listed
        [name] = [name for name, view in listed.items() if key in {name, str(view["id"])}]
        self.server.deleted.append(listed.pop(name)["id"])
        self.answer(200, {"msg": "deleted"})

    def do_POST(self):
        server = self.server
        _, body = self.note()
        server.before_post(server)
        when, _, how = (server.posts.pop(0) if server.posts else "").rpartition(":")
        name = body["name"]
        how = "" if how == "ok" else how
        if how and when != "after":
            if how in {"refused", "bad"}:
                server.add(name, state="starting", log=[])
            return self.fail(how)
        if server.unique and name in server.listed:
            words = f"{server.prefix}Duplicate session name: Some({name}) for session 9"
            return self.answer(400, {"msg": words})
        server.started.append(name)
        view = server.add(name)
        return self.fail(how) if how else self.answer(201, view)


@pytest.fixture
def server():
    with FakeLivy() as fake:
        fake.released = threading.Event()
        thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        fake.released.set()
        fake.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    settings = {
        "FIRST_PAUSE": 0.01,
        "LONGEST_PAUSE": 0.02,
        "PATIENCE": 0.5,
        "BIRTH": 0.05,
        "ROOM": 0.5,
    }
    for name, seconds in settings.items():
        monkeypatch.setattr(submission, name, seconds)
    monkeypatch.setattr(orphans, "PATIENCE", settings["PATIENCE"])


@pytest.fixture
def connect(server):
    every = []

    def connect(user=None, **more):
        every.append(Livy(server.url, user=user, timeout=(5, 5), **more))
        return every[-1]

    yield connect
    for livy in every:
        livy.close()


@pytest.fixture
def livy(connect):
    return connect()


@pytest.fixture
def told():
    return []


@pytest.fixture
def recorded():
    """What the history says of the newest submission."""

    def newest():
        return history.current().entries(limit=1)[0]

    return newest


UNCLEAR = ["reset", "502", "503", "504", "500", "408", "html", "cut", "wrong", "redirect"]


# -- answers that get lost -------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [NIGHTLY, NAMELESS], ids=["named", "nameless"])
@pytest.mark.parametrize("how", UNCLEAR)
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
    server.posts = Storm(1, "busy", "429", *faults)
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


def test_a_login_page_instead_of_livy_is_soon_given_up(livy, server, recorded):
    server.posts = ["before:html"]
    server.looks = ["html"] * 4
    with pytest.raises(SubmitUnknown, match="A login page or a proxy may stand"):
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


def test_a_refusal_is_final_and_nothing_is_sent_again(livy, server):
    server.posts = ["401", "403", "404"]
    for _ in range(3):
        with pytest.raises(NotSubmitted):
            livy.submit(NAMELESS)
    assert len(server.names("POST")) == 3


def test_where_nobody_listens_nothing_was_submitted(recorded):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        livy = Livy(f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(NotSubmitted, match=r"nothing was submitted: .* cannot connect"):
            livy.submit(NAMELESS)
        assert recorded().outcome == "rejected"
        with pytest.raises(NotSubmitted, match="nothing was submitted"):  # the name is looked up
            livy.submit(NIGHTLY)


def test_without_credentials_nothing_was_submitted(livy, server, recorded, monkeypatch):
    def create(_):
        raise ConfigError("the command that gives a token failed")

    monkeypatch.setattr(livy.client, "create", create)
    with pytest.raises(ConfigError):
        livy.submit(NAMELESS)
    assert (recorded().outcome, server.started) == ("rejected", [])


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
    with pytest.raises(SubmitUnknown, match=r"nobody can say[^\n]*\nAnother notebook of yours"):
        livy.submit(NIGHTLY)
    assert server.deleted == []


def test_whether_a_new_batch_is_ours_is_not_guessed(connect, server, recorded):
    server.before_post, server.posts = taken_by("bob"), ["before:reset"]
    with pytest.raises(SubmitUnknown, match=r"of bob, and nobody can say[^\n]*\n.*Set `user`"):
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


# -- interrupts ------------------------------------------------------------------------------------


def interrupt(*_args, **_more):
    raise KeyboardInterrupt


def then_interrupt(function):
    """The function, with an interrupt right after it has done its work."""

    def both(*args, **more):
        function(*args, **more)
        raise KeyboardInterrupt

    return both


def interrupted_once(function):
    """The function, with an interrupt in place of its first call."""
    pending = [KeyboardInterrupt]

    def once(*args, **more):
        if pending:
            raise pending.pop()
        return function(*args, **more)

    return once


def test_an_interrupt_before_the_post_started_nothing(livy, server, monkeypatch):
    recording = livy.history
    for broken in (interrupt, then_interrupt(recording.intend)):
        monkeypatch.setattr(recording, "intend", broken)
        with pytest.raises(NotSubmitted, match="interrupted: nothing was submitted"):
            livy.submit(NAMELESS)
    assert server.requests == []


@pytest.mark.parametrize("where", ["look", "staging"])
def test_an_interrupt_while_a_name_is_looked_for_or_a_file_is_staged_started_nothing(
    livy, server, monkeypatch, where
):
    if where == "look":
        monkeypatch.setattr(livy.client, "batch", interrupt)
    else:
        monkeypatch.setattr(livy._planner, "send", interrupt)
    with pytest.raises(NotSubmitted, match="interrupted: nothing was submitted"):
        livy.submit(NIGHTLY)
    assert server.started == []


def test_an_interrupt_when_the_batch_is_there_says_which_one_runs_on(livy, server, monkeypatch):
    monkeypatch.setattr(livy, "handle", interrupt)
    with pytest.raises(WaitInterrupted, match="has been submitted, and runs on\n%livy_kill"):
        livy.submit(NIGHTLY)
    assert server.started == ["nightly"]


def test_an_interrupt_during_the_post_says_that_a_batch_may_have_started(
    livy, server, monkeypatch, recorded
):
    monkeypatch.setattr(livy.client, "create", interrupt)
    with pytest.raises(SubmitUnknown, match="it may have started"):
        livy.submit(NAMELESS)
    assert recorded().outcome == "unknown"


def test_an_interrupt_after_the_post_says_which_batch_runs_on(livy, server, monkeypatch, recorded):
    monkeypatch.setattr(livy.client, "create", then_interrupt(livy.client.create))
    with pytest.raises(WaitInterrupted, match="has been submitted, and runs on\n%livy_kill"):
        livy.submit(NAMELESS)
    assert (recorded().outcome, [recorded().name]) == ("submitted", server.started)


def test_an_interrupt_while_the_answer_is_written_down_says_which_batch_runs_on(
    livy, server, monkeypatch, recorded
):
    monkeypatch.setattr(livy.history, "accepted", interrupted_once(livy.history.accepted))
    with pytest.raises(WaitInterrupted, match="runs on"):
        livy.submit(NAMELESS)
    assert (recorded().outcome, [recorded().name]) == ("submitted", server.started)


@pytest.mark.parametrize("start", ["before", "after"])
def test_an_interrupt_while_a_lost_answer_is_settled_says_what_may_have_started(
    start, livy, server, monkeypatch, recorded
):
    server.posts = [f"{start}:reset"]
    monkeypatch.setattr(livy.client, "batch", interrupted_once(livy.client.batch))
    error, outcome = {
        "before": (SubmitUnknown, "unknown"),
        "after": (WaitInterrupted, "submitted"),
    }[start]
    with pytest.raises(error):
        livy.submit(NAMELESS)
    assert recorded().outcome == outcome


def test_an_interrupt_takes_no_batch_that_had_the_name_before_for_ours(livy, server, monkeypatch):
    old = server.add("nightly")
    entry = history.Intent(server=livy.place, request=NIGHTLY, folder="/", held=[old["id"]])
    monkeypatch.setattr(livy.client, "create", interrupt)
    with pytest.raises(SubmitUnknown):
        submission.submit(livy.client, livy.history, entry)


def test_an_interrupt_does_not_wait_for_a_server_that_hangs(livy, server, monkeypatch):
    monkeypatch.setattr(submission, "GLANCE", 0.05)
    monkeypatch.setattr(livy.client, "create", then_interrupt(livy.client.create))
    server.looks = ["hang"]
    with pytest.raises(SubmitUnknown, match="interrupted"):
        livy.submit(NAMELESS)


# -- kernels that die ------------------------------------------------------------------------------

KERNEL = """
import os, signal, sys
from livy_magic import BatchRequest, Livy

livy = Livy(sys.argv[1])
create = livy.client.create

def die(*args):
    if sys.argv[2] == "after":
        create(*args)
    os.kill(os.getpid(), signal.SIGKILL)

livy.client.create = die
livy.submit(BatchRequest(file="hdfs:///etl.py", name="nightly"))
"""


def kernel_that_dies(when, server):
    command = [sys.executable, "-c", KERNEL, server.url, when]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL


def orphans_settled():
    for thread in threading.enumerate():
        if thread.name == "livy_magic orphans":
            thread.join(20)


@pytest.mark.parametrize(
    ("when", "outcome", "started"),
    [("before", "unknown", []), ("after", "submitted", ["nightly"])],
)
def test_what_a_dead_kernel_left_open_is_settled_by_the_next_one(
    when, outcome, started, connect, server, capfd
):
    kernel_that_dies(when, server)
    [orphan] = history.current().entries()
    assert orphan.outcome == "pending"
    connect().submit(NAMELESS)
    orphans_settled()
    settled = history.current().entry(orphan.key)
    assert (settled.outcome, settled.adopted) == (outcome, when == "after")
    assert server.started[: len(started)] == started
    assert len(server.started) == len(started) + 1  # nothing is ever sent for a dead one
    assert "".join(capfd.readouterr()) == ""


def test_a_dead_kernels_submission_is_not_settled_with_somebody_elses_batch(connect, server):
    server.owner = "alice"
    kernel_that_dies("before", server)
    server.add("nightly", owner="bob")
    connect(user="alice").submit(NAMELESS)
    orphans_settled()
    _, orphan = history.current().entries()
    assert (orphan.outcome, orphan.info) == ("unknown", None)


def test_a_server_that_is_away_is_asked_again_about_a_dead_kernels_submission(connect, server):
    kernel_that_dies("after", server)
    server.looks = ["reset"] * 4
    connect().submit(NAMELESS)
    orphans_settled()
    assert [entry.outcome for entry in history.current().entries()] == ["submitted", "submitted"]


def test_a_batch_that_an_earlier_kernel_submitted_is_mine(connect, server):
    connect().submit(NIGHTLY)
    server.listed["nightly"]["state"] = "success"
    later = connect()
    assert later.submit(NIGHTLY, if_exists="replace").name == "nightly"
    assert server.started == ["nightly", "nightly"]


def test_a_running_batch_that_an_earlier_kernel_submitted_is_attached_to(connect, server):
    request = NIGHTLY.replace(args=["2026-01-01"], conf={"spark.a": "1"})
    first = connect().submit(request)
    assert connect().submit(request, if_exists="attach").id == first.id
    other = request.replace(args=["2026-01-02"])
    assert connect().submit(other, if_exists="attach").name.startswith("nightly-")


def test_who_attaches_waits_for_the_end_when_told_so(connect, server):
    earlier = connect()
    earlier.submit(NIGHTLY)
    earlier.close()
    view = server.listed["nightly"]
    server.looks = ["ok", lambda: view.update(state="success")]
    assert connect().submit(NIGHTLY, if_exists="attach", wait=True).state == "success"


def test_another_batch_under_the_name_and_id_of_mine_is_not_replaced(connect, server):
    """As after a restart of Livy without recovery, when ids begin anew."""
    server.owner = "alice"
    connect(user="alice").submit(NIGHTLY)
    server.listed["nightly"] |= {"owner": "bob", "state": "success"}
    with pytest.raises(NotSubmitted, match="only a finished batch of one's own"):
        connect(user="alice").submit(NIGHTLY, if_exists="replace")
    assert server.deleted == []


def test_a_history_that_cannot_be_written_stops_no_submission(livy, server, tmp_path, monkeypatch):
    monkeypatch.setenv("LIVY_HISTORY", str(tmp_path))
    server.posts = ["before:reset"]
    batch = livy.submit(NAMELESS)
    assert server.started == [batch.name]

import contextlib
import http.server
import json
import socket
import threading

import pytest
import responses
from requests.auth import HTTPBasicAuth

from livy_magic.errors import NotFound, NotLivy, ServerError, Unauthorized, Unreachable
from livy_magic.protocol.client import LivyClient
from livy_magic.protocol.models import BatchRequest

URL = "http://livy.test/gateway/livy"
JETTY = "<html><head><title>Error 401 Authentication required</title></head><body>x</body></html>"


@pytest.fixture
def client():
    return LivyClient(URL)


@pytest.fixture
def wire():
    with responses.RequestsMock() as mock:
        yield mock


class Recorder(http.server.ThreadingHTTPServer):
    """A server that notes each request and the connection it came on, and answers as told."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.drop = set()  # methods whose connection is closed instead of answered
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def close(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.client_address, dict(self.headers), body))
        if self.command in self.server.drop:
            self.close_connection = True
            return
        answer = json.dumps({"id": 0, "state": "starting", "total": 0, "sessions": []}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
        self.wfile.write(head + answer)

    do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - the base class looks them up

    def log_message(self, *args):
        pass


@pytest.fixture
def recorder():
    server = Recorder()
    yield server
    server.close()


# -- what is sent ---------------------------------------------------------------------------------


def test_a_post_is_json_without_nulls_and_passes_the_csrf_filter(client, wire):
    wire.post(f"{URL}/batches", json={"id": 3, "state": "starting"}, status=201)
    info = client.create(BatchRequest(file="/é.py", driver_cores=2))
    request = wire.calls[0].request
    assert json.loads(request.body) == {"file": "/é.py", "driverCores": 2}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Requested-By"]
    assert info.id == 3


def test_the_id_comes_from_the_body_whatever_location_says(client, wire):
    wire.post(f"{URL}/batches", json={"id": 7}, status=201, headers={"Location": "/batches/8"})
    assert client.create(BatchRequest(file="/a.py")).id == 7


def test_a_delete_passes_the_csrf_filter(client, wire):
    wire.delete(f"{URL}/batches/1", json={"msg": "deleted"})
    client.delete(1)
    assert wire.calls[0].request.headers["X-Requested-By"]


@pytest.mark.parametrize(
    ("key", "path"), [("a/b é?", "a%2Fb%20%C3%A9%3F"), (12, "12"), ("7f-guid", "7f-guid")]
)
def test_names_and_ids_of_any_kind_are_encoded_in_the_path(client, wire, key, path):
    wire.get(f"{URL}/batches/{path}", json={"id": 12, "name": key, "state": "running"})
    assert client.batch(key).state == "running"
    assert wire.calls[0].request.url == f"{URL}/batches/{path}"


def test_a_size_near_the_integer_limit_is_clamped(client, wire):
    wire.get(f"{URL}/batches/1/log", json={"log": []})
    client.log(1, start=5, size=2**31 - 1)
    assert wire.calls[0].request.params == {"from": "5", "size": str(2**31 - 6)}


def test_the_environment_is_not_asked_for_proxies_netrc_or_certificates(
    recorder, monkeypatch, tmp_path
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password stolen\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/does/not/exist")
    LivyClient(recorder.url).page()
    [(_, _, headers, _)] = recorder.requests
    assert "Authorization" not in headers


def test_reads_share_one_connection_and_a_post_gets_a_fresh_one(recorder):
    client = LivyClient(recorder.url)
    client.page()
    client.page()
    client.create(BatchRequest(file="/a.py"))
    first, second, post = (address for _, address, _, _ in recorder.requests)
    assert first == second != post


def test_a_post_that_breaks_is_sent_once_and_a_get_again(recorder):
    recorder.drop = {"POST", "GET"}
    client = LivyClient(recorder.url)
    with pytest.raises(Unreachable) as lost:
        client.create(BatchRequest(file="/a.py"))
    assert lost.value.sent
    assert len(recorder.requests) == 1
    with pytest.raises(Unreachable):
        client.page()
    assert [method for method, *_ in recorder.requests].count("GET") == 3


def test_a_refused_connection_was_provably_not_used():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        port = free.getsockname()[1]
        with pytest.raises(Unreachable, match="cannot connect") as lost:
            LivyClient(f"http://127.0.0.1:{port}").create(BatchRequest(file="/a.py"))
    assert not lost.value.sent
    assert "is the server up" in str(lost.value)


@contextlib.contextmanager
def proxy_that(answer):
    """The URL of a proxy that gives each connection this answer, and ends it."""

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = door.accept()
                with connection:
                    connection.recv(10_000)
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        door.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("scheme", "answer", "sent"),
    [
        ("https", b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", False),
        ("https", b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        ("https", b"", False),
        ("https", b"HTTP/1.1 200 Connection established\r\n\r\n", False),  # then no handshake
        ("http", b"", True),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", True),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip", True),
        ("http", b"garbage\r\n", True),
    ],
)
def test_what_a_proxy_lets_through_may_have_been_sent(scheme, answer, sent):
    with proxy_that(answer) as proxy:
        client = LivyClient(f"{scheme}://livy.test", proxies={scheme: proxy})
        with pytest.raises(Unreachable) as lost:
            client.create(BatchRequest(file="/a.py"))
        assert lost.value.sent is sent


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("http://no-such-host.invalid", {}),
        ("http://127.0.0.1:1", {}),
        ("https://127.0.0.1:1", {}),
        ("https://livy.test", {"verify": "/does/not/exist"}),
        ("http://livy.test", {"proxies": {"http": "http://127.0.0.1:1"}}),
        ("https://livy.test", {"proxies": {"https": "http://127.0.0.1:1"}}),
        ("http://livy.test", {"proxies": {"http": "http:///nowhere"}}),
    ],
)
def test_what_found_nobody_was_not_sent(url, settings):
    with pytest.raises(Unreachable) as lost:
        LivyClient(url, **settings).create(BatchRequest(file="/a.py"))
    assert not lost.value.sent


# -- error answers: the five shapes ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, '{"msg":"requirement failed: File is required."}', ServerError, "File is required."),
        (
            400,
            r'"Unrecognized field \"nope\" (class x)\n at [Source: (y); line: 1]"',
            ServerError,
            'Unrecognized field "nope" (class x)',
        ),
        (500, '"java.lang.ClassCastException: x"', ServerError, "java.lang.ClassCastException: x"),
        (403, "{}", Unauthorized, "Forbidden"),
        (405, "", ServerError, "Method Not Allowed"),
        (401, JETTY, Unauthorized, "Error 401 Authentication required"),
        (403, '{"msg":"User \'a\' not allowed to impersonate"}', Unauthorized, "impersonate"),
        (404, '{"msg":"Session \'9\' not found."}', NotFound, "Session '9' not found."),
        (404, "", NotFound, "Not Found"),
        (404, JETTY, NotLivy, "There is no Livy at this address"),
        (400, '{"msg":"For input string: \\"99999999999\\""}', NotFound, "99999999999"),
        (429, "slow down", ServerError, "slow down"),
    ],
)
def test_every_shape_of_error_body_becomes_one_readable_error(
    client, wire, status, body, kind, words
):
    wire.get(f"{URL}/batches/9", body=body, status=status)
    with pytest.raises(ServerError) as caught:
        client.batch(9)
    error = caught.value
    assert type(error) is kind
    assert words in str(error)
    assert f"{status} for GET {URL}/batches/9" in str(error)
    assert error.status == status
    assert error.request == f"GET {URL}/batches/9"


def test_a_login_page_with_status_200_is_not_livy(client, wire):
    wire.get(f"{URL}/batches", body="<html><title>Sign in</title></html>")
    with pytest.raises(NotLivy, match="a web page: Sign in"):
        client.page()


def test_a_redirect_is_not_followed_and_says_where_it_went(client, wire):
    wire.post(f"{URL}/batches", status=302, headers={"Location": "https://me:pw@sso.test/login?x"})
    with pytest.raises(NotLivy, match=r"redirects to https://sso\.test") as caught:
        client.create(BatchRequest(file="/a.py"))
    assert "pw" not in str(caught.value)


def test_a_json_server_that_lists_no_batches_is_not_livy(client, wire):
    wire.get(f"{URL}/batches", json={"hello": 1})
    with pytest.raises(NotLivy, match="not a list of batches"):
        client.page()


def test_a_server_that_takes_too_long_is_asked_once_and_said_to_be_slow():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unreachable, match="no answer in time") as late:
            LivyClient(url, timeout=(1, 0.2)).page()
        assert late.value.sent
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # there was no second connection
            silent.accept()


def test_plain_http_behind_https_is_told_as_that(recorder):
    with pytest.raises(Unreachable, match="start with http:// instead"):
        LivyClient(recorder.url.replace("http:", "https:")).page()


@pytest.mark.parametrize("body", ["not json", "[]", '{"half":', '"text"', "[" * 100_000])
def test_an_answer_that_is_no_batch_is_not_livy(client, wire, body):
    wire.get(f"{URL}/batches/1", body=body)
    wire.get(f"{URL}/batches", body=body)
    with pytest.raises(NotLivy):
        client.batch(1)
    with pytest.raises(NotLivy):
        client.page()


def test_an_answer_that_is_no_log_is_no_empty_one(client, wire):
    wire.get(f"{URL}/batches/1/log", json={"status": "ok"})
    with pytest.raises(NotLivy, match="not a log"):
        client.log(1)


@pytest.mark.parametrize(
    ("status", "body", "certain"),
    [
        (200, '{"msg": "deleted"}', True),
        (200, '{"msg": "not so fast"}', False),
        (202, '{"msg": "accepted"}', False),
        (200, "{}", False),
        (200, "", False),
        (204, "", False),
        (200, "deleted", False),
        (200, '"deleted"', False),
        (200, "[" * 100_000, False),
    ],
)
def test_only_livys_own_words_prove_a_kill(client, wire, status, body, certain):
    wire.delete(f"{URL}/batches/1", status=status, body=body)
    assert client.delete(1) is certain


@pytest.mark.parametrize(
    "answer",
    [
        {"body": "<html><title>Sign in</title></html>"},
        {"status": 302, "headers": {"Location": "http://sso.test/"}},
        {"status": 308, "headers": {"Location": "http://sso.test/"}},
    ],
)
def test_a_login_page_kills_nothing(client, wire, answer):
    wire.delete(f"{URL}/batches/1", **answer)
    with pytest.raises(NotLivy, match="the batch may run on"):
        client.delete(1)


def test_a_redirect_to_nowhere_is_told_as_one(client, wire):
    wire.get(f"{URL}/batches/1", status=302, headers={"Location": "http://[nowhere"})
    with pytest.raises(NotLivy, match="redirects to another page"):
        client.batch(1)


def test_retry_after_is_kept_in_seconds(client, wire):
    wire.get(f"{URL}/batches/1", status=429, headers={"Retry-After": "7"})
    with pytest.raises(ServerError) as caught:
        client.batch(1)
    assert caught.value.retry_after == 7
    assert "asks you to wait 7 s" in str(caught.value)
    wire.replace("GET", f"{URL}/batches/1", status=429, headers={"Retry-After": "9" * 400})
    with pytest.raises(ServerError) as caught:
        client.batch(1)
    assert caught.value.retry_after == 2**31 - 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_delete_that_is_to_come_later_is_answered_and_not_lost(client, wire, status):
    answer = wire.delete(f"{URL}/batches/1", status=status, headers={"Retry-After": "3600"})
    with pytest.raises(ServerError) as caught:
        client.delete(1)
    assert (caught.value.status, caught.value.retry_after) == (status, 3600)
    assert answer.call_count == 1


def test_no_message_shows_credentials():
    client = LivyClient("http://me:hunter2@livy.test", auth=HTTPBasicAuth("me", "hunter2"))
    with responses.RequestsMock() as wire:
        wire.get("http://me:hunter2@livy.test/version", status=500, body='"boom"')
        with pytest.raises(ServerError) as caught:
            client.version()
    assert "hunter2" not in str(caught.value) + repr(client) + caught.value.request


@pytest.mark.parametrize("status", [200, 500])
def test_a_page_that_repeats_the_request_shows_no_credentials(client, wire, status):
    page = (
        "<title>Authorization: Bearer hunter2 at http://me:hunter2@livy.test?token=hunter2</title>"
    )
    wire.get(f"{URL}/batches", status=status, body=f"<html>{page}")
    with pytest.raises(ServerError) as caught:
        client.page()
    assert "hunter2" not in str(caught.value) + caught.value.text


# -- listing --------------------------------------------------------------------------------------


class Shelf:
    """A server's list of batches, which may lose some between two requests."""

    def __init__(self, count):
        self.ids = list(range(count))
        self.before_request = lambda: None

    def answer(self, request):
        self.before_request()
        start, size = int(request.params["from"]), int(request.params["size"])
        views = [{"id": n, "state": "success"} for n in self.ids[start : start + size]]
        body = {"from": start, "total": len(self.ids), "sessions": views}
        return 200, {}, json.dumps(body)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_the_newest_come_first_and_all_come_when_asked(client, wire, count):
    wire.add_callback("GET", f"{URL}/batches", Shelf(count).answer)
    assert [info.id for info in client.newest()] == list(reversed(range(count)))


def test_taking_the_newest_few_asks_for_one_page_only(client, wire):
    wire.add_callback("GET", f"{URL}/batches", Shelf(250).answer)
    newest = client.newest()
    assert [next(newest).id for _ in range(3)] == [249, 248, 247]
    assert len(wire.calls) == 2


def test_a_list_that_shrinks_underneath_is_listed_without_repeats_or_gaps(client, wire):
    shelf = Shelf(250)

    def forget_the_three_oldest():
        shelf.ids = shelf.ids[3:]

    shelf.before_request = forget_the_three_oldest
    wire.add_callback("GET", f"{URL}/batches", shelf.answer)
    listed = [info.id for info in client.newest()]
    assert listed == sorted(set(listed), reverse=True)
    assert set(shelf.ids) <= set(listed)


def test_a_total_that_is_wrong_or_missing_is_no_failure(client, wire):
    wire.get(f"{URL}/batches", json={"from": 0, "sessions": [{"id": 1, "state": "dead"}]})
    assert client.page().total == 1


def test_a_proxy_that_refuses_is_told_in_plain_words():
    proxies = {"http": "http://127.0.0.1:1", "https": "http://127.0.0.1:1"}
    for scheme in proxies:
        with pytest.raises(Unreachable) as caught:
            LivyClient(f"{scheme}://livy.test", proxies=proxies).version()
        assert str(caught.value) == (
            f"GET {scheme}://livy.test/version: the proxy did not let the request through:"
            " [Errno 111] Connection refused"
        )


def test_a_list_that_is_longer_than_what_is_handed_out_is_not_read_for_ever(client, wire):
    wire.get(f"{URL}/batches", json={"from": 0, "total": 10**12, "sessions": []})
    with pytest.raises(ServerError, match="has 1000000000000 batches, and lists none"):
        list(client.newest())
    with pytest.raises(ServerError, match="lists none"):
        client.page()
    assert client.page(size=0).total == 10**12

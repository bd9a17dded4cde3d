import base64
import getpass
import http.server
import io
import sys
import threading
import types

import pytest
import requests
from requests.auth import AuthBase, HTTPBasicAuth

from livy_magic.errors import ConfigError
from livy_magic.settings import auth, secret

URL = "http://livy.test:8998"
SECRET = "s3cret"


class Door(http.server.ThreadingHTTPServer):
    """A server that lets in whoever brings one of the values in ``keys``; notes what it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.header = "Authorization"
        self.keys = set()
        self.seen = []
        self.thread = threading.Thread(target=self.serve_forever, args=[0.01])
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

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = self.headers.get(self.server.header)
        self.server.seen.append((self.command, key, body))
        text = b"who are you?" if key not in self.server.keys else b"{}"
        self.send_response(200 if key in self.server.keys else 401)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *args):
        pass


@pytest.fixture
def door():
    server = Door()
    yield server
    server.close()


@pytest.fixture
def send():
    """Send a request as the client does: nothing of the environment, no redirects."""
    with requests.Session() as session:
        session.trust_env = False

        def send(url, signer, method="GET", **options):
            return session.request(method, url, auth=signer, timeout=10, **options)

        yield send


def spec(**options):
    return auth.read(options, where="profile p")


def signed(signer):
    """Return the headers of a request that ``signer`` has signed."""
    return requests.Request("GET", URL, auth=signer).prepare().headers


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def bearer(*tokens, **options):
    """Return an auth object whose token is the next of ``tokens`` each time it is asked for."""
    return auth.build(
        spec(kind="bearer", token={"callable": iter(tokens).__next__}, **options), URL
    )


# -- none, basic ----------------------------------------------------------------------------------


def test_none_signs_nothing():
    assert auth.build(auth.read("none", where="x"), URL) is None


def test_basic_takes_its_password_from_the_environment():
    read = spec(kind="basic", user="alice", password={"env": "PW"})
    assert signed(auth.build(read, URL, environ={"PW": SECRET}))["Authorization"] == basic(
        "alice", SECRET
    )


def test_basic_sends_utf_8():
    read = spec(kind="basic", user="zoë", password={"env": "PW"})
    assert signed(auth.build(read, URL, environ={"PW": "naïve€"}))["Authorization"] == basic(
        "zoë", "naïve€"
    )


def test_a_password_is_asked_for_once_and_only_when_it_is_needed():
    questions = []

    def ask(question):
        questions.append(question)
        return SECRET

    signer = auth.build(spec(kind="basic", user="alice"), URL, ask=ask)
    assert questions == []
    threads = [threading.Thread(target=signed, args=[signer]) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert signed(signer)["Authorization"] == basic("alice", SECRET)
    assert questions == [f"Password of alice for {URL}: "]


def test_getpass_asks_unless_something_else_is_given(monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda question: SECRET)
    signer = auth.build(spec(kind="basic", user="alice", password="prompt"), URL)
    assert signed(signer)["Authorization"] == basic("alice", SECRET)


@pytest.mark.parametrize("problem", [EOFError, NotImplementedError])
def test_where_nobody_can_be_asked_the_message_says_what_to_write_instead(problem):
    def ask(question):
        raise problem

    signer = auth.build(spec(kind="basic", user="alice"), URL, ask=ask)
    with pytest.raises(ConfigError, match=r"cannot ask here: Password of alice.*\n.*env"):
        signed(signer)


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    path = tmp_path / "netrc"
    path.write_text(f"machine livy.test login bob password {SECRET}\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    return path


@pytest.mark.parametrize("user", [{}, {"user": "bob"}])
def test_netrc_gives_the_password_and_the_user_when_none_is_set(netrc, user):
    signer = auth.build(spec(kind="basic", password={"netrc": "true"}, **user), URL)
    assert signed(signer)["Authorization"] == basic("bob", SECRET)
    assert repr(signer) == "<basic as bob>"


@pytest.mark.parametrize(
    ("url", "user", "message"),
    [
        ("http://other.test", {}, "netrc has no entry for the host of http://other.test"),
        (URL, {"user": "eve"}, f"netrc has no entry for the host of {URL} and user eve"),
    ],
)
def test_netrc_of_another_host_or_user_is_not_used(netrc, url, user, message):
    with pytest.raises(ConfigError) as caught:
        auth.build(spec(kind="basic", password={"netrc": "true"}, **user), url)
    assert str(caught.value) == message


def test_a_broken_netrc_is_not_quoted(netrc):
    netrc.write_text(f"machine livy.test {SECRET}")
    with pytest.raises(ConfigError, match="this netrc file cannot be read") as caught:
        auth.build(spec(kind="basic", password={"netrc": "true"}), URL)
    assert SECRET not in str(caught.value)


@pytest.fixture
def keyring(monkeypatch):
    """A keyring package that holds one password; real ones ask the desktop."""
    package, errors = types.ModuleType("keyring"), types.ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})
    package.errors = errors
    package.get_password = lambda service, user: {("livy", "alice"): SECRET}.get((service, user))
    monkeypatch.setitem(sys.modules, "keyring", package)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return package


def from_keyring(service):
    return auth.build(spec(kind="basic", user="alice", password={"keyring": service}), URL)


def test_a_keyring_gives_the_password(keyring):
    assert signed(from_keyring("livy"))["Authorization"] == basic("alice", SECRET)


def test_a_keyring_without_the_password_says_how_to_put_it_there(keyring):
    with pytest.raises(
        ConfigError, match="has no password for alice\nRun: keyring set other alice"
    ):
        signed(from_keyring("other"))


def test_a_keyring_that_does_not_open_is_named(keyring):
    def locked(service, user):
        raise keyring.errors.KeyringError("locked")

    keyring.get_password = locked
    with pytest.raises(ConfigError, match="keyring livy: locked"):
        signed(from_keyring("livy"))


def test_without_the_keyring_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match="needs the package keyring\nRun: pip install keyring"):
        signed(from_keyring("livy"))


# -- bearer ---------------------------------------------------------------------------------------


def test_a_token_is_asked_for_once_and_kept(door, send):
    door.keys = {"Bearer one"}
    signer = bearer("one", "two")
    assert [send(door.url, signer).status_code for _ in range(3)] == [200, 200, 200]
    assert {key for _, key, _ in door.seen} == {"Bearer one"}


def test_after_a_401_the_token_is_asked_for_again_and_the_same_body_sent_once_more(door, send):
    door.keys = {"Bearer two"}
    answer = send(door.url, bearer("one", "two"), "POST", data=b'{"file": "x"}')
    assert answer.status_code == 200
    assert door.seen == [
        ("POST", "Bearer one", b'{"file": "x"}'),
        ("POST", "Bearer two", b'{"file": "x"}'),
    ]


def test_a_second_401_goes_through_as_it_is(door, send):
    answer = send(door.url, bearer("one", "two", "three"))
    assert (answer.status_code, answer.text) == (401, "who are you?")
    assert [key for _, key, _ in door.seen] == ["Bearer one", "Bearer two"]


def test_a_body_that_can_be_read_only_once_is_not_sent_again(door, send):
    answer = send(door.url, bearer("one", "two"), "POST", data=io.BytesIO(b"once"))
    assert answer.status_code == 401
    assert door.seen == [("POST", "Bearer one", b"once")]


def test_of_several_threads_with_an_old_token_one_renews_it(door):
    door.keys = {"Bearer two"}
    asked = []

    def token():
        asked.append(None)
        return ["one", "two", "three"][len(asked) - 1]

    signer = auth.build(spec(kind="bearer", token={"callable": token}), URL)
    statuses = []
    together = threading.Barrier(4)

    def work():
        with requests.Session() as session:
            session.trust_env = False
            together.wait()
            statuses.append(session.get(door.url, auth=signer, timeout=10).status_code)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    assert len(asked) == 2


def test_a_token_in_the_environment_is_read_again_after_a_401(door, send):
    door.keys = {"Bearer new"}
    environ = {"LIVY_TOKEN": "old"}
    signer = auth.build(spec(kind="bearer", token={"env": "LIVY_TOKEN"}), URL, environ=environ)
    assert send(door.url, signer).status_code == 401
    environ["LIVY_TOKEN"] = "new"
    assert send(door.url, signer).status_code == 200


@pytest.mark.parametrize(
    ("options", "header", "value"),
    [
        ({}, "Authorization", "Bearer t"),
        ({"prefix": "Token"}, "Authorization", "Token t"),
        ({"header": "x-acs-spark-livy-token"}, "x-acs-spark-livy-token", "t"),
        ({"header": "X-Key", "prefix": "v1"}, "X-Key", "v1 t"),
    ],
)
def test_a_token_travels_in_the_header_and_behind_the_prefix_that_are_set(options, header, value):
    assert signed(bearer("t", **options))[header] == value


def command(argv):
    return auth.build(spec(kind="bearer", token={"command": argv}), URL)


def test_a_command_prints_the_token():
    assert signed(command("printf '%s\\n' tok"))["Authorization"] == "Bearer tok"


def test_a_command_is_split_like_a_shell_would_but_not_run_by_one():
    assert signed(command("printf %s '$HOME'"))["Authorization"] == "Bearer $HOME"


def test_a_failing_command_is_named_with_what_it_complained_about_but_without_the_token():
    code = f"import sys; print('{SECRET}'); sys.exit('please log in, {SECRET}')"
    with pytest.raises(ConfigError, match=r"ended with exit code 1\nplease log in") as caught:
        signed(command([sys.executable, "-c", code]))
    assert SECRET not in str(caught.value)


def test_a_command_that_does_not_end_is_given_up(monkeypatch):
    monkeypatch.setattr(secret, "COMMAND_TIMEOUT", 0.2)
    with pytest.raises(ConfigError, match="token command sleep did not end within"):
        signed(command("sleep 60"))


def test_a_command_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="token command no-such-thing cannot be started: No such"):
        signed(command("no-such-thing --token"))


@pytest.mark.parametrize("output", ["", "two words", '{"accessToken": "s3cret"}', "s3cret\ns3cret"])
def test_what_cannot_be_a_token_is_refused_and_not_shown(output):
    with pytest.raises(ConfigError, match="is not a token: it is empty, has spaces") as caught:
        signed(bearer(output))
    assert SECRET not in str(caught.value)


def test_a_callable_may_be_named():
    signer = auth.build(spec(kind="bearer", token={"callable": "platform:system"}), URL)
    assert signed(signer)["Authorization"].startswith("Bearer ")


def test_a_callable_that_raises_is_named():
    def broken():
        raise OSError("no network")

    signer = auth.build(spec(kind="bearer", token={"callable": broken}), URL)
    with pytest.raises(ConfigError, match="broken failed: OSError: no network"):
        signed(signer)


def test_a_callable_that_returns_no_text_is_named():
    signer = auth.build(spec(kind="bearer", token={"callable": "os:getpid"}), URL)
    with pytest.raises(ConfigError, match="callable os:getpid returned int instead of text"):
        signed(signer)


def test_an_unset_variable_is_named():
    signer = auth.build(spec(kind="bearer", token={"env": "NOT_SET"}), URL, environ={})
    with pytest.raises(ConfigError, match="environment variable NOT_SET is not set"):
        signed(signer)


# -- kerberos, custom -----------------------------------------------------------------------------


class Negotiator(AuthBase):
    def __init__(self, **options):
        self.options = options

    def __call__(self, r):
        r.headers["Authorization"] = f"Negotiate {id(self)}"
        return r


@pytest.fixture
def requests_kerberos(monkeypatch):
    """The names that are used of requests_kerberos; the real one needs a ticket."""
    package = types.ModuleType("requests_kerberos")
    package.HTTPKerberosAuth, package.OPTIONAL = Negotiator, 2
    monkeypatch.setitem(sys.modules, "requests_kerberos", package)


def test_kerberos_negotiates_with_one_object_a_thread(requests_kerberos):
    signer = auth.build(auth.read("kerberos", where="x"), URL)
    headers = {signed(signer)["Authorization"], signed(signer)["Authorization"]}
    other = threading.Thread(target=lambda: headers.add(signed(signer)["Authorization"]))
    other.start()
    other.join()
    assert len(headers) == 2
    assert repr(signer) == "<kerberos>"


def test_without_its_package_kerberos_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "requests_kerberos", None)
    with pytest.raises(ConfigError, match=r"pip install 'livy-magic\[kerberos\]'"):
        auth.build(auth.read("kerberos", where="x"), URL)


INSTANCE = HTTPBasicAuth("alice", SECRET)


def make(password="made"):  # noqa: S107 - made up
    return HTTPBasicAuth("alice", password)


class Holder:
    Auth = HTTPBasicAuth


@pytest.mark.parametrize(
    ("name", "options", "password"),
    [
        ("INSTANCE", {}, SECRET),
        ("make", {}, "made"),
        ("make", {"options": {"password": "given"}}, "given"),
        ("Holder.Auth", {"options": {"username": "alice", "password": "given"}}, "given"),
    ],
)
def test_custom_takes_an_instance_a_factory_or_a_class(name, options, password):
    signer = auth.build(spec(kind="custom", object=f"{__name__}:{name}", **options), URL)
    assert signed(signer)["Authorization"] == basic("alice", password)
    assert repr(signer) == f"<custom {__name__}:{name}>"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_colon", "no_colon is not of the form module:name"),
        ("no_such_module:Auth", "no_such_module:Auth cannot be imported: No module named"),
        ("os:nothing", "os:nothing cannot be imported: module 'os' has no attribute"),
        ("os:getpid", "auth object os:getpid does not return a requests auth object"),
        ("os:getenv", "auth object os:getenv failed: TypeError"),
    ],
)
def test_a_custom_object_that_is_none_is_named(name, message):
    with pytest.raises(ConfigError, match=message):
        auth.build(spec(kind="custom", object=name), URL)


# -- specifications -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("bsic", "profile p: the kind of auth is not one of .*; did you mean basic?"),
        ({"user": "alice"}, "profile p: the kind of auth is not one of none, basic"),
        ({"kind": "basic", "usr": "a"}, "basic has no option 'usr'; did you mean user?"),
        ({"kind": "basic"}, "basic needs a user"),
        ({"kind": "basic", "user": "a:b"}, "a user name with a colon"),
        ({"kind": "basic", "user": ["a"]}, "user is not text"),
        ({"kind": "bearer"}, "bearer needs a token; for example token: {env: LIVY_TOKEN}"),
        ({"kind": "bearer", "token": {"command": "a 'b"}}, "cannot be read: No closing quotation"),
        ({"kind": "bearer", "token": {"command": ""}}, "the token command is empty"),
        ({"kind": "custom"}, "custom needs an object"),
    ],
)
def test_a_specification_that_makes_no_sense_is_refused(value, message):
    with pytest.raises(ConfigError, match=message):
        auth.read(value, where="profile p")


@pytest.mark.parametrize(
    "value", [SECRET, {"env": [SECRET]}, {"netr": SECRET}, {"env": "A", "b": "C"}]
)
def test_a_password_in_clear_text_is_refused_with_what_to_write_and_not_repeated(value):
    with pytest.raises(ConfigError) as caught:
        spec(kind="basic", user="alice", password=value)
    assert str(caught.value) == (
        "profile p: password must say where the password is kept; passwords in clear text are refused\n"
        "Write one of {env: …}, {keyring: …}, {netrc: true}, {callable: module:function}, prompt."
    )


def test_a_token_in_clear_text_is_refused_with_what_to_write_and_not_repeated():
    with pytest.raises(ConfigError) as caught:
        spec(kind="bearer", token=SECRET)
    assert str(caught.value) == (
        "profile p: token must say where the token is kept; tokens in clear text are refused\n"
        "Write one of {env: …}, {command: …}, {callable: module:function}."
    )


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"kind": "none"}, "none"),
        ({"kind": "basic", "user": "alice"}, "basic as alice, password from prompt"),
        (
            {"kind": "basic", "user": "alice", "password": secret.Secret("url", SECRET)},
            "basic as alice, password from the URL it came with",
        ),
        (
            {"kind": "basic", "user": "alice", "password": {"keyring": "livy"}},
            "basic as alice, password from keyring livy",
        ),
        ({"kind": "bearer", "token": {"env": "T"}}, "bearer, token from environment T"),
        (
            {"kind": "bearer", "token": {"command": f"curl -u alice:{SECRET} x"}},
            "bearer, token from command curl",
        ),
        ({"kind": "bearer", "token": {"callable": make}}, "bearer, token from callable make"),
        (
            {"kind": "custom", "object": "m:A", "options": {"key": SECRET}},
            "custom m:A",
        ),
    ],
)
def test_a_specification_tells_kind_user_and_place_and_never_a_secret(options, shown):
    read = spec(**options)
    assert str(read) == shown
    assert SECRET not in repr(read)


def test_no_auth_object_shows_its_secret():
    environ = {"X": SECRET}
    signers = [
        auth.build(spec(kind="basic", user="alice", password={"env": "X"}), URL, environ=environ),
        auth.build(spec(kind="bearer", token={"env": "X"}), URL, environ=environ),
        auth.build(spec(kind="custom", object=f"{__name__}:INSTANCE"), URL),
    ]
    for signer in signers:
        signed(signer)
    shown = [repr(signer) for signer in signers]
    assert shown[:2] == ["<basic as alice>", "<bearer token in Authorization>"]
    assert SECRET not in str(shown)

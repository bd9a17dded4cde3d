"""A submission in other forms, read back by those who read them: Python, a shell, a formatter."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import responses
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from requests.auth import AuthBase, HTTPBasicAuth

from livy_magic import BatchRequest, Code, InvalidRequest, Livy
from livy_magic.export import _AS_PROPERTY, FORMS, code_literal, rendered
from livy_magic.local.cookie import SignedCookie
from livy_magic.local.server import LocalServer
from livy_magic.magics.cell import parse_cell
from livy_magic.magics.options import CELL, FILE, parse, words_of
from livy_magic.protocol.field_types import no_path
from livy_magic.redact import MASK, is_secret, mask_args, mask_text, plain
from livy_magic.spelling import first_typographic

URL = "http://livy.test:8998"
SECRET = "hunter2"
CODE = "import sys\n\nprint(sys.argv, 'it''s', \"\"\"x\"\"\", '\\d')\n"
SURROUNDINGS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy")
ARGS = ["a b", "it's", '"$HOME" `id`', "ünï\ncode", "!x", "--limit", "*"]


@pytest.fixture
def livy(tmp_path, monkeypatch):
    """A server that stages files; the notebook's folder is ``tmp_path``."""
    monkeypatch.chdir(tmp_path)
    return Livy(URL, staging=str(tmp_path / "staging"), user="alice")


@pytest.fixture
def connect(tmp_path, monkeypatch):
    """Connect with these settings of a profile called ``prod``."""
    for name in ("LIVY_URL", "LIVY_PROFILE", "LIVY_TOKEN", *SURROUNDINGS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    def connect(target="prod", overrides=None, url="https://livy.test", **settings):
        profile = {"url": url, **settings}
        (tmp_path / "livy_magic.yaml").write_text(
            json.dumps({"default": "prod", "profiles": {"prod": profile}})
        )
        return Livy.connect(target, overrides=overrides)

    return connect


@pytest.fixture
def private(livy, tmp_path):
    """The private Livy, as far as its handle knows of it."""
    (tmp_path / "secret").write_text(SECRET)
    auth = SignedCookie(tmp_path / "secret", tmp_path / "used")
    livy.auth = auth
    livy.private = LocalServer(
        url=URL,
        staging="",
        spark_version="",
        java_version="",
        pid=0,
        started=0,
        ui=False,
        auth=auth,
    )
    return livy


def export(form, livy, request=None, **options):
    request = request or BatchRequest(file="hdfs:///etl.py", name="nightly")
    return rendered(form, livy, livy.plan(request, **options))


@pytest.fixture
def words(tmp_path):
    """Return what a shell hands to the command that a text runs: its words, and its input."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("curl", "spark-submit"):
        (programs / name).write_text('#!/bin/sh\npwd\nprintf "%s\\0" "$@"\ncat\n')
        (programs / name).chmod(0o700)

    def words(text):
        path = f"{programs}:{os.environ['PATH']}"
        environ = {**os.environ, "PATH": path, "SOME_TOKEN": SECRET, "TMPDIR": str(tmp_path)}
        done = subprocess.run(
            ["/bin/sh"], input=f"{text}\n", env=environ, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        folder, _, printed = done.stdout.partition("\n")
        return [folder, *printed.split("\0")]

    return words


def value(words, flag):
    return words[words.index(flag) + 1]


# -- every form -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_no_form_shows_a_secret(form, livy):
    request = BatchRequest(
        file=f"https://me:{SECRET}@host/etl.py",
        args=["--password", SECRET, f"token={SECRET}"],
        conf={"spark.my.password": SECRET, "spark.x": f"-Dpassword={SECRET}"},
        extra={"apiKey": SECRET, "more": {"secret": SECRET, "list": [{"token": SECRET}]}},
    )
    livy.connection |= {
        "headers": {"X-Api-Key": SECRET, "X-Auth": SECRET, "Cookie": SECRET},
        "proxies": {"http": f"me:{SECRET}@proxy:3128"},
    }
    livy.url = f"https://me:{SECRET}@livy.test"
    shown = export(form, livy, request)
    assert SECRET not in shown
    assert MASK in shown
    if form != "json":
        assert f"# put in: what is shown as {MASK}\n" in shown


@pytest.mark.parametrize("form", FORMS)
def test_no_form_moves_the_cursor(form, livy):
    request = BatchRequest(file=Code("x = '\x1b[2J'\ny = 1\n"), args=["\x1b[2J\x7f\u202e"])
    assert not {"\x1b", "\x7f", "\u202e"} & set(export(form, livy, request))


def test_an_unknown_form_is_refused_with_the_nearest_known_one(livy):
    with pytest.raises(InvalidRequest, match="no form is called 'crul'; did you mean curl"):
        export("crul", livy)
    with pytest.raises(InvalidRequest, match="'xyz'; there are json, curl, python, spark-submit"):
        export("xyz", livy)


def test_a_batch_exports_what_was_submitted_and_staged(livy):
    with responses.RequestsMock() as wire:
        wire.post(f"{URL}/batches", json={"id": 7, "state": "success"}, status=201)
        batch = livy.submit(BatchRequest(file=Code("print(1)")))
    assert json.loads(batch.export("json")) == batch.request.to_json()
    for form in ("curl", "spark-submit"):
        assert batch.request.file in batch.export(form)
        assert "would be staged" not in batch.export(form)
    assert "Code(code)" in batch.export("python")


def test_a_batch_of_somebody_else_says_that_its_request_is_not_known(livy):
    with responses.RequestsMock() as wire:
        wire.get(f"{URL}/batches/7", json={"id": 7, "name": "theirs", "state": "success"})
        batch = livy.batch(7)
    with pytest.raises(InvalidRequest, match="7 'theirs' was not submitted from here"):
        batch.export("json")


# -- json -----------------------------------------------------------------------------------------


def test_json_is_the_body_and_below_it_what_would_be_staged(livy):
    plan = livy.plan(BatchRequest(file=Code("print(1)"), extra={"heartbeat": {"seconds": 30}}))
    shown = rendered("json", livy, plan)
    body, end = json.JSONDecoder().raw_decode(shown)
    assert body == plan.request.to_json()
    assert shown[end:] == f"\nwould be staged first: {plan.request.file} (8 bytes)"


# -- curl -----------------------------------------------------------------------------------------


def test_curl_looks_like_this(livy):
    assert export("curl", livy) == (
        "curl --fail-with-body --request POST \\\n"
        "  --header 'Content-Type: application/json' \\\n"
        "  --header 'X-Requested-By: livy_magic' \\\n"
        """  --data '{"file": "hdfs:///etl.py", "name": "nightly"}' \\\n"""
        "  http://livy.test:8998/batches"
    )


def test_curl_sends_the_body_whatever_it_contains(livy, words):
    request = BatchRequest(file="hdfs:///a.py", args=ARGS, conf={"spark.ü": "$(id) 'x'"})
    plan = livy.plan(request)
    given = words(rendered("curl", livy, plan))
    assert json.loads(value(given, "--data")) == plan.request.to_json()
    assert given[-2] == f"{URL}/batches"


def test_a_body_too_long_for_a_command_goes_through_curls_input(livy, words):
    plan = livy.plan(BatchRequest(file="hdfs:///a.py", args=["it's $x `"] * 20_000))
    *given, body = words(rendered("curl", livy, plan))
    assert value(given, "--data-binary") == "@-"
    assert json.loads(body) == plan.request.to_json()


def test_curl_says_on_top_what_would_be_staged_first(livy):
    Path("etl.py").write_text("x")
    first, *_ = export("curl", livy, BatchRequest(file="etl.py")).splitlines()
    assert first.startswith("# would be staged first: file:///")
    assert first.endswith("/etl.py (1 bytes)")


@pytest.mark.parametrize(
    ("auth", "option"),
    [
        ("none", []),
        ({"kind": "basic", "user": "al ice"}, ["--user", "al ice"]),
        ({"kind": "basic", "user": "a", "password": {"env": "PASSWORD"}}, ["--user", "a"]),
        (
            {"kind": "bearer", "token": {"env": "SOME_TOKEN"}},
            ["--header", f"Authorization: Bearer {SECRET}"],
        ),
        (
            {"kind": "bearer", "token": {"env": "SOME_TOKEN"}, "header": "X-A", "prefix": '"$x`'},
            ["--header", f'X-A: "$x` {SECRET}'],
        ),
        (
            {"kind": "bearer", "token": {"env": "SOME_TOKEN"}, "header": "X-Token"},
            ["--header", f"X-Token: {SECRET}"],
        ),
    ],
)
def test_curl_says_who_one_is_as_the_settings_do(connect, words, auth, option):
    shown = export("curl", connect(auth=auth))
    assert SECRET not in shown
    before, behind = "X-Requested-By: livy_magic", "--data"
    given = words(shown)
    assert given[given.index(before) + 1 : given.index(behind)] == option


def test_curl_shows_the_ticket_of_kerberos(connect, monkeypatch):
    kerberos = SimpleNamespace(HTTPKerberosAuth=AuthBase, OPTIONAL=1)
    monkeypatch.setitem(sys.modules, "requests_kerberos", kerberos)  # no need for the real one
    assert "  --negotiate --user : \\\n" in export("curl", connect(auth="kerberos"))


def test_curl_takes_user_and_password_from_netrc_when_the_settings_do(connect, tmp_path):
    (tmp_path / ".netrc").write_text(f"machine livy.test login alice password {SECRET}\n")
    (tmp_path / ".netrc").chmod(0o600)
    auth = {"kind": "basic", "password": {"netrc": True}}
    assert "  --netrc \\\n" in export("curl", connect(auth=auth))


def test_curl_says_where_a_token_comes_from_that_no_variable_holds(connect):
    auth = {"kind": "bearer", "token": {"command": f"get-token --secret {SECRET}"}}
    shown = export("curl", connect(auth=auth))
    assert shown.startswith("# put into LIVY_TOKEN: the token from command get-token\ncurl ")
    assert '--header "Authorization: Bearer $LIVY_TOKEN"' in shown


def test_curl_says_that_it_cannot_sign_as_an_auth_object_does(connect):
    auth = {"kind": "custom", "object": "requests.auth:HTTPBasicAuth",
            "options": {"username": "x", "password": {"env": "HOME"}}}  # fmt: skip
    words = "# put in: what the auth object requests.auth:HTTPBasicAuth adds to a request\n"
    assert export("curl", connect(auth=auth)).startswith(words)
    by_hand = Livy(URL, auth=HTTPBasicAuth("me", SECRET))
    assert export("curl", by_hand).startswith("# put in: what the auth object HTTPBasicAuth adds")


def test_curl_trusts_and_shows_the_certificates_of_the_settings(connect, tmp_path, words):
    for name in ("ca.pem", "my cert.pem", "key.pem"):
        (tmp_path / name).touch()
    ca, cert, key = (str(tmp_path / name) for name in ("ca.pem", "my cert.pem", "key.pem"))
    given = words(export("curl", connect(verify=ca, cert=[cert, key])))
    assert (value(given, "--cacert"), value(given, "--cert"), value(given, "--key")) == (
        ca,
        cert,
        key,
    )
    given = words(export("curl", connect(verify=str(tmp_path), cert=cert)))
    assert (value(given, "--capath"), value(given, "--cert")) == (str(tmp_path), cert)
    assert "--key" not in given
    with pytest.warns(UserWarning, match="verify is off"):
        assert "--insecure" in words(export("curl", connect(verify="false")))


def test_curl_goes_through_the_proxy_of_the_settings_and_no_other(connect, words, monkeypatch):
    given = words(export("curl", connect(proxies={"https": "http://proxy:3128"})))
    assert value(given, "--proxy") == "http://proxy:3128"
    monkeypatch.setenv("http_proxy", "http://other:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    given = words(export("curl", connect(url="http://127.0.0.1:8998")))
    assert value(given, "--noproxy") == "*"


def test_curl_sends_further_headers(connect, words):
    assert "X-Tenant: blue $x" in words(export("curl", connect(headers={"X-Tenant": "blue $x"})))


def test_curl_gets_a_fresh_cookie_for_the_private_livy(private, words, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    shown = export("curl", private)
    assert SECRET not in shown
    assert "hadoop.auth" not in shown
    assert value(words(shown), "--cookie").startswith('hadoop.auth="u=')


# What a shell takes from a form and what a magic does: signs that mean something to either.
odd_text = (
    st.text(st.sampled_from("ab Z9.-=_,:/'\"\\$`{}[]()<>|&;#*?~!%@\n\té–“\u00a0😀")) | st.text()
)
kept = odd_text.filter(lambda text: plain(text) == text and MASK not in str(mask_args([text])))
given_text = kept.filter(
    lambda text: text.strip() and not is_secret(text) and mask_text(text) == text
)
keys = given_text.filter(
    lambda key: key == key.strip() and "=" not in key and not first_typographic(key)
)
uris = st.lists(st.sampled_from(["s3://b/x.py", "hdfs:///l.zip", "hdfs:///it's$x.jar"]), max_size=3)
plain_requests = st.builds(
    BatchRequest,
    file=st.sampled_from(["hdfs:///a.py", "s3://b/it's$x.jar"]),
    args=st.none() | st.lists(kept, max_size=5).filter(lambda args: mask_args(args) == args),
    name=st.none()
    | given_text.filter(
        lambda name: name.isprintable() and not name.isdecimal() and not no_path(name)
    ),
    class_name=st.none() | given_text,
    jars=st.none() | uris,
    files=st.none() | uris,
    driver_memory=st.none() | st.sampled_from(["2g", "512m"]),
    driver_cores=st.none() | st.integers(1, 9),
    num_executors=st.none() | st.integers(0, 9),
    queue=st.none() | given_text | st.sampled_from(["--", "--name", "-v"]),
    conf=st.none()
    | st.dictionaries(keys, kept.filter(lambda text: mask_text(text) == text), max_size=3),
)
with_one_shell = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def recorder():
    """A server that records the bodies that reach it, and its URL."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()


@with_one_shell
@given(request=plain_requests)
def test_curl_pasted_into_a_shell_sends_the_same_request(recorder, request):
    url, bodies = recorder
    livy = Livy(url, user="alice")
    plan = livy.plan(request)
    bodies.clear()
    command = rendered("curl", livy, plan)
    subprocess.run(["/bin/bash"], input=command.encode(), check=True, capture_output=True)
    assert bodies == [plan.request.to_json()]


# -- python ---------------------------------------------------------------------------------------


def test_python_looks_like_this(connect, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    livy = connect(defaults={"queue": "etl"}, staging=str(tmp_path))
    request = BatchRequest(
        file=Code("import sys\nprint(sys.argv)\n"),
        args=["2026-01-01", "it's"],
        driver_cores=2,
        conf={"spark.sql.shuffle.partitions": 400, "spark.driver.extraJavaOptions": "-Da=b -Dc=d"},
    )
    assert export("python", livy, request, stage="always", if_exists="rename") == (
        "from livy_magic import BatchRequest, Code, Livy\n"
        "\n"
        'code = """\\\n'
        "import sys\n"
        "print(sys.argv)\n"
        '"""\n'
        "\n"
        "request = BatchRequest(\n"
        "    file=Code(code),\n"
        '    args=["2026-01-01", "it\'s"],\n'
        "    driver_cores=2,\n"
        "    conf={\n"
        '        "spark.sql.shuffle.partitions": "400",\n'
        '        "spark.driver.extraJavaOptions": "-Da=b -Dc=d",\n'
        "    },\n"
        ")\n"
        "\n"
        'livy = Livy.connect("prod")\n'
        'batch = livy.submit(request, if_exists="rename", stage="always")\n'
        "batch.wait()"
    )


@pytest.mark.parametrize(
    ("target", "overrides", "call"),
    [
        (None, None, "Livy.connect()"),
        ("prod", None, 'Livy.connect("prod")'),
        ("https://alice@livy.test/x", None, 'Livy.connect("https://alice@livy.test/x")'),
        (None, {"profile": "prod"}, 'Livy.connect("prod")'),
        (None, {"url": "https://other.test"}, 'Livy.connect("https://other.test")'),
    ],
)
def test_python_connects_to_what_was_asked_for(connect, target, overrides, call):
    assert f"livy = {call}\n" in export("python", connect(target, overrides))


def test_python_says_what_only_this_notebook_has_set(connect):
    shown = export("python", connect(None, {"auth": {"kind": "basic", "user": "al"}}))
    assert shown.startswith("# put into a profile what %config says of auth\n")


def requested(program):
    """Run a program without its server; return the request that it makes."""
    above = program.partition("\n\nlivy = ")[0]
    names = {}
    exec(compile(above, "exported", "exec"), names)  # noqa: S102 - that is what it is for
    return names["request"]


texts = st.text(min_size=1).filter(lambda text: text.strip() and "\0" not in text)
requests_ = st.builds(
    BatchRequest,
    file=st.one_of(st.just("hdfs:///a.py"), texts.map(Code)),
    args=st.none() | st.lists(st.text(alphabet="ab '\"\\\n$é\u202e", max_size=60), max_size=9),
    py_files=st.none() | st.lists(st.sampled_from(["s3://b/x.py", "hdfs:///l.zip"]), max_size=9),
    num_executors=st.none() | st.integers(0, 9),
    conf=st.none() | st.dictionaries(st.just("spark.x"), st.text(alphabet="ab '\"\\\n")),
    extra=st.dictionaries(
        st.just("more"), st.recursive(st.none() | st.booleans() | st.integers(), st.lists)
    ),
)


@given(request=requests_)
def test_python_makes_the_very_same_request(request):
    livy = Livy(URL, staging="/staging", user="alice")
    assert requested(export("python", livy, request)) == request


@given(text=st.text(alphabet="a'\"\\\n\t\r\x0c#{é") | st.text())
@example(text='"""\n')
@example(text="'''\n\"\"\"")
@example(text='ends with "\n"')
@example(text="\\\n")
@example(text="a\\d\nb\\")
def test_code_as_a_literal_means_exactly_that_code(text):
    assert ast.literal_eval(code_literal(text)) == text


@pytest.mark.parametrize("code", [CODE, "print(1)\nprint(2)\n", "'''\nx\n'''\n", "a = '\\\\d'\n"])
def test_code_of_several_lines_reads_like_the_code(code):
    assert code in code_literal(code)


def test_python_is_formatted_as_formatters_do(livy, tmp_path):
    request = BatchRequest(
        file=Code(CODE),
        args=[*ARGS, 'x"y', "'\\'\"", "\\'a\" 'b' \"c\"", '"\'"'],
        py_files=["hdfs:///one.py"],
        jars=[f"hdfs:///{n}.jar" for n in range(20)],
        conf={"spark.a": "b"},
        extra={"more": [{"key": "v" * 60}, {"other": ["w" * 30, "x" * 30]}]},
    )
    program = tmp_path / "program.py"
    program.write_text(f"{export('python', livy, request)}\n")
    checks = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(program)]
    done = subprocess.run(checks, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


# -- spark-submit ---------------------------------------------------------------------------------


def test_spark_submit_looks_like_this(private, tmp_path):
    Path("helper.py").touch()
    request = BatchRequest(
        file=Code("print('x')"),
        args=["2026-01-01", "a b"],
        name="nightly run",
        py_files=["helper.py"],
        driver_memory="2g",
        queue="etl",
        proxy_user="bob",
        conf={"spark.sql.shuffle.partitions": 400},
    )
    assert export("spark-submit", private, request) == (
        "# what else the private Livy sets, such as a secret for Spark's ports, is left out\n"
        "app=$(mktemp -d)/nightly_run.py\n"
        "cat > \"$app\" <<'PYTHON'\n"
        "print('x')\n"
        "PYTHON\n"
        f"cd {tmp_path} && \\\n"
        "spark-submit \\\n"
        "  --master 'local[*]' \\\n"
        "  --name 'nightly run' \\\n"
        f"  --py-files {tmp_path}/helper.py \\\n"
        "  --queue etl \\\n"
        f"  --conf spark.pyspark.python={sys.executable} \\\n"
        "  --conf spark.sql.shuffle.partitions=400 \\\n"
        "  --conf spark.driver.memory=2g \\\n"
        "  \"$app\" 2026-01-01 'a b'"
    )


def test_spark_submit_gets_every_word_whatever_it_contains(livy, words):
    request = BatchRequest(
        file="hdfs:///a b.jar".replace(" ", "%20"),
        class_name="org.example.Main",
        args=ARGS,
        name="it's $x",
        jars=["hdfs:///a.jar", "s3://b/c.jar"],
        files=["hdfs:///x.csv#y"],
        archives=["hdfs:///e.tgz#env"],
        driver_cores=1,
        executor_memory="1g",
        executor_cores=3,
        num_executors=0,
        proxy_user="bob",
        conf={"spark.jars": "hdfs:///last.jar", "spark.x": 'a "b" $c', "spark.driver.cores": "9"},
    )
    _, *given, _ = words(export("spark-submit", livy, request))
    assert given == [
        *("--class", "org.example.Main"),
        *("--name", "it's $x"),
        *("--jars", "hdfs:///a.jar,s3://b/c.jar,hdfs:///last.jar"),
        *("--files", "hdfs:///x.csv#y"),
        *("--archives", "hdfs:///e.tgz#env"),
        *("--proxy-user", "bob"),
        *("--conf", 'spark.x=a "b" $c'),
        *("--conf", "spark.driver.cores=1"),
        *("--conf", "spark.executor.memory=1g"),
        *("--conf", "spark.executor.cores=3"),
        *("--conf", "spark.executor.instances=0"),
        "hdfs:///a%20b.jar",
        *ARGS,
    ]


def test_spark_submit_gets_the_code_in_a_file_that_overwrites_none(livy, words, tmp_path):
    Path("etl.py").write_text("mine")
    code = f"{CODE}text = '''\nPYTHON\nPYTHON_\n'''\n$HOME `id` \\\n"
    given = words(export("spark-submit", livy, BatchRequest(file=Code(code), name="etl")))
    application = Path(given[-2])
    assert application.name == "etl.py"
    assert application.read_text() == code
    assert Path("etl.py").read_text() == "mine"


def test_spark_submit_runs_in_the_notebooks_folder_on_the_private_livy(private, words, tmp_path):
    folder = tmp_path / "my $folder's"
    folder.mkdir()
    os.chdir(folder)  # the fixture's chdir is undone at the end
    given = words(export("spark-submit", private, BatchRequest(file="hdfs:///a.py")))
    assert given[0] == str(folder)
    assert not any("livyMagic" in word for word in given)


def test_spark_submit_reads_local_files_where_they_are(livy, words, tmp_path):
    for name in ("etl.py", "a b.csv", "c.csv"):
        Path(name).touch()
    request = BatchRequest(file="etl.py", files=["a b.csv", "c.csv#d"])
    given = words(export("spark-submit", livy, request))
    files = [f"{tmp_path.as_uri()}/a%20b.csv", f"{tmp_path}/c.csv#d"]
    assert value(given, "--files").split(",") == files
    assert given[-2] == f"{tmp_path}/etl.py"


def test_spark_submit_says_what_must_be_made_and_put_somewhere_first(livy):
    Path("package").mkdir()
    Path("package/__init__.py").touch()
    shown = export("spark-submit", livy, BatchRequest(file="hdfs:///a.py", py_files=["package"]))
    [note] = [line for line in shown.splitlines() if line.startswith("# would be staged first: ")]
    assert f"--py-files {note.split()[5]} " in shown


def test_spark_submit_says_what_it_leaves_out(livy):
    shown = export("spark-submit", livy, BatchRequest(file="hdfs:///a.py", extra={"ta\ngs": 1}))
    assert "# left out, since spark-submit does not know it: ta gs\n" in shown
    assert "# master and deploy mode are the server's to decide" in shown


def for_spark(body):
    """Return what Livy makes of a POST body: properties, and lists as one text (protocol, part 1)."""
    conf = {**body.get("conf", {}), **{key: str(body[field]) for field, key in _AS_PROPERTY.items() if field in body}}  # fmt: skip
    lists = {
        key: ",".join(value) for key, value in body.items() if key in {"jars", "files"} if value
    }
    for field, key in (("jars", "spark.jars"), ("files", "spark.files")):
        if field in lists and key in conf:
            lists[field] += f",{conf.pop(key)}"
    rest = {
        key: value for key, value in body.items() if key in {"file", "name", "className", "queue"}
    }
    return {**rest, **lists, "conf": conf, "args": body.get("args", [])}


@with_one_shell
@given(request=plain_requests)
def test_spark_submit_pasted_into_a_cell_or_a_line_is_the_same_request(shell, capsys, request):
    shell.magics_manager.registry["LivyMagics"].url = URL
    livy = Livy(URL, user="alice")
    plan = livy.plan(request)
    command = rendered("spark-submit", livy, plan)
    cells = [f"%%livy_batch --dry-run\n{command}\n"]
    pasted = command[command.index("spark-submit \\\n") :]
    if "\\n" not in json.dumps(plan.request.to_json()):  # no line can hold a word of several
        cells.append(f"%livy_submit --dry-run {pasted}")
    for cell in cells:
        shell.run_cell(cell).raise_error()
        body = json.loads(
            re.search(r"^\{\n.*^\}$", capsys.readouterr().out, re.DOTALL | re.MULTILINE)[0]
        )
        assert for_spark(body) == for_spark(plan.request.to_json())


def test_what_runs_in_the_notebooks_folder_on_the_private_livy_can_be_pasted_there(private):
    request = BatchRequest(file="hdfs:///a.py", args=["{x}"], driver_memory="2g")
    plan = private.plan(request)
    cell = parse_cell(rendered("spark-submit", private, plan))
    parsed = parse(words_of(cell.command, CELL, first=FILE), CELL, first=FILE)
    assert parsed.application()["args"] == ("{x}",)
    sent = private.plan(BatchRequest(**parsed.application())).request.to_json()
    assert for_spark(sent) == for_spark(plan.request.to_json())

"""What a Python programmer hands to the public API is taken, or answered in one line."""

import copy
import datetime as dt
import decimal
import enum
import math
import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest

from livy_magic import (
    BatchFailed,
    BatchRequest,
    Code,
    ConfigError,
    InvalidRequest,
    Livy,
    LivyError,
    Unreachable,
)

URL = "http://livy.test:8998"
VIEW = {"id": 7, "name": "nightly", "state": "running", "log": []}
ODD = [
    None, True, 0, -1, 2.5, math.nan, math.inf, 10**30, "", " ", "text", "a\0b", "\ud800", b"bytes", Path("x"), [], [None],
    ["a"], (), ("a", "b"), {"a"}, frozenset(), {}, {"a": 1}, {1: 2}, range(3), iter("ab"), object(), object, print,
    dt.timedelta(1), dt.date(2026, 1, 31), decimal.Decimal("NaN"), np.int64(2), np.float64(2), np.arange(3),
    np.array([]), np.bool_(1), enum.Enum("E", "A").A, BatchRequest(file="/a.py"), Code("x"), ValueError("x"),
]  # fmt: skip
NAMES = [f"{index}-{type(value).__name__}" for index, value in enumerate(ODD)]


@pytest.fixture
def livy(wire):
    wire.get(f"{URL}/batches/nightly", json=VIEW)
    wire.get(f"{URL}/batches/7", json=VIEW)
    wire.get(f"{URL}/batches/7/state", json=VIEW)
    wire.get(f"{URL}/batches", json={"from": 0, "total": 1, "sessions": [VIEW]})
    livy = Livy(URL)
    yield livy
    livy.close()


def taken_or_told(call):
    """Call; an error is one of ours, and tells its cause in one line of text."""
    try:
        call()
    except LivyError as error:
        cause = str(error).partition("\n")[0]
        assert 0 < len(cause) < 300


FIELDS = list(BatchRequest.__dataclass_fields__)


@pytest.mark.parametrize("value", ODD, ids=NAMES)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_takes_a_value_or_says_what_it_wants(field, value):
    taken_or_told(lambda: BatchRequest(**{"file": "/a.py", field: value}).to_json())


@pytest.mark.parametrize("value", ODD, ids=NAMES)
@pytest.mark.parametrize("name", [
    "url", "auth", "user", "staging", "staging_as", "staging_options", "defaults", "headers", "verify", "cert",
    "proxies", "timeout", "kill_timeout",
])  # fmt: skip
def test_the_constructor_takes_a_value_or_says_what_it_wants(name, value):
    taken_or_told(lambda: Livy(**{"url": URL, "staging": "memory://x", name: value}))


@pytest.mark.parametrize("value", ODD, ids=NAMES)
def test_a_method_takes_a_value_or_says_what_it_wants(value, livy, monkeypatch):
    batch = livy.batch("nightly")
    monkeypatch.setattr(batch, "look", lambda: pytest.fail("asked the server to kill"))
    is_request = isinstance(value, BatchRequest)
    for call in (
        lambda: livy.plan(value),
        lambda: None if is_request else livy.submit(value),
        lambda: livy.submit(BatchRequest(file="hdfs:///a.py"), if_exists=value),
        lambda: livy.plan(BatchRequest(file="hdfs:///a.py"), if_exists=value),
        lambda: livy.plan(BatchRequest(file="hdfs:///a.py"), stage=value),
        lambda: livy.batches(value),
        lambda: livy.batches(name=value),
        lambda: livy.batches(owner=value),
        lambda: livy.batches(limit=value),
        lambda: batch.export(value),
        lambda: batch.resubmit(file=value),
        lambda: batch.last_output(value),
        lambda: Code(value),
        lambda: livy.batch(value) if not isinstance(value, (str, int, np.integer)) else None,
        lambda: batch.on_done(value) if not callable(value) else None,
        lambda: batch.on_change(value) if not callable(value) else None,
        lambda: Livy.connect(value) if not isinstance(value, (str, type(None))) else None,
    ):
        taken_or_told(call)


@pytest.mark.parametrize(
    ("values", "body"),
    [
        ({"file": Path("/a.py")}, {"file": "/a.py"}),
        ({"jars": (Path("a.jar"), "b.jar")}, {"jars": ["a.jar", "b.jar"]}),
        ({"jars": (name for name in ["a.jar", "b.jar"])}, {"jars": ["a.jar", "b.jar"]}),
        ({"args": np.array([1, 2])}, {"args": ["1", "2"]}),
        (
            {"args": [dt.date(2026, 1, 31), Path("/x"), decimal.Decimal("1.50"), np.float64(0.5), np.bool_(1)]},
            {"args": ["2026-01-31", "/x", "1.50", "0.5", "true"]},
        ),
        ({"num_executors": np.int64(3)}, {"numExecutors": 3}),
        ({"conf": {"spark.a": np.int64(3), "spark.b": Path("/x")}}, {"conf": {"spark.a": "3", "spark.b": "/x"}}),
    ],
)  # fmt: skip
def test_neighbouring_types_become_what_livy_reads(values, body):
    assert BatchRequest(**{"file": "/a.py"} | values).to_json() == {"file": "/a.py"} | body


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda _: BatchRequest(file="/a.py", driverMemory="2g"), "BatchRequest has no field 'driverMemory'; did you mean driver_memory?"),
        (lambda _: BatchRequest(file="/a.py", className="X"), "BatchRequest has no field 'className'; did you mean class_name?"),
        (lambda _: BatchRequest(file="/a.py", drivr_memory="2g"), "BatchRequest has no field 'drivr_memory'; did you mean driver_memory?"),
        (lambda _: BatchRequest(file="/a.py", xyz=1), "BatchRequest has no field 'xyz'"),
        (lambda _: BatchRequest("/a.py"), "BatchRequest takes its fields by name: BatchRequest(file=…)"),
        (lambda _: BatchRequest(file="/a.py", jars={"a"}), "jars: {'a'} is a set, which has no order; give a list; for example udfs.jar"),
        (lambda _: BatchRequest(file="/a.py", jars=["a\0"]), "jars: entry 1 contains a NUL character, which a command line cannot contain; for example udfs.jar"),
        (lambda _: BatchRequest(file="/a.py", args=[b"x"]), "args: entry 1 is neither text nor a number; for example 2026-01-01"),
        (lambda _: BatchRequest(file="/a.py", extra=None), "extra: it must be a mapping of JSON names to values"),
        (lambda _: Code(Path("a.py")), "Code takes source text, not a PosixPath; a path is a file by itself"),
        (lambda _: Code("a\nb = '\ud800'"), "line 2 of the code holds half of a surrogate pair"),
        (lambda _: Livy("livy.example:8998"), "url: it must start with http:// or https://; for example https://livy.example.com:8998"),
        (lambda _: Livy("local"), 'url: Livy.connect("local") starts the private Livy'),
        (lambda _: Livy(URL, auth="basic"), "auth: it must be a requests auth object, or (user, password)"),
        (lambda _: Livy(URL, tiemout=3), "Livy() takes no 'tiemout'; did you mean timeout?"),
        (lambda _: Livy(URL, timeout=-1), "timeout: it must be one number of seconds, or two; for example [5, 30]"),
        (lambda _: Livy(URL, defaults={"qeue": "x"}), "unknown default 'qeue'; did you mean queue?"),
        (lambda livy: livy.submit({"file": "/a.py"}), "a dict is not a BatchRequest; for example BatchRequest(file='hdfs:///jobs/etl.py')"),
        (lambda livy: livy.submit(BatchRequest(file="hdfs:///a"), wait=30), "wait: 30 is neither True nor False; Batch.wait(seconds) waits so long"),
        (lambda livy: livy.batch(None), "None is neither the id nor the name of a batch"),
        (lambda livy: livy.batch(""), "'' is neither the id nor the name of a batch"),
        (lambda livy: livy.batches(limit=-1), "limit: -1 is not between 0 and 2147483647"),
        (lambda livy: livy.batches(["dead"]), "state: ['dead'] is not text"),
        (lambda livy: livy.batch(7).wait(math.nan), "timeout: nan is not a number of seconds"),
        (lambda livy: livy.batch(7).wait(-1), "timeout: -1 is not a number of seconds"),
        (lambda livy: livy.batch(7).wait("5"), "timeout: '5' is not a number of seconds"),
        (lambda livy: livy.batch(7).kill(timeout=-1), "timeout: -1 is not a number of seconds"),
        (lambda livy: livy.batch(7).on_done(None), "callback: a NoneType cannot be called"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_in_one_line(call, message, livy):
    with pytest.raises((InvalidRequest, ConfigError)) as caught:
        call(livy)
    assert str(caught.value) == message


def test_a_wait_takes_a_timedelta_and_any_patience(livy):
    batch = livy.batch(7)
    with pytest.raises(TimeoutError, match=r"still running after 0.01 s"):
        batch.wait(dt.timedelta(milliseconds=10))
    batch.watch.end("success")
    assert batch.wait(math.inf) is batch


def test_a_handle_names_its_batch_and_a_login_may_be_a_pair(livy, wire):
    assert livy.batch(livy.batch(np.int64(7))) is livy.batch(7)
    Livy(f"{URL}/", auth=("me", "hunter2")).client.batch(7)
    assert wire.calls[-1].request.headers["Authorization"].startswith("Basic ")


# -- copies, and other processes -----------------------------------------------------------------------


def test_a_request_is_copied_and_pickled_as_it_is():
    request = BatchRequest(
        file=Code("x = 1"), args=["a"], conf={"spark.a": "b"}, extra={"tags": {"a": 1}}
    )
    assert copy.deepcopy(request) == pickle.loads(pickle.dumps(request)) == request  # noqa: S301


@pytest.mark.parametrize("do", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_handle_is_neither_stored_nor_copied_and_says_what_to_keep(do, livy):
    with pytest.raises(LivyError) as caught:
        do(livy.batch(7))
    assert str(caught.value) == (
        "batch 7 'nightly' cannot be stored or copied, as its server keeps it current; keep 'nightly', and"
        " get it back with livy.batch('nightly')"
    )
    with pytest.raises(LivyError, match=r"a Livy stays in its process; call Livy\.connect\(\)"):
        do(livy)


def test_the_errors_arrive_whole_in_another_process(livy):
    failed = BatchFailed("batch 7 ended as dead", batch=livy.batch(7), lines=["why"])
    lost = Unreachable("no answer", request="GET x", sent=True)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        seen_failed, seen_lost = pool.map(_same, [failed, lost])
    assert (str(seen_failed), seen_failed.lines, seen_failed.batch) == (str(failed), ("why",), None)
    assert (type(seen_lost), seen_lost.request, seen_lost.sent) == (Unreachable, "GET x", True)


def _same(error):
    return error


def test_store_says_so_too(livy, shell, capsys):
    shell.user_ns["b"] = livy.batch(7)
    shell.run_cell("%load_ext storemagic\n%store b")
    assert "keep 'nightly', and get it back with livy.batch('nightly')" in capsys.readouterr().out

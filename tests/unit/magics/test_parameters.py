"""What --param takes, and that the batch gets what the notebook had."""

import base64
import datetime as dt
import enum
import math
import pickle
import subprocess
import sys
import zoneinfo
from decimal import Decimal
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.error import UsageError

from livy_magic.magics.application import application
from livy_magic.magics.parameters import assignments, param, param_value

NO_SECRET = (
    "looks like a secret, and the staged file is no place for one; let the program read it from its"
    " environment or from a secret store of the cluster; if it is none, write "
)
INSTEAD = "numbers, text, dates, paths, or lists, tuples, sets and dicts of them"


def test_a_parameter_is_the_notebooks_variable_or_a_literal():
    names = {"day": "2026-01-01", "ids": [1, (2, {"a": b"x"}), {3}, None, True, 1.5]}
    assert param("day", names) == ("day", "2026-01-01")
    assert param("ids", names) == ("ids", names["ids"])
    assert param("n=7", names) == ("n", 7)
    assert param("day=a=b", names) == ("day", "a=b")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7), ("1.5", 1.5), ("-3", -3), ("None", None), ("True", True), ("'7'", "7"), ("[1, 2]", [1, 2]),
        ("{'a': 1}", {"a": 1}), ("2026-01-01", "2026-01-01"), ("2026-10-10", "2026-10-10"), ("text", "text"),
        ("a b", "a b"), ("", ""), ("nan", "nan"), ("1e999", "1e999"), ("'\\d'", "\\d"), ("f()", "f()"),
        ("(" * 500, "(" * 500), ("1 if", "1 if"),
    ],
)  # fmt: skip
def test_a_value_is_a_python_literal_or_else_text(text, value):
    assert param_value(text) == value
    assert type(param_value(text)) is type(value)


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "secretary", "passenger", "key"])
def test_a_parameter_that_only_sounds_like_a_secret_is_taken(name):
    assert param(f"{name}=100", {}) == (name, 100)


def test_a_plus_says_that_a_parameter_is_no_secret():
    assert param("+eos_token=</s>", {}) == ("eos_token", "</s>")
    assert param("+eos_token", {"eos_token": "</s>"}) == ("eos_token", "</s>")
    text = application("--param +eos_token=</s>", "x = 1", {"eos_token": "</s>"})
    assert text.startswith("eos_token = '</s>'  # %%livy_batch --param")


class Table:
    def __repr__(self):
        return "   a  b\n0  1  2"


class Array:
    def tolist(self):
        return [1]


Colour = enum.Enum("Colour", ["RED"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dya", "--param dya: dya is not defined here"),
        ("a-b=1", "--param a-b: 'a-b' is not a variable name"),
        ("class=1", "--param class: 'class' is not a variable name"),
        ("=1", "--param : '' is not a variable name"),
        ("++a=1", "--param +a: '+a' is not a variable name"),
        ("table", f"--param table: a value of type Table cannot be written as a Python expression; pass {INSTEAD}"),
        ("nested", f"--param nested: a value of type Table cannot be written as a Python expression; pass {INSTEAD}"),
        ("array", "--param array: a value of type Array cannot be written as a Python expression; pass its .tolist()"),
        ("colour", "--param colour: a value of type Colour cannot be written as a Python expression; pass its .value"),
        ("cyclic", "--param cyclic: this list is nested too deeply, or holds itself"),
        ("deep", "--param deep: this list is nested too deeply, or holds itself"),
        ("password=hunter2", f"--param password: {NO_SECRET}+password"),
        ("API_KEY", f"--param API_KEY: {NO_SECRET}+API_KEY"),
        ("DB_PASS", f"--param DB_PASS: {NO_SECRET}+DB_PASS"),
        ("jwt=x", f"--param jwt: {NO_SECRET}+jwt"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_one_is_refused_without_its_value(text, message):
    cyclic, deep = [], []
    cyclic.append(cyclic)
    for _ in range(500):
        deep = [deep]
    names = {
        "table": Table(), "nested": [{"a": (Table(),)}], "array": Array(), "colour": Colour.RED,
        "cyclic": cyclic, "deep": deep, "API_KEY": "hunter2", "DB_PASS": "hunter2",
    }  # fmt: skip
    with pytest.raises(UsageError) as error:
        param(text, names)
    assert str(error.value) == message


def test_nothing_but_values_is_ever_staged():
    with pytest.raises(UsageError):
        application("", "x = 1", {"x": object()})


# -- what the batch gets ----------------------------------------------------------------------------

ZONES = st.sampled_from(
    [dt.timezone.utc, dt.timezone(dt.timedelta(hours=-3, minutes=-30)), dt.timezone(dt.timedelta(0, 1), "x"),
     zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("UTC")]
)  # fmt: skip
atoms = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False), st.dates(), st.datetimes(), st.datetimes(timezones=ZONES),
    st.times(), st.times(timezones=ZONES), st.timedeltas(), ZONES, st.decimals(allow_nan=False),
    st.fractions(), st.uuids(), st.builds(range, st.integers(), st.integers()),
    st.from_regex(r"[^\0]+", fullmatch=True).map(Path),
    st.from_regex(r"[^\0]+", fullmatch=True).map(PureWindowsPath),
)  # fmt: skip
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner), st.lists(inner).map(tuple), st.sets(atoms),
        st.frozensets(atoms), st.dictionaries(atoms, inner),
    ),
    max_leaves=10,
)  # fmt: skip


@pytest.fixture(scope="module")
def fresh():
    """Evaluate a line in another Python, that has imported nothing of ours; return what it defines."""
    program = (
        "import sys, base64, pickle\n"
        "for line in sys.stdin:\n"
        "    names = {}\n"
        "    exec(eval(line), names)\n"
        "    del names['__builtins__']\n"
        "    print(base64.b64encode(pickle.dumps(names)).decode(), flush=True)\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "ascii"}
    with subprocess.Popen([sys.executable, "-I", "-c", program], **pipes) as python:

        def run(source):
            python.stdin.write(f"{source!a}\n")
            python.stdin.flush()
            return pickle.loads(base64.b64decode(python.stdout.readline()))  # noqa: S301 -- our own

        yield run


@settings(max_examples=300)
@given(
    params=st.dictionaries(
        st.sampled_from(["n", "größe", "DAY", "set", "float"]), values, min_size=1
    )
)
def test_the_application_sees_the_parameters_as_they_were(fresh, params):
    text = application("", "", params)
    assert len(text.splitlines()) == 1
    seen = fresh(text)
    assert seen == params
    assert {name: type(value) for name, value in seen.items()} == {
        name: type(value) for name, value in params.items()
    }


def test_the_line_of_a_date_needs_no_import():
    assert (
        assignments({"D": dt.date(2026, 1, 31)}) == 'D = __import__("datetime").date(2026, 1, 31)'
    )


def test_a_daylight_saving_hour_that_comes_twice_stays_the_second_one(fresh):
    value = dt.datetime(2026, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1)
    seen = fresh(assignments({"n": value}))["n"]
    assert (seen.fold, seen.utcoffset()) == (1, dt.timedelta(hours=1))


@pytest.mark.parametrize("value", [math.nan, Decimal("NaN"), complex(math.nan, 1)])
def test_what_equals_nothing_is_seen_as_just_that(fresh, value):
    seen = fresh(assignments({"n": [value]}))["n"][0]
    assert type(seen) is type(value)
    assert repr(seen) == repr(value)


def test_an_integer_may_have_more_digits_than_python_prints(fresh):
    assert fresh(assignments({"n": 10**9_000}))["n"] == 10**9_000


class Level(enum.IntEnum):
    HIGH = 3


class Name(str, enum.Enum):
    A = "a"


def test_members_of_enumerations_that_are_numbers_or_text_are_written_as_that(fresh):
    assert fresh(assignments({"n": Level.HIGH, "a": Name.A})) == {"n": 3, "a": "a"}


class Zone(dt.tzinfo):
    def utcoffset(self, _):
        return dt.timedelta(hours=2)

    def dst(self, _):
        return None


def test_a_zone_of_another_library_becomes_its_offset(fresh):
    value = dt.datetime(2026, 1, 31, 12, tzinfo=Zone())
    assert fresh(assignments({"n": value}))["n"] == value


def test_scalars_of_numpy_are_written_as_pythons_own(fresh):
    for value in (
        np.float64(0.1), np.float32(0.1), np.int64(-3), np.bool_(1), np.str_("a"),
        np.datetime64("2026-01-31"), np.datetime64("2026-01-31T01:02:03.000004"),
        np.timedelta64(90, "m"),
    ):  # fmt: skip
        seen = fresh(assignments({"n": value}))["n"]
        assert seen == value
        assert type(seen).__module__ in ("builtins", "datetime")
    for value in (np.datetime64("2026-01-31T01:02:03.000000004"), np.timedelta64(5, "ns")):
        with pytest.raises(UsageError, match=r"pass a number, a text or a datetime of Python's"):
            assignments({"n": value})
    with pytest.raises(UsageError, match=r"pass its \.tolist\(\)"):
        assignments({"n": np.arange(3)})


# pandas 2 itself uses what NumPy 2.5 deprecates
@pytest.mark.filterwarnings("ignore:The 'generic' unit for NumPy timedelta")
def test_timestamps_of_pandas_are_written_where_a_datetime_is_exact(fresh):
    for value in (
        pd.Timestamp("2026-01-31 12:00"),
        pd.Timestamp("2026-01-31", tz="Asia/Tokyo"),
    ):
        assert fresh(assignments({"n": value}))["n"] == value
    assert fresh(assignments({"n": pd.Timedelta("90m")}))["n"] == dt.timedelta(minutes=90)
    with pytest.raises(UsageError, match=r"pass its \.to_pydatetime\(\)"):
        assignments({"n": pd.Timestamp(1)})
    for value in (pd.NaT, pd.NA):
        with pytest.raises(UsageError):
            assignments({"n": value})

import json
import shlex

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from livy_magic.errors import InvalidRequest
from livy_magic.magics.line import split
from livy_magic.magics.options import (
    BATCHES,
    CELL,
    FILE,
    LOCAL,
    LOG,
    SUBMIT,
    USUAL,
    WAIT,
    Parsed,
    help_text,
    parse,
)
from livy_magic.protocol import fields
from livy_magic.protocol.field_types import no_path
from livy_magic.protocol.models import BatchRequest
from livy_magic.spelling import first_typographic

# -- options


def read(line, options=SUBMIT, **how):
    how.setdefault("first", FILE if options is SUBMIT else "the first argument")
    return parse(split(line), options, **how)


def test_a_working_spark_submit_command_can_be_pasted():
    parsed = read("spark-submit --class X --conf a=b app.jar 10")
    assert parsed.application() == {
        "class_name": "X",
        "conf": {"a": "b"},
        "file": "app.jar",
        "args": ("10",),
    }


@pytest.mark.parametrize(
    "arguments",
    ["--conf a=b -o -x", "a -- --name", "--no-such-option=1", "'--out' '' 'a b'", "spark-submit"],
)
def test_what_follows_the_file_is_not_looked_at(arguments):
    parsed = read(f"--wait etl.py {arguments}")
    assert (parsed.file, parsed.rest) == ("etl.py", split(arguments))
    assert parsed.options == {"wait": True}


def test_two_dashes_end_the_options():
    parsed = read("--wait -- --date 2026-01-01 -- x")
    assert (parsed.file, parsed.rest) == ("--date", ["2026-01-01", "--", "x"])
    assert read("--wait -- --date 1", CELL).rest == ["--date", "1"]
    assert parse(split("-f -- -f"), LOG).rest == ["-f"]


def test_a_dry_run_does_not_eat_the_file():
    assert read("--dry-run etl.py") == Parsed({}, {"dry-run": "json"}, file="etl.py")
    assert read("--dry-run=curl etl.py") == Parsed({}, {"dry-run": "curl"}, file="etl.py")


def test_a_value_follows_or_is_joined_by_an_equals_sign():
    for line in ("--name nightly -o b", "--name=nightly --out=b", '--name "nightly" --out b'):
        parsed = read(f"{line} etl.py")
        assert (parsed.values, parsed.options) == ({"name": "nightly"}, {"out": "b"})
    assert read("--name=a=b x").values == {"name": "a=b"}
    assert read("--name=--wait x").values == {"name": "--wait"}
    assert read("--conf spark.driver.extraJavaOptions=-Da=b x").values == {
        "conf": {"spark.driver.extraJavaOptions": "-Da=b"}
    }


def test_conf_merges_lists_add_up_and_numbers_are_numbers():
    parsed = read(
        "--conf a=1 --conf b=2 --conf a=3 --jars a.jar,b.jar --jars c.jar --driver-cores 2 x.jar"
    )
    assert parsed.values == {
        "conf": {"a": "3", "b": "2"},
        "jars": ("a.jar", "b.jar", "c.jar"),
        "driver_cores": 2,
    }


def test_options_of_a_magic_with_a_batch_may_follow_it():
    parsed = parse(split("nightly --tail 20 -f"), LOG)
    assert parsed == Parsed({}, {"tail": 20, "follow": True}, ["nightly"])
    assert parse(split("--timeout 60 7 8"), WAIT) == Parsed({}, {"timeout": 60}, ["7", "8"])
    assert parse(split("start --ui"), LOCAL) == Parsed({}, {"ui": True}, ["start"])
    assert parse(["--name", "night*", "--mine"], BATCHES).get("name") == "night*"


def test_a_repeatable_option_keeps_every_value():
    parsed = read("--param DAY=2026-01-01 --param n x", CELL)
    assert parsed.all("param") == ["DAY=2026-01-01", "n"]
    assert read("x", CELL).all("param") == []


def test_the_line_goes_over_the_cell():
    line = read("--stage never --param a=2 x", CELL)
    cell = {"stage": "always", "wait": True, "follow": False, "param": ["a=1", "b=1"]}
    both = line.over(cell, [])
    assert both.get("stage") == "never"
    assert both.has("wait")
    assert not both.has("follow")
    assert not both.has("quiet")
    assert both.all("param") == ["a=1", "b=1", "a=2"]
    assert both.rest == line.rest == ["x"]
    assert line.options == {"stage": "never", "param": ["a=2"]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--nmae x etl.py", "unknown option --nmae; did you mean --name?"),
        ("--na x etl.py", "unknown option --na; did you mean --name?"),
        ("--pasword=hunter2 x", "unknown option --pasword; the application's own arguments come last, behind --"),
        ("-x etl.py", "unknown option -x; the application's own arguments come last, behind --"),
        ("--name", "--name needs a value: --name NAME"),
        ("--name --wait etl.py", "--name needs a value: --name NAME"),
        ("--name --conf=a=b etl.py", "--name needs a value: --name NAME"),
        ("--out -- etl.py", "--out needs a value: -o, --out NAME"),
        ("-o 2x etl.py", "--out NAME: '2x' is not a variable name"),
        ("-o class etl.py", "--out NAME: 'class' is not a variable name"),
        ("--out= etl.py", "--out NAME: '' is empty"),
        ("--wait=yes etl.py", "--wait takes no value"),
        ("--wait --wait etl.py", "--wait is given twice"),
        ("-o a --out b etl.py", "--out is given twice"),
        ("--dry-run curl etl.py", "--dry-run curl: write --dry-run=curl"),
        ("--spark.a=1 etl.py", "--spark.a is a Spark property: --conf spark.a=…"),
        ("--name a --name b etl.py", "--name is given twice"),
        ("--stage somtimes x", "--stage: 'somtimes' is none of auto, always, never"),
        ("--stage alway x", "--stage: 'alway' is none of auto, always, never; did you mean always?"),
        ("--dry-run=xml x", "--dry-run: 'xml' is none of json, curl, python, spark-submit"),
        ("--if-exists attached x", "--if-exists: 'attached' is none of fail, attach, replace, rename; did you mean attach?"),
    ],
)  # fmt: skip
def test_a_slip_in_the_line_is_explained_in_one_line(line, message):
    with pytest.raises(UsageError) as error:
        read(line)
    assert str(error.value) == message
    assert type(error.value) is UsageError  # of a subclass, IPython shows the traceback


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--tail x", "--tail N: 'x' is not a whole number"),
        ("--tail 0", "--tail N: '0' is not between 1 and 2147483647"),
        ("--tial 3", "unknown option --tial; did you mean --tail?"),
        ("--zzz", "unknown option --zzz; there are --follow, --tail, --output"),
        ("--conf a=b", "unknown option --conf; there are --follow, --tail, --output"),
    ],
)
def test_so_is_one_in_another_magics_line(line, message):
    with pytest.raises(UsageError) as error:
        parse(split(line), LOG)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--driver-memory 2x x", "driverMemory: '2x' is not a memory size: write a whole number and k, m, g or t; for example 2g"),
        ("--driver-cores two x", "driverCores: 'two' is not a whole number; for example 2"),
        ("--conf a x", "conf: 'a' is not of the form key=value, without spaces; for example spark.sql.shuffle.partitions=400"),
        ("--name= x", "name: '' is empty; for example nightly"),
        ("--name 123 x", "name: '123' is all digits, which Livy takes for a batch id; for example nightly"),
    ],
)  # fmt: skip
def test_a_bad_field_value_is_an_invalid_request(line, message):
    with pytest.raises(InvalidRequest) as error:
        read(line)
    assert str(error.value) == message


# -- help


def test_the_help_names_every_option_once_under_its_group():
    lines = help_text(CELL, first=USUAL).splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == [
        "used most:",
        "options:",
        "application:",
        "dependencies:",
        "resources:",
        "spark properties:",
        "without effect:",
    ]
    shown = [line.split("  ")[1] for line in lines if line.startswith("  ")]
    assert sorted(shown) == sorted(option.usage for option in CELL)
    assert [option.split()[0] for option in shown[:3]] == [
        "--name",
        "--wait",
        "--dry-run[=json|curl|python|spark-submit]",
    ]
    assert all(option.help in "\n".join(lines) for option in CELL)


def test_the_help_of_a_small_magic_is_small():
    assert help_text(LOG) == (
        "options:\n"
        "  -f, --follow  go on while it grows, until the batch ends\n"
        "  --tail N      only the last lines\n"
        "  --output      only what the program itself printed"
    )
    assert help_text(()) == ""


# -- from a request to a line and back

texts = st.text(min_size=1).filter(lambda text: text.strip() and "\0" not in text)
names = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1).filter(
    lambda name: name.strip() and name.isprintable() and not name.isdecimal() and not no_path(name)
)
visible = texts.filter(lambda text: not first_typographic(text))
paths = visible.filter(lambda path: path == path.strip() and "," not in path)
path_lists = st.lists(paths, min_size=1)
keys = visible.filter(lambda key: key == key.strip() and "=" not in key)
sendable = st.text().filter(lambda text: "\0" not in text)
sizes = st.from_regex(r"[1-9][0-9]{0,5}[kmgtKMGT]", fullmatch=True)
counts = st.integers(1, 2**31 - 1)
requests = st.fixed_dictionaries(
    {"file": visible},
    optional={
        "args": st.lists(sendable, min_size=1),
        "class_name": texts,
        "name": names,
        "py_files": path_lists,
        "jars": path_lists,
        "files": path_lists,
        "archives": path_lists,
        "driver_memory": sizes,
        "driver_cores": counts,
        "executor_memory": sizes,
        "executor_cores": counts,
        "num_executors": st.integers(0, 2**31 - 1),
        "queue": texts,
        "proxy_user": texts,
        "conf": st.dictionaries(keys, sendable, min_size=1),
    },
).map(lambda values: BatchRequest(**values))


def words_of(request, *, joined):
    """Return the words that make a request, as a person would type them."""
    words = []
    for flag, field in fields.BY_FLAG.items():
        value = getattr(request, field.name)
        if field.name == "conf":
            values = [f"{key}={item}" for key, item in (value or {}).items()]
        elif isinstance(value, tuple):
            values = value
        else:
            values = [] if value is None else [str(value)]
        for item in values:
            words += [f"{flag}={item}"] if joined else [flag, item]
    return [*words, "--", request.file, *(request.args or ())]


@given(requests)
def test_a_request_written_as_a_line_is_the_same_request(request):
    line = shlex.join(words_of(request, joined=True))
    parsed = parse(split(line), SUBMIT, first=FILE)
    again = BatchRequest(**parsed.application())
    assert again.to_json() == request.to_json()
    body = json.loads(json.dumps(again.to_json()))
    assert BatchRequest(**fields.read(body, where="field")) == request


@given(requests)
def test_values_may_follow_their_options_unless_they_look_like_options(request):
    words = words_of(request, joined=False)
    known = {option.flag for option in SUBMIT} | {option.short for option in SUBMIT}
    given_values = words[1 : -2 - len(request.args or ()) : 2]
    assume(not any(value.partition("=")[0] in {"--", *known} for value in given_values))
    parsed = parse(split(shlex.join(words)), SUBMIT, first=FILE)
    assert parsed.values == parse(words_of(request, joined=True), SUBMIT, first=FILE).values


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_who_looks_for_help_is_told_where_it_is(flag):
    with pytest.raises(UsageError, match=r"%livy_submit\?"):
        parse([flag], SUBMIT, first=FILE)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--param x=1", "--param is for %%livy_batch: a file has no cell to put it in"),
        ("--kill 3", "--kill is refused: use %livy_kill BATCH"),
        ("--principal=x", "run as somebody else with --proxy-user"),
    ],
)
def test_what_a_batch_cannot_have_is_refused_with_the_way(line, message):
    with pytest.raises(UsageError) as error:
        parse(split(f"{line} etl.py"), SUBMIT, first=FILE)
    assert str(error.value).endswith(message)


def test_an_unknown_option_is_named_without_the_secret_that_hangs_on_it():
    with pytest.raises(UsageError) as error:
        parse(["--password:hunter2"], SUBMIT, first=FILE)
    assert "hunter2" not in str(error.value)


OURS = ["--dry-run", "--dry-run=curl", "--wait", "--follow", "--if-exists", "--if-exists=fail"]


@pytest.mark.parametrize("word", OURS)
def test_an_option_of_ours_behind_the_file_is_refused_with_both_ways_out(word):
    with pytest.raises(UsageError) as error:
        parse(["etl.py", "x", word], SUBMIT, first=FILE)
    assert str(error.value) == (
        f"{word} stands behind FILE, where words go to the program: put it before FILE; or, if the program"
        " is to get it, put -- behind FILE"
    )
    for words in (["etl.py", "--", "x", word], ["--", "etl.py", "x", word]):
        parsed = parse(words, SUBMIT, first=FILE)
        assert (parsed.file, parsed.rest, parsed.options) == ("etl.py", ["x", word], {})
        assert parsed.notes == []


@pytest.mark.parametrize("word", OURS)
def test_so_it_is_among_the_arguments_of_a_cell(word):
    with pytest.raises(UsageError) as error:
        parse(["x", word], CELL, first="the first argument")
    assert str(error.value) == (
        f"{word} stands behind the first argument, where words go to the program: put it before the first"
        " argument; or, if the program is to get it, put -- before the first argument"
    )
    assert parse(["--", "x", word], CELL, first="the first argument").rest == ["x", word]


@pytest.mark.parametrize("word", [*OURS, "--quiet"])
def test_in_a_command_it_goes_to_the_program_which_is_told(word):
    parsed = parse(["spark-submit", "etl.py", "--", word], SUBMIT, first=FILE)
    assert (parsed.rest, parsed.options) == (["--", word], {})
    assert parsed.notes == [f"{word} goes to the program, as all that stands behind FILE does"]


def test_other_options_of_ours_behind_the_file_go_to_the_program_which_is_told():
    parsed = parse(["etl.py", "--out", "x"], SUBMIT, first=FILE)
    assert parsed.rest == ["--out", "x"]
    assert parsed.notes == ["--out goes to the program, as all that stands behind FILE does"]


def test_a_typographic_sign_in_quotes_is_no_part_of_an_options_name():
    with pytest.raises(UsageError) as error:
        parse(["--na\u200bme", "x"], SUBMIT, first=FILE)
    assert str(error.value).endswith(": U+200B is an invisible sign; delete it")

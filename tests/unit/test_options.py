import json
import shlex

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from livy_magic import fields
from livy_magic.errors import InvalidRequest
from livy_magic.magics.options import (
    BATCHES,
    CELL,
    LOCAL,
    LOG,
    SUBMIT,
    WAIT,
    Parsed,
    expand,
    help_text,
    parse,
    split,
)
from livy_magic.models import POST_FIELDS, BatchRequest

# -- words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  --wait \t etl.py  ", ["--wait", "etl.py"]),
        ("--name 'my job'", ["--name", "my job"]),
        ('--name="my job"', ["--name=my job"]),
        ("it''s a\"b c\"d", ["its", "ab cd"]),
        ("a '' \"\"", ["a", "", ""]),
        (r"C:\jobs\etl.py '\\host\share\'", ["C:\\jobs\\etl.py", "\\\\host\\share\\"]),
        (r'"say \"yes\"" "a\b"', ['say "yes"', "a\\b"]),
        (r"'{\"a\": 1}'", [r"{\"a\": 1}"]),
        ("""'{"a": [1, 2]}'""", ['{"a": [1, 2]}']),
        ("a\u00a0b", ["a", "b"]),
    ],
)
def test_a_line_is_split_as_a_shell_does_but_backslashes_stay(line, words):
    assert split(line) == words


@given(st.lists(st.text()))
def test_what_is_quoted_for_a_shell_comes_back_as_it_was(words):
    assert split(shlex.join(words)) == words


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--name 'my job", "the quote ' in column 8 is never closed"),
        ('--conf a.password="hunter2', 'the quote " in column 19 is never closed'),
        (r'"C:\jobs\"', 'the quote " in column 1 is never closed'),
    ],
)
def test_a_quote_that_is_never_closed_is_refused_without_showing_the_text(line, message):
    with pytest.raises(UsageError) as error:
        split(line)
    assert str(error.value) == message


@pytest.mark.parametrize("line", ["--name x \\", "--name x \\  ", "--name 'x \\"])
def test_a_line_cannot_be_continued(line):
    with pytest.raises(UsageError) as error:
        split(line)
    assert str(error.value) == (
        r"the line ends in a backslash; quote a word that does end in one, '…\', and put options"
        " that need more room than a %% line into its cell, `#| name: value`"
    )


# -- the notebook's variables


@pytest.mark.parametrize(
    ("word", "expanded"),
    [
        ("{day}", "2026-01-01"),
        ("$day", "2026-01-01"),
        ("${day}", "2026-01-01"),
        ("hdfs:///{day}/$n.csv", "hdfs:///2026-01-01/7.csv"),
        ("$n$n{n}", "777"),
        ("{größe}", "groß"),
        ("{text}", "{day} $n"),
        ("a{2}", "a{2}"),
        ("^a{2,3}$", "^a{2,3}$"),
        ("$1 $ {} { n }", "$1 $ {} { n }"),
        ('{"a":1}', '{"a":1}'),
        ('{"a":{"b":1}}', '{"a":{"b":1}}'),
        ('{"a":{"b":{n}}}', '{"a":{"b":7}}'),
        ("{{n}}", "{n}"),
        ("{{{n}}}", "{7}"),
        ("$$n $$$n", "$n $7"),
        ("$${{n}}", "${n}"),
        ("a{{b", "a{b"),
        ("a}}b", "a}}b"),
        ("{x²}", "{x²}"),
        ("x.$", "x.$"),
    ],
)
def test_variables_are_put_in_and_nothing_else_is_touched(word, expanded):
    names = {"day": "2026-01-01", "n": 7, "größe": "groß", "text": "{day} $n"}
    assert expand([word], names) == [expanded]


def test_a_value_with_blanks_stays_one_word():
    assert expand(split("--name {title} x"), {"title": "my 'job'"}) == ["--name", "my 'job'", "x"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("{dya}", "dya is not defined in the notebook; to mean it literally: {{dya}}"),
        ("/$HOME/x", "HOME is not defined in the notebook; to mean it literally: $$HOME"),
        ("${user}", "user is not defined in the notebook; to mean it literally: $${{user}}"),
    ],
)
def test_a_variable_that_is_not_defined_is_named(word, message):
    with pytest.raises(UsageError) as error:
        expand(["--wait", word], {"day": 1})
    assert str(error.value) == message
    literal = message.rpartition(" ")[2]
    assert expand([literal], {})[0] in word


def literally(word):
    """Escape a word so that it is left as it is."""
    escaped, unclosed, position = "", 0, 0
    while position < len(word):
        character = word[position]
        if character == "}" and unclosed:
            character, unclosed = "}}", unclosed - 1
        elif character in "{$":
            unclosed += character == "{"
            character *= 2
        escaped += character
        position += 1
    return escaped


@given(st.text(alphabet="{}$a1 \"'"))
def test_every_text_can_be_meant_literally(word):
    assert expand([literally(word)], {}) == [word]


# -- options


def read(line, options=SUBMIT, **how):
    how.setdefault("fields", True)
    return parse(split(line), options, **how)


def test_a_working_spark_submit_command_can_be_pasted():
    parsed = read("spark-submit --class X --conf a=b app.jar 10")
    assert parsed == Parsed({"class_name": "X", "conf": {"a": "b"}}, {}, ["app.jar", "10"])
    assert read("./bin/spark-submit app.jar").rest == ["app.jar"]


@pytest.mark.parametrize(
    "arguments",
    ["--conf a=b --wait -x", "-- --name", "--no-such-option=1", "'--out' '' 'a b'", "spark-submit"],
)
def test_what_follows_the_file_is_not_looked_at(arguments):
    parsed = read(f"--wait etl.py {arguments}")
    assert parsed.rest == ["etl.py", *split(arguments)]
    assert parsed.options == {"wait": True}


def test_two_dashes_end_the_options():
    parsed = read("--wait -- --date 2026-01-01 -- x")
    assert parsed.rest == ["--date", "2026-01-01", "--", "x"]
    assert parse(split("-f -- -f"), LOG).rest == ["-f"]


def test_a_dry_run_does_not_eat_the_file():
    assert read("--dry-run etl.py") == Parsed({}, {"dry-run": "json"}, ["etl.py"])
    assert read("--dry-run=curl etl.py") == Parsed({}, {"dry-run": "curl"}, ["etl.py"])


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
    both = line.over(cell)
    assert both.get("stage") == "never"
    assert both.has("wait")
    assert not both.has("follow")
    assert not both.has("quiet")
    assert both.all("param") == ["a=1", "b=1", "a=2"]
    assert both.rest == ["x"]
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
        ("-o 2x etl.py", "--out: '2x' is no variable name"),
        ("-o class etl.py", "--out: 'class' is no variable name"),
        ("--out= etl.py", "--out: '' is empty"),
        ("--wait=yes etl.py", "--wait takes no value"),
        ("--wait --wait etl.py", "--wait is given twice"),
        ("-o a --out b etl.py", "--out is given twice"),
        ("--name a --name b etl.py", "--name is given twice"),
        ("--stage somtimes x", "--stage: 'somtimes' is none of auto, always, never"),
        ("--stage alway x", "--stage: 'alway' is none of auto, always, never; did you mean always?"),
        ("--dry-run=xml x", "--dry-run: 'xml' is none of json, curl"),
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
        ("--tail x", "--tail: 'x' is not a whole number"),
        ("--tail 0", "--tail: '0' is not between 1 and 2147483647"),
        ("--tial 3", "unknown option --tial; did you mean --tail?"),
        ("--zzz", "unknown option --zzz"),
        ("--conf a=b", "unknown option --conf"),
    ],
)
def test_so_is_one_in_another_magics_line(line, message):
    with pytest.raises(UsageError) as error:
        parse(split(line), LOG)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--driver-memory 2x x", "driverMemory: '2x' is no memory size: a whole number and k, m, g or t; for example 2g"),
        ("--driver-cores two x", "driverCores: 'two' is not a whole number; for example 2"),
        ("--conf a x", "conf: 'a' is not of the form key=value; for example spark.sql.shuffle.partitions=400"),
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
    lines = help_text(CELL, fields=True).splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["options:", "application:", "dependencies:", "resources:"]
    shown = [line.split("  ")[1] for line in lines if line.startswith("  ")]
    assert shown == [
        option.usage for option in CELL
    ] + [f"{field.metadata['flag']} {field.metadata['kind'].metavar}"
         for field in POST_FIELDS if field.metadata["flag"]]  # fmt: skip
    assert all(field.metadata["help"] in help_text((), fields=True)
               for field in POST_FIELDS if field.metadata["flag"])  # fmt: skip


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
    lambda name: name.strip() and name.isprintable() and not name.isdecimal()
)
paths = texts.filter(lambda path: path == path.strip() and "," not in path)
path_lists = st.lists(paths, min_size=1)
keys = texts.filter(lambda key: key == key.strip() and "=" not in key)
sizes = st.from_regex(r"[1-9][0-9]{0,5}[kmgtKMGT]", fullmatch=True)
counts = st.integers(1, 2**31 - 1)
requests = st.fixed_dictionaries(
    {"file": texts},
    optional={
        "args": st.lists(st.text(), min_size=1),
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
        "conf": st.dictionaries(keys, st.text(), min_size=1),
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
    line = shlex.join(literally(word) for word in words_of(request, joined=True))
    parsed = parse(expand(split(line), {}), SUBMIT, fields=True)
    file, *args = parsed.rest
    again = BatchRequest(
        **fields.merged(parsed.values, {"file": file}, {"args": args} if args else {})
    )
    assert again.to_json() == request.to_json()
    body = json.loads(json.dumps(again.to_json()))
    assert BatchRequest(**fields.read(body, where="field")) == request


@given(requests)
def test_values_may_follow_their_options_unless_they_look_like_options(request):
    words = words_of(request, joined=False)
    known = {option.flag for option in SUBMIT} | set(fields.BY_FLAG) | {"-o"}
    given_values = words[1 : -2 - len(request.args or ()) : 2]
    assume(not any(value.partition("=")[0] in {"--", *known} for value in given_values))
    parsed = parse(split(shlex.join(words)), SUBMIT, fields=True)
    assert parsed.values == parse(words_of(request, joined=True), SUBMIT, fields=True).values


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_who_looks_for_help_is_told_where_it_is(flag):
    with pytest.raises(UsageError, match=r"%livy_submit\?"):
        parse([flag], SUBMIT, fields=True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--packages a:b:1", "unknown option --packages; write --conf spark.jars.packages=…"),
        (
            "--driver-class-path=x",
            "--driver-class-path; write --conf spark.driver.extraClassPath=…",
        ),
        ("--master yarn", "unknown option --master; the server decides it; leave it out"),
        ("--verbose", "unknown option --verbose; leave it out"),
        ("--properties-file x", "unknown option --properties-file; write its lines as --conf"),
        ("--keytab x", "unknown option --keytab; the server logs in; see auth in the README"),
        ("--kill 3", "unknown option --kill; use %livy_kill"),
        ("--param x=1", "--param is for %%livy_batch: a file has no cell to put it in"),
    ],
)
def test_what_spark_submit_takes_and_a_batch_does_not_is_answered_with_the_way(line, message):
    with pytest.raises(UsageError) as error:
        parse(split(f"{line} etl.py"), SUBMIT, fields=True)
    assert str(error.value).endswith(message)


def test_an_unknown_option_is_named_without_the_secret_that_hangs_on_it():
    with pytest.raises(UsageError) as error:
        parse(["--password:hunter2"], SUBMIT, fields=True)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("word", ["--dry-run", "--dry-run=curl"])
def test_a_dry_run_behind_the_file_is_refused_rather_than_submitted(word):
    with pytest.raises(UsageError) as error:
        parse(["etl.py", "x", word], SUBMIT, fields=True)
    assert str(error.value) == (
        "--dry-run stands behind FILE, so the program would get it; options come before FILE."
        " To pass it on, write -- before FILE"
    )
    with pytest.raises(UsageError, match="behind the first argument"):
        parse(["x", word], CELL, fields=True)
    assert parse(["--", "etl.py", word], SUBMIT, fields=True).rest == ["etl.py", word]

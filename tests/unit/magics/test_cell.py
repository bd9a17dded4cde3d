import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.error import UsageError

from livy_magic.errors import InvalidRequest
from livy_magic.magics.application import application
from livy_magic.magics.cell import Cell, parse_cell
from livy_magic.magics.spark_submit import command_words
from livy_magic.protocol.models import BatchRequest
from livy_magic.spelling import first_typographic

FORMS = (
    "the cell may hold Python code, below `#| name: value` options if there are any; or such options "
    "alone, with `#| file: hdfs:///jobs/etl.py`; or a spark-submit command; or one JSON object, the POST body"
)

# -- what a cell may be


def test_code_alone_is_an_application():
    assert parse_cell("print(1)\n") == Cell(code="print(1)\n")


def test_options_above_the_code_become_fields_and_options_of_the_magic():
    cell = parse_cell(
        "#| name: nightly\n"
        "#| executorMemory: 4g\n"
        "#| driver-cores: 2\n"
        "#| class: org.example.Main\n"
        "#| jars: [a.jar, b.jar]\n"
        "#| files: a.csv, b.csv\n"
        "#| conf:\n"
        "#|   spark.sql.shuffle.partitions: 400\n"
        "#| wait: true\n"
        "#| follow: off\n"
        "#| out: b\n"
        "#| if-exists: attach\n"
        "#| stage: never\n"
        "#| profile: prod\n"
        "#| dry_run: curl\n"
        "print(1)\n"
    )
    assert cell.values == {
        "name": "nightly",
        "executor_memory": "4g",
        "driver_cores": 2,
        "class_name": "org.example.Main",
        "jars": ("a.jar", "b.jar"),
        "files": ("a.csv", "b.csv"),
        "conf": {"spark.sql.shuffle.partitions": "400"},
    }
    assert cell.options == {
        "wait": True,
        "follow": False,
        "out": "b",
        "if-exists": "attach",
        "stage": "never",
        "profile": "prod",
        "dry-run": "curl",
    }
    assert cell.code.splitlines()[-1] == "print(1)"


def test_the_code_of_a_cell_keeps_its_option_lines_and_so_its_line_numbers():
    text = "\n#| name: nightly\n\nprint(1)\n"
    assert parse_cell(text).code == text


def test_blank_lines_and_comments_may_stand_between_options():
    cell = parse_cell("\n\n# who: data team\n#|name: nightly\n  \n#| queue: etl\n\nprint(1)")
    assert cell.values == {"name": "nightly", "queue": "etl"}


def test_a_mark_below_the_first_line_of_code_is_the_codes_own():
    assert parse_cell("x = '''\n#| name: nightly\n'''").values == {}


@pytest.mark.parametrize("value", ["1.50", "on", "2026-01-01", "0x10", "~", "1e3", "no", "12:30"])
def test_values_are_taken_as_they_are_written(value):
    cell = parse_cell(f"#| conf: {{spark.x: {value}}}\n#| args: [{value}]\nx = 1")
    assert cell.values == {"conf": {"spark.x": value}, "args": (value,)}


def test_args_as_one_text_are_split_like_a_line():
    assert parse_cell("#| args: --day 2026-01-01 'a b'\nx = 1").values == {
        "args": ("--day", "2026-01-01", "a b")
    }
    assert parse_cell("#| args: ['--day 1', \"'\"]\nx = 1").values == {"args": ("--day 1", "'")}


@pytest.mark.parametrize(
    ("text", "given_params"),
    [
        ("DAY=2026-01-01", ["DAY=2026-01-01"]),
        ("[DAY=2026-01-01, n]", ["DAY=2026-01-01", "n"]),
        ("{DAY: 2026-01-01, n: 1.50}", ["DAY=2026-01-01", "n=1.50"]),
    ],
)
def test_parameters_may_be_one_a_list_or_a_mapping(text, given_params):
    assert parse_cell(f"#| param: {text}\nx = 1").options == {"param": given_params}


@pytest.mark.parametrize(
    ("switch", "options"),
    [("true", {"dry-run": "json"}), ("no", {"dry-run": False}), ("curl", {"dry-run": "curl"})],
)
def test_a_dry_run_may_be_switched_or_named(switch, options):
    assert parse_cell(f"#| dry-run: {switch}\nx = 1").options == options


def test_options_alone_submit_a_file():
    cell = parse_cell("#| file: hdfs:///jobs/etl.py\n#| args: 1\n\n# tonight\n")
    assert cell == Cell(values={"file": "hdfs:///jobs/etl.py", "args": ("1",)})


def test_one_json_object_is_a_post_body():
    cell = parse_cell(
        '#| wait: true\n\n {"file": "/x.py", "driverCores": 2, "conf": {"a": 1.50}}\n'
    )
    assert cell.body == {"file": "/x.py", "driverCores": 2, "conf": {"a": "1.50"}}
    assert cell.values == {"file": "/x.py", "driver_cores": 2, "conf": {"a": "1.50"}}
    assert BatchRequest(**cell.values).to_json() == cell.body
    assert cell.options == {"wait": True}
    assert cell.code is None


# -- what a cell may not be


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", f"the cell is empty: {FORMS}"),
        ("\n \n# later\n", f"the cell is empty: {FORMS}"),
        ("#| name: x", f"the cell has options but nothing to run: {FORMS}"),
        ("#| wait: true\n\n", f"the cell has options but nothing to run: {FORMS}"),
        ("#| file: x.py\nx = 1", "the cell has code and `#| file:`; which of them is to run?"),
        ('#| name: a\n#| pyFiles: a.py\n{"file": "x"}',
         "the cell is a POST body: write name, pyFiles into it"),
        ("#| nmae: x\nx = 1", "unknown cell option nmae; did you mean name?"),
        ("#| exectorMemory: 1g\nx = 1",
         "unknown cell option exectorMemory; did you mean executorMemory?"),
        ("#| wiat: true\nx = 1", "unknown cell option wiat; did you mean wait?"),
        ("#| ttl: 1h\nx = 1", "unknown cell option ttl"),
        ("#| name: [\nx = 1", "cell options, line 2 of the cell: expected the node content, but found '<stream end>'"),
        ("\n#| name: x\n\n#| conf: a: b\nx = 1",
         "cell options, line 5 of the cell: mapping values are not allowed here; quote a value that contains ': '"),
        ("#| name: x\n#|\tqueue: y\nx = 1",
         "cell options, line 3 of the cell: a tab; YAML wants spaces"),
        ("#| name: x\n\n#| name: y\nx = 1", "cell options, line 4 of the cell: name is given twice"),
        ("#| conf:\n#|   a: 1\n#|   a: 2\nx = 1", "cell options, line 4 of the cell: a is given twice"),
        ("#| [a]: b\nx = 1", "cell options, line 2 of the cell: a name is text"),
        ("#| name: \x07\nx = 1",
         "cell options: unacceptable character #x0007: special characters are not allowed"),
        ("#| if-exists: fail\n#| if_exists: fail\nx = 1", "cell option if-exists is given twice"),
        ("#| wait\nx = 1", "cell options, line 2 of the cell: `wait` has no colon"),
        ("#| name: x\n#| executorMemory 1g\n#| queue: y\nx = 1",
         "cell options, line 3 of the cell: `executorMemory 1g` has no colon"),
        ("#| executorMemory 1g\n#| queue: y\nx = 1",
         "cell options, line 2 of the cell: `executorMemory 1g` has no colon"),
        ("#| conf:\n#|   a 1\n#|   b: 2\nx = 1", "cell options, line 3 of the cell: `a 1` has no colon"),
        ("#| password hunter2\nx = 1", "cell options, line 2 of the cell: it has no colon"),
        ("x = 1\n\n#| name: x\n",
         "line 4 of the cell: `#| …` stands below code; options come first"),
        ("#| - wait\nx = 1", "cell options are of the form `#| name: value`"),
        ("#| wait:\nx = 1", "cell option wait is either true or false, not ''"),
        ("#| wait: 2\nx = 1", "cell option wait is either true or false, not '2'"),
        ("#| out: [a, b]\nx = 1", "cell option out takes one value"),
        ("#| param: {a: [b]}\nx = 1", "cell option param takes plain values only"),
        ("#| stage: alway\nx = 1", "--stage: 'alway' is none of auto, always, never; did you mean always?"),
        ("#| out: 2b\nx = 1", "--out NAME: '2b' is not a variable name"),
        ("#| args: 'it''s'\nx = 1", "the quote ' in column 3 is never closed"),
        ('{\n "file": "x"\n "name"}', "POST body, line 4, column 2 of the cell: Expecting ',' delimiter"),
        ("#| wait: true\n\n  {'file': 'x'}", "POST body, line 4, column 4 of the cell: Expecting property name enclosed in double quotes"),
        ('{"file": "x"', "POST body, line 2, column 13 of the cell: Expecting ',' delimiter"),
        ('{"file": "x"}\n{"file": "y"}', "POST body, line 3, column 1 of the cell: Extra data"),
        ('{"file": "x", "file": "y"}', "POST body: file is given twice"),
        ('{"file": "x", "conf": {"a": "1", "a": "2"}}', "POST body: a is given twice"),
    ],
)  # fmt: skip
def test_a_slip_in_the_cell_is_explained_in_one_line(cell, message):
    with pytest.raises(UsageError) as error:
        parse_cell(cell)
    assert str(error.value).splitlines() == [str(error.value)]
    assert str(error.value).startswith(message)
    assert type(error.value) is UsageError  # of a subclass, IPython shows the traceback


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("#| executorCores: 1.5\nx = 1", "executorCores: '1.5' is not a whole number; for example 4"),
        ("#| queue:\nx = 1", "queue: '' is empty; for example etl"),
        ("#| pyFiles: a.py\n#| py-files: b.py\nx = 1", "cell option pyFiles is given twice"),
        ("{}", "file: is missing; for example hdfs:///jobs/etl.py"),
        ('{"file": "x", "className": null}', "className: is null; leave it out"),
        ('{"file": "x", "driverCores": "2"}', "driverCores: '2' is not a whole number; for example 2"),
        ('{"file": "x", "driverCores": 2.0}', "driverCores: '2.0' is not a whole number; for example 2"),
        ('{"file": "x", "jars": "a.jar"}', "jars: 'a.jar' is not a list; for example udfs.jar"),
        ('{"file": "x", "class": "X"}', "the POST body has no field 'class'; did you mean className?"),
        ('{"file": "x", "ttl": "1h"}', "the POST body has no field 'ttl'"),
    ],
)  # fmt: skip
def test_a_value_that_livy_would_reject_is_an_invalid_request(cell, message):
    with pytest.raises(InvalidRequest) as error:
        parse_cell(cell)
    assert str(error.value) == message


# -- the text to stage


def failing_line(text, filename="<cell>"):
    """Run an application; return the number of the line at which it failed, and its error."""
    try:
        exec(compile(text.encode(), filename, "exec"), {"__name__": "__main__"})  # noqa: S102
    except SyntaxError as error:
        return error.lineno, type(error)
    except Exception as error:  # noqa: BLE001 - whatever the code raises is looked at
        return error.__traceback__.tb_next.tb_lineno, type(error)
    return None


def test_the_magics_line_is_line_one_and_the_cell_follows():
    text = application("--name nightly --wait", "import sys\n1/0\n", {})
    assert text == "# %%livy_batch --name nightly --wait\nimport sys\n1/0\n"
    assert failing_line(text) == (3, ZeroDivisionError)
    assert application("", "x = 1", {}) == "# %%livy_batch\nx = 1"


def test_parameters_stand_on_line_one():
    text = application("--param n", "assert (n, t) == (7, 'a\\nb')\n1/0", {"n": 7, "t": "a\nb"})
    assert text.splitlines()[0] == r"n = 7; t = 'a\nb'  # %%livy_batch --param n"
    assert failing_line(text) == (3, ZeroDivisionError)


FUTURE = [
    ("from __future__ import annotations\n1/0", "from __future__ import annotations; n = 7"),
    (
        "'''What it does.'''\n\n# why\nfrom __future__ import annotations  # new\n1/0",
        "from __future__ import annotations; n = 7  # new",
    ),
    ("from __future__ import (\n    annotations,\n    division,\n)\n1/0", ")"),
    (
        "from __future__ import annotations; from __future__ import division; x = 1\n1/0",
        "from __future__ import annotations; from __future__ import division; n = 7; x = 1",
    ),
    (
        "from __future__ import annotations\nfrom __future__ import division\n1/0",
        "from __future__ import division; n = 7",
    ),
    ("from __future__ import \\\n  annotations\r\n1/0", "  annotations; n = 7"),
    ("from __future__ import annotations;\n1/0", "from __future__ import annotations; n = 7;"),
    (
        "'''é \x0c\x85'''; from __future__ import annotations # ü\n1/0",
        "'''é \x0c\x85'''; from __future__ import annotations; n = 7 # ü",
    ),
]


@pytest.mark.parametrize(("cell", "line"), FUTURE)
def test_parameters_go_behind_imports_from_the_future(cell, line):
    text = application("--param n", cell, {"n": 7})
    assert text.startswith("# %%livy_batch --param n\n")
    assert line in text
    assert "; n = 7" in text
    names = {}
    with pytest.raises(ZeroDivisionError):
        exec(compile(text, "<cell>", "exec"), names)  # noqa: S102
    assert names["n"] == 7
    assert failing_line(text) == failing_line(f"\n{cell}")


def test_code_that_does_not_parse_gets_its_parameters_on_line_one():
    text = application("", "from __future__ import annotations\nx = (\n", {"n": 7})
    assert text == "n = 7  # %%livy_batch\nfrom __future__ import annotations\nx = (\n"


def test_reading_the_code_warns_of_nothing():
    text = application("", "from __future__ import annotations\nx = '\\d'", {"n": 1})
    assert text.endswith("\nfrom __future__ import annotations; n = 1\nx = '\\d'")


@pytest.mark.parametrize(
    ("line", "cell"),
    [
        ("--encoding=latin-1", "assert 'é' == chr(233)\n1/0"),
        ("-- --coding: none-such", "1/0"),
        ("", "# -*- coding: latin-1 -*-\nassert 'é' == chr(233)\n1/0"),
    ],
)
def test_no_comment_changes_the_files_encoding(line, cell):
    text = application(line, cell, {})
    assert text.startswith(f"# coding: utf-8; %%livy_batch {line}".rstrip())
    assert failing_line(text) == (1 + len(cell.splitlines()), ZeroDivisionError)
    assert failing_line(application(line, cell, {"n": 1})) == failing_line(text)


def test_no_line_break_gets_into_line_one():
    text = application("a\r\nb\rc\nd\0", "1/0", {"n": "\n\r\u2028"})
    assert failing_line(text) == (2, ZeroDivisionError)


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("--conf spark.x.password=hunter2 a", "--conf 'spark.x.password=********' a"),
        ("--conf=spark.x.password=hunter2", "'--conf=spark.x.password=********'"),
        ("-- --token hunter2 x", "-- --token '********' x"),
        ("-- '--api-key=hunter2' x", "-- '--api-key=********' x"),
        ("-- --pass hunter2 x", "-- --pass '********' x"),
        ("""-- '{"password": "hunter2"}'""", """-- '{"password": "********"}'"""),
        ("-- s3://alice:hunter2@host/x", "-- 's3://********@host/x'"),
        ("--conf spark.x.password={password}", "--conf 'spark.x.password=********'"),
    ],
)
def test_no_secret_of_the_line_is_staged(line, first):
    assert application(line, "x = 1", {}) == f"# %%livy_batch {first}\nx = 1"


@pytest.mark.parametrize(
    "option",
    [
        "spark.x.password: hunter2",
        "spark.x.password:\r\n#|     hunter2",
        "spark.x: https://alice:hunter2@host/",
    ],
)
def test_no_secret_of_a_cell_option_is_staged(option):
    cell = f"#| name: n\r\n\r\n# mine\r\n#| conf:\r\n#|   {option}\r\nx = 1\r\n1/0"
    text = application("", cell, {})
    assert "hunter2" not in text
    assert text.startswith("# %%livy_batch\n#|\r\n\r\n# mine\r\n#|\r\n#|\r\n")
    assert text.count("\n") == cell.count("\n") + 1
    assert failing_line(text) == failing_line(f"\n{cell}")


def test_cell_options_without_secrets_stay():
    cell = "#| name: nightly\nx = 1"
    assert application("", cell, {}) == f"# %%livy_batch\n{cell}"


STATEMENTS = [
    "x = 1", "x = 'é\u2028\x0b'", "if x:", "    y = 2", "\ty = 3", "'''", '"""', "(", ")", "1/0", "\\", "",
    "from __future__ import annotations", "from __future__ import (annotations,", "# coding: latin-1",
    "x = '\\", "#| name: n", "#| password: x", "def f(): 1/0", "f()", "\x0c", "pass;", "import no_such",
]  # fmt: skip
printable = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))
lines = st.lists(st.sampled_from(STATEMENTS) | printable)


@pytest.mark.filterwarnings("ignore")  # Python's, of the made-up code
@settings(max_examples=300)
@given(
    lines,
    st.sampled_from(["\n", "\r\n", "\r"]),
    printable.filter(lambda line: "'" not in line and not first_typographic(line)),
    st.booleans(),
)
def test_a_traceback_points_at_the_line_that_the_user_sees(code, end, line, with_params):
    cell = end.join(code)
    notebook = f"# coding: utf-8\n{cell}"
    params = {"PARAM": "é\n"} if with_params else {}
    # '"' and a last backslash in the line are refused before
    text = application(line.replace('"', "").rstrip("\\ "), cell, params)
    assert failing_line(text) == failing_line(notebook)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_staged_file_run_by_python_says_so_too(end, tmp_path):
    path = tmp_path / "nightly.py"
    cell = end.join(["#| name: nightly", "from __future__ import annotations", "x = 'é'", "1/0"])
    path.write_bytes(application("", cell, {"n": 1}).encode())
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert f'File "{path}", line 5, in <module>' in run.stderr


def test_every_form_of_a_cell_agrees():
    """The same request as line options, cell options or a POST body."""
    as_options = parse_cell("#| file: /x.py\n#| name: n\n#| driverCores: 2\n#| conf: {a: b}")
    as_body = parse_cell('{"file": "/x.py", "name": "n", "driverCores": 2, "conf": {"a": "b"}}')
    assert as_options.values == as_body.values


@pytest.mark.parametrize("key", ["pyFiles", "py-files", "--py-files", "py_files"])
def test_a_field_has_every_spelling_in_a_cell(key):
    assert parse_cell(f"#| {key}: a.py\nx = 1").values == {"py_files": ("a.py",)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("#| args: [a, null]", "args: entry 2 is null; for example 2026-01-01"),
        ("#| conf: {spark.b: null}", "conf: spark.b is null; for example"),
        ("#| name: null", "name: is null; leave it out"),
    ],
)
def test_a_null_among_cell_options_is_refused_as_in_a_body(options, message):
    with pytest.raises(InvalidRequest) as error:
        parse_cell(f"{options}\nx = 1")
    assert str(error.value).startswith(message)


def test_a_quoted_null_is_text():
    assert parse_cell('#| args: [a, "null"]\nx = 1').values["args"] == ("a", "null")


def test_what_looks_like_an_option_within_a_text_of_several_lines_is_left_alone():
    cell = 'x = """\n#| name: y\n"""\n'
    assert parse_cell(cell) == Cell(code=cell)


# -- a spark-submit command as the cell


def test_a_cell_may_be_a_spark_submit_command_of_several_lines():
    cell = parse_cell(
        "#| wait: true\n# for the night\n$SPARK_HOME/bin/spark-submit \\\n"
        "  --class org.example.Main \\\r\n  --conf 'spark.a=b c' \\\n  C:\\jobs\\app.jar 10\n\n"
    )
    assert cell.options == {"wait": True}
    assert cell.command.startswith("\n\n\n$")  # so that line numbers are the cell's
    assert command_words(cell.command) == [
        *("$SPARK_HOME/bin/spark-submit", "--class", "org.example.Main", "--conf", "spark.a=b c"),
        *("C:\\jobs\\app.jar", "10"),
    ]


@pytest.mark.parametrize("code", ["spark_submit = 1", "spark - submit", "'spark-submit app.py'"])
def test_code_is_no_spark_submit_command(code):
    assert parse_cell(code).command is None


def test_a_cell_with_a_command_holds_nothing_else():
    with pytest.raises(UsageError) as error:
        command_words(parse_cell("spark-submit app.py\n\n# that is all\nprint(1)\n").command)
    assert str(error.value) == (
        "below the spark-submit command stands `print(1)`; every line of the command but the last ends"
        " in a backslash, and nothing else may be in the cell"
    )


def test_what_spark_submit_calls_its_options_may_be_a_cell_option():
    cell = parse_cell(
        "#| packages: [a:b:1, c:d:2]\n#| driver-java-options: -Xss4m\n#| supervise: true\n"
        "#| verbose: false\n#| master: yarn\n#| conf: {spark.jars.packages: x:y:1, spark.a: 1}\nx = 1"
    )
    assert cell.values["conf"] == {
        "spark.jars.packages": "a:b:1,c:d:2",
        "spark.a": "1",
        "spark.driver.extraJavaOptions": "-Xss4m",
        "spark.driver.supervise": "true",
    }
    assert cell.notes == ["--master has no effect: the server decides where batches run"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("#| keytab: x\nx = 1", "cell option keytab is refused: the server logs in"),
        ("#| package: x\nx = 1", "unknown cell option package; did you mean packages?"),
        (
            "#| conf:\n#| spark.a: 1\nx = 1",
            "unknown cell option spark.a; Spark properties stand below `#| conf:`, two blanks further in",
        ),
        (
            "# x\n# | wait: true\nx = 1",
            "line 3 of the cell: write `#|` without a blank or an invisible sign in it",
        ),
        (
            "#\u200b| wait: true\nx = 1",
            "line 2 of the cell: write `#|` without a blank or an invisible",
        ),
        (
            "\ufeff#| wait: true\nx = 1",
            "line 2 of the cell: write `#|` without a blank or an invisible",
        ),
        (
            "#|\u00a0wait: true\nx = 1",
            "unknown cell option \u00a0wait: U+00A0 is a no-break blank; delete it",
        ),
        (
            '{"file": "a.py", “name”: 1}',
            'POST body, line 2, column 18 of the cell: Expecting property name enclosed in double quotes; “ (U+201C) is a typographic quote; write "',
        ),
        (
            "#| supervise: maybe\nx = 1",
            "cell option supervise is either true or false, not 'maybe'",
        ),
        ("#| packages: {a: b}\nx = 1", "cell option packages takes one value"),
    ],
)
def test_so_may_be_their_mistakes(cell, message):
    with pytest.raises(UsageError) as error:
        parse_cell(cell)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("cell", ["print(1)", "spark-submit x.py"])
def test_a_line_that_names_a_file_wants_no_code(cell):
    with pytest.raises(UsageError, match=r"the cell has code and the line's etl\.py"):
        parse_cell(cell, line_file="etl.py")


def test_a_line_that_names_a_file_may_have_options_below():
    assert parse_cell("#| wait: true\n", line_file="etl.py").options == {"wait": True}

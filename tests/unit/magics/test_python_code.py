"""What no Python runs is refused before anything is staged; what compiles never is."""

import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.error import UsageError

from livy_magic import Livy
from livy_magic.magics.cell import parse_cell
from livy_magic.magics.magics import LivyMagics
from livy_magic.magics.python_code import complaint

RUN = "subprocess.run([…]) runs a program where the driver is"
PACKAGES = "packages come with --py-files, or packed with --archives"


def ipython(line, to_do):
    return f"`{line}` is IPython's, and a batch runs plain Python: {to_do}"


def shell(line):
    return f"`{line}` is for a shell, and a batch runs Python: {RUN}"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("!ls -l", "line 2 of the cell: " + ipython("!ls -l", RUN)),
        ("x = 1\nfiles = !ls\n", "line 3 of the cell: " + ipython("files = !ls", RUN)),
        ("if True:\n    !ls\n", "line 3 of the cell: " + ipython("!ls", RUN)),
        ("x = 1\n\n%pip install pandas\n", "line 4 of the cell: " + ipython("%pip install pandas", PACKAGES)),
        ("!pip install x", "line 2 of the cell: " + ipython("!pip install x", PACKAGES)),
        ("x = 1\n%time f()\n", "line 3 of the cell: " + ipython("%time f()", "leave it out")),
        ("import os\nos.path?", "line 3 of the cell: " + ipython("os.path?", "leave it out")),
        ("%%sql\nSELECT 1\n", "line 2 of the cell: " + ipython("%%sql", "a cell has one magic; leave this one out")),
        (">>> x = 1\n>>> y = 2\n", "line 2 of the cell: " + ipython(">>> x = 1", "leave it out")),
        ("  x = 1\n  y = 2\n", "line 2 of the cell: the code is indented; begin it in the first column"),
        ('s = """\n!ls\n"""\n%matplotlib inline\n', "line 5 of the cell: " + ipython("%matplotlib inline", "leave it out")),
        ("print 'old'\n!ls\n", "line 3 of the cell: " + ipython("!ls", RUN)),
        ("!export TOKEN=hunter2", f"line 2 of the cell: this is IPython's, and a batch runs plain Python: {RUN}"),
        ("export X=1\nspark-submit a.py", "line 2 of the cell: " + shell("export X=1")),
        ("app=$(mktemp -d)/x.py\ncat > $app", "line 2 of the cell: " + shell("app=$(mktemp -d)/x.py")),
        ("curl -X POST http://x\n", "line 2 of the cell: " + shell("curl -X POST http://x")),
        ("x = 1\nspark-submit a.py", "line 3 of the cell: a spark-submit command has a cell of its own, with `#|` options at most"),
        ("SELECT * FROM t", 'line 2 of the cell: `SELECT * FROM t` is SQL, and a batch runs Python: spark.sql("""…""")'),
        ("await f()", "line 2 of the cell: await outside a function is the notebook's; put the code into `async def main():`, and below it `asyncio.run(main())`"),
        ("x = 1\nasync for y in x:\n    pass", "line 3 of the cell: await outside a function is the notebook's; put the code into `async def main():`, and below it `asyncio.run(main())`"),
    ],
)  # fmt: skip
def test_what_no_python_runs_is_refused_with_its_line(code, message):
    with pytest.raises(UsageError) as error:
        parse_cell(code)
    assert str(error.value) == message
    assert "hunter2" not in str(error.value)


def test_lines_of_options_count():
    with pytest.raises(UsageError, match=r"^line 4 of the cell: `!ls`"):
        parse_cell("#| name: x\n\n!ls")
    with pytest.raises(UsageError, match=r"^line 3 of the cell: `export X=1` is for a shell"):
        parse_cell("#!/bin/bash\nexport X=1\nspark-submit a.py")


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize(
    "code",
    [
        'x = """\n!ls\n%pip install x\nx?\n%%sql\nSELECT 1\nawait y\n"""\n',
        "x = '''\n    spark-submit a.py\n'''",
        "y = 7\nx = (y\n%y)",
        "# !ls\n# %time\nx = 1",
        "def f():\n  return 1\n\n\n",
        "x = 1 #?",
        "async def f():\n    await g()",
        "ls -la",
        "if 1:\n\tx = '\\d'\n",
        "x = 'é\u00a0“'",
    ],
)
def test_what_compiles_is_never_refused(code):
    compile(code, "x", "exec")
    assert parse_cell(code).complaint is None


PIECES = ["x = 1", "!ls", "%time x", "x?", "'''", '"""', "(", ")", "x = \\", "    y = 2", "%%sql", "await x", "SELECT 1",
          "export X=1", "def f():", "# !ls", "spark-submit x", "print 'x'", "\t", "“", "é = 1", "?", "\x0c"]  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # Python's, of the made-up code
@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES)).map("\n".join))
def test_nothing_but_a_usage_error_comes_and_never_for_what_compiles(code):
    try:
        compile(code, "x", "exec", dont_inherit=True)
    except SyntaxError:
        with suppress(UsageError):
            assert complaint(code, 2)
    else:
        assert complaint(code, 2) is None


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("print 'x'", "line 2 of the cell: Missing parentheses in call to 'print'"),
        ("x = 1\nx = (\n", "line 3 of the cell: '(' was never closed"),
        ("x = '''\n!ls\n", "line 2 of the cell: unterminated triple-quoted string literal"),
        ("  y = 1\n x\n!ls 'a", "line 2 of the cell: unexpected indent"),
        ("print(“x”)", "line 2 of the cell: invalid character '“' (U+201C)"),
    ],
)
def test_what_another_python_may_know_is_told(code, told):
    assert parse_cell(code).complaint.startswith(told)


@pytest.fixture
def server(shell, tmp_path, monkeypatch):
    livy = Livy("http://livy.test", staging=str(tmp_path / "staging"))
    monkeypatch.setattr(LivyMagics, "_server", lambda magics, target=None: livy)
    yield livy
    livy.close()


BAD = "%%livy_batch --dry-run\nx = = 1"


def test_elsewhere_it_is_told_and_sent(shell, server, capsys):
    shell.run_cell(BAD).raise_error()
    first, *body = capsys.readouterr().out.splitlines()
    version = sys.version.split()[0]
    assert first == (
        f"line 2 of the cell: invalid syntax, says Python {version} here; it is sent all the same"
    )
    assert body[0] == "{"


def test_on_the_private_livy_it_is_refused(shell, server, capsys, monkeypatch):
    server.private = SimpleNamespace(submission_conf=dict)
    monkeypatch.setattr(server, "plan", lambda *_, **__: pytest.fail("was planned"))
    with pytest.raises(UsageError, match=r"^line 2 of the cell: invalid syntax$"):
        shell.run_cell(BAD).raise_error()


def test_on_the_private_livy_another_python_may_run_it(shell, server, monkeypatch):
    server.private = SimpleNamespace(submission_conf=dict)
    planned = []
    monkeypatch.setattr(server, "plan", lambda request, **_: planned.append(request))
    monkeypatch.setattr("livy_magic.magics.magics.rendered", lambda *_: "")
    shell.run_cell(
        BAD.replace("--dry-run", "--dry-run --conf spark.pyspark.python=x")
    ).raise_error()
    assert len(planned) == 1

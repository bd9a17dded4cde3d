"""A name in a magic's line means what it means to the code in which the magic stands."""

import json
import re
import textwrap
import types

import pytest
from IPython.core.error import UsageError

from livy_magic import Batch, Livy, NotFound
from livy_magic.protocol.models import BatchInfo

URL = "http://livy.test"


@pytest.fixture
def run(shell, monkeypatch, capsys):
    """Run a cell where the notebook has day, 'OLD', and some batches; return what it prints."""
    monkeypatch.setenv("LIVY_URL", URL)
    livy = Livy(URL)
    for number, name in enumerate(("b", "mine", "other")):
        batch = Batch(livy, BatchInfo(id=number, name=f"{name}-of-the-notebook", state="running"))
        shell.user_ns[name] = batch
    shell.user_ns["day"] = "OLD"

    def run(cell):
        capsys.readouterr()
        shell.run_cell(textwrap.dedent(cell)).raise_error()
        return capsys.readouterr().out

    yield run
    livy.close()


@pytest.fixture
def killed(monkeypatch):
    """The names of the batches that were killed."""
    names = []
    monkeypatch.setattr(Batch, "kill", lambda batch: names.append(batch.name))
    return names


def days(printed):
    """Return the first argument of each submission that was printed."""
    bodies = re.findall(r"^\{$.*?^\}$", printed, re.MULTILINE | re.DOTALL)
    return [json.loads(body)["args"][0] for body in bodies]


SUBMIT = "%livy_submit --dry-run hdfs:///etl.py"
CALL = "get_ipython().run_line_magic('livy_submit', '--dry-run hdfs:///etl.py {day}')"


@pytest.mark.parametrize("reference", ["{day}", "$day", "${day}"])
@pytest.mark.parametrize(
    "cell",
    {
        "a function": """
            def submit(day):
                MAGIC
            submit("NEW")
            """,
        "a function that uses it": """
            def submit():
                def inner():
                    MAGIC
                    return day
                day = "NEW"
                return inner
            submit()()
            """,
        "a function within one that runs": """
            def submit(day):
                def inner():
                    MAGIC
                inner()
            submit("NEW")
            """,
        "a loop": """
            def submit():
                for day in ["NEW"]:
                    MAGIC
            submit()
            """,
        "a loop of the notebook": """
            for day in ["NEW"]:
                MAGIC
            day = "OLD"
            """,
        "a class": """
            class Job:
                day = "NEW"
                MAGIC
            """,
        "a class in a function": """
            def submit(day):
                class Job:
                    MAGIC
            submit("NEW")
            """,
        "a method": """
            class Job:
                day = "CLASS"
                def submit(self, day):
                    MAGIC
            Job().submit("NEW")
            """,
        "an async function": """
            async def submit(day):
                MAGIC
            await submit("NEW")
            """,
        "a generator": """
            def submit(day):
                yield
                MAGIC
            list(submit("NEW"))
            """,
    }.items(),
    ids=lambda item: item[0],
)  # fmt: skip
def test_a_variable_is_the_one_where_the_magic_stands(run, cell, reference):
    assert days(run(cell[1].replace("MAGIC", f"{SUBMIT} {reference}"))) == ["NEW"]


@pytest.mark.parametrize(
    "cell",
    [
        f"[{CALL} for day in ['NEW']]",
        f"list({CALL} for day in ['NEW'])",
        f"{{1: {CALL} for day in ['NEW']}}",
        f"(lambda day: {CALL})('NEW')",
        f"(lambda day: [{CALL} for _ in [1]])('NEW')",
        f"def submit(day):\n    [{CALL} for _ in [1]]\nsubmit('NEW')",
        f"def submit(day):\n    any({CALL} for _ in [1])\nsubmit('NEW')",
        f"def submit(day):\n    (lambda: {CALL})()\nsubmit('NEW')",
        "day = 'NEW'\n%time " + SUBMIT + " {day}",
        f"exec({CALL!r}, globals(), {{'day': 'NEW'}})",
    ],
)
def test_so_it_is_where_python_has_functions_of_its_own(run, cell):
    assert days(run(cell)) == ["NEW"]


def test_a_magic_by_another_name_stands_where_that_stands(run):
    run("%alias_magic submit livy_submit")
    assert days(
        run(f"def f(day):\n    {SUBMIT.replace('livy_submit', 'submit')} {{day}}\nf('NEW')")
    ) == ["NEW"]


def test_what_a_function_does_not_have_is_the_notebooks(run):
    assert days(run(f"def f(x):\n    {SUBMIT} {{day}}\nf(1)")) == ["OLD"]


def test_pythons_own_names_are_not_meant(run):
    with pytest.raises(
        UsageError, match=r"^id is not defined here; to mean it literally: \{\{id\}\}"
    ):
        run(f"{SUBMIT} {{id}}")


def test_a_module_that_runs_a_magic_has_names_of_its_own(run, shell, killed):
    helper = types.ModuleType("helper")
    shell.user_ns["helper"] = helper
    text = """
        from IPython import get_ipython
        day = 'NEW'
        def submit():
            get_ipython().run_line_magic('livy_submit', '--dry-run hdfs:///etl.py {day}')
        def stop():
            get_ipython().run_line_magic('livy_kill', 'batch')
        """
    exec(textwrap.dedent(text), vars(helper))  # noqa: S102 -- a module without a file
    helper.batch, shell.user_ns["batch"] = shell.user_ns["mine"], shell.user_ns["other"]
    assert days(run("helper.submit()")) == ["NEW"]
    run("helper.stop()")
    assert killed == ["mine-of-the-notebook"]


# -- batches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        "def stop(b):\n    %livy_kill b\nstop(mine)",
        "def stop(b):\n    for _ in [1]:\n        %livy_kill b\nstop(mine)",
        "[get_ipython().run_line_magic('livy_kill', 'b') for b in [mine]]",
        "def stop(b):\n    [get_ipython().run_line_magic('livy_kill', 'b') for _ in [1]]\nstop(mine)",
        "(lambda b: get_ipython().run_line_magic('livy_kill', 'b'))(mine)",
        "class Stop:\n    b = mine\n    %livy_kill b",
    ],
)
def test_the_batch_that_is_killed_is_the_callers(run, killed, cell):
    run(cell)
    assert killed == ["mine-of-the-notebook"]


def test_a_variable_without_a_value_is_not_the_notebooks(run, killed, wire):
    wire.get(f"{URL}/batches/b", status=404, json={"msg": "Session 'b' not found."})
    with pytest.raises(NotFound, match="Livy knows no batch 'b'"):
        run("def stop():\n    for b in []:\n        pass\n    %livy_kill b\nstop()")
    assert killed == []


def test_so_it_is_wherever_a_word_may_be_a_variable(run, shell, monkeypatch):
    asked = []
    monkeypatch.setattr(Batch, "log", lambda batch: asked.append(batch.name) or [])
    monkeypatch.setattr(Batch, "key", property(lambda batch: asked.append(batch.name)))
    monkeypatch.setattr(
        "livy_magic.magics.magics.wait",
        lambda batches, _: asked.extend(one.name for one in batches),
    )
    run("def f(b):\n    %livy_log b\n    %livy_wait b\nf(mine)")
    with pytest.raises(UsageError, match="b is not in the history"):
        run("def f(b):\n    %livy_history --forget b\nf(mine)")
    assert set(asked) == {"mine-of-the-notebook"}
    assert len(asked) >= 3


# -- the cell magic -----------------------------------------------------------------------------------

CELL = "get_ipython().run_cell_magic('livy_batch', '--dry-run=python {options}', 'print(day)')"


@pytest.mark.parametrize(
    "where",
    [
        "def f(day):\n    {}\nf('NEW')",
        "(lambda day: {})('NEW')",
        "[{} for day in ['NEW']]",
        "def f(day):\n    [{} for _ in [1]]\nf('NEW')",
    ],
)
def test_the_cell_magic_takes_the_callers_variables(run, monkeypatch, tmp_path, where):
    monkeypatch.setenv("LIVY_STAGING", str(tmp_path / "staging"))
    codes = []
    monkeypatch.setattr(
        "livy_magic.magics.magics.Code", lambda text: codes.append(text) or "hdfs:///x.py"
    )
    printed = run(where.replace("{}", CELL.replace("{options}", "--name run-{day} --param day")))
    assert "run-NEW" in printed
    assert codes[0].startswith("day = 'NEW'")


def test_a_batch_is_bound_in_the_notebook_wherever_the_magic_stands(run, shell, wire):
    wire.get(f"{URL}/batches/nightly", status=404, json={"msg": "no"})
    wire.post(f"{URL}/batches", status=201, json={"id": 7, "name": "nightly", "state": "dead"})
    run("def f():\n    %livy_submit --quiet --name nightly -o bound hdfs:///etl.py\nf()")
    assert shell.user_ns["bound"].id == 7


@pytest.mark.parametrize("cell", [f"{SUBMIT} {{dya}}", "%%livy_batch --param dya\nprint(1)"])
def test_what_is_defined_nowhere_is_refused(run, cell):
    with pytest.raises(UsageError, match="dya is not defined here"):
        run(cell)


def test_a_variable_of_a_comprehension_is_not_one_of_its_function(run):
    cell = f"def f():\n    [day for day in [1]]\n    [{CALL} for day in ['NEW']]\nf()"
    assert days(run(cell)) == ["NEW"]

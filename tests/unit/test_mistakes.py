"""What a new user does wrong, and what a real IPython shell then shows: cause first, then what to do."""

import re

import pytest
import responses

URL = "http://livy.test:8998"
WHERE = "(looked in FOLDER)"
HTML = {"content_type": "text/html"}
BATCH = {"id": 7, "name": "nightly", "state": "running", "log": [], "appInfo": {}}


@pytest.fixture
def shown(shell, tmp_path, monkeypatch, capsys):
    """Run a cell on a server that is configured, and return the lines that appear under it."""
    monkeypatch.setenv("LIVY_URL", URL)
    monkeypatch.setenv("LIVY_STAGING", str(tmp_path / "staging"))
    for name in ("job.py", "my job.py", "notes.ipynb", "data/in.csv", "pkg/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("print('ran')\n")
    capsys.readouterr()

    def run(cell):
        shell.run_cell(cell)
        text = re.sub(r"\x1b\[[\d;]*m", "", "".join(capsys.readouterr()))  # colours
        return text.replace(str(tmp_path), "FOLDER").splitlines()

    return run


MISTAKES = {
    # -- options of the line
    "%livy_submit": "UsageError: %livy_submit needs a FILE: %livy_submit [options] FILE [arguments …]",
    "%livy_submit --executer-memory 2g job.py": "UsageError: unknown option --executer-memory; did you mean --executor-memory?",
    "%livy_submit --executor_memory 2g job.py": "UsageError: unknown option --executor_memory; did you mean --executor-memory?",
    "%livy_submit --executorMemory 2g job.py": "UsageError: unknown option --executorMemory; did you mean --executor-memory?",
    "%livy_submit -name nightly job.py": "UsageError: unknown option -name; did you mean --name?",
    "%livy_submit --dry job.py": "UsageError: unknown option --dry; did you mean --dry-run?",
    "%livy_submit --spark.executor.memory=2g job.py": "UsageError: --spark.executor.memory is a Spark property: --conf spark.executor.memory=…",
    "%livy_submit --wait=true job.py": "UsageError: --wait takes no value",
    "%livy_submit --name": "UsageError: --name needs a value: --name NAME",
    "%livy_submit --dry-run curl job.py": "UsageError: --dry-run curl: write --dry-run=curl",
    "%livy_submit --dry-run=yaml job.py": "UsageError: --dry-run: 'yaml' is none of json, curl, python, spark-submit",
    "%livy_submit --if-exists overwrite job.py": "UsageError: --if-exists: 'overwrite' is none of fail, attach, replace, rename",
    "%livy_submit --help": "UsageError: a magic's name and a question mark show its help: %livy_submit?",
    "%livy_submit -o 1st job.py": "UsageError: --out NAME: '1st' is not a variable name",
    "%livy_submit --param DAY=1 job.py": "UsageError: --param is for %%livy_batch: a file has no cell to put it in",
    "%livy_submit --keytab x job.py": "UsageError: --keytab is refused: the server logs in to Kerberos itself, and a keytab should not travel",
    "%%livy_batch\nx = 1\ny = '\0'": "UsageError: line 3 of the cell: delete the NUL character; no Python source has one",
    "%livy_wait --timeout 5m": "UsageError: which batch? None was submitted here yet: give an id or a name",
    # -- values
    "%livy_submit --executor-memory 2.5g job.py": "InvalidRequest: executorMemory: '2.5g' is not a memory size: write a whole number and k, m, g or t; for example 4g",
    "%livy_submit --conf spark.a\u200b=1 job.py": "UsageError: column 15: U+200B is an invisible sign; delete it, or put straight quotes around a word that is to have it",
    "%livy_submit --conf 'spark.a\u200b=1' job.py": "InvalidRequest: conf: the property name 'spark.a\\u200b': U+200B is an invisible sign; delete it; for example spark.sql.shuffle.partitions=400",
    "%livy_submit --jars 'a\u200b.jar' job.py": "InvalidRequest: jars: entry 1 has an invisible sign, U+200B; delete it; for example udfs.jar",
    "%livy_submit 'job\u200b.py'": "InvalidRequest: file: 'job\\u200b.py' has an invisible sign, U+200B; delete it; for example hdfs:///jobs/etl.py",
    "%livy_submit --executor-cores four job.py": "InvalidRequest: executorCores: 'four' is not a whole number; for example 4",
    "%livy_submit --num-executors -1 job.py": "InvalidRequest: numExecutors: '-1' is not between 0 and 2147483647; for example 10",
    "%livy_submit --conf spark.a = b job.py": "InvalidRequest: conf: 'spark.a' is not of the form key=value, without spaces; for example spark.sql.shuffle.partitions=400",
    "%livy_submit --conf spark.a:b job.py": "InvalidRequest: conf: 'spark.a:b' is not of the form key=value, without spaces; for example spark.sql.shuffle.partitions=400",
    "%livy_submit --name 2026 job.py": "InvalidRequest: name: '2026' is all digits, which Livy takes for a batch id; for example nightly",
    "%livy_submit --py-files a.py, b.py job.py": "UsageError: --py-files: there is a blank between a.py, and b.py; leave it out",
    # -- quoting and variables
    "%livy_submit --name 'nightly job.py": "UsageError: the quote ' in column 8 is never closed",
    "%livy_submit my job.py": "InvalidRequest: file: no such file: my; quote the name: 'my job.py'",
    r"%livy_submit my\ job.py": "InvalidRequest: file: no such file: my\\; quote the name: 'my job.py'",
    "%livy_submit {folder}/job.py": "UsageError: folder is not defined here; to mean it literally: {{folder}}",
    "%livy_submit spark-submit job.py > out.log 2>&1 &": "UsageError: > in column 21 is for a shell, and none runs here; leave it out (a batch runs in the background anyway), or quote it if the program should get it",
    "%livy_submit spark-submit job.py $(date)": "UsageError: $( in column 21 is for a shell, and none runs here; put what it stands for into a variable of the notebook, {name}; in single quotes it is text",
    "%livy_submit —wait job.py": "UsageError: column 1: — (U+2014) is a typographic dash; write --, or put straight quotes around a word that is to have it",
    "%livy_submit --name “x” job.py": 'UsageError: column 8: “ (U+201C) is a typographic quote; write ", or put straight quotes around a word that is to have it',
    "%livy_submit job.py --dry-run": "UsageError: --dry-run stands behind FILE, where words go to the program: put it before FILE; or, if the program is to get it, put -- behind FILE",
    "%livy_submit job.py {folder.name}": "UsageError: folder is not defined here; to mean it literally: {{folder.name}}",
    "%livy_submit --properties-file night.conf job.py": "UsageError: --properties-file: cannot read night.conf: No such file or directory",
    # -- paths
    "%livy_submit jobb.py": f"InvalidRequest: file: no such file: jobb.py {WHERE}; did you mean job.py?",
    "%livy_submit data": "InvalidRequest: file: data is a folder",
    "%livy_submit notes.ipynb": [
        "InvalidRequest: file: notes.ipynb is a notebook, not a program",
        "Make it one: jupyter nbconvert --to script",
    ],
    "%livy_submit --jars data job.py": "InvalidRequest: jars: data is a folder; write data/*.jar",
    "%livy_submit --py-files data job.py": "InvalidRequest: pyFiles: nothing in FOLDER/data can be imported: it has no .py file",
    r"%livy_submit C:\jobs\etl.py": rf"InvalidRequest: file: no such file: C:\jobs\etl.py {WHERE}",
    "%%livy_batch --stage never\nprint(1)": [
        "StagingError: a cell's code must be staged, but staging is off",
        "Leave out --stage never, or save the code as a file that Livy can read.",
    ],
    # -- the cell
    "%%livy_batch\n#| conf:\n#| spark.a: 1\nprint(1)": "UsageError: unknown cell option spark.a; Spark properties stand below `#| conf:`, two blanks further in",
    "%%livy_batch\n#| conf:\n#|\tspark.a: 1\nprint(1)": "UsageError: cell options, line 3 of the cell: a tab; YAML wants spaces",
    "%%livy_batch\n#| executorMemory=2g\nprint(1)": "UsageError: cell options, line 2 of the cell: `executorMemory=2g` has no colon: `#| name: value`",
    "%%livy_batch\n#| executorMemry: 2g\nprint(1)": "UsageError: unknown cell option executorMemry; did you mean executorMemory?",
    "%%livy_batch\n# | wait: true\nprint(1)": "UsageError: line 2 of the cell: write `#|` without a blank or an invisible sign in it",
    "%%livy_batch\nprint(1)\n#| wait: true\n": "UsageError: line 3 of the cell: `#| …` stands below code; options come first",
    "%%livy_batch\n#| wait: maybe\nprint(1)": "UsageError: cell option wait is either true or false, not 'maybe'",
    "%%livy_batch\n#| file: job.py\nprint(1)": "UsageError: the cell has code and `#| file:`; which of them is to run?",
    "%%livy_batch --param password=x\nprint(1)": "UsageError: --param password: looks like a secret, and the staged file is no place for one; let the program read it from its environment or from a secret store of the cluster; if it is none, write +password",
    "%%livy_batch --param day\nprint(1)": "UsageError: --param day: day is not defined here",
    "%%livy_batch --param get_ipython\nprint(1)": "UsageError: --param get_ipython: a value of type method cannot be written as a Python expression; pass numbers, text, dates, paths, or lists, tuples, sets and dicts of them",
    '%%livy_batch\n{"file": "job.py", "executor_memory": "2g"}': "InvalidRequest: the POST body has no field 'executor_memory'; did you mean executorMemory?",
    '%%livy_batch\n{"file": "job.py", "kind": "pyspark"}': "InvalidRequest: the POST body has no field 'kind'",
    '%%livy_batch\n{"file": "job.py", "numExecutors": "4"}': "InvalidRequest: numExecutors: '4' is not a whole number; for example 10",
    "%%livy_batch\n{'file': 'job.py'}": "UsageError: POST body, line 2, column 2 of the cell: Expecting property name enclosed in double quotes",
    "%%livy_batch spark-submit \\\n  --conf a=b \\\n  job.py": r"UsageError: the line ends in a backslash; quote a word that does end in one, '…\', and delete a blank behind one where the line goes on. A %% line cannot be continued: options go into its cell, `#| name: value`, and so does a spark-submit command",
    "%%livy_batch\n#| wait\u200b: true\nprint(1)": "UsageError: unknown cell option wait\u200b: U+200B is an invisible sign; delete it",
    "%%livy_batch\nspark-submit \\ \n  job.py": "UsageError: line 2: a blank stands behind the backslash at its end; delete it, so that the command goes on",
    # -- batches and servers
    "%livy_wait": "UsageError: which batch? None was submitted here yet: give an id or a name",
    "%livy_local restart": "UsageError: %livy_local does not know 'restart'; did you mean start?",
    "%livy_log nightly 3": "UsageError: what is '3'? There is one argument too many",
    "%livy_submit --profile prod job.py": "ConfigError: no profile is called 'prod' (named explicitly; no livy_magic.yaml defines a profile)",
    "%livy_connect livy.example.org:8998": "ConfigError: there is no profile 'livy.example.org:8998'; for a URL, write http://livy.example.org:8998 (named explicitly)",
    "%livy_connect ftp://livy.example.org": "ConfigError: named explicitly: url: it must start with http:// or https://; for example https://livy.example.com:8998",
    "%livy_connect http://alice:hunter2@livy.example.org": [
        "ConfigError: named explicitly: a password in a URL is refused, because anyone could read it there",
        "With https://USER@HOST you are asked for it; or name its place in a profile, or set LIVY_PASSWORD.",
    ],
    "%livy_connect http://127.0.0.1:1": "Unreachable: GET http://127.0.0.1:1/version: cannot connect: [Errno 111] Connection refused; is the server up, and the address right?",
}  # fmt: skip


@pytest.mark.parametrize("cell", MISTAKES)
def test_a_mistake_is_answered_in_a_line_or_two(cell, shown):
    expected = MISTAKES[cell]
    assert shown(cell) == (expected if isinstance(expected, list) else [expected])


ANSWERS = {
    "401": (
        {"status": 401, "body": "<html><title>Error 401</title></html>", **HTML},
        "The server requires authentication: set `auth`.",
    ),
    "403": (
        {"status": 403, "body": "<html><title>Error 403</title></html>", **HTML},
        "The server does not permit this, or does not accept the credentials.",
    ),
    "a wrong path": (
        {"status": 404, "body": "<html><title>Not here</title></html>", **HTML},
        "There is no Livy at this address: check the URL's path.",
    ),
    "a login page": (
        {"status": 200, "body": "<html><title>Sign in</title></html>", **HTML},
        "There may be a login page or a proxy in front of Livy: check the URL and `auth`.",
    ),
    "a redirect": (
        {"status": 302, "headers": {"Location": "https://sso.test/login"}},
        "It redirects to https://sso.test/login: use the URL at which Livy itself answers.",
    ),
}


@responses.activate
@pytest.mark.parametrize("name", ANSWERS)
def test_a_server_that_does_not_answer_as_livy_does_is_told_in_two_lines(name, shown):
    answer, advice = ANSWERS[name]
    responses.get(f"{URL}/batches", **answer)
    cause, what_to_do = shown("%livy_batches")
    assert what_to_do == advice
    assert f"GET {URL}/batches" in cause


@responses.activate
def test_a_batch_that_livy_does_not_know_is_told_with_what_it_may_be(shown):
    responses.get(f"{URL}/batches/nightly", json=BATCH)
    responses.get(
        f"{URL}/batches/nihgtly", status=404, json={"msg": "Session 'nihgtly' not found."}
    )
    responses.get(f"{URL}/batches/7", json={"id": 7, "state": "success"})
    responses.get(f"{URL}/batches/7/log", json={"id": 7, "from": 0, "total": 0, "log": []})
    shown("import livy_magic\nb = livy_magic.Livy.connect()\n%livy_log nightly")
    cause, what_to_do = shown("%livy_log nihgtly")
    assert cause == "NotFound: Livy knows no batch 'nihgtly'; did you mean nightly?"
    assert what_to_do == (
        "It forgets one about ten minutes after its end, or when it is killed; %livy_batches lists those"
        " it knows."
    )


@responses.activate
def test_a_state_that_no_batch_is_in_may_be_a_slip(shown):
    responses.get(f"{URL}/batches", json={"from": 0, "total": 1, "sessions": [BATCH]})
    assert shown("%livy_batches --state runing")[0] == "no batch is 'runing'; did you mean running?"

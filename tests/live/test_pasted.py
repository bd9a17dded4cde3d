"""A spark-submit command, pasted as it stands, on the real Livy with real Spark."""

import json

import pytest

from livy_magic import Batch

pytestmark = pytest.mark.livy

PROGRAM = """
import json, sys
from pyspark.sql import SparkSession
conf = dict(SparkSession.builder.getOrCreate().sparkContext.getConf().getAll())
print(json.dumps({"args": sys.argv[1:], "conf": conf}))
"""


@pytest.fixture
def seen(shell, tmp_path):
    """Run a cell that submits PROGRAM, and return what reached it."""
    (tmp_path / "job.py").write_text(PROGRAM)
    (tmp_path / "night.conf").write_text("spark.of.file both\nspark.of.both file\nlog.level x\n")

    def run(text):
        result = shell.run_cell(text)
        result.raise_error()
        assert isinstance(result.result, Batch)
        return json.loads(result.result.wait().output()[-1])

    return run


def test_a_command_continued_over_lines_behind_the_magic(seen, capsys):
    reached = seen(
        "%livy_submit $SPARK_HOME/bin/spark-submit \\\n  --master yarn --deploy-mode cluster \\\n"
        "  --conf spark.a='x y' --conf=spark.b=1=2 --properties-file night.conf \\\n"
        "  --conf spark.of.both=line --driver-java-options -Dof.mine=1 \\\n"
        r"  --driver-memory 640m job.py --conf 'a b' C:\x --dry-runs"
    )
    assert reached["args"] == ["--conf", "a b", r"C:\x", "--dry-runs"]
    conf = reached["conf"]
    assert conf["spark.a"] == "x y"
    assert conf["spark.b"] == "1=2"
    assert (conf["spark.of.file"], conf["spark.of.both"]) == ("both", "line")
    assert conf["spark.driver.extraJavaOptions"].endswith("-Dof.mine=1")
    assert conf["spark.driver.memory"] == "640m"
    assert conf["spark.master"].startswith("local")
    notes = capsys.readouterr().out
    assert "--master has no effect: the server decides where batches run\n" in notes
    assert "--deploy-mode has no effect: the server decides where drivers run\n" in notes
    assert "night.conf: log.level are not Spark properties, so they are left out\n" in notes


def test_a_command_in_the_cell(seen):
    reached = seen(
        "%%livy_batch --name pasted --if-exists rename\n#| conf: {spark.a: cell, spark.c: cell}\n"
        "spark-submit \\\n  --conf spark.a=command \\\n  --driver-memory 640m \\\n  job.py 1 2\n"
    )
    assert reached["args"] == ["1", "2"]
    assert (reached["conf"]["spark.a"], reached["conf"]["spark.c"]) == ("command", "cell")
    assert reached["conf"]["spark.app.name"] == "pasted"


def test_a_command_on_the_line_above_code(seen):
    reached = seen(f"%%livy_batch spark-submit --conf spark.a=line 10\n{PROGRAM}")
    assert reached["args"] == ["10"]
    assert reached["conf"]["spark.a"] == "line"


def test_a_line_that_cannot_be_continued_says_where_the_command_goes(shell, capsys):
    result = shell.run_cell("%%livy_batch spark-submit \\\n  --conf spark.a=1 \\\n  job.py\n")
    assert "and so does a spark-submit command" in str(result.error_in_exec)

"""Each form of a submission, run for real, gives Spark what the submission itself gives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from plain_java import plain_java_home

from livy_magic import BatchRequest, Code, Livy
from livy_magic.export import rendered
from livy_magic.local.java import require_spark

pytestmark = pytest.mark.livy

ROOT = Path(__file__).parents[2]

PROBE = r'''
"""What a batch finds: it's printed as "JSON".\n"""
import json, os, sys
from pyspark.sql import SparkSession
import helper

spark = SparkSession.builder.getOrCreate()
found = {"args": sys.argv[1:], "folder": os.getcwd(), "helper": helper.GREETING}
found["conf"] = dict(spark.sparkContext.getConf().getAll())
print("\x46OUND" + json.dumps(found))
'''

REQUEST = BatchRequest(
    file=Code(PROBE),
    args=["2026-01-01", "a b", "it's", '"$HOME" `id` $(id)', "--limit", "ünï ✓", "back\\slash"],
    name="it's $exported é",
    py_files=["helper.py"],
    files=["lookup.csv"],
    driver_memory="640m",
    executor_memory="512m",
    num_executors=3,
    queue="etl",
    conf={"spark.sql.shuffle.partitions": 7, "spark.livyMagic.test": "a=b 'c' \"$d\" é"},
)

# Spark counts, times or draws these for each application anew.
OF_A_RUN = {"spark.app.id", "spark.app.startTime", "spark.app.submitTime", "spark.driver.port"}
# The private Livy's own defaults, with which it keeps others on the machine out.
OF_THE_SERVER = {
    "spark.authenticate",
    "spark.driver.bindAddress",
    "spark.driver.host",  # set there, and found by Spark itself elsewhere
    "spark.local.dir",
    "spark.pyspark.driver.python",
    "spark.ui.enabled",
}
# Where a file lies is the form's business: the staged copy, or the file itself.
PATHS = {
    "spark.files",
    "spark.submit.pyFiles",
    "spark.app.initial.file.urls",
}


def found(lines):
    [line] = [line for line in lines if line.startswith("FOUND")]
    found = json.loads(line.removeprefix("FOUND"))
    conf = {
        key: value for key, value in found["conf"].items() if key not in OF_A_RUN | OF_THE_SERVER
    }
    for key in PATHS & conf.keys():
        conf[key] = sorted(Path(path).name for path in conf[key].split(","))
    return found | {"conf": conf}


@pytest.fixture
def start(tmp_path):
    """Start a command beside the test, which it does not outlive."""
    with ExitStack() as processes:

        def start(*command, **variables):
            process = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield start


def output(process):
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out


@pytest.fixture
def livy(as_default, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("helper.py").write_text("GREETING = 'hé'")
    Path("lookup.csv").write_text("a,b\n")
    livy = Livy.connect("local")
    yield livy
    livy.close()


def test_curl_python_and_spark_submit_do_what_the_submission_does(livy, start, tmp_path):
    plan = livy.plan(REQUEST, if_exists="rename")
    curl, python, spark_submit = (
        rendered(form, livy, plan) for form in ("curl", "python", "spark-submit")
    )
    spark = require_spark()
    by_spark = start(
        *("/bin/sh", "-c", spark_submit),
        PATH=f"{spark.home / 'bin'}:{os.environ['PATH']}",
        JAVA_HOME=str(plain_java_home(tmp_path)),
        SPARK_LOCAL_IP="127.0.0.1",
    )
    own = livy.submit(REQUEST)
    expected = found(own.wait(240).output())
    own.kill()  # so that its name is free again

    answer = json.loads(output(start("/bin/sh", "-c", curl)))
    by_python = start(sys.executable, "-c", f"{python}\nprint(*batch.output(), sep='\\n')")
    by_curl = livy.batch(answer["id"])

    assert expected["args"] == list(REQUEST.args)
    assert found(by_curl.wait(240).output()) == expected
    assert found(output(by_spark).splitlines()) == expected
    of_python = found(output(by_python).splitlines())
    assert of_python["conf"].pop("spark.app.name").startswith(f"{REQUEST.name}-")  # renamed
    del expected["conf"]["spark.app.name"]
    assert of_python == expected

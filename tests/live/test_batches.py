"""The Python API on the real Livy with the real Spark."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import zipfile

import pytest

from livy_magic import (
    BatchFailed,
    BatchGone,
    BatchRequest,
    Code,
    InvalidRequest,
    Livy,
    LivyError,
    NotFound,
    NotSubmitted,
    StagingError,
    WaitTimeout,
    local,
)

pytestmark = pytest.mark.livy

# Prints, as JSON, what a batch finds when it runs. Only strings of Spark's own conf.
PROBE = """
import json, sys, os
from pyspark.sql import SparkSession
from pyspark import SparkFiles
import helper, zipped

spark = SparkSession.builder.getOrCreate()
print("FOUND" + json.dumps({
    "conf": dict(spark.sparkContext.getConf().getAll()),
    "args": sys.argv[1:],
    "user": spark.sparkContext.sparkUser(),
    "helper": helper.GREETING + zipped.GREETING,
    "file": open(SparkFiles.get("lookup.csv")).read(),
    "in_executor": spark.sparkContext.parallelize([1], 1).map(lambda _: helper.GREETING).first(),
    "jars": [os.path.basename(jar) for jar in spark.conf.get("spark.jars").split(",")],
}))
"""


@pytest.fixture
def livy(as_default):
    livy = Livy.connect("local")
    yield livy
    livy.close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_jar(path):
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    return path.name


def test_every_field_reaches_the_running_application(livy, folder):
    (folder / "helper.py").write_text("GREETING = 'hé'")
    (folder / "lookup.csv").write_text("a,b\n")
    with zipfile.ZipFile(folder / "lib.zip", "w") as archive:
        archive.writestr("zipped.py", "GREETING = 'llo'")
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        archive.writestr("inner.txt", "x")
    batch = livy.submit(
        BatchRequest(
            file=Code(PROBE),
            args=["2026-01-01", "--deep", "ünï cödé", "a b", "{}"],
            name="every field é/1",
            py_files=["helper.py", "lib.zip"],
            jars=[write_jar(folder / "udfs.jar")],
            files=["lookup.csv"],
            archives=["data.zip#data"],
            driver_memory="640m",
            driver_cores=1,
            executor_memory="512m",
            executor_cores=2,
            num_executors=3,
            queue="etl",
            conf={"spark.sql.shuffle.partitions": 7, "spark.livyMagic.test": "a=b c"},
        )
    )
    [line] = [line for line in batch.wait(240).output() if line.startswith("FOUND")]
    found = json.loads(line.removeprefix("FOUND"))
    conf = found["conf"]
    assert found["args"] == ["2026-01-01", "--deep", "ünï cödé", "a b", "{}"]
    assert found["helper"] == "héllo"
    assert found["in_executor"] == "hé"
    assert found["file"] == "a,b\n"
    assert "udfs.jar" in found["jars"]
    expected = {
        "spark.app.name": "every field é/1",
        "spark.driver.memory": "640m",
        "spark.driver.cores": "1",
        "spark.executor.memory": "512m",
        "spark.executor.cores": "2",
        "spark.executor.instances": "3",
        "spark.sql.shuffle.partitions": "7",
        "spark.livyMagic.test": "a=b c",
        "spark.pyspark.python": sys.executable,
    }
    assert {key: conf.get(key) for key in expected} == expected
    assert conf["spark.archives"].endswith("/data.zip#data")
    assert livy.batch("every field é/1").id == batch.id


def test_a_java_class_of_a_jar_runs_by_its_name(livy, folder):
    write_jar(folder / "empty.jar")
    request = BatchRequest(file="empty.jar", class_name="org.apache.spark.examples.NoSuchMain")
    with pytest.raises(BatchFailed, match="NoSuchMain"):
        livy.submit(request).wait(120)


def test_output_is_the_programs_own_and_the_log_has_both(livy):
    code = Code(
        "import sys\nfrom pyspark.sql import SparkSession\n"
        "SparkSession.builder.getOrCreate().range(3).count()\n"
        "print('eins, zwei, drei ✓')\nprint('oops', file=sys.stderr)\n"
    )
    batch = livy.submit(BatchRequest(file=code)).wait(120)
    assert sorted(batch.output()) == ["eins, zwei, drei ✓", "oops"]
    log = batch.log()
    assert len(log) > 50
    assert any("INFO SparkContext: Running Spark version" in line for line in log)


def test_a_failed_batch_says_why_and_is_no_failure_to_see_it(livy):
    with pytest.raises(BatchFailed) as caught:
        livy.submit(BatchRequest(file=Code("x = 1\n\nraise ValueError('no ✗')"), name="bad")).wait(
            60
        )
    message = str(caught.value)
    assert "'bad' ended as dead" in message
    assert "line 3, in <module>" in message
    assert "ValueError: no ✗" in message
    assert caught.value.batch.snapshot.error is None


def test_lines_of_a_running_batch_are_followed_and_it_can_be_killed(livy, folder):
    code = Code("import time\nprint('one', flush=True)\nprint('two', flush=True)\ntime.sleep(600)")
    batch = livy.submit(BatchRequest(file=code))
    lines = batch.follow(output=True)
    assert [next(lines), next(lines)] == ["one", "two"]
    assert batch.state == "running"
    batch.kill()
    assert list(lines) == []
    assert batch.state == "killed"
    assert batch.output() == ["one", "two"]
    with pytest.raises(NotFound):
        livy.client.batch(batch.id)
    assert livy.batch(batch.id).gone  # what is left of it is in the history
    batch.kill()  # a second time is no error
    with pytest.raises(BatchFailed, match="killed"):
        batch.wait(5)


def test_waiting_can_end_before_the_batch_does(livy):
    batch = livy.submit(BatchRequest(file=Code("import time; time.sleep(600)")))
    with pytest.raises(WaitTimeout, match=r"still running after 0\.5 s"):
        batch.wait(0.5)
    batch.kill()


def test_await_and_on_done_report_the_end(livy):
    batch = livy.submit(BatchRequest(file=Code("print('done')")))
    called = threading.Event()
    batch.on_done(lambda ended: ended is batch and called.set())

    async def main():
        return await batch

    assert asyncio.run(main()) is batch
    assert called.wait(5)
    assert batch.output() == ["done"]


def test_batches_of_a_private_server_that_was_stopped_are_gone_and_said_so(new_base, monkeypatch):
    monkeypatch.setenv("LIVY_LOCAL_DIR", str(new_base("stopped")))
    livy = Livy.connect("local")
    batch = livy.submit(
        BatchRequest(file=Code("import time\nprint('up', flush=True)\ntime.sleep(600)"))
    )
    assert next(batch.follow(output=True)) == "up"
    local.stop()
    with pytest.raises(BatchGone, match="no longer knows"):
        batch.wait(60)
    assert batch.output() == ["up"]
    with pytest.raises(BatchGone, match="nothing was killed"):
        batch.kill()
    livy.close()


def test_a_relative_path_means_what_it_means_in_the_notebook(livy, folder):
    (folder / "data.csv").write_text("1\n")
    batch = livy.submit(BatchRequest(file=Code("print(open('data.csv').read().strip())")))
    assert batch.wait(60).output() == ["1"]


def test_a_file_of_this_machine_is_staged_once(livy, folder):
    (folder / "étl job.py").write_text("import sys\nprint(sys.argv[0].rpartition('/')[2])")
    request = BatchRequest(file="étl job.py")
    uploads = livy.plan(request).uploads
    assert livy.submit(request).wait(60).output() == ["étl job.py"]
    assert livy.plan(request).uploads[0].uri == uploads[0].uri
    assert livy.staging.send(uploads[0]) is False


def test_the_list_and_the_handles_agree(livy):
    first = livy.submit(BatchRequest(file=Code("print(1)"), name="list-1")).wait(60)
    second = livy.submit(BatchRequest(file=Code("print(2)"), name="list-2")).wait(60)
    assert livy.batches(name="list-*") == [second, first]
    assert livy.batch("list-1") is first
    assert first.owner == livy.user
    assert first in livy.batches(mine=True, state="success")


def test_a_held_name_is_refused_before_anything_is_sent(livy):
    request = BatchRequest(file=Code("print(1)"), name="held")
    livy.submit(request, wait=True)
    with pytest.raises(NotSubmitted, match="the name 'held' is held by batch"):
        livy.submit(request)
    assert livy.submit(request, if_exists="replace").wait(60).name == "held"
    assert livy.submit(request, if_exists="rename").wait(60).name.startswith("held-")


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (BatchRequest(file="no_such.py"), InvalidRequest, "no such file: no_such.py"),
        (BatchRequest(file="/no/such.py"), InvalidRequest, "no such file: /no/such.py"),
        (BatchRequest(file="."), InvalidRequest, "is a folder"),
        (BatchRequest(file="a.py", jars=["no.jar"]), InvalidRequest, "no.jar"),
    ],
)
def test_a_path_that_leads_nowhere_starts_nothing(livy, folder, request_, error, words):
    (folder / "a.py").write_text("")
    before = livy.client.page(size=0).total
    with pytest.raises(error, match=words):
        livy.submit(request_)
    assert livy.client.page(size=0).total == before


def test_without_staging_a_local_file_says_what_to_configure(as_default, folder):
    (folder / "a.py").write_text("")
    livy = Livy(as_default.url, auth=as_default.auth)
    with pytest.raises(StagingError, match="LIVY_STAGING"):
        livy.submit(BatchRequest(file="a.py"))


def test_a_rejected_post_leaves_nothing_in_the_list(livy):
    request = BatchRequest(file="relative/path.py", name="rejected")
    with pytest.raises(LivyError, match="no such file"):
        livy.submit(request)
    # What the checks here cannot know: Livy registers the batch, then refuses it.
    bad = BatchRequest(file="hdfs://[bad/a.py", name="rejected")
    with pytest.raises(NotSubmitted):
        livy.submit(bad)
    with pytest.raises(NotFound):
        livy.batch("rejected")

"""A command means here what the real spark-submit, called by a real shell, takes it for."""

import re
import subprocess

import pytest
from plain_java import plain_java_home

from livy_magic.local import java
from livy_magic.magics.line import expand
from livy_magic.magics.options import FILE, SUBMIT, parse, words_of
from livy_magic.magics.spark_submit import conf_notes

pytestmark = pytest.mark.livy

FIELDS = {
    "name": "name", "class_name": "mainClass", "queue": "queue", "jars": "jars", "py_files": "pyFiles",
    "executor_memory": "executorMemory", "driver_memory": "driverMemory", "num_executors": "numExecutors",
    "proxy_user": "proxyUser",
}  # fmt: skip


@pytest.fixture
def both(tmp_path, monkeypatch):
    """Return what a command means to spark-submit, of what it tells with --verbose, and here."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.py").touch()
    (tmp_path / "a.jar").touch()
    home, java_home = java.require_spark().home, plain_java_home(tmp_path)

    def both(rest):
        done = subprocess.run(
            [
                "/bin/bash",
                "-c",
                f"spark-submit --verbose --master spark://127.0.0.1:1 --deploy-mode cluster {rest}",
            ],
            env={
                "JAVA_HOME": str(java_home),
                "PATH": f"{home / 'bin'}:/usr/bin:/bin",
                "HOME": str(tmp_path),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "LC_ALL": "C.UTF-8",
            },
            capture_output=True,
            encoding="utf-8",
            check=False,  # no cluster of that kind takes Python: it ends when it has told
            timeout=120,
        )
        told = done.stdout + done.stderr
        command = f"spark-submit --master yarn {rest}"
        words = [expand(word, {}) for word in words_of(command, SUBMIT, first=FILE)]
        return told, parse(words, SUBMIT, first=FILE)

    return both


def field(told, name):
    return re.search(rf"^  {name} +(.*)$", told, re.MULTILINE)[1]


def properties(told):
    return dict(re.findall(r"^  \((spark[^,]*),(.*)\)$", told, re.MULTILINE))


def test_words_names_and_properties_are_the_same(both):
    told, here = both(
        r"--name it\'s\ \"x\" --queue 'a\b' --class=\"q\" --num-executors 3 --executor-memory 4GB"
        r" --conf spark.a='x y' --conf spark.b=\"a\\d\\\\e\" --conf spark.c=1=2 -c spark.d= --conf spark.n=--x"
        " \\\n --proxy-user bob job.py 'a b' --name \"\\$x\" '{y}' '#' # a comment"
    )
    for name in ("name", "class_name", "queue", "num_executors"):
        assert str(here.values[name]) == field(told, FIELDS[name])
    assert here.values["proxy_user"] == "bob"
    assert (
        dict(here.values["conf"]).items()
        >= {key: value for key, value in properties(told).items() if key != "spark.d"}.items()
    )
    assert f"[{' '.join(here.rest)}]" == field(told, "childArgs")


def test_a_value_may_look_like_an_option(both):
    told, here = both("--name --wait job.py -- --x")
    assert (here.values["name"], field(told, "name")) == ("--wait", "--wait")
    assert f"[{' '.join(here.rest)}]" == field(told, "childArgs") == "[-- --x]"


def test_of_what_is_given_again_the_last_counts_there_and_lists_add_up_here(both):
    told, here = both(
        "--name a --name b --packages a:b:1 --packages c:d:2 --py-files x.py --py-files y.py, job.py"
    )
    assert field(told, "name") == here.values["name"] == "b"
    assert field(told, "packages") == "c:d:2"
    assert here.values["conf"] == {"spark.jars.packages": "a:b:1,c:d:2"}
    assert field(told, "pyFiles").endswith("/y.py")
    assert "x.py" not in field(told, "pyFiles")
    assert here.values["py_files"] == ("x.py", "y.py")
    assert [note.partition(" ")[0] for note in here.notes if "more than once" in note] == [
        "--name", "--packages", "--py-files",
    ]  # fmt: skip


def test_what_is_empty_in_a_list_is_left_out(both):
    told, here = both("--jars 'a.jar, ,' --files '' job.py")
    assert field(told, "jars").endswith("/a.jar")
    assert (here.values["jars"], here.values["files"]) == (("a.jar",), ())


def test_a_properties_file_is_read_as_there(both, tmp_path):
    (tmp_path / "x.conf").write_text(
        "# Grüße\n  spark.a   two words  \nspark.b:é\nspark.c=one\\\n   two\nspark.u=\\u00e9\nspark.e\n"
        "spark.back=C:\\\\x C:\\x\n!spark.no=1\nlog.level=x\nspark.both=file\n",
        encoding="utf-8",
    )
    (tmp_path / "first.conf").write_text("spark.first 1\n")
    told, here = both("--properties-file x.conf --conf spark.both=line job.py")
    there = {key: value for key, value in properties(told).items() if key != "spark.e"}
    assert there["spark.b"] == "é"
    assert {k: v for k, v in here.values["conf"].items() if k != "spark.e"} == there
    assert here.values["conf"]["spark.e"] == ""
    told, _ = both("--properties-file first.conf --properties-file x.conf job.py")
    assert "spark.first" not in properties(told)  # here, both count, which a line says


def test_a_property_that_is_ignored_there_is_told_here(both):
    told, here = both("--conf executor.memory=2g job.py")
    assert "Ignoring non-Spark config property: executor.memory" in told
    assert len(conf_notes(here.values["conf"])) == 1


@pytest.mark.parametrize(("size", "taken"), [("4GB", "4g"), ("4096", "4096m"), ("512mb", "512m")])
def test_a_size_that_executors_have_there_is_taken_here(both, size, taken):
    told, here = both(f"--executor-memory {size} job.py")
    assert field(told, "executorMemory") == size
    assert here.values["executor_memory"] == taken

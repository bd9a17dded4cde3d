"""What a program finds of the user's own packages, files and jars, in the driver and in executors."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from livy_magic import BatchRequest, Code, Livy
from livy_magic.local import java

pytestmark = pytest.mark.livy

PROGRAM = """
import importlib, importlib.resources, json, os
from pyspark import SparkFiles
from pyspark.sql import SparkSession

MODULES = ["package.core", "loose", "space.inner", "pure", "one", "two", "egg", "in_zip", "kept_whl"]


def found(_):
    found = {"pid": os.getpid()}
    for name in MODULES:
        try:
            found[name] = importlib.import_module(name).SAYS
        except ImportError as problem:
            found[name] = str(problem)
    package = importlib.import_module("package")
    found["imported from"] = os.path.dirname(os.path.dirname(package.__file__))
    found["data.txt"] = importlib.resources.files(package).joinpath("data.txt").read_text()
    with open(SparkFiles.get("größe 1.csv")) as file:
        found["csv"] = file.read()
    found["archive"] = sorted(os.listdir(SparkFiles.get("data")))
    return found


spark = SparkSession.builder.getOrCreate()
spark.udf.registerJavaFunction("twice", "org.example.Twice", "bigint")
print("FOUND" + json.dumps({
    "driver": found(0),
    "executors": spark.sparkContext.parallelize(range(2), 2).map(found).collect(),
    "udf": spark.range(4).selectExpr("sum(twice(id))").first()[0],
}))
"""

TWICE = """
package org.example
class Twice extends org.apache.spark.sql.api.java.UDF1[Long, Long] { def call(x: Long) = 2 * x }
"""


def write_zip(path: Path, module: str) -> None:
    """Write a zip, an egg or a wheel: all the same with one module in it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{module}.py", f"SAYS = {path.name!r}")


def compile_scala(source: Path, jar: Path) -> None:
    """Compile with the Scala that Spark brings for its shell."""
    spark = java.require_spark()
    program = java.require_java().home / "bin/java"
    quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    compiler = ["-cp", f"{spark.home}/jars/*", "scala.tools.nsc.Main", "-usejavacp", "-nowarn"]
    subprocess.run([program, *quick, *compiler, "-d", jar, source], check=True)


def test_packages_files_and_jars_reach_driver_and_executors(as_default, tmp_path, monkeypatch):
    # The notebook's folder is another: executors of local mode would import from there first.
    (tmp_path / "notebook").mkdir()
    monkeypatch.chdir(tmp_path / "notebook")
    mine = tmp_path / "mine"
    for name, text in {
        "package/__init__.py": "",
        "package/core.py": "SAYS = 'package'",
        "package/data.txt": "data of the package",
        "src/loose.py": "SAYS = 'folder of modules'",
        "src/space/inner.py": "SAYS = 'package without __init__'",
        "one.py": "SAYS = 1",
        "two.py": "SAYS = 2",
        "größe 1.csv": "a,b",
        "data/x.txt": "x",
        "Twice.scala": TWICE,
    }.items():
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text(text)
    for name, module in {
        "some.egg": "egg",
        "some.zip": "in_zip",
        "pure-1.0-py3-none-any.whl": "pure",
        "kept-1.0-py3-none-any.whl": "kept_whl",
    }.items():
        write_zip(mine / name, module)
    compile_scala(mine / "Twice.scala", mine / "twice.jar")

    livy = Livy.connect("local")
    request = BatchRequest(
        file=Code(PROGRAM),
        py_files=[
            *(f"../mine/{name}" for name in ("package", "src", "???.py", "some.egg", "some.zip")),
            "../mine/pure-1.0-py3-none-any.whl",
            # a URI is left alone, so this one keeps its name
            (mine / "kept-1.0-py3-none-any.whl").as_uri(),
        ],
        files=["../mine/*.csv"],
        jars=["../mine/*.jar"],
        archives=["../mine/data"],
    )
    batch = livy.submit(request, wait=True)
    livy.close()

    [line] = [line for line in batch.output() if line.startswith("FOUND")]
    found = json.loads(line.removeprefix("FOUND"))
    places = [found["driver"], *found["executors"]]
    assert len({place.pop("pid") for place in places}) == 3
    for place in places:
        assert place.pop("imported from").endswith("/package.zip")
    everywhere = {
        "package.core": "package",
        "loose": "folder of modules",
        "space.inner": "package without __init__",
        "pure": "pure-1.0-py3-none-any.whl",
        "one": 1,
        "two": 2,
        "egg": "some.egg",
        "in_zip": "some.zip",
        "data.txt": "data of the package",
        "csv": "a,b",
        "archive": ["x.txt"],
    }
    # Under its own name, a wheel is not on the path of an executor: that is why it is given another.
    kept = {"kept_whl": "kept-1.0-py3-none-any.whl"}
    assert found["driver"] == everywhere | kept
    assert found["executors"] == [everywhere | {"kept_whl": "No module named 'kept_whl'"}] * 2
    assert found["udf"] == 12

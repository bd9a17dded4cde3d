"""What is pasted from a shell: spark-submit's own words."""

import pytest
from IPython.core.error import UsageError

from livy_magic.magics.line import split
from livy_magic.magics.options import CELL, FILE, SUBMIT, parse
from livy_magic.magics.spark_submit import check_no_shell


def read(line, options=SUBMIT):
    return parse(split(line), options, first=FILE)


@pytest.mark.parametrize(
    "command",
    [
        "spark-submit",
        "./bin/spark-submit",
        "/opt/spark-3.5/bin/spark-submit",
        "$SPARK_HOME/bin/spark-submit",
        "${SPARK_HOME}/bin/spark-submit",
        "~/spark/bin/spark-submit",
        r"C:\spark\bin\spark-submit.cmd",
        "spark3-submit",
        "$ spark-submit",
        "!spark-submit",
        "nohup spark-submit",
        "--wait spark-submit",
    ],
)
def test_a_pasted_command_is_known_by_its_program(command):
    parsed = read(f"{command} --class X --conf a=b app.jar 10")
    assert parsed.command
    assert parsed.application() == {
        "class_name": "X",
        "conf": {"a": "b"},
        "file": "app.jar",
        "args": ("10",),
    }
    assert parsed.notes == []


@pytest.mark.parametrize("file", ["my-spark-submit.py", "spark-submit/app.py", "spark-submit.py"])
def test_a_file_of_a_similar_name_is_a_file(file):
    parsed = read(f"{file} 10")
    assert (parsed.file, parsed.command) == (file, False)


def test_a_second_spark_submit_is_an_argument():
    assert read("spark-submit app.py spark-submit").rest == ["spark-submit"]


def test_variables_in_front_are_said_to_have_no_effect():
    parsed = read("PYSPARK_PYTHON=python3 SPARK_USER='a b' spark-submit app.py")
    assert parsed.file == "app.py"
    [note] = parsed.notes
    assert note == (
        "PYSPARK_PYTHON, SPARK_USER: a batch gets no variables of this machine; set spark.pyspark.python,"
        " spark.executorEnv.NAME or spark.yarn.appMasterEnv.NAME with --conf"
    )


def test_an_assignment_without_a_command_is_the_file():
    assert read("a=b").file == "a=b"


@pytest.mark.parametrize(
    ("option", "conf"),
    [
        ("--packages org:a:1,org:b:2", {"spark.jars.packages": "org:a:1,org:b:2"}),
        ("--exclude-packages org:a", {"spark.jars.excludes": "org:a"}),
        ("--repositories=https://r", {"spark.jars.repositories": "https://r"}),
        ("--driver-java-options '-Xss4m -Da=b'", {"spark.driver.extraJavaOptions": "-Xss4m -Da=b"}),
        ("--driver-class-path /a:/b", {"spark.driver.extraClassPath": "/a:/b"}),
        ("--driver-library-path /lib", {"spark.driver.extraLibraryPath": "/lib"}),
        ("--total-executor-cores 8", {"spark.cores.max": "8"}),
        ("--supervise", {"spark.driver.supervise": "true"}),
        ("-c spark.a=1 -c spark.b=2", {"spark.a": "1", "spark.b": "2"}),
        (
            "--packages a:b:1 --conf spark.jars.packages=c:d:2",
            {"spark.jars.packages": "a:b:1"},
        ),
    ],
)
def test_an_option_without_a_field_becomes_the_property_that_it_stands_for(option, conf):
    parsed = read(f"{option} app.py")
    assert parsed.values == {"conf": conf}
    assert parsed.notes == []


@pytest.mark.parametrize(
    ("option", "note"),
    [
        ("--master yarn", "--master has no effect: the server decides where batches run"),
        ("--deploy-mode=cluster", "--deploy-mode has no effect: the server decides where drivers run"),
        ("--verbose", "--verbose has no effect: it is the log of the server that would say more"),
        ("-v", "--verbose has no effect: it is the log of the server that would say more"),
    ],
)  # fmt: skip
def test_what_the_server_decides_is_taken_and_explained_in_one_line(option, note):
    parsed = read(f"{option} app.py 1")
    assert parsed.notes == [note]
    assert parsed.application() == {"file": "app.py", "args": ("1",)}


def test_a_properties_file_is_read_as_spark_reads_it(tmp_path):
    file = tmp_path / "job.conf"
    file.write_text(
        "# for the night\nspark.a=1\nspark.b: two words  \nspark.c\t3\n"
        "spark.long = one,\\\n    two\nspark.u=\\u00e9\nlog.level=x\n!spark.d=4\nspark.e =\n"
    )
    parsed = read(f"--properties-file {file} --conf spark.a=9 app.py")
    assert parsed.values["conf"] == {
        "spark.a": "9",
        "spark.b": "two words",
        "spark.c": "3",
        "spark.long": "one,two",
        "spark.u": "é",
        "spark.e": "",
    }
    assert parsed.notes == [f"{file}: log.level are no Spark properties, so they are left out"]


@pytest.mark.parametrize(
    ("file", "cause"),
    [
        ("nowhere.conf", "No such file or directory"),
        (".", "Is a directory"),
        (
            "hdfs:///x.conf",
            "No such file or directory; it is read on this machine, so give a local path",
        ),
    ],
)
def test_a_properties_file_that_cannot_be_read_is_named(file, cause, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        read(f"--properties-file {file} app.py")
    assert str(error.value) == f"--properties-file: cannot read {file}: {cause}"


@pytest.mark.parametrize(
    "tail", ["> out.log", "2>&1", "&", "| tee log", ">>log", "&& echo done", "; ls", "$(date +%F)"]
)
def test_what_only_a_shell_understands_is_refused(tail):
    line = f"spark-submit app.py {tail}"
    with pytest.raises(UsageError, match="is for a shell, and none runs here"):
        check_no_shell(line, split(line))


@pytest.mark.parametrize("arguments", ["'>' '&'", "a&b", "'x | y'", "--range 1..5 1>0", "a;b"])
def test_the_programs_own_arguments_may_have_such_characters(arguments):
    line = f"spark-submit app.py {arguments}"
    if "1>0" in arguments:  # a shell would take this one for itself, too
        with pytest.raises(UsageError):
            check_no_shell(line, split(line))
    else:
        check_no_shell(line, split(line))


@pytest.mark.parametrize(
    "arguments",
    [
        "--name x --conf y",
        r"C:\data\in.csv '\\host\share\'",
        "-- --wait",
        "'' '{\"a\": 1}'",
        "--dry-run=curl",
        "-c 1 -v --help",
    ],
)
def test_the_programs_arguments_stay_as_they_are(arguments):
    parsed = read(f"spark-submit --name n app.py {arguments}")
    assert parsed.rest == split(arguments)
    assert parsed.values == {"name": "n"}


def test_on_the_line_of_a_cell_a_command_names_a_file_or_gives_arguments():
    def cell_line(line):
        return parse(split(line), CELL, first="the first argument")

    assert cell_line("spark-submit --name n etl.py 10").application() == {
        "name": "n",
        "file": "etl.py",
        "args": ("10",),
    }
    assert cell_line("spark-submit --name n 10").application() == {"name": "n", "args": ("10",)}
    assert cell_line("--name n etl.py").application() == {"name": "n", "args": ("etl.py",)}

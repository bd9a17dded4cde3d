"""What is pasted from a shell: spark-submit's own words."""

import pytest
from IPython.core.error import UsageError

from livy_magic.magics.line import expand, split
from livy_magic.magics.options import CELL, FILE, SUBMIT, parse, words_of
from livy_magic.magics.spark_submit import check_patterns, command_words, conf_notes, is_command


def read(line, options=SUBMIT):
    return parse(words_of(line, options, first=FILE), options, first=FILE)


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
        "--name spark-submit -o b --dry-run=curl spark-submit",
        "A='x y' B=\"it's\" C= exec spark-submit",
        "\n\nspark-submit",
    ],
)
def test_a_pasted_command_is_known_by_its_program(command):
    parsed = read(f"{command} --class X --conf a=b app.jar 10")
    assert parsed.command
    assert {k: v for k, v in parsed.application().items() if k != "name"} == {
        "class_name": "X",
        "conf": {"a": "b"},
        "file": "app.jar",
        "args": ("10",),
    }
    assert [note for note in parsed.notes if not note.startswith("A, B, C: ")] == []


@pytest.mark.parametrize("file", ["my-spark-submit.py", "spark-submit/app.py", "spark-submit.py"])
def test_a_file_of_a_similar_name_is_a_file(file):
    parsed = read(f"{file} 10")
    assert (parsed.file, parsed.command) == (file, False)


@pytest.mark.parametrize(
    "text", ["spark_submit = 1", "spark - submit", "'spark-submit app.py'", "x = 1\nspark-submit x", "x; spark-submit y",
             "etl.py spark-submit", "spark-submit.py 1", "cd /tmp; spark-submit x"]
)  # fmt: skip
def test_what_only_mentions_it_is_no_command(text):
    assert not is_command(text)


def test_a_command_may_begin_in_the_notebooks_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = f"cd '{tmp_path}' && \\\nspark-submit a.py"
    assert read(line).file == "a.py"
    assert read(f"--wait cd {tmp_path} && spark-submit a.py").file == "a.py"
    with pytest.raises(UsageError) as error:
        read("cd /elsewhere && spark-submit a.py")
    assert str(error.value) == (
        "cd /elsewhere: a batch's files are looked for in the notebook's folder; run %cd /elsewhere first,"
        " and leave this out"
    )


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
        "# für die Nacht\nspark.a=1\nspark.b: two words  \nspark.c\t3\n"
        "spark.long = one,\\\n    two\nspark.u=\\u00e9\nlog.level=x\n!spark.d=4\nspark.e =\nspark.f=ü\n",
        encoding="utf-8",
    )
    parsed = read(f"--properties-file {file} --conf spark.a=9 app.py")
    assert parsed.values["conf"] == {
        "spark.a": "9",
        "spark.b": "two words",
        "spark.c": "3",
        "spark.long": "one,two",
        "spark.u": "é",
        "spark.e": "",
        "spark.f": "ü",
    }
    assert parsed.notes == [f"{file}: log.level are not Spark properties, so they are left out"]


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


@pytest.mark.parametrize("kind", ["long", "loop", "unreadable", "fifo", "device", "broken"])
def test_a_properties_file_that_the_system_refuses_is_told_in_a_line(
    kind, odd_paths, as_somebody_else
):
    start = rf"--properties-file: cannot read {odd_paths[kind]}: [A-Zi]"
    with as_somebody_else, pytest.raises(UsageError, match=start):
        read(f"--properties-file {odd_paths[kind]} app.py")


def test_a_dry_run_of_a_command_is_one():
    parsed = read("--dry-run spark-submit --name x app.py")
    assert (parsed.command, parsed.options) == (True, {"dry-run": "json"})
    with pytest.raises(UsageError, match="write --dry-run=spark-submit"):
        read("--dry-run spark-submit")


def test_the_magics_own_rules_hold_before_a_command_and_a_shells_within():
    parsed = read(r"--profile C:\p spark-submit --name 'it'\''s' C:\app.py a\ b '{x}' # ok")
    assert parsed.options == {"profile": r"C:\p"}
    assert (parsed.values, parsed.file) == ({"name": "it's"}, r"C:\app.py")
    assert parsed.rest == ["a b", "{x}"]
    assert read(r"app.py a\d '#' ; x").rest == [r"a\d", "#", ";", "x"]


def test_an_error_in_a_command_is_told_with_its_column_in_the_line():
    with pytest.raises(UsageError, match=r"^; in column 27 is"):
        read("--wait spark-submit app.py; ls")


def test_a_pattern_that_a_shell_would_expand_is_refused_among_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "abcd":
        (tmp_path / f"{name}.csv").touch()
    check_patterns(command_words("'*.csv' \\*.csv *.txt hdfs:///x/*.csv"))
    with pytest.raises(UsageError) as error:
        check_patterns(command_words("*.csv"))
    assert str(error.value) == (
        "*.csv is for a shell, which would make a.csv, b.csv, c.csv … of it; write that, or quote it if the"
        " program should get it"
    )


# -- options that are given again, and other values, as spark-submit takes them


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ("--packages a:b:1 --packages c:d:2,", {"conf": {"spark.jars.packages": "a:b:1,c:d:2,"}}),
        ("--exclude-packages a:b --exclude-packages c:d", {"conf": {"spark.jars.excludes": "a:b,c:d"}}),
        ("--repositories x --repositories y", {"conf": {"spark.jars.repositories": "x,y"}}),
        ("--jars a.jar --jars b.jar", {"jars": ("a.jar", "b.jar")}),
        ("--py-files a.py --py-files b.py", {"py_files": ("a.py", "b.py")}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["", "spark-submit "])
def test_a_list_that_is_given_again_adds_up_which_is_told(options, values, command):
    parsed = read(f"{command}{options} app.py")
    assert parsed.values == values
    flag = options.split()[0]
    assert parsed.notes == [
        f"{flag} is given more than once: all count here, where spark-submit takes the last alone"
    ]


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ("--name a --name b", {"name": "b"}),
        ("--executor-memory 1g --executor-memory 2g", {"executor_memory": "2g"}),
        ("--driver-class-path a --driver-class-path b", {"conf": {"spark.driver.extraClassPath": "b"}}),
    ],
)  # fmt: skip
def test_one_value_that_is_given_again_is_the_last_in_a_command_and_a_slip_elsewhere(
    options, values
):
    parsed = read(f"spark-submit {options} app.py")
    assert parsed.values == values
    flag = options.split()[0]
    assert parsed.notes == [f"{flag} is given more than once: the last counts, as for spark-submit"]
    with pytest.raises(UsageError, match=f"^{flag} is given twice$"):
        read(f"{options} app.py")


def test_conf_without_effect_on_others_may_be_given_again():
    assert read("-v --verbose --conf spark.a=1 --conf spark.a=2 app.py").values == {
        "conf": {"spark.a": "2"}
    }


def test_two_properties_files_both_count(tmp_path):
    (tmp_path / "a").write_text("spark.a 1\nspark.b 1\n")
    (tmp_path / "b").write_text("spark.b 2\n")
    parsed = read(f"--properties-file {tmp_path}/a --properties-file {tmp_path}/b app.py")
    assert parsed.values == {"conf": {"spark.a": "1", "spark.b": "2"}}
    assert "--properties-file is given more than once: all count here" in parsed.notes[0]


def test_in_a_command_a_value_may_look_like_an_option():
    parsed = read("spark-submit --name --wait --queue -- app.py")
    assert parsed.values == {"name": "--wait", "queue": "--"}
    assert parsed.file == "app.py"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", "4g"),
        ("4096", "4096m"),
        ("512mb", "512m"),
        ("4g", "4g"),
        ("4G", "4G"),
        ("1TB", "1t"),
    ],
)
def test_a_size_may_be_written_as_spark_reads_it(text, size):
    assert read(f"--executor-memory {text} app.py").values == {"executor_memory": size}


@pytest.mark.parametrize("text", ["a.jar,b.jar,", "a.jar, ,b.jar", ",a.jar,,b.jar"])
def test_what_is_empty_in_a_list_is_left_out(text):
    assert read(f"--jars '{text}' app.jar x").values == {"jars": ("a.jar", "b.jar")}
    assert read("--jars a.jar, app.jar").file == "app.jar"
    assert read("--jars '' app.jar").values == {"jars": ()}


def test_a_blank_behind_a_comma_is_told():
    with pytest.raises(UsageError) as error:
        read("--py-files a.py, b.py job.py")
    assert str(error.value) == "--py-files: there is a blank between a.py, and b.py; leave it out"


def test_a_property_that_spark_ignores_is_told():
    [note] = conf_notes({"executor.memory": "2g", "spark.a": "1"})
    assert note == (
        "executor.memory has no effect: Spark reads only properties that begin with spark., as"
        " spark.executor.memory does"
    )


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
    assert [expand(word, {}) for word in parsed.rest] == parsed.rest
    assert parsed.values == {"name": "n"}


def test_on_the_line_of_a_cell_a_command_names_a_file_or_gives_arguments():
    def cell_line(line):
        first = "the first argument"
        return parse(words_of(line, CELL, first=first), CELL, first=first)

    assert cell_line("spark-submit --name n etl.py 10").application() == {
        "name": "n",
        "file": "etl.py",
        "args": ("10",),
    }
    assert cell_line("spark-submit --name n 10").application() == {"name": "n", "args": ("10",)}
    assert cell_line("--name n etl.py").application() == {"name": "n", "args": ("etl.py",)}

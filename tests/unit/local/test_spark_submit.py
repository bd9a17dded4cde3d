"""What the private Livy runs as spark-submit, run as Livy runs it, with a shell script as Java."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from livy_magic.local import spark_submit
from livy_magic.local.admission import Queue
from livy_magic.local.spark_submit import Settings, adapted
from livy_magic.protocol.log_format import (
    SPARK_MARK,
    STDERR,
    STDOUT,
    looks_like_sparks,
    waits,
)

Submit = Callable[..., subprocess.Popen[str]]


class Started(subprocess.Popen[str]):
    """Ends with the block also when a test fails in it, instead of being waited for for ever."""

    def __exit__(self, kind, *rest) -> None:
        if kind is not None:
            self.terminate()
        super().__exit__(kind, *rest)


# Called as Spark's launcher, it answers as that does; else it is the batch. The words of both are
# those of spark-submit.
JAVA = """\
#!/bin/sh
options="$*"
while [ "$1" != org.apache.spark.deploy.SparkSubmit ]; do shift; done
shift
case "$options" in *org.apache.spark.launcher.Main*)
    {launcher}
    printf '\\0\\n'
    printf '%s\\0' "$0" -cp jars org.apache.spark.deploy.SparkSubmit "$@"
    exit;;
esac
{script}
"""


@pytest.fixture
def submit(tmp_path: Path) -> Submit:
    """Start our spark-submit in front of a shell script that is Java, as launcher and as batch."""

    def start(script: str, *arguments: str, launcher: str = ":") -> subprocess.Popen[str]:
        for name in ("java/bin", "java/lib", "spark/jars", "scratch", "answers"):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / "java/lib/modules").touch()
        (tmp_path / "properties").touch()
        program = tmp_path / "java/bin/java"
        program.write_text(JAVA.format(launcher=launcher, script=script))
        program.chmod(0o700)
        settings = Settings(
            spark_home=str(tmp_path / "spark"),
            scala="2.12",
            java_home=str(tmp_path / "java"),
            python="/env/bin/python",
            log4j2="file:///log4j2.properties",
            properties=str(tmp_path / "properties"),
            scratch=str(tmp_path / "scratch"),
            archives=str(tmp_path / "archives"),
            answers=str(tmp_path / "answers"),
            queue=str(tmp_path / "queue"),
            batches=1,
            mark=SPARK_MARK,
        )
        (tmp_path / "settings").write_text(json.dumps(settings._asdict()))
        return Started(
            [*spark_submit.program(tmp_path / "settings"), *(arguments or ("file:/x.py",))],
            stdin=subprocess.PIPE,  # nothing ever comes, as from Livy
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",  # which is strict, as Livy is
        )

    return start


def test_the_folder_is_taken_from_livys_options_only() -> None:
    mark = "spark.livyMagic.workingDirectory=/home/ann/a b=c"
    options = ["--name", "--conf", "--conf", "a=b", "--conf", mark, "--queue", "q"]
    assert adapted([*options, "file:/x.py", "--conf", "a=b"]) == (
        "/home/ann/a b=c",
        [("--name", "--conf"), ("--conf", "a=b"), ("--queue", "q")],
        ["file:/x.py", "--conf", "a=b"],
    )
    own = ["file:/x.py", "--conf", mark, "--conf", "spark.yarn.dist.archives=x"]
    assert adapted(["--name", "n", *own]) == (None, [("--name", "n")], own)


def test_archives_are_named_as_local_mode_wants_them() -> None:
    livys = ["--conf", "spark.yarn.dist.archives=file:/a.zip#a", "file:/x.py"]
    assert adapted(livys) == (
        None,
        [("--conf", "spark.archives=file:/a.zip#a")],
        ["file:/x.py"],
    )


def test_a_batch_runs_in_the_asked_folder_with_the_servers_properties_below_its_own(
    submit: Submit, tmp_path: Path
) -> None:
    folder = tmp_path / "Größe & Co"
    folder.mkdir()
    conf = ["--conf", f"spark.livyMagic.workingDirectory={folder}", "--conf", "a=b"]
    script = 'pwd; echo "$@"; echo $SPARK_HOME $SPARK_LOCAL_IP $PYSPARK_PYTHON; echo "$PWD"'
    with submit(script, *conf, "file:/x.py", "1") as process:
        lines = process.communicate()[0].splitlines()
    assert lines[0] == str(folder)
    servers, own = lines[1].split("/scratch/")
    assert servers == f"--properties-file {tmp_path}/properties --conf spark.local.dir={tmp_path}"
    assert own.partition(" ")[2] == "--conf a=b file:/x.py 1"
    assert lines[2] == f"{tmp_path}/spark 127.0.0.1 /env/bin/python"
    assert lines[3] == str(folder)
    assert not list((tmp_path / "scratch").iterdir())


def test_more_than_may_run_at_once_wait_and_say_so_as_spark_would(
    submit: Submit, tmp_path: Path
) -> None:
    with Queue(tmp_path / "queue", lambda _: 1).place(time.sleep, print):
        process = submit("echo runs")
        assert process.stdout is not None
        line = process.stdout.readline()
    with process:
        assert process.communicate()[0] == "runs\n"
    assert line.startswith(SPARK_MARK)
    assert looks_like_sparks(line.removeprefix(SPARK_MARK))
    assert waits((STDOUT, line.rstrip(), STDERR)) == "waits for 1 other batch"


def test_a_batch_that_waits_can_be_ended_and_starts_nothing(submit: Submit, tmp_path: Path) -> None:
    with Queue(tmp_path / "queue", lambda _: 1).place(time.sleep, print):
        process = submit("echo runs", launcher="echo asked")
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        with process:
            assert process.communicate()[0] == ""
    assert process.returncode == 128 + signal.SIGTERM
    assert not list((tmp_path / "scratch").iterdir())
    assert [path.name for path in (tmp_path / "queue").iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("before", "made", "left"),
    [
        ([], ["spark-warehouse/", "derby.log"], []),
        ([], ["spark-warehouse/t/part-0", "derby.log", "metastore_db/seg0"],
         ["metastore_db/seg0", "spark-warehouse/t/part-0"]),
        (["spark-warehouse/", "derby.log"], [], ["derby.log", "spark-warehouse"]),
        ([], [], []),
    ],
)  # fmt: skip
def test_what_spark_made_and_left_empty_is_removed(
    submit: Submit, tmp_path: Path, before: list[str], made: list[str], left: list[str]
) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    script = "".join(
        f"mkdir -p $(dirname {name}x); {'mkdir -p' if name[-1] == '/' else 'echo x >'} {name};"
        for name in made
    )
    for name in before:
        (folder / name).mkdir() if name[-1] == "/" else (folder / name).touch()
    conf = ["--conf", f"spark.livyMagic.workingDirectory={folder}"]
    with submit(script or ":", *conf, "file:/x.py") as process:
        process.communicate()
    found = [path for path in folder.rglob("*") if path.is_file() or not any(path.iterdir())]
    assert sorted(str(path.relative_to(folder)) for path in found) == left


def test_an_archive_that_is_there_is_used_and_one_that_is_not_is_not_asked_for(
    submit: Submit, tmp_path: Path
) -> None:
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives/spark.jsa").touch()
    with submit('echo "$SPARK_SUBMIT_OPTS"', launcher='echo "$options"') as process:
        launcher, driver = process.communicate()[0].splitlines()
    assert driver == (
        "-Dlog4j2.configurationFile=file:///log4j2.properties"
        f" -XX:SharedArchiveFile={tmp_path}/archives/spark.jsa '-Xlog:cds*=off'"
    )
    assert "Archive" not in launcher


def test_no_option_is_torn_apart_by_a_space_in_the_archives_path(tmp_path: Path) -> None:
    archives = tmp_path / "a folder"
    archives.mkdir()
    (archives / "spark.jsa").touch()
    paths = Settings(*map(str, range(len(Settings._fields))))._replace(archives=str(archives))
    environment = spark_submit.environment(paths, "/scratch/x")
    assert f"-XX:SharedArchiveFile={archives}/spark.jsa" in shlex.split(
        environment["SPARK_SUBMIT_OPTS"]
    )


def test_a_folder_that_is_gone_is_said_in_the_log(submit: Submit) -> None:
    with submit("echo never run", "--conf", "spark.livyMagic.workingDirectory=/gone") as process:
        output = process.communicate()[0]
    assert output.startswith("livy_magic: cannot work in the notebook's folder /gone: No such file")
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("echo out", 0, "out\n"),
        ("echo out; exit 7", 7, "out\nlivy_magic: the program ended with exit code 7\n"),
        ("printf out; exit 7", 7, "out\nlivy_magic: the program ended with exit code 7\n"),
        ("kill -9 $$", 137, "livy_magic: the program was killed by signal 9 (SIGKILL)\n"),
    ],
)
def test_the_exit_code_passes_through_and_a_bad_end_is_said(
    submit: Submit, script: str, code: int, said: str
) -> None:
    with submit(script) as process:
        assert process.stdout
        assert process.stdout.read() == said
    assert process.returncode == code


@pytest.mark.parametrize(
    ("script", "seen"),
    [
        (r"printf 'caf\351\n'; echo more", "caf\ufffd\nmore\n"),
        (r"printf '\346\274'; sleep 0.3; printf '\242\n'", "漢\n"),
        (r"printf 'cut\n\346\274'", "cut\n\ufffd\n"),
        ("echo one; echo two >&2; echo three", "one\ntwo\nthree\n"),
    ],
    ids=["no UTF-8", "a character in two pieces", "half a character last", "both streams"],
)
def test_what_a_batch_prints_arrives_as_utf8_in_its_order(
    submit: Submit, script: str, seen: str
) -> None:
    with submit(script) as process:
        assert process.stdout
        assert process.stdout.read() == seen


def test_more_output_than_a_pipe_holds_arrives_whole(submit: Submit) -> None:
    with submit(
        "i=0; while [ $i -lt 5000 ]; do echo $i and more of it; i=$((i+1)); done"
    ) as process:
        assert process.stdout
        assert process.stdout.read() == "".join(f"{n} and more of it\n" for n in range(5000))


def test_what_is_printed_arrives_while_the_batch_runs_even_without_a_line_end(
    submit: Submit,
) -> None:
    with submit("printf 50%%; sleep 300") as process:
        assert process.stdout
        assert process.stdout.read(3) == "50%"
        process.terminate()


def test_a_batch_that_asks_for_input_gets_none(submit: Submit) -> None:
    with submit("read answer || echo nothing to read") as process:
        assert process.stdout
        assert process.stdout.read() == "nothing to read\n"


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


# The second one leaves the group, as PySpark's worker daemon does; its parent is gone, too.
STUBBORN = f"""
trap '' TERM
sleep 300 &
{sys.executable} -c 'import os, time
if os.fork() == 0:
    os.setpgid(0, 0)
    print("ready", flush=True)
    time.sleep(300)'
wait
sleep 300
"""


def test_sigterm_ends_all_of_a_batch_that_ignores_it(submit: Submit) -> None:
    with submit(STUBBORN) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        session = psutil.Process(process.pid).children()[0].pid
        deadline = time.monotonic() + 10
        while len(members := spark_submit.members_of(session, mark="none")) != 3:  # one is leaving
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM
    assert all(map(is_gone, members))


def test_sigterm_ends_a_batch_whose_launcher_still_runs(submit: Submit, tmp_path: Path) -> None:
    launcher = f"sleep 300 & echo $! >'{tmp_path}/new'; mv '{tmp_path}/new' '{tmp_path}/pid'; wait"
    with submit("echo never run", launcher=launcher) as process:
        deadline = time.monotonic() + 10
        while not (tmp_path / "pid").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM
        assert process.stdout
        assert process.stdout.read() == ""
    assert is_gone(int((tmp_path / "pid").read_text()))
    assert not list((tmp_path / "scratch").iterdir())
    assert not list((tmp_path / "answers").iterdir())


def test_a_java_that_was_removed_is_said_in_the_log(submit: Submit, tmp_path: Path) -> None:
    gone = f"sleep 0.1; rm '{tmp_path}/java/bin/java'"
    with submit("echo never run", launcher=gone) as process:
        output = process.communicate()[0]
    assert output == (
        f"livy_magic: {tmp_path}/java/bin/java cannot be started: No such file or directory\n"
    )
    assert process.returncode == 1


def test_a_batch_has_time_to_end_by_itself(submit: Submit) -> None:
    with submit(
        "trap 'sleep 0.3; echo cleaned up; exit 0' TERM; echo ready; sleep 300 & wait"
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.stdout.read() == "cleaned up\n"


def test_what_a_finished_batch_left_running_ends_with_it(submit: Submit) -> None:
    began = time.monotonic()
    with submit("sleep 300 & echo $!") as process:
        left = int(process.communicate()[0])
    assert process.returncode == 0
    assert time.monotonic() - began < 10
    assert is_gone(left)


LEAVING = f"""
{sys.executable} -c 'import subprocess, sys
left = subprocess.Popen(["sleep", "300"], start_new_session=True)
print(left.pid, flush=True)'
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows another's environment")
@pytest.mark.parametrize("last", ["exit 0", "sleep 300"], ids=["at its end", "when killed"])
def test_what_left_the_batchs_session_ends_with_it(submit: Submit, last: str) -> None:
    with submit(LEAVING + last) as process:
        assert process.stdout
        left = int(process.stdout.readline())
        if last != "exit 0":
            process.terminate()
        process.wait(10)
        assert process.stdout.read() == ""
    assert is_gone(left)


def test_a_process_that_got_away_with_the_output_does_not_keep_the_batch_from_ending(
    submit: Submit,
) -> None:
    away = f"env -u {spark_submit.MARK} setsid sleep 300"
    with submit(f"{away} & echo $!; sleep 0.5; exit 3") as process:
        assert process.stdout
        left = psutil.Process(int(process.stdout.readline()))
        try:
            assert process.wait(10) == 3
            assert process.stdout.readline().endswith("exit code 3\n")
        finally:
            left.kill()

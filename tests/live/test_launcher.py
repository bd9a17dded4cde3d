"""Java starts as Spark's own spark-submit starts it, and without a second JVM before each batch."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from livy_magic.local import java, spark_submit
from livy_magic.local.environment import clean_environment

pytestmark = pytest.mark.livy

SPARK_SUBMIT = "org.apache.spark.deploy.SparkSubmit"
VECTOR_OPTION = "--add-modules=jdk.incubator.vector"
APPLICATION = ["app.py", "--conf", "argu ment"]

# As Spark's launcher, it is the real Java; as a batch, it only writes down how it was started.
JAVA = """\
#!/bin/sh
case "$*" in
*org.apache.spark.launcher.Main*) echo >>'{folder}/asked';;
*--list-modules*) ;;
*) env -0 >'{folder}/environment'; printf '%s\\0' "$0" "$@" >'{folder}/words'; exit;;
esac
exec '{java}' "$@"
"""


def jars(class_path: str) -> Iterator[str]:
    """Yield what is on a class path, wildcards in Java's order."""
    for part in class_path.split(":"):
        if part.endswith("/*"):
            yield from (str(jar) for jar in Path(part[:-2]).iterdir() if jar.suffix == ".jar")
        else:
            yield part


class Machine:
    """Spark, with a Java that writes down how a batch starts it, and folders as a server has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spark = java.require_spark()
        home = java.require_java().home
        for name in ("java/bin", "scratch", "answers"):
            (folder / name).mkdir(parents=True)
        (folder / "java/lib").symlink_to(home / "lib")
        program = folder / "java/bin/java"
        program.write_text(JAVA.format(folder=folder, java=home / "bin/java"))
        program.chmod(0o700)
        self.properties = folder / "properties"
        self.settings = spark_submit.Settings(
            spark_home=str(self.spark.home),
            scala=self.spark.scala_version.rpartition(".")[0],
            java_home=str(folder / "java"),
            python="python3",
            log4j2="file:///log4j2.properties",
            properties=str(self.properties),
            scratch=str(folder / "scratch"),
            archives=str(folder / "archives"),
            answers=str(folder / "answers"),
            queue=str(folder / "queue"),
            batches=0,
            mark="",
        )
        (folder / "settings").write_text(json.dumps(self.settings._asdict()))
        self.reset()

    def reset(self) -> None:
        """Forget what a test has set."""
        self.variables: dict[str, str] = {}
        self.properties.write_text("spark.ui.enabled=false\n")

    def asked(self) -> int:
        """Return how often Spark's launcher was asked."""
        file = self.folder / "asked"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def ours(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Submit as Livy does."""
        folder = ["--conf", f"{spark_submit.WORKING_DIRECTORY}={self.folder}"]
        program = spark_submit.program(self.folder / "settings")
        return self._run([*program, *folder, *options, *APPLICATION], {})

    def sparks(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Submit by Spark's own script."""
        given = spark_submit.environment(self.settings, str(self.folder / "scratch"))
        named = ("SPARK_HOME", "SPARK_LOCAL_IP", "SPARK_SUBMIT_OPTS", "JAVA_HOME", "PYSPARK_PYTHON")
        script = f"{self.spark.home}/bin/spark-submit"
        properties = ["--properties-file", self.settings.properties]
        return self._run(
            [script, *properties, *options, *APPLICATION], {name: given[name] for name in named}
        )

    def _run(
        self, command: Sequence[str], variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env={**clean_environment(), **variables, **self.variables},
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def started(self, done: subprocess.CompletedProcess[str]) -> list[str]:
        """Return how Java was started: its words up to the class, and where it looks for libraries."""
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        words = (self.folder / "words").read_text().split("\0")
        start = [word for word in words[: words.index(SPARK_SUBMIT)] if word != VECTOR_OPTION]
        place = start.index("-cp") + 1
        start[place] = ":".join(dict.fromkeys(jars(start[place])))
        return [*start, self.environment().get("LD_LIBRARY_PATH", "")]

    def arguments(self) -> list[str]:
        """Return the words behind that class."""
        words = (self.folder / "words").read_text().split("\0")[:-1]
        return words[words.index(SPARK_SUBMIT) + 1 :]

    def environment(self) -> dict[str, str]:
        """Return the environment in which Java was started last."""
        variables = (self.folder / "environment").read_text().split("\0")[:-1]
        return dict(variable.split("=", 1) for variable in variables)

    def check(self, *options: str) -> list[str]:
        """See that ours starts Java as Spark's does, the second time without asking; return how."""
        expected = self.started(self.sparks(*options))
        assert self.started(self.ours(*options)) == expected
        asked = self.asked()
        assert self.started(self.ours(*options)) == expected
        assert self.asked() == asked
        return expected


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine whose answers are kept from test to test, as a server keeps them."""
    machine = Machine(tmp_path_factory.mktemp("launcher"))
    machine.plain = machine.check()
    return machine


@pytest.fixture
def machine(shared: Machine) -> Iterator[Machine]:
    yield shared
    shared.reset()


def test_what_only_one_batch_has_does_not_ask_again(machine: Machine) -> None:
    asked = machine.asked()
    for name in "one", "two":
        own = ["--name", name, "--py-files", f"{name}.zip", "--conf", f"spark.jars={name}.jar"]
        assert machine.started(machine.ours(*own)) == machine.plain
        arguments = machine.arguments()
        assert arguments[2:4] == ["--conf", arguments[3]]
        assert arguments[3].startswith(f"spark.local.dir={machine.folder}/scratch/")
        assert arguments[4:] == [*own, *APPLICATION]
    assert machine.asked() == asked


@pytest.mark.parametrize(
    "options",
    [
        ["--driver-memory", "601m"],
        ["--conf", "spark.driver.memory=602m"],
        ["--driver-java-options", "-Da=1 '-Db=2 3'"],
        ["--conf", "spark.driver.extraJavaOptions=-Dc=4"],
        ["--conf", "spark.driver.defaultJavaOptions=-Dd=5"],
        ["--driver-class-path", "/a.jar:/b"],
        ["--conf", "spark.driver.extraClassPath=/c.jar"],
        ["--driver-library-path", "/lib/a"],
        ["--conf", "spark.driver.extraLibraryPath=/lib/b"],
        ["--deploy-mode", "cluster", "--master", "yarn"],
        ["--conf", "spark.master=yarn", "--conf", "spark.submit.deployMode=cluster"],
    ],
    ids=" ".join,
)
def test_an_option_that_changes_javas_start_changes_it(
    machine: Machine, options: list[str]
) -> None:
    assert machine.check(*options) != machine.plain


@pytest.mark.parametrize(
    "options",
    [
        ["--conf", "spark.driver.defaultExtraClassPath=/d.jar"],
        ["--conf", "spark.api.mode=classic"],
        ["--class", "org.example.Main"],
        ["--conf", "spark.executor.memory=1g", "--queue", "q"],
    ],
    ids=" ".join,
)
def test_any_other_option_leads_to_what_this_spark_makes_of_it(
    machine: Machine, options: list[str]
) -> None:
    machine.check(*options)


def test_another_properties_file_changes_it(machine: Machine) -> None:
    other = machine.folder / "other.conf"
    other.write_text("spark.driver.memory 603m\n")
    assert machine.check("--properties-file", str(other)) != machine.plain


def test_other_properties_of_the_server_change_it(machine: Machine) -> None:
    machine.properties.write_text("spark.driver.extraJavaOptions=-De=6\n")
    assert machine.check() != machine.plain


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("java-opts", "-Df=7"),
        ("spark-env.sh", "SPARK_DRIVER_MEMORY=604m"),
        ("spark-env.sh", "HADOOP_CONF_DIR=$SPARK_HOME"),
        ("spark-env.sh", "SPARK_DIST_CLASSPATH='/e f.jar'"),
        ("spark-env.sh", "SPARK_SUBMIT_OPTS='-Dg=8'"),
    ],
)
def test_a_file_of_sparks_configuration_changes_it_whenever_it_changes(
    machine: Machine, tmp_path: Path, name: str, text: str
) -> None:
    machine.variables["SPARK_CONF_DIR"] = str(tmp_path)
    without = machine.check()
    (tmp_path / name).write_text(f"{text}\n")
    assert machine.check() != without
    (tmp_path / name).unlink()
    assert machine.check() == without


@pytest.mark.parametrize(
    "variable",
    ["SPARK_CONF_DIR", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "SPARK_DIST_CLASSPATH"],
)
def test_a_folder_on_the_class_path_changes_it_also_when_it_comes_and_goes(
    machine: Machine, tmp_path: Path, variable: str
) -> None:
    folder = tmp_path / "folder"
    machine.variables[variable] = str(folder)
    without = machine.check()
    assert without != machine.plain
    folder.mkdir()
    assert machine.check() != without
    folder.rmdir()
    assert machine.check() == without


@pytest.mark.parametrize("variable", ["SPARK_DRIVER_MEMORY", "SPARK_MEM"])
def test_a_variable_with_the_drivers_memory_changes_it(machine: Machine, variable: str) -> None:
    machine.variables[variable] = "605m"
    assert "-Xmx605m" in machine.check()


def test_another_java_is_asked_anew(machine: Machine, tmp_path: Path) -> None:
    asked = machine.asked()
    modules = machine.folder / "java/lib"
    real = modules.readlink()
    modules.unlink()
    modules.mkdir()
    (modules / "modules").touch()
    machine.ours()
    (modules / "modules").unlink()
    modules.rmdir()
    modules.symlink_to(real)
    assert machine.asked() == asked + 1


def test_the_environment_is_that_of_sparks_scripts(machine: Machine) -> None:
    machine.started(machine.sparks())
    expected = machine.environment()
    machine.started(machine.ours())
    found = machine.environment()
    of_the_shell = {"_", "SHLVL", "OLDPWD", "SPARK_BEELINE_OPTS"}
    assert found.pop(spark_submit.MARK)
    assert found == {name: text for name, text in expected.items() if name not in of_the_shell}


# What the launcher objects to.

OBJECTIONS = {
    "no value": ["--conf", "nothing"],
    "memory among Java's options": ["--driver-java-options", "-Xmx1g"],
    "a file that is not there": ["--properties-file", "/gone.conf"],
}


@pytest.mark.parametrize("options", OBJECTIONS.values(), ids=OBJECTIONS)
def test_an_objection_of_the_launchers_is_said_each_time(
    machine: Machine, options: list[str]
) -> None:
    expected = machine.sparks(*options)
    kept = set((machine.folder / "answers").iterdir())
    for _ in range(2):
        done = machine.ours(*options)
        assert done.returncode == expected.returncode
        assert done.stdout == expected.stdout + expected.stderr
    assert set((machine.folder / "answers").iterdir()) == kept


def test_an_unknown_option_is_said_as_spark_says_it(machine: Machine) -> None:
    asked = machine.asked()
    for _ in range(2):
        done = machine.ours("--unknown", "value")
        assert done.stdout == "Error: Unrecognized option: --unknown\n\n"
        assert machine.arguments() == ["--usage-error"]
    assert machine.asked() == asked + 2


def test_a_spark_env_that_fails_ends_the_batch_and_is_said(
    machine: Machine, tmp_path: Path
) -> None:
    machine.variables["SPARK_CONF_DIR"] = str(tmp_path)
    (tmp_path / "spark-env.sh").write_text("echo wrong >&2\nexit 3\n")
    done = machine.ours()
    assert (done.stdout, done.returncode) == ("wrong\n", 3)


def test_what_spark_env_prints_is_said_and_does_not_disturb(
    machine: Machine, tmp_path: Path
) -> None:
    machine.variables["SPARK_CONF_DIR"] = str(tmp_path)
    (tmp_path / "spark-env.sh").write_text("echo hello\nA='two\nlines'\n")
    done = machine.ours()
    assert (done.stdout, done.returncode) == ("hello\n", 0)
    assert machine.environment()["A"] == "two\nlines"


def test_an_answer_is_its_owners_only_and_whole_when_many_ask_at_once(
    machine: Machine, tmp_path: Path
) -> None:
    folder = machine.folder / "answers"
    before = set(folder.iterdir())
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: machine.ours("--driver-memory", "606m"), range(4)))
    assert [one.returncode for one in done] == [0] * 4
    [new] = set(folder.iterdir()) - before
    assert new.stat().st_mode & 0o777 == 0o600
    assert json.loads(new.read_text())[-1] == SPARK_SUBMIT
    asked = machine.asked()
    assert "-Xmx606m" in machine.started(machine.ours("--driver-memory", "606m"))
    assert machine.asked() == asked

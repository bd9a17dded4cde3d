"""The command that starts Java for a batch: Spark's own launcher returns it, and it is kept.

Spark's ``bin/spark-submit`` starts a JVM, ``org.apache.spark.launcher.Main``, only to obtain the
command of the JVM that then runs the batch: Java, its options and class path, the class
``SparkSubmit``, and the unchanged arguments of spark-submit. Everything but these arguments depends
only on the input of :meth:`Launcher.command`. So the answer is kept in a file whose name is a hash
of that input, and the next batch with the same input starts without a second JVM.

Spark's shell scripts do not run either: :meth:`Launcher.environment` does their work for a batch.

Like ``spark_submit``, this uses only the standard library.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

Option: TypeAlias = tuple[str, str]  # of spark-submit: flag and value

_MAIN = "org.apache.spark.launcher.Main"
_SPARK_SUBMIT = "org.apache.spark.deploy.SparkSubmit"
_PROPERTIES_FILE = "--properties-file"
_USAGE_ERROR = "--usage-error"  # makes SparkSubmit print its usage
_APPLICATION = "application"  # a placeholder: the launcher only requires that there is one
_START = b"\0\n"  # of the command in the launcher's output

# Options and properties that differ between batches, and that the launcher passes on unread.
_UNREAD_OPTIONS = frozenset({"--name", "--py-files"})
_UNREAD_PROPERTIES = frozenset({"spark.jars", "spark.files", "spark.archives", "spark.local.dir"})

# Spark 4 makes Java load this module, for faster linear algebra. A Java without it would not start,
# but Spark itself does not require it.
_VECTOR_MODULE = "jdk.incubator.vector"
_VECTOR_OPTION = f"--add-modules={_VECTOR_MODULE}"

_QUICK_JVM = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_KEPT = 100  # answers

# Shell code that runs the command after it in the environment that Spark's script makes.
_LOAD_SPARK_ENV = '. "$SPARK_HOME/bin/load-spark-env.sh" && exec "$0" "$@"'
_PRINT_ENVIRONMENT = r"""
import os, sys
sys.stdout.buffer.write(b"\0\n" + b"".join(b"%s=%s\0" % item for item in os.environb.items()))
"""


class Answer(NamedTuple):
    """A program's output and exit code.

    Attributes:
        code: Its exit code; negative if a signal ended it.
        out: Its standard output.
        error: Its standard error.
    """

    code: int
    out: bytes
    error: bytes


# Runs a program in an environment until it ends.
Ask: TypeAlias = Callable[[Sequence[str], Mapping[str, str]], Answer]


class Refused(Exception):
    """There is no command, for a reason that was shown to the user.

    Attributes:
        code: Exit code of the program that returned none; negative if a signal ended it.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Launcher(NamedTuple):
    """Spark's launcher.

    Attributes:
        options: Options for the launcher's own JVM.
        answers: Folder of the kept answers.
        unread: Environment variables that differ between batches, and that the launcher ignores.
        ask: Runs a program.
        tell: Shows a program's output to the user.
    """

    options: Sequence[str]
    answers: Path
    unread: frozenset[str]
    ask: Ask
    tell: Callable[[bytes], None]

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the environment that Spark's scripts would make, by ``spark-env.sh`` if it exists.

        Args:
            given: The variables before, with ``SPARK_HOME`` and ``SPARK_SCALA_VERSION``.

        Raises:
            Refused: ``spark-env.sh`` fails.
        """
        complete = {"SPARK_CONF_DIR": f"{given['SPARK_HOME']}/conf", **given, "PYTHONHASHSEED": "0"}
        if Path(complete["SPARK_CONF_DIR"], "spark-env.sh").exists():
            python = [sys.executable, "-I", "-S", "-c", _PRINT_ENVIRONMENT]
            variables = self._told(["bash", "-c", _LOAD_SPARK_ENV, *python], complete)[0]
            complete = dict(variable.split("=", 1) for variable in variables)
        return {**complete, "SPARK_ENV_LOADED": "1"}

    def command(
        self,
        options: Sequence[Option],
        application: Sequence[str],
        environment: Mapping[str, str],
    ) -> list[str]:
        """Return the command that runs a batch.

        Args:
            options: Options of spark-submit.
            application: The application and its arguments.
            environment: The command's environment, made by ``environment``.

        Raises:
            Refused: The launcher rejects the options.
        """
        read = [option for option in options if not _is_unread(*option)]
        # The launcher takes an application that looks like an option for one, and knows no such option.
        is_usual = application and not application[0].startswith("-")
        asked = [*_flat(read), *([_APPLICATION] if is_usual else application)]
        files = [Path(value) for flag, value in read if flag == _PROPERTIES_FILE]
        file = self.answers / self._key(asked, files, environment)
        command = _kept(file) or self._asked(asked, environment, file)
        return command if _USAGE_ERROR in command else [*command, *_flat(options), *application]

    def _key(
        self, asked: Sequence[str], properties: Sequence[Path], environment: Mapping[str, str]
    ) -> str:
        """Return a hash of everything that the answer depends on."""
        configuration = Path(environment["SPARK_CONF_DIR"])
        files = [configuration / "spark-defaults.conf", configuration / "java-opts", *properties]
        parts = [
            Path(environment["JAVA_HOME"], "lib/modules"),
            Path(environment["SPARK_HOME"], "jars"),
        ]
        facts = [
            asked,
            sorted(item for item in environment.items() if item[0] not in self.unread),
            [file.read_text("utf-8", "replace") if file.is_file() else None for file in files],
            [part.stat().st_mtime_ns for part in parts],
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _asked(self, asked: Sequence[str], environment: Mapping[str, str], file: Path) -> list[str]:
        """Ask the launcher for the command, and keep it unless messages came with it."""
        java = f"{environment['JAVA_HOME']}/bin/java"
        main = ["-cp", f"{environment['SPARK_HOME']}/jars/*", _MAIN, _SPARK_SUBMIT]
        command, said = self._told([java, *_QUICK_JVM, *self.options, *main, *asked], environment)
        if _USAGE_ERROR in command:
            return command
        command = command[: command.index(_SPARK_SUBMIT) + 1]
        if _VECTOR_OPTION in command:
            modules = self.ask([java, "--list-modules"], environment).out.decode()
            if f"{_VECTOR_MODULE}@" not in modules:
                command.remove(_VECTOR_OPTION)
        place = command.index("-cp") + 1
        command[place] = os.pathsep.join(_without_repeats(command[place].split(os.pathsep)))
        if not said:
            self._keep(file, command)
        return command

    def _told(
        self, program: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[list[str], bytes]:
        """Return a program's answer and its messages, after showing the latter to the user."""
        answer = self.ask(program, environment)
        printed, _, words = answer.out.partition(_START)
        self.tell(printed + answer.error)
        if answer.code or not words:
            raise Refused(answer.code or 1)
        return [os.fsdecode(word) for word in words.split(b"\0")[:-1]], printed + answer.error

    def _keep(self, file: Path, command: Sequence[str]) -> None:
        """Write an answer atomically, readable by its owner only; remove the oldest ones."""
        try:
            descriptor, new = tempfile.mkstemp(dir=self.answers)
            with os.fdopen(descriptor, "w", encoding="utf-8") as text:
                json.dump(command, text)
            Path(new).replace(file)
        except OSError as problem:  # the batch does not need it
            self.tell(f"livy_magic: cannot write to {self.answers}: {problem.strerror}\n".encode())
        newest_first = sorted(self.answers.glob("*"), key=_age)
        for old in newest_first[_KEPT:]:
            old.unlink(missing_ok=True)


def _is_unread(flag: str, value: str) -> bool:
    name = value.partition("=")[0]
    return flag in _UNREAD_OPTIONS or (flag == "--conf" and name in _UNREAD_PROPERTIES)


def _flat(options: Iterable[Option]) -> list[str]:
    return [word for option in options for word in option]


def _without_repeats(parts: Sequence[str]) -> list[str]:
    """Return a class path without duplicate jars: Java uses class-data archives on no other.

    Spark 4 lists one of its jars, and then the whole folder of jars. So that folder is listed jar by
    jar, in the order in which Java itself would read it.
    """
    spelled_out: list[str] = []
    for part in parts:
        folder, wildcard, _ = part.rpartition("/*")
        if wildcard and any(other.startswith(f"{folder}/") for other in spelled_out):
            spelled_out += [str(jar) for jar in Path(folder).iterdir() if jar.suffix == ".jar"]
        else:
            spelled_out.append(part)
    return list(dict.fromkeys(spelled_out))


def _kept(file: Path) -> list[str] | None:
    """Return a kept answer; None if there is none, or it is out of date."""
    try:
        command: list[str] = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):  # ValueError: emptied by a crash of the machine
        return None
    # The launcher adds a slash to those parts of the class path that are folders.
    parts = command[command.index("-cp") + 1].split(os.pathsep)
    holds = all(part[-1:] == "*" or Path(part).is_dir() == (part[-1:] == "/") for part in parts)
    return command if holds else None


def _age(file: Path) -> float:
    try:
        return -file.stat().st_mtime
    except FileNotFoundError:  # removed by another batch
        return 0.0

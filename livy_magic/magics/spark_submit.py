"""The meaning of spark-submit's options here, and the recognition of pasted commands.

Every option in ``spark-submit --help`` is a POST field, or is in one of these tables: it sets a Spark
property; it is accepted without effect, with a note; or it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob
from io import TextIOWrapper
from pathlib import Path

from IPython.core.error import UsageError

from ..files import expanded, opened
from ..redact import mask_text
from .line import Word, expand, shell_words

# By option: the property that Spark's own SparkSubmit sets for it, its value's name, its help.
PROPERTIES: Mapping[str, tuple[str, str | None, str]] = {
    "--packages": (
        "spark.jars.packages", "A,B,…", "Maven coordinates of jars, group:artifact:version",
    ),
    "--exclude-packages": (
        "spark.jars.excludes", "A,B,…", "group:artifact that --packages is not to bring along",
    ),
    "--repositories": (
        "spark.jars.repositories", "A,B,…", "further Maven repositories for --packages",
    ),
    "--driver-java-options": (
        "spark.driver.extraJavaOptions", "TEXT", "options for the driver's JVM",
    ),
    "--driver-class-path": (
        "spark.driver.extraClassPath", "TEXT", "class path of the driver, on its own machine",
    ),
    "--driver-library-path": (
        "spark.driver.extraLibraryPath", "TEXT", "library path of the driver, on its own machine",
    ),
    "--total-executor-cores": (
        "spark.cores.max", "N", "cores of all executors together (Spark standalone)",
    ),
    "--supervise": (
        "spark.driver.supervise", None, "restart a driver that fails (Spark standalone, Kubernetes)",
    ),
}  # fmt: skip

# Options accepted without effect: the value's name, and the reason shown in a note.
NO_EFFECT: Mapping[str, tuple[str | None, str]] = {
    "--master": ("URL", "the server decides where batches run"),
    "--deploy-mode": ("MODE", "the server decides where drivers run"),
    "--verbose": (None, "it is the log of the server that would say more"),
    "--load-spark-defaults": (None, "the server's spark-defaults.conf counts in any case"),
}

REFUSED: Mapping[str, str] = {
    "--principal": "the server logs in to Kerberos itself; run as somebody else with --proxy-user",
    "--keytab": "the server logs in to Kerberos itself, and a keytab should not travel",
    "--kill": "use %livy_kill BATCH",
    "--status": "use %livy_batches, or %livy_wait BATCH",
    "--remote": "Spark Connect needs no batch: use SparkSession.builder.remote(…) in the notebook",
    "--version": "use %livy_connect, which shows the server's",
}

PROPERTIES_FILE = "--properties-file"
LISTS = frozenset({"--packages", "--exclude-packages", "--repositories"})
SHORT = {"--conf": "-c", "--verbose": "-v"}

_PROGRAM = re.compile(r"!?(?:[\w.~${}:-]*[/\\])*spark[23]?-submit2?(?:\.cmd|\.sh)?")
_WORD = r"""(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\;&|<>()`])+"""
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_IN_FRONT = frozenset({"$", "!", "%", "exec", "nohup", "time"})

# The start of a typed command, up to the name of its program.
_CALL = re.compile(
    rf"""\s*(?:cd\s+(?P<folder>{_WORD})\s*&&\s*(?:\\\s+)?)?
        (?:[$!%]\s+)?
        (?:(?:exec|nohup|time)\s+ | [A-Za-z_]\w*=(?:{_WORD})?\s+(?:\\\r?\n\s*)?)*
        {_PROGRAM.pattern}(?!\S)""",
    re.VERBOSE,
)


def is_command(text: str) -> bool:
    """Return whether a text begins with a shell's call of spark-submit."""
    return _CALL.match(text) is not None


def command_words(text: str) -> list[Word]:
    """Return the words of a pasted command, split by a shell's rules.

    A leading ``cd FOLDER &&``, as in the output of ``--dry-run=spark-submit``, is skipped if FOLDER
    is the notebook's.

    Raises:
        UsageError: See :func:`livy_magic.magics.line.shell_words`; or FOLDER is not the notebook's.
    """
    call = _CALL.match(text)
    if call is not None and call["folder"]:
        [folder] = [expand(word, {}) for word in shell_words(call["folder"])]
        if Path(folder).resolve() != Path.cwd():
            raise UsageError(
                f"cd {call['folder']}: a batch's files are looked for in the notebook's folder; run"
                f" %cd {call['folder']} first, and leave this out"
            )
        behind = text.index("&&", call.end("folder")) + 2
        text = re.sub(r"\S", " ", text[:behind]) + text[behind:]
    return shell_words(text)


def command_length(words: Sequence[str]) -> int:
    """Return how many words at the start form a shell's call of spark-submit; 0 for none."""
    for count, word in enumerate(words, start=1):
        if _PROGRAM.fullmatch(word):
            return count
        if word not in _IN_FRONT and not _ASSIGNMENT.fullmatch(word):
            return 0
    return 0


def is_program(word: str) -> bool:
    """Return whether a word is the name or path of spark-submit."""
    return _PROGRAM.fullmatch(word) is not None


def check_patterns(arguments: Iterable[str]) -> None:
    """Check that no argument of the program is a pattern that a shell would expand to file names.

    Raises:
        UsageError: Files on this machine match an argument.
    """
    for word in arguments:
        if isinstance(word, Word) and word.is_pattern and (files := glob(word)):  # noqa: PTH207 -- absolute ones, too
            raise UsageError(
                f"{word} is for a shell, which would make {', '.join(sorted(files)[:3])}"
                f"{' …' if len(files) > 3 else ''} of it; write that, or quote it if the program should get it"
            )


def variables_notes(words: Iterable[str]) -> list[str]:
    """Return a note on the environment variables that are set before a command, if any."""
    names = [word.partition("=")[0] for word in words if _ASSIGNMENT.fullmatch(word)]
    instead = "spark.pyspark.python, spark.executorEnv.NAME or spark.yarn.appMasterEnv.NAME"
    told = (
        f"{', '.join(names)}: a batch gets no variables of this machine; set {instead} with --conf"
    )
    return [told] if names else []


def conf_notes(conf: Mapping[str, str]) -> list[str]:
    """Return a note on each property that Spark ignores; spark-submit warns of these, too."""
    return [
        f"{name} has no effect: Spark reads only properties that begin with spark., as spark.{name} does"
        for name in map(mask_text, conf)
        if not name.startswith("spark.")
    ]


@dataclass
class Properties:
    """Collects the Spark properties that options set.

    Attributes:
        notes: Notes about the options, one line each.
    """

    notes: list[str] = field(default_factory=list)
    _of_options: dict[str, str] = field(default_factory=dict)
    _of_file: dict[str, str] = field(default_factory=dict)

    def take(self, flag: str, value: str) -> None:
        """Add one option; ``value`` is empty if it takes none.

        Raises:
            UsageError: The file of ``--properties-file`` cannot be read.
        """
        if flag in PROPERTIES:
            key = PROPERTIES[flag][0]
            before = self._of_options.get(key)
            if before and flag in LISTS:
                value = f"{before.strip(',')},{value}"
            self._of_options[key] = value or "true"
        elif flag in NO_EFFECT:
            self.notes.append(f"{flag} has no effect: {NO_EFFECT[flag][1]}")
        else:
            self._of_file |= self._read(value)

    def over(self, conf: Mapping[str, str]) -> dict[str, str]:
        """Merge them with the properties of ``--conf``, in spark-submit's order of precedence."""
        return {**self._of_file, **conf, **self._of_options}

    def _read(self, file: str) -> dict[str, str]:
        import javaproperties  # imported late: only --properties-file needs it

        try:
            with TextIOWrapper(
                opened(expanded(file)), encoding="utf-8"
            ) as content:  # as Spark does
                read = javaproperties.load(content)
        except (OSError, ValueError) as problem:
            cause = getattr(problem, "strerror", None) or "it is not a properties file"
            hint = "; it is read on this machine, so give a local path" if "://" in file else ""
            raise UsageError(
                f"{PROPERTIES_FILE}: cannot read {mask_text(file)}: {cause}{hint}"
            ) from None
        ours = {key: value.strip() for key, value in read.items() if key.startswith("spark.")}
        if len(ours) < len(read):  # spark-submit ignores them, too
            others = ", ".join(mask_text(key) for key in read if key not in ours)
            self.notes.append(
                f"{mask_text(file)}: {others} are not Spark properties, so they are left out"
            )
        return ours

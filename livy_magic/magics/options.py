"""The options of the magics: their tables, and the parser for the words of a line.

argparse is unsuitable: it takes ``app.py`` as the value of an option whose value is optional,
accepts abbreviations, drops ``--``, and rejects application arguments that look like options.
"""

from __future__ import annotations

import keyword
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from IPython.core.error import UsageError

from ..export import FORMS
from ..protocol.field_types import Count, FieldType, Seconds, Text, Texts
from ..protocol.fields import BY_FLAG
from ..protocol.models import checked
from ..redact import mask_text
from ..spelling import first_typographic, nearest
from ..staging.paths import StageMode
from ..submit.plan import IfExists
from . import spark_submit
from .line import Word, own_words, split


class Variable(Text):
    """The name of a notebook variable."""

    metavar = "NAME"

    def check(self, value: object) -> str:
        """See FieldType."""
        name = super().check(value)
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError("is not a variable name")
        return name


FILE = "FILE"
FIRST_ARGUMENT = "the first argument"
_TEXT = Text()


@dataclass(frozen=True)
class Option:
    """One option of a magic.

    Attributes:
        flag: Its long form, ``--out``.
        help: Its description.
        short: Its short form, ``-o``.
        metavar: Its value's name in help texts; None if it takes no value.
        type: Parses its value.
        choices: Its permitted values, if they are limited to a few.
        alone: Its value if it is given without one; any other value must then follow a ``=``.
        repeatable: Whether it may be given more than once; its value is a list.
        adds_up: Whether its value is a list, to which each further use adds.
        group: Its heading in help texts.
    """

    flag: str
    help: str
    short: str | None = None
    metavar: str | None = None
    type: FieldType = _TEXT
    choices: tuple[str, ...] = ()
    alone: str | None = None
    repeatable: bool = False
    adds_up: bool = False
    group: str = "options"

    @property
    def name(self) -> str:
        """The flag without its dashes: the key in ``Parsed.options``, and of a cell option."""
        return self.flag.removeprefix("--")

    @property
    def value_name(self) -> str | None:
        """The placeholder for the value in help texts."""
        return "|".join(self.choices) or self.metavar

    @property
    def usage(self) -> str:
        """The option as shown in help texts: ``-o, --out NAME``."""
        flags = f"{self.short}, {self.flag}" if self.short else self.flag
        if self.alone:
            return f"{flags}[={self.value_name}]"
        return f"{flags} {self.value_name}" if self.value_name else flags

    def read(self, text: str) -> Any:
        """Return the value parsed from ``text``.

        Raises:
            UsageError: ``text`` is not one of the choices, or not of the option's type.
        """
        if self.choices and text not in self.choices:
            known = ", ".join(self.choices)
            raise UsageError(
                f"{self.flag}: {mask_text(text)!r} is none of {known}{nearest(text, self.choices)}"
            )
        try:
            return self.type.parse(text)
        except ValueError as problem:
            raise UsageError(f"{self.flag} {self.metavar}: {mask_text(text)!r} {problem}") from None


@dataclass(frozen=True)
class Parsed:
    """The parsed content of a line.

    Attributes:
        values: POST field values by Python name, checked and merged.
        options: Values of the magic's own options that were given, by name: ``options["dry-run"]``.
        rest: The other words, unchanged.
        notes: Notes about some options, one line each.
        command: Whether the line is a pasted spark-submit command.
        file: The application, if the line names one: the first of the other words.
    """

    values: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    command: bool = False
    file: str | None = None

    def get(self, name: str) -> Any:
        """Return an option's value, or None if it was not given."""
        return self.options.get(name)

    def has(self, name: str) -> bool:
        """Return whether an option is on: given, and not switched off by a cell option."""
        return self.options.get(name, False) is not False

    def all(self, name: str) -> list[Any]:
        """Return all values of a repeatable option, in order."""
        return list(self.options.get(name, ()))

    def application(self) -> dict[str, Any]:
        """Return the field values with the application and its arguments, if the line has any."""
        values = self.values | ({"args": tuple(self.rest)} if self.rest else {})
        return values | ({"file": self.file} if self.file else {})

    def over(self, options: Mapping[str, Any], notes: Sequence[str]) -> Parsed:
        """Return the line with a cell's options added; its own override them, lists add up."""
        merged = {**options, **self.options}
        for name, value in options.items():
            if isinstance(value, list):
                merged[name] = value + self.all(name)
        return replace(self, options=merged, notes=[*notes, *self.notes])


_SUBMIT = (
    Option("--wait", "wait until the batch ends, and show what the program prints as it comes"),
    Option("--follow", "print the log while it grows, until the batch ends"),
    Option("--out", "bind the Batch to this variable", short="-o", metavar="NAME", type=Variable()),
    Option("--dry-run", "print what would be sent, and send nothing",
           choices=tuple(FORMS), alone="json"),
    Option("--if-exists", "what to do when a batch has the name already",
           choices=get_args(IfExists)),
    Option("--profile", "profile of livy_magic.yaml to use", metavar="NAME"),
    Option("--stage", "which local files to put where Livy can read them", choices=get_args(StageMode)),
    Option("--quiet", "show nothing but errors"),
)  # fmt: skip

# If typed after FILE by mistake, these would have no effect, and the batch would really be submitted.
_NEVER_MEANT_FOR_A_PROGRAM = frozenset({"--wait", "--follow", "--dry-run", "--if-exists"})

# The options of a submission that spark-submit has, too.
SPARK_SUBMIT = (
    *(
        Option(
            flag,
            f"{post.metadata['help']}; e.g. {post.metadata['example']}",
            short=spark_submit.SHORT.get(flag),
            metavar=post.metadata["type"].metavar,
            adds_up=isinstance(post.metadata["type"], Texts),
            group=post.metadata["group"],
        )
        for flag, post in BY_FLAG.items()
    ),
    *(
        Option(flag, f"{help_text}; {key}", metavar=metavar, group="spark properties",
               adds_up=flag in spark_submit.LISTS)
        for flag, (key, metavar, help_text) in spark_submit.PROPERTIES.items()
    ),
    Option(spark_submit.PROPERTIES_FILE, "a local file of Spark properties", metavar="FILE",
           group="spark properties"),
    *(
        Option(flag, f"no effect: {why}", short=spark_submit.SHORT.get(flag), metavar=metavar,
               group="without effect")
        for flag, (metavar, why) in spark_submit.NO_EFFECT.items()
    ),
)  # fmt: skip

PARAM = Option(
    "--param", "a variable for the cell's code: one that is defined here, or a literal",
    metavar="NAME[=VALUE]", repeatable=True,
)  # fmt: skip

SUBMIT = (*_SUBMIT, *SPARK_SUBMIT)
CELL = (*_SUBMIT, PARAM, *SPARK_SUBMIT)
# The most used options, in the order in which help texts show them first.
USUAL = (
    "--name", "--wait", "--dry-run", "--param", "--conf", "--executor-memory", "--py-files", "--files",
)  # fmt: skip

BATCHES = (
    Option("--state", "only those in this state", metavar="STATE"),
    Option("--name", "only those whose name matches", metavar="GLOB"),
    Option("--owner", "only those of this owner", metavar="USER"),
    Option("--mine", "only those that I own, or that were submitted from here"),
    Option("--limit", "at most so many", metavar="N", type=Count()),
)

HISTORY = (
    Option("--state", "only those last seen in this state", metavar="STATE"),
    Option("--name", "only those whose name matches", metavar="GLOB"),
    Option("--owner", "only those of this owner", metavar="USER"),
    Option("--mine", "as in %livy_batches; what was submitted from here is all yours"),
    Option("--limit", "at most so many; the last 100 if not given", metavar="N", type=Count()),
    Option("--forget", "remove BATCH with its log, or those that --older or --name chooses"),
    Option("--older", "with --forget: those submitted so long ago", metavar="DAYS", type=Count()),
    Option("--all", "with --forget: everything"),
)

LOG = (
    Option("--follow", "go on while it grows, until the batch ends", short="-f"),
    Option("--tail", "only the last lines", metavar="N", type=Count()),
    Option("--output", "only what the program itself printed"),
)

WAIT = (
    Option("--timeout", "wait no longer: 90, 0.5, 5m, 1h30m", metavar="SECONDS", type=Seconds()),
)

PANEL = (
    Option("--side", "in JupyterLab's side bar"),
    Option("--split", "in a tab beside the notebook, in JupyterLab"),
)

LOCAL = (Option("--ui", "with Spark's web page open to this machine"),)
LOCAL_VERBS = ("start", "stop", "status", "logs", "clean")


def words_of(line: str, options: Sequence[Option], *, first: str | None = None) -> list[Word]:
    """Split a magic's line into words; a spark-submit command in it follows a shell's rules.

    Args:
        line: The line, as typed.
        options: The magic's options.
        first: See :func:`parse`.

    Raises:
        UsageError: See :func:`livy_magic.magics.line.split` and ``command_words``.
    """
    known = by_flag(options)
    before: list[Word] = []
    value_follows = False
    for word in own_words(line) if first else ():
        if not value_follows and (word == "--" or not word.startswith("-")):
            command = line[word.start :]
            if word == "--" or not spark_submit.is_command(command):
                break
            blank = re.sub(r"\S", " ", line[: word.start])  # so that columns match the line's
            return [*before, *spark_submit.command_words(blank + command)]
        option = None if value_follows else known.get(word)
        value_follows = bool(option and option.value_name and not option.alone)
        before.append(word)
    return split(line)


def parse(words: Iterable[str], options: Sequence[Option], *, first: str | None = None) -> Parsed:
    """Parse the options among the words of a line.

    Without ``first``, options may precede and follow the other words. With it, options end at the
    first other word, and everything after that goes to the application, even if it looks like an
    option. Either way they end at ``--``. A ``spark-submit`` among options does not end them: it
    begins a pasted command.

    Args:
        words: From :func:`words_of` and :func:`~livy_magic.magics.line.expand`.
        options: The magic's options.
        first: The kind of that first word: ``FILE``, the application; or another name, for messages.

    Raises:
        UsageError: An option is unknown, lacks a value, has one too many, or has none of its choices.
        InvalidRequest: A field has a value that Livy would reject.
    """
    known = by_flag(options)
    todo = deque(words)
    values: dict[str, Any] = {}
    given: dict[str, Any] = {}
    rest: list[str] = []
    properties = spark_submit.Properties()
    taken: set[str] = set()
    command = False
    while todo:
        word = todo.popleft()
        if word == "--":
            rest.extend(todo)
            break
        if not word.startswith("-") or word == "-":
            length = 0 if command or not first else spark_submit.command_length([word, *todo])
            if length:
                command = True
                called = [word, *(todo.popleft() for _ in range(length - 1))]
                properties.notes += spark_submit.variables_notes(called)
                continue
            rest.append(word)
            if first:
                rest += _arguments(todo, first, properties.notes, command=command)
                break
            continue
        option, value = _taken(word, todo, known, of_submission=bool(first), command=command)
        if option not in SPARK_SUBMIT:
            _take_option(given, option, value)
            continue
        if note := _repeated(option, taken, command=command):
            properties.notes.append(note)
        taken.add(option.flag)
        if option.flag in BY_FLAG:
            _take_field(values, option.flag, value, behind=todo)
        else:
            properties.take(option.flag, value)
    if conf := properties.over(values.get("conf", {})):
        values["conf"] = conf
    file = rest.pop(0) if rest and (first == FILE or (command and _is_file(rest[0]))) else None
    return Parsed(values, given, rest, properties.notes, command, file)


def by_flag(options: Iterable[Option]) -> dict[str, Option]:
    """Return options by their long and short forms."""
    return {flag: option for option in options for flag in (option.flag, option.short) if flag}


def _is_file(word: str) -> bool:
    """Return whether a word of a pasted command is its application, not an argument for a cell."""
    return word.lower().endswith((".py", ".jar", ".r", ".zip"))


def _arguments(behind: Iterable[str], first: str, notes: list[str], *, command: bool) -> list[str]:
    """Return the program's arguments; if options of the magic are among them, raise or add a note."""
    arguments = list(behind)
    if not command and first == FILE and arguments[:1] == ["--"]:
        return arguments[1:]
    own = {option.flag for option in _SUBMIT}
    among = [word for word in arguments if word.partition("=")[0] in own]
    slips = [word for word in among if word.partition("=")[0] in _NEVER_MEANT_FOR_A_PROGRAM]
    if slips and not command:
        where = "behind FILE" if first == FILE else f"before {first}"
        raise UsageError(
            f"{slips[0]} stands behind {first}, where words go to the program: put it before {first}; or,"
            f" if the program is to get it, put -- {where}"
        )
    if among:
        notes.append(
            f"{', '.join(among)} goes to the program, as all that stands behind {first} does"
        )
    return arguments


def _repeated(option: Option, taken: Iterable[str], *, command: bool) -> str | None:
    """Return a note on an option that is given again, or None; spark-submit uses only the last."""
    flag = option.flag
    if flag not in taken or flag in spark_submit.NO_EFFECT or flag == "--conf":
        return None
    if option.adds_up or flag == spark_submit.PROPERTIES_FILE:
        return f"{flag} is given more than once: all count here, where spark-submit takes the last alone"
    if not command:
        raise UsageError(f"{flag} is given twice")
    return f"{flag} is given more than once: the last counts, as for spark-submit"


def _unknown(flag: str, known: Iterable[str], *, of_submission: bool) -> str:
    if flag in {"-h", "--help"}:
        return "a magic's name and a question mark show its help: %livy_submit?"
    if of_submission and flag in spark_submit.REFUSED:
        return f"{flag} is refused: {spark_submit.REFUSED[flag]}"
    if of_submission and flag == PARAM.flag:
        return "--param is for %%livy_batch: a file has no cell to put it in"
    if odd := first_typographic(flag):
        return f"unknown option {mask_text(flag)}: {odd}"
    if of_submission and flag.lstrip("-").startswith("spark."):
        return f"{mask_text(flag)} is a Spark property: --conf {mask_text(flag.lstrip('-'))}=…"
    flag = mask_text(flag)
    close = nearest(flag, known)
    behind = f"; there are {', '.join(one for one in known if one.startswith('--'))}"
    if of_submission:
        behind = "; the application's own arguments come last, behind --"
    return f"unknown option {flag}{close or behind}"


def _taken(
    word: str,
    behind: deque[str],
    known: Mapping[str, Option],
    *,
    of_submission: bool,
    command: bool,
) -> tuple[Option, str]:
    """Return the option for a word, and its value, which may be the next word."""
    flag, equals, value = word.partition("=")
    option = known.get(flag)
    if option is None:
        raise UsageError(_unknown(flag, known, of_submission=of_submission))
    if equals and option.value_name is None:
        raise UsageError(f"{flag} takes no value")
    if not equals and command and option in SPARK_SUBMIT and option.value_name and behind:
        return option, behind.popleft()  # spark-submit takes it, even if it looks like an option
    return option, value if equals else _next_value(option, behind, known)


def _next_value(option: Option, words: deque[str], known: Iterable[str]) -> str:
    """Return the next word if it is the option's value, else the value when given alone, or ``""``."""
    a_command_follows = len(words) > 1 and spark_submit.is_program(words[0])
    if option.alone and words and words[0] in option.choices and not a_command_follows:
        raise UsageError(f"{option.flag} {words[0]}: write {option.flag}={words[0]}")
    if option.value_name is None or option.alone:
        return option.alone or ""
    if not words or words[0] == "--" or words[0].partition("=")[0] in known:
        raise UsageError(f"{option.flag} needs a value: {option.usage}")
    return words.popleft()


def _take_field(values: dict[str, Any], flag: str, text: str, *, behind: Sequence[str]) -> None:
    name = BY_FLAG[flag].name
    value = checked(BY_FLAG[flag], text, text=True)
    if isinstance(value, tuple) and text.endswith(",") and _is_next_entry(behind):
        raise UsageError(
            f"{flag}: there is a blank between {mask_text(text)} and {mask_text(behind[0])}; leave it out"
        )
    before = values.get(name)
    if before is None:
        values[name] = value
    elif isinstance(value, tuple):
        values[name] = before + value
    elif isinstance(value, Mapping):
        values[name] = {**before, **value}
    else:
        values[name] = value


def _is_next_entry(behind: Sequence[str]) -> bool:
    """Return whether the next word continues a list: then the one after it is FILE."""
    return len(behind) > 1 and not behind[0].startswith("-") and _is_file(behind[1])


def _take_option(values: dict[str, Any], option: Option, text: str) -> None:
    value = option.read(text) if option.value_name else True
    if option.repeatable:
        values.setdefault(option.name, []).append(value)
    elif option.name in values:
        raise UsageError(f"{option.flag} is given twice")
    else:
        values[option.name] = value


def help_text(options: Sequence[Option], *, first: Sequence[str] = ()) -> str:
    """Return the option table of a magic's help.

    Args:
        options: The magic's options.
        first: Flags of the options to show first, under a heading of their own.
    """
    groups: dict[str, list[Option]] = {}
    known = by_flag(options)
    if usual := [known[flag] for flag in first if flag in known]:
        groups["used most"] = usual
    for option in options:
        if option.flag not in first:
            groups.setdefault(option.group, []).append(option)
    width = max((len(option.usage) for option in options), default=0)
    return "\n\n".join(
        "\n".join([f"{title}:", *(f"  {option.usage:<{width}}  {option.help}" for option in group)])
        for title, group in groups.items()
    )

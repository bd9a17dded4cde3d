"""The line of a magic: its words, the notebook's variables in it, and its options.

argparse does not do here: it takes ``app.py`` as the value of an option whose value may be left out,
accepts abbreviations, loses ``--``, and refuses application arguments that look like options.
"""

from __future__ import annotations

import keyword
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from IPython.core.error import UsageError

from ..fields import BY_FLAG, nearest
from ..kinds import Count, Kind, Text
from ..models import checked
from ..redact import mask_text
from ..staging import STAGE_MODES


class Variable(Text):
    """The name of a notebook variable."""

    metavar = "NAME"

    def check(self, value: object) -> str:
        """See Kind."""
        name = super().check(value)
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError("is no variable name")
        return name


_TEXT = Text()


@dataclass(frozen=True)
class Option:
    """One option of a magic.

    Attributes:
        flag: Its long form, ``--out``.
        help: What it does.
        short: Its short form, ``-o``.
        metavar: What its value is called; None when it takes none.
        kind: How its value is read.
        choices: The only values it takes, if they are so few.
        alone: The value when none is given; another one then only follows a ``=``.
        repeatable: May be given more than once; its value is a list.
    """

    flag: str
    help: str
    short: str | None = None
    metavar: str | None = None
    kind: Kind = _TEXT
    choices: tuple[str, ...] = ()
    alone: str | None = None
    repeatable: bool = False

    @property
    def name(self) -> str:
        """The flag without its dashes: the key in ``Parsed.options`` and of a cell option."""
        return self.flag.removeprefix("--")

    @property
    def value_name(self) -> str | None:
        """What stands for the value in a help text."""
        return "|".join(self.choices) or self.metavar

    @property
    def usage(self) -> str:
        """The option as a help text shows it: ``-o, --out NAME``."""
        flags = f"{self.short}, {self.flag}" if self.short else self.flag
        if self.alone:
            return f"{flags}[={self.value_name}]"
        return f"{flags} {self.value_name}" if self.value_name else flags

    def read(self, text: str) -> Any:
        """Return the value that ``text`` spells.

        Raises:
            UsageError: It is none of the choices, or not of the option's kind.
        """
        if self.choices and text not in self.choices:
            known = ", ".join(self.choices)
            raise UsageError(
                f"{self.flag}: {text!r} is none of {known}{nearest(text, self.choices)}"
            )
        try:
            return self.kind.parse(text)
        except ValueError as problem:
            raise UsageError(f"{self.flag}: {text!r} {problem}") from None


@dataclass(frozen=True)
class Parsed:
    """What a line says.

    Attributes:
        values: POST field values by Python name, checked and merged.
        options: The magic's own options that were given, by name: ``options["dry-run"]``.
        rest: The other words, untouched.
    """

    values: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)

    def get(self, name: str) -> Any:
        """Return an option's value, or None when it was not given."""
        return self.options.get(name)

    def has(self, name: str) -> bool:
        """Say whether an option is on: given, and not switched off by a cell option."""
        return self.options.get(name, False) is not False

    def all(self, name: str) -> list[Any]:
        """Return all values of a repeatable option, in order."""
        return list(self.options.get(name, ()))

    def over(self, options: Mapping[str, Any]) -> Parsed:
        """Return the same line with a cell's options below its own; repeatable ones add up."""
        merged = {**options, **self.options}
        for name, value in options.items():
            if isinstance(value, list):
                merged[name] = value + self.all(name)
        return replace(self, options=merged)


SUBMIT = (
    Option("--wait", "wait until the batch ends, then show what the program printed"),
    Option("--follow", "print the log while it grows, until the batch ends"),
    Option("--out", "bind the Batch to this variable", short="-o", metavar="NAME", kind=Variable()),
    Option("--dry-run", "print what would be sent, and send nothing",
           choices=("json", "curl"), alone="json"),
    Option("--if-exists", "what to do when a batch has the name already",
           choices=("fail", "attach", "replace", "rename")),
    Option("--profile", "profile of livy_magic.yaml to use", metavar="NAME"),
    Option("--stage", "which local files to put where Livy can read them", choices=STAGE_MODES),
    Option("--quiet", "show nothing but errors"),
)  # fmt: skip

PARAM = Option(
    "--param", "a variable for the cell's code: the notebook's, or a literal",
    metavar="NAME[=VALUE]", repeatable=True,
)  # fmt: skip

CELL = (*SUBMIT, PARAM)

BATCHES = (
    Option("--state", "only those in this state", metavar="STATE"),
    Option("--name", "only those whose name matches", metavar="GLOB"),
    Option("--owner", "only those of this owner", metavar="USER"),
    Option("--mine", "only those that I own, or that were submitted from here"),
    Option("--limit", "at most so many", metavar="N", kind=Count()),
)

LOG = (
    Option("--follow", "go on while it grows, until the batch ends", short="-f"),
    Option("--tail", "only the last lines", metavar="N", kind=Count()),
    Option("--output", "only what the program itself printed"),
)

WAIT = (Option("--timeout", "wait no longer", metavar="SECONDS", kind=Count()),)

LOCAL = (Option("--ui", "with Spark's web page open to this machine"),)

_FIELD_OPTIONS = {
    flag: Option(
        flag,
        f"{post.metadata['help']}; e.g. {post.metadata['example']}",
        metavar=post.metadata["kind"].metavar,
    )
    for flag, post in BY_FLAG.items()
}

# spark-submit's own options that no POST field stands for, and what to do instead.
_OF_SPARK_SUBMIT = {
    **{
        flag: f"write --conf {key}=…"
        for flag, key in {
            "--packages": "spark.jars.packages",
            "--repositories": "spark.jars.repositories",
            "--exclude-packages": "spark.jars.excludes",
            "--driver-java-options": "spark.driver.extraJavaOptions",
            "--driver-class-path": "spark.driver.extraClassPath",
            "--driver-library-path": "spark.driver.extraLibraryPath",
            "--total-executor-cores": "spark.cores.max",
        }.items()
    },
    **dict.fromkeys(("--master", "--deploy-mode"), "the server decides it; leave it out"),
    **dict.fromkeys(("--verbose", "-v", "--supervise"), "leave it out"),
    "--properties-file": "write its lines as --conf",
    **dict.fromkeys(("--principal", "--keytab"), "the server logs in; see auth in the README"),
    "--kill": "use %livy_kill",
    "--status": "use %livy_wait or %livy_batches",
}

_PIECE = re.compile(
    r"""(?P<blank>\s+)
      | '(?P<single>[^']*)'
      | "(?P<double>(?:\\"|[^"\\]|\\(?!"))*)"
      | (?P<plain>[^\s'"]+)""",
    re.VERBOSE,
)

_REFERENCE = re.compile(
    r"""(?P<dollars>\$\$)
      | (?P<open>\{\{)
      | (?P<close>\}\})
      | \$?\{(?P<braced>[^\W\d]\w*)\}
      | \$(?P<bare>[^\W\d]\w*)""",
    re.VERBOSE,
)


def split(line: str) -> list[str]:
    r"""Split a line into words.

    Quotes are those of a shell, also inside a word: ``--name="my job"``. Within double quotes,
    ``\"`` is a quote. Any other backslash is a backslash, as in ``C:\jobs\etl.py``.

    Raises:
        UsageError: A quote is never closed, or the line ends in a backslash.
    """
    if line.rstrip().endswith("\\"):
        raise UsageError(
            r"the line ends in a backslash; quote a word that does end in one, '…\', and put options"
            " that need more room than a %% line into its cell, `#| name: value`"
        )
    words: list[str] = []
    word: str | None = None
    position = 0
    while position < len(line):
        piece = _PIECE.match(line, position)
        if piece is None:
            raise UsageError(f"the quote {line[position]} in column {position + 1} is never closed")
        position = piece.end()
        if piece.lastgroup != "blank":
            text = piece[piece.lastgroup or 0]
            word = (word or "") + (text.replace('\\"', '"') if piece["double"] else text)
        elif word is not None:
            words.append(word)
            word = None
    return words if word is None else [*words, word]


def expand(tokens: Iterable[str], namespace: Mapping[str, object]) -> list[str]:
    """Put the values of the notebook's variables into the words of a line.

    From left to right, in every word:

    - ``{name}``, ``$name`` and ``${name}``, where ``name`` is an identifier, become
      ``str(namespace["name"])``. The value is not looked into again, and stays one word.
    - ``$$`` becomes ``$``.
    - ``{{`` becomes ``{``, and the ``}}`` that closes it ``}``.
    - All else stays as it is: ``{2}``, ``$1``, ``{"a": {"b": 1}}``.

    Raises:
        UsageError: A variable is not defined.
    """
    return [_expanded(token, namespace) for token in tokens]


def _expanded(token: str, namespace: Mapping[str, object]) -> str:
    unclosed = 0

    def replacement(match: re.Match[str]) -> str:
        nonlocal unclosed
        if match["dollars"]:
            return "$"
        if match["open"]:
            unclosed += 1
            return "{"
        if match["close"]:
            closes = unclosed > 0
            unclosed -= closes
            return "}" if closes else "}}"
        name = match["braced"] or match["bare"]
        if name in namespace:
            return str(namespace[name])
        if not name.isidentifier():
            return match[0]
        literal = match[0].replace("$", "$$").replace("{", "{{").replace("}", "}}")
        raise UsageError(f"{name} is not defined in the notebook; to mean it literally: {literal}")

    return _REFERENCE.sub(replacement, token)


def parse(tokens: Iterable[str], options: Sequence[Option], *, fields: bool = False) -> Parsed:
    """Read the options among the words of a line.

    Without ``fields``, options may stand before and behind the other words. With it they end at the
    first word that is none (the FILE, or the first argument of a cell's application), and what
    follows is not looked at, but for a ``--dry-run``: to overlook that would submit. Either way they
    end at ``--``.

    Args:
        tokens: From :func:`split` and :func:`expand`.
        options: The magic's own.
        fields: The POST fields' options are taken, too, and a leading ``spark-submit`` is dropped.

    Raises:
        UsageError: An unknown option, a missing value, one too many, one that is no choice.
        InvalidRequest: A field has a value that Livy would reject.
    """
    known = {option.flag: option for option in options}
    known |= {option.short: option for option in options if option.short}
    if fields:
        known |= _FIELD_OPTIONS
    words = deque(tokens)
    if fields and words and words[0].rpartition("/")[2] == "spark-submit":
        words.popleft()
    parsed = Parsed()
    while words:
        word = words.popleft()
        if word == "--":
            parsed.rest.extend(words)
            break
        if not word.startswith("-") or word == "-":
            parsed.rest.append(word)
            if fields:
                _check_behind(words, "FILE" if PARAM not in options else "the first argument")
                parsed.rest.extend(words)
                break
            continue
        flag, equals, value = word.partition("=")
        option = known.get(flag)
        if option is None:
            raise UsageError(_unknown(flag, known, fields=fields))
        if not equals:
            value = _next_value(option, words, known)
        elif option.value_name is None:
            raise UsageError(f"{flag} takes no value")
        if fields and flag in BY_FLAG:
            _take_field(parsed.values, flag, value)
        else:
            _take_option(parsed.options, option, value)
    return parsed


def _check_behind(words: Iterable[str], first: str) -> None:
    if any(word.partition("=")[0] == "--dry-run" for word in words):
        raise UsageError(
            f"--dry-run stands behind {first}, so the program would get it; options come before"
            f" {first}. To pass it on, write -- before {first}"
        )


def _unknown(flag: str, known: Iterable[str], *, fields: bool) -> str:
    if flag in {"-h", "--help"}:
        return "a magic's name and a question mark show its help: %livy_submit?"
    if fields and flag in _OF_SPARK_SUBMIT:
        return f"unknown option {flag}; {_OF_SPARK_SUBMIT[flag]}"
    if fields and flag == PARAM.flag:
        return "--param is for %%livy_batch: a file has no cell to put it in"
    flag = mask_text(flag)
    close = nearest(flag, known)
    behind = "; the application's own arguments come last, behind --" if fields else ""
    return f"unknown option {flag}{close or behind}"


def _next_value(option: Option, words: deque[str], known: Iterable[str]) -> str:
    """Return the value that follows an option, if it takes one that follows."""
    if option.value_name is None or option.alone:
        return option.alone or ""
    if not words or words[0] == "--" or words[0].partition("=")[0] in known:
        raise UsageError(f"{option.flag} needs a value: {option.usage}")
    return words.popleft()


def _take_field(values: dict[str, Any], flag: str, text: str) -> None:
    name = BY_FLAG[flag].name
    value = checked(BY_FLAG[flag], text, text=True)
    before = values.get(name)
    if before is None:
        values[name] = value
    elif isinstance(value, tuple):
        values[name] = before + value
    elif isinstance(value, Mapping):
        values[name] = {**before, **value}
    else:
        raise UsageError(f"{flag} is given twice")


def _take_option(values: dict[str, Any], option: Option, text: str) -> None:
    value = option.read(text) if option.value_name else True
    if option.repeatable:
        values.setdefault(option.name, []).append(value)
    elif option.name in values:
        raise UsageError(f"{option.flag} is given twice")
    else:
        values[option.name] = value


def help_text(options: Sequence[Option], *, fields: bool = False) -> str:
    """Return the option part of a magic's help, made from the tables."""
    groups = {"options": list(options)} if options else {}
    if fields:
        for flag, post in BY_FLAG.items():
            groups.setdefault(post.metadata["group"], []).append(_FIELD_OPTIONS[flag])
    width = max((len(option.usage) for group in groups.values() for option in group), default=0)
    return "\n\n".join(
        "\n".join([f"{title}:", *(f"  {option.usage:<{width}}  {option.help}" for option in group)])
        for title, group in groups.items()
    )

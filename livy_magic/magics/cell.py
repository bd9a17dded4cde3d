"""The cell of ``%%livy_batch``: its options, and its code, command or POST body."""

from __future__ import annotations

import io
import itertools
import json
import re
import tokenize
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from IPython.core.error import UsageError

from ..errors import InvalidRequest
from ..protocol.fields import find, read
from ..protocol.models import POST_FIELDS
from ..redact import is_secret, mask_text
from ..spelling import INVISIBLE, TYPOGRAPHIC, first_typographic, nearest, typographic
from .line import split
from .options import CELL, SPARK_SUBMIT, Option
from .python_code import complaint
from .spark_submit import REFUSED, Properties, is_command

MARK = "#|"
_ALMOST_MARK = re.compile(rf"[{INVISIBLE}]*#[\s{INVISIBLE}]*\|\s*[\w-]+\s*:")
_NULLS = ("null", "Null", "NULL")
FIRST_LINE = 2  # line 1 of a notebook cell is the magic's line

CELL_FORMS = (
    "the cell may hold Python code, below `#| name: value` options if there are any; or such options"
    " alone, with `#| file: hdfs:///jobs/etl.py`; or a spark-submit command; or one JSON object, the"
    " POST body"
)

_JSON_KEYS = [post.metadata["json"] for post in POST_FIELDS]
_OPTIONS = {option.name: option for option in CELL if option not in SPARK_SUBMIT}
_PROPERTIES = {option.name: option for option in SPARK_SUBMIT if not find(option.name)}

_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Cell:
    """The parsed content of a cell.

    Attributes:
        values: POST field values by Python name, from cell options or from the body.
        options: The magic's own options by name; the line's override them: ``Parsed.over``.
        code: The whole cell if it is an application; its options are comments in Python.
        body: The literal POST body if the cell is one: nothing may be added to it.
        command: The spark-submit command if the cell is one, after blank lines for those above it.
        complaint: What this Python cannot compile in the code; another version may.
        notes: Notes about some options, one line each.
    """

    values: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    code: str | None = None
    body: dict[str, Any] | None = None
    command: str | None = None
    complaint: str | None = None
    notes: list[str] = field(default_factory=list)


def parse_cell(cell: str, *, line_file: str | None = None) -> Cell:
    """Parse a cell.

    Its options are the lines that start with ``#|``, above the first line of code, possibly with
    blank lines and other comments between them. Together they form a YAML mapping. Its keys are the
    POST fields' names, or the long options of the magic's line.

    Args:
        cell: The cell, without the magic's line.
        line_file: The application, if the magic's line names one.

    Raises:
        UsageError: An option is unknown or contradictory, YAML or JSON is malformed, or there is
            nothing to run.
        InvalidRequest: A field has a value that Livy would reject.
    """
    if "\0" in cell:
        at = FIRST_LINE + cell[: cell.index("\0")].count("\n")
        raise UsageError(
            f"line {at} of the cell: delete the NUL character; no Python source has one"
        )
    top, below = parts(cell)
    for number, line in enumerate(top, start=FIRST_LINE):
        if _is_almost_option(line):
            raise UsageError(
                f"line {number} of the cell: write `{MARK}` without a blank or an invisible sign in it"
            )
    rest = "".join(below).rstrip()
    values, options, notes = _sorted_options(_read_yaml(top))
    named = f"the line's {line_file}" if line_file else "`#| file:`" if "file" in values else None
    if rest.lstrip().startswith("{"):
        if values or line_file:
            keys = [post.metadata["json"] for post in POST_FIELDS if post.name in values] or [
                "file"
            ]
            raise UsageError(f"the cell is a POST body: write {', '.join(keys)} into it")
        body = _read_json(rest, FIRST_LINE + len(top))
        return Cell(_body_values(body), options, body=body, notes=notes)
    if named and rest:
        raise UsageError(f"the cell has code and {named}; which of them is to run?")
    first_line = FIRST_LINE + len(top)
    if is_command(rest):
        return Cell(values, options, command="\n" * (first_line - 1) + rest, notes=notes)
    if rest:
        _check_no_options("".join(below), first_line)
        found = complaint("".join(below), first_line)
        return Cell(values, options, code=cell, complaint=found, notes=notes)
    if named:
        return Cell(values, options, notes=notes)
    missing = (
        "the cell has options but nothing to run" if values or options else "the cell is empty"
    )
    raise UsageError(f"{missing}: {CELL_FORMS}")


def _check_no_options(code: str, first_line: int) -> None:
    """Raise UsageError for a cell option below code; one within a multi-line string is none."""
    with suppress(tokenize.TokenError, SyntaxError):  # the batch's traceback will report it
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT and token.line.startswith(MARK):
                line = first_line + token.start[0] - 1
                raise UsageError(
                    f"line {line} of the cell: `{MARK} …` stands below code; options come first"
                )


def lines(text: str) -> Iterator[str]:
    """Yield the lines with their ends, as Python counts them; ``str.splitlines`` splits at more."""
    return iter(io.StringIO(text, newline=""))


def parts(cell: str) -> tuple[list[str], list[str]]:
    """Return the lines above the first line of code, and the rest."""
    every = list(lines(cell))
    top = list(itertools.takewhile(_is_comment, every))
    return top, every[len(top) :]


def _is_almost_option(line: str) -> bool:
    """Return whether a line looks like a mistyped cell option, which would be a mere comment."""
    return _ALMOST_MARK.match(line) is not None and not line.startswith(MARK)


def _is_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#") or _is_almost_option(line)


def _read_yaml(top: list[str]) -> dict[str, Any]:
    """Return the cell options; all scalars stay text, so that 1.50 and 2026-01-01 do not change."""
    import yaml  # only a cell with options needs it

    from ..yaml_text import TextLoader  # as above

    class Loader(TextLoader):
        def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
            plain = isinstance(node, yaml.ScalarNode) and node.style is None
            if plain and node.value in _NULLS:
                return None
            return super().construct_object(node, deep=deep)

    # Any other line becomes a blank one, so that YAML's line numbers match the cell's.
    text = "\n".join(_option_text(line) for line in top)
    try:
        options = Loader(text).get_single_data()
    except yaml.MarkedYAMLError as problem:
        raise UsageError(_yaml_complaint(problem, top)) from None
    except yaml.YAMLError as problem:
        raise UsageError(f"cell options: {str(problem).partition(chr(10))[0]}") from None
    if options is None:
        return {}
    if isinstance(options, str):
        raise UsageError(
            _no_colon(top, next(n for n, line in enumerate(top) if _option_text(line)))
        )
    if not isinstance(options, dict):
        raise UsageError(f"cell options are of the form `{MARK} name: value`")
    return options


def _yaml_complaint(problem: Any, top: list[str]) -> str:
    """Return the message for a ``yaml.MarkedYAMLError``, with the line number in the cell."""
    text = str(problem.problem)
    mark = problem.problem_mark
    at = mark.line if mark else 0
    if text == "could not find expected ':'" and problem.context_mark:
        return _no_colon(top, problem.context_mark.line)  # problem_mark is one line too far
    if "'\\t'" in text:
        text = "a tab; YAML wants spaces"
    elif text.startswith("mapping values"):
        before = [n for n in range(at) if _option_text(top[n])]
        if before and not re.search(r":|^\s*-", _option_text(top[before[-1]])):
            return _no_colon(top, before[-1])  # YAML read it as the start of a longer text
        text += "; quote a value that contains ': '"
    return f"cell options, line {FIRST_LINE + at} of the cell: {text}"


def _no_colon(top: list[str], index: int) -> str:
    text = _option_text(top[index])
    shown = "it" if is_secret(text) else f"`{text.strip()}`"
    return f"cell options, line {FIRST_LINE + index} of the cell: {shown} has no colon: `{MARK} name: value`"


def _option_text(line: str) -> str:
    return line.removeprefix(MARK).removeprefix(" ").rstrip() if line.startswith(MARK) else ""


def _sorted_options(
    given: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return field values by Python name, the magic's own options by name, and notes about them."""
    values: dict[str, Any] = {}
    options: dict[str, Any] = {}
    properties = Properties()
    for given_key, value in given.items():
        key = str(given_key)  # it may be null
        name = key.removeprefix("--").replace("_", "-")
        post, option = find(key), _OPTIONS.get(name)
        if option is not None:
            if option.name in options:
                raise UsageError(f"cell option {option.name} is given twice")
            options[option.name] = _option_value(option, value)
        elif post is not None:
            values[key] = split(value) if post.name == "args" and isinstance(value, str) else value
        elif name in _PROPERTIES:
            text = _property_text(_PROPERTIES[name], value)
            if text is not None:
                properties.take(f"--{name}", text)
        elif f"--{name}" in REFUSED:
            raise UsageError(f"cell option {key} is refused: {REFUSED[f'--{name}']}")
        else:
            hint = nearest(key, [*_JSON_KEYS, *_OPTIONS, *_PROPERTIES])
            if odd := first_typographic(key):
                hint = f": {odd}"
            if key.startswith("spark."):
                hint = f"; Spark properties stand below `{MARK} conf:`, two blanks further in"
            raise UsageError(f"unknown cell option {mask_text(key)}{hint}")
    read_values = read(values, where="cell option", text=True)
    if conf := properties.over(read_values.get("conf", {})):
        read_values["conf"] = conf
    return read_values, options, properties.notes


def _property_text(option: Option, value: object) -> str | None:
    """Return the value as typed after the option in a line; None if the option is switched off."""
    if option.metavar is None:
        return "" if _switched(option, value) else None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return _one_text(option, value)


def _option_value(option: Option, value: object) -> Any:
    if option.repeatable:
        return [option.read(text) for text in _texts(option, value)]
    if option.value_name is None:
        return _switched(option, value)
    text = _one_text(option, value)
    if option.alone and text.lower() in _SWITCH:
        return option.alone if _SWITCH[text.lower()] else False
    return option.read(text)


def _one_text(option: Option, value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(f"cell option {option.name} takes one value")
    return value


def _switched(option: Option, value: object) -> bool:
    text = _one_text(option, value)
    if text.lower() not in _SWITCH:
        raise UsageError(
            f"cell option {option.name} is either true or false, not {mask_text(text)!r}"
        )
    return _SWITCH[text.lower()]


def _texts(option: Option, value: object) -> list[str]:
    """Return the values of a repeatable option, given as text, list, or mapping of names to values."""
    named = value if isinstance(value, dict) else {}
    items = list(named.values()) or (value if isinstance(value, list) else [value])
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items):
        raise UsageError(f"cell option {option.name} takes plain values only")
    return [f"{name}={text}" for name, text in zip(named, texts, strict=True)] if named else texts


def _read_json(text: str, line: int) -> dict[str, Any]:
    """Return the POST body, which begins at line ``line`` of the cell."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for index, (key, _) in enumerate(pairs):
            if key in dict(pairs[:index]):
                raise UsageError(f"POST body: {key} is given twice")
        return dict(pairs)

    try:
        # Decimal numbers stay text: Livy reads 1.50 as "1.50", and Python would make it 1.5.
        body: dict[str, Any] = json.loads(text, object_pairs_hook=once, parse_float=str)
    except json.JSONDecodeError as problem:
        at = f"line {line + problem.lineno - 1}, column {problem.colno} of the cell"
        sign = text[problem.pos : problem.pos + 1]
        odd = f"; {typographic(sign)}" if sign and sign in TYPOGRAPHIC else ""
        raise UsageError(f"POST body, {at}: {problem.msg}{odd}") from None
    return body


def _body_values(body: Mapping[str, Any]) -> dict[str, Any]:
    for key in body:
        if key not in _JSON_KEYS:
            raise InvalidRequest(
                f"the POST body has no field {mask_text(key)!r}{nearest(key, _JSON_KEYS)}"
            )
    return read({"file": None, **body}, where="field of the POST body")

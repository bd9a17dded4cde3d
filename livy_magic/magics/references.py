r"""``{…}`` and ``$name`` in a line: variables, and Python expressions that begin with one."""

from __future__ import annotations

import ast
import builtins
import keyword
import os
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from IPython.core.error import UsageError

from ..redact import mask_text

NAME = r"[^\W\d]\w*"

_REFERENCE = re.compile(
    rf"""(?P<dollars>\$\$)
      | (?P<open>\{{\{{)
      | (?P<close>\}}\}})
      | \$?\{{(?P<braced>{NAME})\}}
      | \$(?P<bare>{NAME})
      | (?P<of_spark>\$\{{(?!\{{))
      | \{{(?P<first>{NAME})""",
    re.VERBOSE,
)
_FIELD = re.compile(rf"\{{{NAME}")
_SPLIT = re.compile(r"!(?P<conversion>[rsa])(?=:|$)|:")
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "": lambda value: value,
    "r": repr,
    "s": str,
    "a": ascii,
}
_CANDIDATES = 20  # closing braces to try for one field


class Field(NamedTuple):
    """A Python expression in braces: ``{expression!conversion:spec}``."""

    end: int
    expression: str
    conversion: str
    spec: str


def expanded(text: str, namespace: Mapping[str, object], unclosed: int) -> tuple[str, int]:
    """Return the text with values in place of references, and the number of unclosed ``{{``."""
    parts: list[str] = []
    position = 0
    while match := _REFERENCE.search(text, position):
        parts.append(text[position : match.start()])
        position = match.end()
        name = match["braced"] or match["bare"]
        if match["dollars"]:
            parts.append("$")
        elif match["open"]:
            unclosed += 1
            parts.append("{")
        elif match["close"]:
            parts.append("}" if unclosed else "}}")
            unclosed -= unclosed > 0
        elif match["of_spark"]:
            parts.append(match[0])
        elif name:
            parts.append(_variable(name, match[0], namespace))
        elif field := field_at(text, match.start()):
            position = field.end
            parts.append(
                _evaluated(field, text[match.start() : position], match["first"], namespace)
            )
        else:
            _check_no_expression(text[match.start() :], match["first"], namespace)
            parts.append("{")
            position = match.start() + 1
    return "".join([*parts, text[position:]]), unclosed


def _variable(name: str, written: str, namespace: Mapping[str, object]) -> str:
    if name in namespace:
        return _text(lambda: str(namespace[name]), written)
    if not name.isidentifier():
        return written
    raise _not_defined(name, written)


def _text(make: Callable[[], str], written: str) -> str:
    """Return a text made by the user's own code; turn what that raises into a UsageError."""
    try:
        return make()
    except Exception as problem:  # noqa: BLE001 -- user code may raise anything
        told = " ".join(mask_text(f"{type(problem).__name__}: {problem}").split())
        raise UsageError(
            f"{written}: {told}; to mean it literally: {_literally(written)}"
        ) from None


def _not_defined(name: str, written: str) -> UsageError:
    cause = f"{name} is not defined here"
    if name in os.environ:
        cause += f", only in the environment: {name} = os.environ[{name!r}] would do that"
    return UsageError(f"{cause}; to mean it literally: {_literally(written)}")


def _literally(written: str) -> str:
    return written.replace("$", "$$").replace("{", "{{").replace("}", "}}")


def field_at(text: str, start: int) -> Field | None:
    """Return the field whose brace opens at ``start``, or None if it holds no Python expression.

    A tuple is no field, since ``{a,b}`` is a pattern's alternatives; nor is a mapping, ``{a: 1}``.
    """
    if not _FIELD.match(text, start):
        return None
    end = start
    for _ in range(_CANDIDATES):
        end = text.find("}", end + 1)
        if end < 0:
            return None
        if parts := _parsed(text[start + 1 : end]):
            return Field(end + 1, *parts)
    return None


def _parsed(source: str) -> tuple[str, str, str] | None:
    """Return expression, conversion and format in a field's source, or None if it is no field."""
    if "\n" in source:
        return None
    for split_at in [*_SPLIT.finditer(source), None]:
        expression = source[: split_at.start()] if split_at else source
        if not _is_expression(expression):
            continue
        conversion = (split_at["conversion"] or "") if split_at else ""
        rest = source[split_at.end() :] if split_at else ""
        spec = rest.removeprefix(":") if conversion else rest
        if spec[:1].isspace() or spec.count("{") != spec.count("}"):
            return None
        return expression, conversion, spec
    return None


def _is_expression(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return not isinstance(tree.body, ast.Tuple)


def _evaluated(field: Field, written: str, first: str, namespace: Mapping[str, object]) -> str:
    if keyword.iskeyword(first):
        return written
    names: dict[str, Any] = {**namespace, "__builtins__": builtins}
    if first not in namespace and not hasattr(builtins, first):
        raise _not_defined(first, written)
    spec, _ = expanded(field.spec, namespace, 0)

    def make() -> str:
        value = eval(field.expression, names)  # noqa: S307 -- the user's own code, as in IPython's magics
        return format(_CONVERSIONS[field.conversion](value), spec)

    return _text(make, written)


def _check_no_expression(text: str, first: str, namespace: Mapping[str, object]) -> None:
    """Raise UsageError for braces that begin with a variable but hold no Python: they are ambiguous."""
    if first in namespace and "}" in text:
        written = text[: text.index("}") + 1]
        raise UsageError(
            f"{written} begins with the variable {first}, but is not taken for an expression; to mean it"
            f" literally: {_literally(written)}"
        )

"""The parameters of a cell: parses ``--param``, and writes values as one line of Python source."""

from __future__ import annotations

import ast
import builtins
import datetime as dt
import decimal
import fractions
import keyword
import pathlib
import sys
import uuid
import warnings
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any

from IPython.core.error import UsageError

from ..redact import is_secret

HARMLESS = "+"  # before a parameter's name that looks like a secret's but is not

# Raised by ast.literal_eval, and by repr of a value that is nested too deeply.
_NO_LITERAL = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError)

# What to pass instead of an object that has the method.
_INSTEAD = {
    "to_pydatetime": "its .to_pydatetime(), which has no nanoseconds",
    "to_pytimedelta": "its .to_pytimedelta(), which has no nanoseconds",
    "to_dict": "its .to_dict()",
    "tolist": "its .tolist()",
}
_DIGITS = 4_000  # Python limits the digits of decimal numbers, but not of hexadecimal ones


class _NoSource(Exception):
    """A value cannot be written as a Python expression.

    Attributes:
        value: The value.
    """

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


@contextmanager
def no_warnings() -> Iterator[None]:
    """Suppress Python's warnings about code that is not run here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def param(text: str, namespace: Mapping[str, object]) -> tuple[str, object]:
    """Return name and value of a ``--param``: ``NAME``, for that variable's value, or ``NAME=VALUE``.

    A ``+`` before the name declares that it is no secret, even if the name looks like a secret's.

    Raises:
        UsageError: The name is not valid, not defined, or looks like a secret's; or the value cannot
            be written as Python source.
    """
    name, equals, value = text.partition("=")
    is_no_secret, name = name.startswith(HARMLESS), name.removeprefix(HARMLESS)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"--param {name}: {name!r} is not a variable name")
    if is_secret(name) and not is_no_secret:
        raise UsageError(
            f"--param {name}: looks like a secret, and the staged file is no place for one; let the"
            " program read it from its environment or from a secret store of the cluster; if it is"
            f" none, write {HARMLESS}{name}"
        )
    if equals:
        return name, param_value(value)
    if name not in namespace:
        raise UsageError(f"--param {name}: {name} is not defined here")
    _checked_source(name, namespace[name])
    return name, namespace[name]


def param_value(text: str) -> object:
    """Return the value of ``text`` as a Python literal, or ``text`` itself if it is not one."""
    try:
        with no_warnings():
            value = ast.literal_eval(text)
            spelled = ast.literal_eval(repr(value)) == value
    except _NO_LITERAL:
        return text
    return value if spelled else text


def assignments(params: Mapping[str, object]) -> str:
    """Return one line of Python source that defines the parameters.

    Raises:
        UsageError: A value cannot be written as Python source.
    """
    sources = {name: _checked_source(name, value) for name, value in params.items()}
    if any(hasattr(builtins, name) for name in params):  # `set = 1` would break a later `set()`
        return f"{', '.join(sources)}, = {', '.join(sources.values())},"
    return "; ".join(f"{name} = {source}" for name, source in sources.items())


def _checked_source(name: str, value: object) -> str:
    try:
        source = _source(value)
        compile(source, name, "eval")  # Python limits how deeply brackets nest
    except _NoSource as problem:
        raise UsageError(f"--param {name}: {_complaint(problem.value)}") from None
    except (SyntaxError, MemoryError, RecursionError):
        raise UsageError(
            f"--param {name}: this {type(value).__name__} is nested too deeply, or holds itself"
        ) from None
    return source


def _complaint(value: object) -> str:
    instead = next((what for name, what in _INSTEAD.items() if hasattr(type(value), name)), None)
    if _is_numpy_scalar(value):
        instead = "a number, a text or a datetime of Python's"
    elif isinstance(value, Enum):
        instead = "its .value"
    elif instead is None:
        instead = "numbers, text, dates, paths, or lists, tuples, sets and dicts of them"
    kind = type(value).__name__
    return f"a value of type {kind} cannot be written as a Python expression; pass {instead}"


def _source(value: Any) -> str:
    """Return an expression that is equal to ``value``, and needs no import before it.

    Raises:
        _NoSource: There is no such expression.
        RecursionError: The value contains itself.
    """
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    plain = _plain(value)
    if plain is None or type(plain) not in _WRITERS or not _same(plain, value):
        raise _NoSource(value)
    return _source(plain)


def _plain(value: Any) -> object:
    """Return the equivalent of an object in a type of Python's own, or None if there is none."""
    if _is_numpy_scalar(value):
        plain = value.item()
        is_time = value.dtype.kind in "mM"  # whose nanoseconds .item() turns into a number
        return None if is_time and isinstance(plain, int) else plain
    try:
        if isinstance(value, dt.datetime):  # such as pandas.Timestamp
            return _datetime(value, value.tzinfo)
        if isinstance(value, dt.timedelta):
            return dt.timedelta(value.days, value.seconds, value.microseconds)
        if isinstance(value, str):
            return str.__str__(value)  # str() of an enumeration's member is its name
        return next((kind(value) for kind in (int, float) if isinstance(value, kind)), None)
    except (TypeError, ValueError):  # such as pandas.NaT, whose year is no number
        return None


def _is_numpy_scalar(value: object) -> bool:
    numpy = sys.modules.get("numpy")  # loaded, if there is a scalar
    return numpy is not None and isinstance(value, numpy.generic)


def _same(plain: Any, value: Any) -> bool:
    return bool(plain == value or (plain != plain and value != value))  # noqa: PLR0124 -- nan


def _call(function: str, *arguments: object, **named: object) -> str:
    module, _, name = function.partition(".")
    given = [*map(_source, arguments), *(f"{key}={_source(item)}" for key, item in named.items())]
    return f'__import__("{module}").{name}({", ".join(given)})'


def _of_float(value: float) -> str:
    return repr(value) if abs(value) < float("inf") else f'float("{value}")'


def _of_items(value: Iterable[object]) -> str:
    return ", ".join(map(_source, value))


def _of_set(value: Iterable[object]) -> str:
    # sorted, so that equal sets give equal files
    return f"{{{', '.join(sorted(map(_source, value)))}}}" if value else "set()"


def _of_dict(value: Mapping[object, object]) -> str:
    return f"{{{', '.join(f'{_source(key)}: {_source(item)}' for key, item in value.items())}}}"


def _datetime(value: dt.datetime, zone: dt.tzinfo | None) -> dt.datetime:
    return dt.datetime(
        value.year, value.month, value.day, value.hour, value.minute, value.second,
        value.microsecond, zone, fold=value.fold,
    )  # fmt: skip


def _of_datetime(value: dt.datetime) -> str:
    if value.tzinfo is not None and type(value.tzinfo) not in _WRITERS:  # such as pytz's
        offset = value.utcoffset()
        fixed = _datetime(value, None if offset is None else dt.timezone(offset))
        if fixed != value:
            raise _NoSource(value)
        value = fixed
    day = (value.year, value.month, value.day)
    return _call("datetime.datetime", *day, **_clock(value))


def _clock(value: dt.datetime | dt.time) -> dict[str, object]:
    """Return the parts of a time of day that differ from the constructor's defaults."""
    parts = ("hour", "minute", "second", "microsecond", "tzinfo", "fold")
    return {name: part for name in parts if (part := getattr(value, name)) not in (0, None)}


def _of_timezone(value: dt.timezone) -> str:
    if value is dt.timezone.utc:
        return '__import__("datetime").timezone.utc'
    offset, name = value.utcoffset(None), value.tzname(None)
    unnamed = dt.timezone(offset).tzname(None)
    return _call("datetime.timezone", offset, *([] if name == unnamed else [name]))


def _of_zone(value: zoneinfo.ZoneInfo) -> str:
    if value.key is None:
        raise _NoSource(value)
    return _call("zoneinfo.ZoneInfo", value.key)


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    **dict.fromkeys((type(None), bool, str, bytes, bytearray, range), repr),
    int: lambda value: repr(value) if value.bit_length() < _DIGITS else hex(value),
    float: _of_float,
    complex: lambda value: f"complex({_of_items((value.real, value.imag))})",
    list: lambda value: f"[{_of_items(value)}]",
    tuple: lambda value: f"({_of_items(value)}{',' if len(value) == 1 else ''})",
    set: _of_set,
    frozenset: lambda value: f"frozenset({_of_set(value) if value else ''})",
    dict: _of_dict,
    dt.date: lambda value: _call("datetime.date", value.year, value.month, value.day),
    dt.datetime: _of_datetime,
    dt.time: lambda value: _call("datetime.time", **_clock(value)),
    dt.timedelta: lambda value: _call(
        "datetime.timedelta", value.days, value.seconds, value.microseconds
    ),
    dt.timezone: _of_timezone,
    zoneinfo.ZoneInfo: _of_zone,
    decimal.Decimal: lambda value: _call("decimal.Decimal", str(value)),
    fractions.Fraction: lambda value: _call(
        "fractions.Fraction", value.numerator, value.denominator
    ),
    uuid.UUID: lambda value: _call("uuid.UUID", str(value)),
    **{
        kind: lambda value: _call(f"pathlib.{type(value).__name__}", str(value))
        for kind in (
            pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath,
        )
    },
}  # fmt: skip

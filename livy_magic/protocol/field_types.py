"""The types of the POST fields: how each checks a value, and reads one from text.

``check`` takes a value from Python code and returns it in its one stored form; ``parse`` takes the
text of a command-line option or cell option. Both raise a ``ValueError`` for a bad value; its
message completes the sentence "<value> ...".
"""

from __future__ import annotations

import datetime as dt
import math
import operator
import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Number
from types import MappingProxyType
from typing import Any
from urllib.parse import quote
from uuid import UUID

from ..redact import mask_text
from ..spelling import check_visible, first_typographic

# Livy reads JSON integers as Scala Ints; a larger one gives a 500 and a zombie (protocol, part 1).
LARGEST_INT = 2**31 - 1

LONGEST_NAME = 4000  # bytes in a URL; RFC 9110, 4.1, recommends support of 8,000 for all of it
_DECODED_TWICE = re.compile("%(?:23|2F|3F)")
_SURROGATE = re.compile("[\ud800-\udfff]")

# Spark also knows 4GB, and 4096 as MiB; the JVM, to which the driver's goes as it is, does not.
_SIZE = re.compile(r"(?P<number>[1-9][0-9]*)(?P<unit>[kmgt]?)(?P<bytes>b?)", re.IGNORECASE)


class EntryError(ValueError):
    """One entry of a value is bad; the message names it, and is complete without the value."""


class FieldType(ABC):
    """The type of a POST field: it checks values, and reads them from text."""

    metavar: str

    @abstractmethod
    def check(self, value: object) -> object:
        """Return ``value`` in its stored form, or raise ValueError."""

    def parse(self, text: str) -> object:
        """Return the value that ``text`` spells, or raise ValueError."""
        return self.check(text)

    def to_json(self, value: object) -> object:
        """Return a stored value as JSON takes it."""
        return value


class Text(FieldType):
    """Any text that is not blank."""

    metavar = "TEXT"

    def check(self, value: object) -> str:
        """See FieldType."""
        if not isinstance(value, str):
            raise ValueError("is not text")
        if not value.strip():
            raise ValueError("is empty")
        return _sendable(value)


def no_path(name: str) -> str | None:
    """Return why no URL can carry a batch's name to Livy, or None if one can.

    Tested on Livy 0.7.1 with every ASCII character at the start, in the middle and at the end of a
    name, %00 to %FF in both cases, dot segments, and characters of all Unicode planes: every other
    name arrives unchanged if it is percent-encoded. Livy accepts 128 KiB of URL and headers.

    Returns:
        The reason, which completes the sentence "<name> ...".
    """
    if ";" in name:
        return "contains ';', where Livy cuts off the name in a URL; leave it out"
    if twice := _DECODED_TWICE.search(name):
        return f"contains {twice[0]!r}, which Livy decodes twice in a URL; leave it out"
    if not {".", ".."}.isdisjoint(segments := name.split("/")):
        dots = "'.'" if "." in segments else "'..'"
        return f"has {dots} as a path segment, which URLs drop; leave it out"
    if _SURROGATE.search(name):
        return "contains half of a surrogate pair, which a URL cannot contain; leave it out"
    if len(quote(name, safe="")) > LONGEST_NAME:
        return f"takes more than {LONGEST_NAME} bytes in a URL; shorten it"
    return None


class Name(Text):
    """A batch name: not all digits, since Livy reads those as an id (protocol, part 1).

    A name that no URL can carry is rejected, since nothing could find its batch again by it.
    """

    metavar = "NAME"

    def check(self, value: object) -> str:
        """See FieldType."""
        name = super().check(value)
        if name.isdecimal():
            raise ValueError("is all digits, which Livy takes for a batch id")
        if hidden := next((sign for sign in name if not sign.isprintable()), None):
            raise ValueError(f"contains the invisible character U+{ord(hidden):04X}; leave it out")
        if problem := no_path(name):
            raise ValueError(problem)
        return name


class Size(Text):
    """An amount of memory, stored in the notation that the JVM's ``-Xmx`` and Spark both understand: ``4g``."""

    metavar = "SIZE"

    def check(self, value: object) -> str:
        """See FieldType."""
        text = super().check(value)
        size = _SIZE.fullmatch(text)
        if size is None or (size["bytes"] and not size["unit"]):
            raise ValueError("is not a memory size: write a whole number and k, m, g or t")
        return (
            text
            if size["unit"] and not size["bytes"]
            else f"{size['number']}{size['unit'].lower() or 'm'}"
        )


@dataclass(frozen=True)
class Count(FieldType):
    """A whole number; sent as a JSON integer, because Livy answers a string with a 500."""

    least: int = 1
    metavar = "N"

    def check(self, value: object) -> int:
        """See FieldType."""
        try:
            number = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            number = None
        if number is None or isinstance(value, bool):
            raise ValueError("is not a whole number")
        if not self.least <= number <= LARGEST_INT:
            raise ValueError(f"is not between {self.least} and {LARGEST_INT}")
        return number

    def parse(self, text: str) -> int:
        """See FieldType."""
        if not re.fullmatch(r"[+-]?[0-9]+", text.strip()):
            raise ValueError("is not a whole number")
        return self.check(int(text))


_N = r"\d+(?:\.\d+)?"
_TIME = re.compile(rf"(?:({_N})h)?(?:({_N})m(?:in)?)?(?:({_N})s)?", re.IGNORECASE)


class Seconds(FieldType):
    """A time to wait: a number of seconds, or a ``timedelta``."""

    metavar = "SECONDS"

    def check(self, value: object) -> float:
        """See FieldType."""
        if isinstance(value, dt.timedelta):
            value = value.total_seconds()
        try:
            seconds = math.nan if isinstance(value, (str, bytes, bool)) else float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            seconds = math.nan
        if not seconds >= 0:  # nan is not, either
            raise ValueError("is not a number of seconds")
        return min(seconds, threading.TIMEOUT_MAX)

    def parse(self, text: str) -> float:
        """See FieldType."""
        try:
            return self.check(float(text))
        except ValueError:
            parts = _TIME.fullmatch(text.strip())
            if not parts or not any(parts.groups()):
                raise ValueError(
                    "is no time: a number of seconds, or one like 5m or 1h30m"
                ) from None
            hours, minutes, seconds = (float(part or 0) for part in parts.groups())
            return self.check(3600 * hours + 60 * minutes + seconds)


class Texts(FieldType):
    """A list of paths or URIs; in text, separated by commas as for spark-submit."""

    metavar = "A,B,…"

    def check(self, value: object) -> tuple[str, ...]:
        """See FieldType."""
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise ValueError("is not a list")
        if isinstance(value, (set, frozenset)):
            raise ValueError("is a set, which has no order; give a list")
        return tuple(self._entry(number, item) for number, item in enumerate(value, start=1))

    def _entry(self, number: int, value: object) -> str:
        if value is None:
            raise EntryError(f"entry {number} is null")
        try:
            return self.item(value)
        except ValueError as problem:
            raise EntryError(f"entry {number} {problem}") from None

    def item(self, value: object) -> str:
        """Return one entry of the list in its stored form, or raise ValueError."""
        path = path_text(value)
        if not isinstance(path, str) or not path.strip():
            raise ValueError("is empty or not text")
        check_visible(path)
        return _sendable(path)

    def parse(self, text: str) -> tuple[str, ...]:
        """See FieldType; what is empty between commas is left out, as spark-submit does."""
        return self.check([item.strip() for item in text.split(",") if item.strip()])

    def to_json(self, value: object) -> list[str]:
        """See FieldType."""
        assert isinstance(value, tuple)
        return list(value)


class Arguments(Texts):
    """The application's own arguments: numbers and booleans become text, as Livy converts them."""

    metavar = "ARG"

    def item(self, value: object) -> str:
        """See Texts."""
        return scalar_text(value)

    def parse(self, text: str) -> tuple[str, ...]:
        """See FieldType."""
        return (text,)


class Conf(FieldType):
    """Spark properties; in text, ``key=value``."""

    metavar = "KEY=VALUE"

    def check(self, value: object) -> Mapping[str, str]:
        """See FieldType."""
        if not isinstance(value, Mapping):
            raise ValueError("is not a mapping of property names to values")
        checked: dict[str, str] = {}
        for key, item in value.items():
            if not isinstance(key, str) or not key.strip() or "=" in key or key != key.strip():
                shown = mask_text(str(key))
                raise EntryError(f"spark-submit cannot read the property name {shown!r}")
            if odd := first_typographic(key):
                raise EntryError(f"the property name {mask_text(key)!r}: {odd}")
            if item is None:
                raise EntryError(f"{mask_text(key)} is null")
            try:
                checked[key] = scalar_text(item)
            except ValueError as problem:
                raise EntryError(f"{mask_text(key)} {problem}") from None
        return MappingProxyType(checked)

    def parse(self, text: str) -> Mapping[str, str]:
        """See FieldType."""
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ValueError("is not of the form key=value, without spaces")
        return self.check({key.strip(): value})

    def to_json(self, value: object) -> dict[str, str]:
        """See FieldType."""
        assert isinstance(value, Mapping)
        return dict(value)


def scalar_text(value: Any) -> str:
    """Return a scalar as the text that Livy makes of it: ``True`` becomes ``true``.

    Raises:
        ValueError: It is something else, such as a list.
    """
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _sendable(str.__str__(value))  # str() of an enumeration's member is its name
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, os.PathLike):
        value = path_text(value)
    if not isinstance(value, (Number, str, dt.date, dt.time, UUID)):
        raise ValueError("is neither text nor a number")
    return _sendable(str(value))


def path_text(value: object) -> object:
    """Return the text of a path object; anything else as it is."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _sendable(text: str) -> str:
    if "\0" in text:
        raise ValueError("contains a NUL character, which a command line cannot contain")
    return text

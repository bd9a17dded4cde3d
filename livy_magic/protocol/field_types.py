"""The kinds of value that a POST field takes: how each is checked, and read from text.

``check`` takes what Python code passes and returns it in its one stored form; ``parse`` takes the
text that follows an option or stands in a cell option. Both refuse with a ``ValueError`` whose
text completes the sentence "<value> ...".
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ..redact import mask_text

# Livy reads JSON integers as a Scala Int; a larger one is a 500 and a zombie (protocol, part 1).
LARGEST_INT = 2**31 - 1

_SIZE = re.compile(r"[1-9][0-9]*[kmgt]", re.IGNORECASE)


class EntryError(ValueError):
    """One entry of a value is bad; the text names it, and so is a sentence without the value."""


class FieldType(ABC):
    """How the values of one POST field are checked and read."""

    metavar: str

    @abstractmethod
    def check(self, value: object) -> object:
        """Return ``value`` in its stored form, or raise ValueError."""

    def parse(self, text: str) -> object:
        """Return the value that ``text`` spells, or raise ValueError."""
        return self.check(text)

    def to_json(self, value: object) -> object:
        """Return the stored form as JSON has it."""
        return value


class Text(FieldType):
    """Any text that is not empty."""

    metavar = "TEXT"

    def check(self, value: object) -> str:
        """See FieldType."""
        if not isinstance(value, str):
            raise ValueError("is not text")
        if not value.strip():
            raise ValueError("is empty")
        if "\0" in value:
            raise ValueError("contains a NUL character, which no command line can carry")
        return value


class Name(Text):
    """A batch name: Livy takes one of digits only for an id, and refuses it (protocol, part 1)."""

    metavar = "NAME"

    def check(self, value: object) -> str:
        """See FieldType."""
        name = super().check(value)
        if name.isdecimal():
            raise ValueError("is all digits, which Livy takes for a batch id")
        if not name.isprintable():
            raise ValueError("contains control characters")
        return name


class Size(Text):
    """An amount of memory as the JVM's ``-Xmx`` and Spark both understand it."""

    metavar = "SIZE"

    def check(self, value: object) -> str:
        """See FieldType."""
        size = super().check(value)
        if not _SIZE.fullmatch(size):
            raise ValueError("is no memory size: a whole number and k, m, g or t")
        return size


@dataclass(frozen=True)
class Count(FieldType):
    """A whole number; sent as a JSON integer, since Livy answers a string with a 500."""

    least: int = 1
    metavar = "N"

    def check(self, value: object) -> int:
        """See FieldType."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("is not a whole number")
        if not self.least <= value <= LARGEST_INT:
            raise ValueError(f"is not between {self.least} and {LARGEST_INT}")
        return value

    def parse(self, text: str) -> int:
        """See FieldType."""
        if not re.fullmatch(r"[+-]?[0-9]+", text.strip()):
            raise ValueError("is not a whole number")
        return self.check(int(text))


class Texts(FieldType):
    """A list of paths or URIs; in text, separated by commas as spark-submit has it."""

    metavar = "A,B,…"

    def check(self, value: object) -> tuple[str, ...]:
        """See FieldType."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ValueError("is not a list")
        return tuple(self._entry(number, item) for number, item in enumerate(value, start=1))

    def _entry(self, number: int, value: object) -> str:
        if value is None:
            raise EntryError(f"entry {number} is null")
        try:
            return self.item(value)
        except ValueError as problem:
            raise EntryError(f"entry {number} {problem}") from None

    def item(self, value: object) -> str:
        """Return one entry of the list, checked."""
        if not isinstance(value, str) or not value.strip():
            raise ValueError("is empty or no text")
        return value

    def parse(self, text: str) -> tuple[str, ...]:
        """See FieldType."""
        return self.check([item.strip() for item in text.split(",")])

    def to_json(self, value: object) -> list[str]:
        """See FieldType."""
        assert isinstance(value, tuple)
        return list(value)


class Arguments(Texts):
    """The application's own arguments: numbers and truth values become text, as Livy does it."""

    metavar = "ARG"

    def item(self, value: object) -> str:
        """See Texts."""
        if isinstance(value, (Mapping, Sequence)) and not isinstance(value, str):
            raise ValueError("is neither text nor a number")
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
            if item is None or isinstance(item, (Mapping, list, tuple, set)):
                what = "null" if item is None else "no plain value"
                raise EntryError(f"{mask_text(key)} is {what}")
            checked[key] = scalar_text(item)
        return MappingProxyType(checked)

    def parse(self, text: str) -> Mapping[str, str]:
        """See FieldType."""
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ValueError("is not of the form key=value, without blanks")
        return self.check({key.strip(): value})

    def to_json(self, value: object) -> dict[str, str]:
        """See FieldType."""
        assert isinstance(value, Mapping)
        return dict(value)


def scalar_text(value: object) -> str:
    """Return a scalar as Livy would write it: ``True`` is ``true``."""
    return str(value).lower() if isinstance(value, bool) else str(value)

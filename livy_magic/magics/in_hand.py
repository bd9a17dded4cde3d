"""Words of a line that refer to batches in a variable: ``b``, ``{b}``, ``hs``, ``hs[0]``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

from ..batch import Batch
from .line import Kind, Word

# The syntax that leads from a variable to an object in it; it has no calls.
_STEPS = (
    ast.Expression,
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Slice,
    ast.Constant,
    ast.UnaryOp,
    ast.USub,
    ast.Load,
)
_REFERENCE = re.compile(r"\$?\{(?P<braced>[^{}]+)\}|\$(?P<bare>\w+)")


class InHand(str):
    """A word that refers to batches in a variable.

    Attributes:
        batches: These batches, at least one.
    """

    __slots__ = ("batches",)

    batches: list[Batch]


def in_hand(word: Word, names: Mapping[str, object]) -> InHand | None:
    """Return the batches that a word refers to; None unless it is one, or a collection of them only.

    Args:
        word: A word of the line; in single quotes it is a batch's name, never a variable.
        names: The variables that a word can refer to.
    """
    if [piece.kind for piece in word.pieces] == [Kind.LITERAL]:
        return None
    # Splitting the line into words removed the quotes in ``by_day['mon']``.
    source = str(word)
    if len(word.pieces) > 1:
        quoted = (Kind.DOUBLE, Kind.LITERAL)
        source = "".join(repr(one.text) if one.kind in quoted else one.text for one in word.pieces)
    if reference := _REFERENCE.fullmatch(source):
        source = reference["braced"] or reference["bare"]
    value = _value(source, names)
    if isinstance(value, Batch):
        value = [value]
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
        return None
    batches = list(value.values()) if isinstance(value, Mapping) else list(value)
    if not batches or not all(isinstance(one, Batch) for one in batches):
        return None
    found = InHand(word)
    found.batches = batches
    return found


def _value(source: str, names: Mapping[str, object]) -> object:
    """Return an expression's value; None if it is no expression, or does more than access names."""
    try:
        tree = ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not all(isinstance(node, _STEPS) for node in ast.walk(tree)):
        return None
    if not any(isinstance(node, ast.Name) for node in ast.walk(tree)):
        return None  # an id
    try:
        return eval(compile(tree, "<line>", "eval"), {"__builtins__": {}}, dict(names))  # noqa: S307 -- the user's own line, which calls nothing
    except Exception:  # noqa: BLE001 -- not a variable, so perhaps a batch's name
        return None

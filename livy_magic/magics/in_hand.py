"""Words of a line that stand for batches that the user has in a variable: ``b``, ``{b}``, ``hs``, ``hs[0]``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

from ..batch import Batch
from .line import Kind, Word

# What leads from a variable to what it holds; nothing is called.
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
    """A word that stands for batches.

    Attributes:
        batches: These batches, one or several.
    """

    __slots__ = ("batches",)

    batches: list[Batch]


def in_hand(word: Word, names: Mapping[str, object]) -> InHand | None:
    """Return what a word stands for, if that is a batch, or a collection of batches alone.

    Args:
        word: A word of the line; in single quotes it is a name, whatever variables there are.
        names: The variables that a word can mean.
    """
    if [piece.kind for piece in word.pieces] == [Kind.LITERAL]:
        return None
    # The quotes within ``by_day['mon']`` are gone, as the line was split into words.
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
    """Return what an expression has for a value; None if it is none, or does more than look."""
    try:
        tree = ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not all(isinstance(node, _STEPS) for node in ast.walk(tree)):
        return None
    if not any(isinstance(node, ast.Name) for node in ast.walk(tree)):
        return None  # an id
    try:
        return eval(compile(tree, "<line>", "eval"), {"__builtins__": {}}, dict(names))  # noqa: S307 -- the user's own line, and nothing in it is called
    except Exception:  # noqa: BLE001 -- then it is no variable, and may be a batch's name
        return None

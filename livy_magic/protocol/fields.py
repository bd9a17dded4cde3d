"""Functions on the table of POST fields: look-up by any spelling, and the README's table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidRequest
from ..spelling import nearest
from .models import POST_FIELDS, checked

Field = dataclasses.Field[Any]

# pyFiles, py-files, --py-files and py_files all name the same field.
_BY_SPELLING: dict[str, Field] = {
    spelling: field
    for field in POST_FIELDS
    for spelling in (
        field.name,
        field.metadata["json"],
        field.name.replace("_", "-"),
        (field.metadata["flag"] or "").lstrip("-"),
    )
    if spelling
}

BY_FLAG: dict[str, Field] = {
    field.metadata["flag"]: field for field in POST_FIELDS if field.metadata["flag"]
}


def find(spelling: str) -> Field | None:
    """Return the field with this JSON key, Python name or option (dashes optional), or None."""
    return _BY_SPELLING.get(spelling.removeprefix("--"))


def read(values: Mapping[str, object], *, where: str, text: bool = False) -> dict[str, Any]:
    """Return checked field values by Python name, from any spelling of the fields.

    Args:
        values: Field values by JSON key, Python name or option name.
        where: The source's name in messages: "cell option", "JSON body".
        text: Whether scalars are text to parse (YAML, option lines).

    Raises:
        InvalidRequest: A field is unknown (the message suggests the nearest one), given twice, or
            has a bad value.
    """
    known: dict[str, Any] = {}
    for spelling, value in values.items():
        field = find(str(spelling))
        if field is None:
            keys = [field.metadata["json"] for field in POST_FIELDS]
            raise InvalidRequest(f"unknown {where} {spelling!r}{nearest(str(spelling), keys)}")
        if field.name in known:
            raise InvalidRequest(f"{where} {field.metadata['json']} is given twice")
        known[field.name] = checked(field, value, text=text)
    return known


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge field values from several sources: later ones win, and ``conf`` merges key by key."""
    result: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            result[name] = {**result.get(name, {}), **value} if name == "conf" else value
    return result


def markdown_table() -> str:
    """Return the README's table of options."""
    rows = ["| option | POST field | value | what it is |", "|---|---|---|---|"]
    for field in POST_FIELDS:
        meta = field.metadata
        flag = f"`{meta['flag']} {meta['type'].metavar}`" if meta["flag"] else meta["type"].metavar
        rows.append(f"| {flag} | `{meta['json']}` | `{meta['example']}` | {meta['help']} |")
    return "\n".join(rows)

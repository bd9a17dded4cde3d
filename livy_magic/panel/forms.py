"""The form for submitting a batch, built from the table of POST fields, and a request as a line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ..batch import Batch
from ..errors import InvalidRequest
from ..protocol.field_types import Arguments, Conf, Count, FieldType, Size, Texts
from ..protocol.models import POST_FIELDS, BatchRequest, Code, checked
from ..redact import MASK

Values = Mapping[str, Any]  # by JSON key

# Subclasses come before their base classes.
_KINDS: tuple[tuple[type[FieldType], str], ...] = (
    (Conf, "conf"),
    (Arguments, "args"),
    (Texts, "list"),
    (Count, "count"),
    (Size, "size"),
)


class FormErrors(InvalidRequest):
    """Some fields of the form have invalid values.

    Attributes:
        errors: The error of each such field, by JSON key.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        names = ", ".join(errors)
        super().__init__(
            f"{len(errors)} fields are invalid: {names}"
            if len(errors) > 1
            else f"{names}: {next(iter(errors.values()))}"
        )
        self.errors = dict(errors)


def form(batch: Batch | None) -> dict[str, Any]:
    """Return the form's fields, their values, and a note.

    Secrets are masked. If this kernel still holds them, a masked value that is not edited stands
    for the original one.

    Args:
        batch: The batch to submit again, whose request fills the form; None for an empty form.

    Raises:
        InvalidRequest: The batch's request is not known here.
    """
    values = {} if batch is None else _shown(batch)
    masked = [key for key, value in values.items() if MASK in json.dumps(value)]
    note = ""
    if masked and batch is not None and batch.plan is None:
        note = f"Secrets are not stored: in {', '.join(masked)}, replace each {MASK} by its secret."
    fields = [
        {
            "key": field.metadata["json"],
            "label": field.metadata["json"],
            "flag": field.metadata["flag"] or "",
            "group": field.metadata["group"],
            "help": field.metadata["help"],
            "example": field.metadata["example"],
            "kind": _kind(field.metadata["type"]),
            "required": field.name == "file",
        }
        for field in POST_FIELDS
    ]
    return {"fields": fields, "values": values, "note": note}


def request(values: Values, batch: Batch | None) -> BatchRequest:
    """Return the request that a filled-in form describes.

    Args:
        values: The fields' values, by JSON key; empty fields may be left out.
        batch: The batch that is submitted again, changed or not; None for a new one.

    Raises:
        FormErrors: Some fields have invalid values.
    """
    shown = {} if batch is None else _shown(batch)
    before = None if batch is None else batch.given
    errors: dict[str, str] = {}
    taken: dict[str, Any] = {}
    for field in POST_FIELDS:
        key = field.metadata["json"]
        value = values.get(key)
        if value in (None, "", [], {}) and field.name != "file":
            continue
        kept = getattr(before, field.name, None)
        if key in shown and value == shown[key] and MASK not in str(kept):
            taken[field.name] = kept
            continue
        try:
            value = _unmasked(value, shown.get(key), kept)
            taken[field.name] = checked(field, value or None, text=True)
        except InvalidRequest as wrong:
            errors[key] = str(wrong).removeprefix(f"{key}: ")
    if errors:
        raise FormErrors(errors)
    return BatchRequest(**taken, extra={} if before is None else before.extra)


def line(batch: Batch) -> str:
    """Return a ``%livy_submit`` line with the batch's request, or a cell if no line can hold it.

    Secrets are masked. A cell's code appears as the file that it was staged as.

    Raises:
        InvalidRequest: The batch's request is not known here.
    """
    body = _shown(batch)
    if isinstance(batch.given.file, Code) and batch.request is not None:
        body["file"] = batch.request.file
    if any("\n" in text for text in _texts(body)) or set(body) - _JSON_KEYS:
        return f"%%livy_batch\n{json.dumps(body, indent=2, ensure_ascii=False)}"
    words: list[str] = []
    for field in POST_FIELDS:
        flag, value = field.metadata["flag"], body.get(field.metadata["json"])
        if flag is None or value is None:
            continue
        if isinstance(value, Mapping):
            values = [f"{key}={item}" for key, item in value.items()]
        else:
            values = [",".join(value) if isinstance(value, list) else str(value)]
        for text in values:
            words += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
    # Behind "--", everything is the application's, options of the magic's among its arguments, too.
    application = [str(body["file"]), *(body.get("args") or ())]
    mark = ["--"] if any(word.startswith("-") for word in application) else []
    return f"%livy_submit {shlex.join([*words, *mark, *application])}"


_JSON_KEYS = {field.metadata["json"] for field in POST_FIELDS}


def _kind(kind: FieldType) -> str:
    return next((name for known, name in _KINDS if isinstance(kind, known)), "text")


def _shown(batch: Batch) -> dict[str, Any]:
    """Return the batch's request as given, by JSON key, with secrets masked."""
    return batch.given.shown()


def _unmasked(value: Any, shown: Any, before: Any) -> Any:
    """Return a value with the original in place of each property that is still masked.

    Args:
        value: The value in the form.
        shown: The value that the form began with, with secrets masked.
        before: The original value, or None if it is not known.

    Raises:
        InvalidRequest: A mask is left whose secret is not known.
    """
    if isinstance(value, Mapping) and isinstance(shown, Mapping) and isinstance(before, Mapping):
        value = {
            key: before.get(key, item) if item == shown.get(key) else item
            for key, item in value.items()
        }
    if MASK in json.dumps(value):
        raise InvalidRequest(f"{MASK} stands for a secret that is not stored: give it again")
    return value


def _texts(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.items() for text in _texts(list(item))]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [str(value)]

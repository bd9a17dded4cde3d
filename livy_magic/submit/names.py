"""Names for batches: the key by which a submission is found again, whatever becomes of its answer."""

from __future__ import annotations

import base64
import os
import re
import secrets
from pathlib import PurePath

from ..protocol.models import Code

LONGEST_STEM = 100  # characters of a file's or notebook's name in a batch's


def unique(file: str | Code) -> str:
    """Return a name that nobody has: the stem of the file or notebook, and 50 random bits."""
    stem = PurePath(file).stem if isinstance(file, str) else _notebook_stem()
    return f"{_usable(stem) or 'notebook'}-{_random(10)}"


def is_unique(name: str) -> bool:
    """Say whether the name came from :func:`unique`, so that no other batch has it."""
    return re.search(r"-[a-z2-7]{10}\Z", name) is not None


def another(name: str) -> str:
    """Return ``name`` with a suffix, for when it is held."""
    return f"{name}-{_random(4)}"


def _usable(stem: str) -> str:
    """Return a stem with nothing in it that a batch's name may not have (see ``protocol.field_types.Name``)."""
    signs = ("-" if sign in ";%/" or not sign.isprintable() else sign for sign in stem)
    return "".join(signs)[:LONGEST_STEM].strip()


def _notebook_stem() -> str:
    """Return the stem of the running notebook's file, as far as Jupyter tells."""
    return PurePath(os.environ.get("JPY_SESSION_NAME", "")).stem


def _random(characters: int) -> str:
    return base64.b32encode(secrets.token_bytes(8)).decode().lower()[:characters]

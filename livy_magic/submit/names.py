"""Names for batches: the key that finds a submission again, even if its answer is lost."""

from __future__ import annotations

import base64
import os
import re
import secrets
from pathlib import PurePath

from ..protocol.models import Code

LONGEST_STEM = 100  # most characters of a file's or notebook's stem in a batch name


def unique(file: str | Code) -> str:
    """Return a name that no batch has: the stem of the file or notebook, and 50 random bits."""
    stem = PurePath(file).stem if isinstance(file, str) else _notebook_stem()
    return f"{_usable(stem) or 'notebook'}-{_random(10)}"


def is_unique(name: str) -> bool:
    """Return whether the name is from :func:`unique`, so that no other batch has it."""
    return re.search(r"-[a-z2-7]{10}\Z", name) is not None


def another(name: str) -> str:
    """Return ``name`` with a random suffix, for use if another batch has the name."""
    return f"{name}-{_random(4)}"


def _usable(stem: str) -> str:
    """Return a stem without the characters that ``protocol.field_types.Name`` rejects."""
    signs = ("-" if sign in ";%/" or not sign.isprintable() else sign for sign in stem)
    return "".join(signs)[:LONGEST_STEM].strip()


def _notebook_stem() -> str:
    """Return the stem of the running notebook's file, or ``""`` if Jupyter does not tell."""
    return PurePath(os.environ.get("JPY_SESSION_NAME", "")).stem


def _random(characters: int) -> str:
    return base64.b32encode(secrets.token_bytes(8)).decode().lower()[:characters]

"""Masking of secrets, and of control characters in text from a server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

MASK = "********"

# Spark's own spark.redaction.regex (3.5 and 4.x combined), plus the words that other tools'
# arguments use for the same things.
SECRET_NAME = re.compile(
    r"secret|password|passwd|pwd|keypass|passphrase|token|bearer|credential"
    r"|access[._-]?key|account[._-]?key|api[._-]?key|(?<![a-z0-9])sas(?![a-z0-9])",
    re.IGNORECASE,
)

_NAME = rf"(?:{SECRET_NAME.pattern})[\w.-]{{0,80}}"  # unbounded: quadratic in a long word
# An argument that consists of name and value alone: a password may hold any character.
_SECRET_ARG = re.compile(rf"(\A(?:[\w.-]+=)?[\w.-]*?{_NAME}[=:]).+", re.IGNORECASE | re.DOTALL)
# A name and value anywhere in a text; "://token-server:8443" is a host and its port, no secret.
_SECRET_PART = re.compile(
    rf"""(?P<host>://[\w.-]+:\d+\b)
      | (?P<name>{_NAME}["']?\s*[=:]\s*|\bbearer\s+)(?:"(?:\\.|[^"\\])*"|'[^']*'|[^&;,\s]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_QUERY_PART = re.compile(rf"([?&;](?:sig|[\w.-]*?{_NAME})=)[^&;\s]+", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_CONTAINER_SCHEMES = ("abfs://", "abfss://", "wasb://", "wasbs://")  # container@account

SGR = re.compile(r"\x1b\[[0-9;]*m")
"""An ANSI sequence that only sets colours or weight."""

# Everything that moves the cursor, rings the bell or reverses the direction of writing.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # ANSI sequences are removed
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def is_secret(name: str) -> bool:
    """Return whether a property, parameter or option of this name holds a secret."""
    return SECRET_NAME.search(name) is not None


def mask_url(text: str) -> str:
    """Return ``text`` with user info and secret query parameters masked in all its URLs."""

    def masked(user: re.Match[str]) -> str:
        container = text.lower().endswith(_CONTAINER_SCHEMES, 0, user.start())
        return user[0] if container and ":" not in user[0] else MASK

    return _QUERY_PART.sub(rf"\1{MASK}", _USER_INFO.sub(masked, text))


def mask_proxy(url: str) -> str:
    """Return a proxy's URL, with or without a scheme, with its user name and password masked."""
    scheme, separator, rest = url.rpartition("://")
    _, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{MASK if at else ''}{at}{place}"


def mask_text(text: str) -> str:
    """Mask URLs as :func:`mask_url` does, and the values in ``password=X`` and ``password: X``."""
    return _SECRET_PART.sub(lambda part: part["host"] or part["name"] + MASK, mask_url(text))


def mask_conf(conf: Mapping[str, object]) -> dict[str, str]:
    """Return ``conf`` with secret properties masked, and the secrets within other values."""
    return {
        key: MASK if is_secret(str(key)) else mask_text(str(value)) for key, value in conf.items()
    }


def mask_args(args: Sequence[object]) -> list[str]:
    """Mask ``--password X``, ``--password=X`` and ``password=X`` in an application's arguments."""
    masked: list[str] = []
    hide_next = False
    for arg in map(str, args):
        masked.append(MASK if hide_next else mask_text(_SECRET_ARG.sub(rf"\1{MASK}", arg)))
        hide_next = not hide_next and arg.startswith("-") and "=" not in arg and is_secret(arg)
    return masked


def mask_body(body: Mapping[str, object]) -> dict[str, object]:
    """Return the POST body with secrets masked, as :func:`mask_conf` and :func:`mask_args` do."""
    shown: dict[str, object] = {}
    for key, value in body.items():
        if isinstance(value, Mapping):
            shown[key] = mask_conf(value)
        elif isinstance(value, (list, tuple)):
            shown[key] = mask_args(value)
        elif isinstance(value, str):
            shown[key] = MASK if is_secret(key) else mask_text(value)
        else:
            shown[key] = value
    return shown


def plain(text: str) -> str:
    """Return server text with control characters escaped and ANSI sequences removed."""
    return _CONTROL.sub(_visible, text)


def coloured(text: str) -> str:
    """Return the same as :func:`plain`, but keep the ANSI sequences that set colours (SGR)."""
    return _CONTROL.sub(
        lambda found: found[0] if SGR.fullmatch(found[0]) else _visible(found), text
    )


def _visible(match: re.Match[str]) -> str:
    found = match.group()
    if len(found) > 1:
        return ""
    return f"\\x{ord(found):02x}" if found < "\u0100" else f"\\u{ord(found):04x}"

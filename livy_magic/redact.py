"""What must not be shown: secrets, and control characters in text from a server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

MASK = "********"

# Spark's own spark.redaction.regex (3.5 and 4.x taken together), and the words that
# other tools' arguments use for the same things.
SECRET_NAME = re.compile(
    r"secret|password|passwd|pwd|keypass|passphrase|token|bearer|credential"
    r"|access[._-]?key|account[._-]?key|api[._-]?key|(?<![a-z0-9])sas(?![a-z0-9])",
    re.IGNORECASE,
)

_NAME = rf"(?:{SECRET_NAME.pattern})[\w.-]{{0,80}}"  # without a bound: quadratic in a long word
# An argument that is nothing but name and value: a password may hold any character.
_SECRET_ARG = re.compile(rf"(\A(?:[\w.-]+=)?[\w.-]*?{_NAME}[=:]).+", re.IGNORECASE | re.DOTALL)
# Name and value somewhere in a text; "://token-server:8443" is a host and its port.
_SECRET_PART = re.compile(
    rf"""(?P<host>://[\w.-]+:\d+\b)
      | (?P<name>{_NAME}["']?\s*[=:]\s*|\bbearer\s+)(?:"(?:\\.|[^"\\])*"|'[^']*'|[^&;,\s]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_QUERY_PART = re.compile(rf"([?&;](?:sig|[\w.-]*?{_NAME})=)[^&;\s]+", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_CONTAINER_SCHEMES = ("abfs://", "abfss://", "wasb://", "wasbs://")  # container@account

SGR = re.compile(r"\x1b\[[0-9;]*m")
"""An ANSI sequence that sets colours or weight, and nothing else."""

# Everything that moves the cursor, rings a bell or turns the direction of writing around.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # ANSI sequences vanish
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def is_secret(name: str) -> bool:
    """Say whether a property, parameter or option of this name holds a secret."""
    return SECRET_NAME.search(name) is not None


def mask_url(text: str) -> str:
    """Return ``text`` without what URLs in it carry: user name and password, secrets in a query."""

    def masked(user: re.Match[str]) -> str:
        container = text.lower().endswith(_CONTAINER_SCHEMES, 0, user.start())
        return user[0] if container and ":" not in user[0] else MASK

    return _QUERY_PART.sub(rf"\1{MASK}", _USER_INFO.sub(masked, text))


def mask_proxy(url: str) -> str:
    """Return a proxy's URL, which may have no scheme, without user name and password."""
    scheme, separator, rest = url.rpartition("://")
    _, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{MASK if at else ''}{at}{place}"


def mask_text(text: str) -> str:
    """Mask what :func:`mask_url` does, and the values in ``password=X`` and ``password: X``."""
    return _SECRET_PART.sub(lambda part: part["host"] or part["name"] + MASK, mask_url(text))


def mask_conf(conf: Mapping[str, object]) -> dict[str, str]:
    """Return ``conf`` with the values of secret properties masked, and secrets in other values."""
    return {
        key: MASK if is_secret(str(key)) else mask_text(str(value)) for key, value in conf.items()
    }


def mask_args(args: Sequence[object]) -> list[str]:
    """Mask ``--password X``, ``--password=X`` and ``password=X`` among an application's arguments."""
    masked: list[str] = []
    hide_next = False
    for arg in map(str, args):
        masked.append(MASK if hide_next else mask_text(_SECRET_ARG.sub(rf"\1{MASK}", arg)))
        hide_next = not hide_next and arg.startswith("-") and "=" not in arg and is_secret(arg)
    return masked


def mask_body(body: Mapping[str, object]) -> dict[str, object]:
    """Return a POST body that may be shown: see :func:`mask_conf` and :func:`mask_args`."""
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
    """Return server text with control characters made visible and ANSI sequences removed."""
    return _CONTROL.sub(_visible, text)


def coloured(text: str) -> str:
    """Return what :func:`plain` does, but with the ANSI sequences that set colours (SGR)."""
    return _CONTROL.sub(
        lambda found: found[0] if SGR.fullmatch(found[0]) else _visible(found), text
    )


def _visible(match: re.Match[str]) -> str:
    found = match.group()
    if len(found) > 1:
        return ""
    return f"\\x{ord(found):02x}" if found < "\u0100" else f"\\u{ord(found):04x}"

"""Masking of secrets, and of control characters in text from a server.

What is a secret is decided here alone, by the words of its name: ``DB_PASS``, ``apiKey`` and
``fs.s3a.secret.key`` are one; ``max_tokens``, ``tokenizer`` and ``compass`` are none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

MASK = "********"

# spark.redaction.regex as Spark sets it (3.5 and 4.x): a property that Spark hides is hidden here.
_SPARK = re.compile(r"secret|password|token|access[.]?key", re.IGNORECASE)

# Each word of a name stands between underscores. These words say that the value is a secret, unless
# the next one says that it only tells something about one.
_SECRET = re.compile(
    r"""_(?:
        [a-z]*(?:passwd|passphrase|passcode|pwd|secret|token|credential)s? | [a-z]*password[a-z]*
      | (?:db|key|store|user)?pass | creds? | pats? | sas | jwts? | sig | signature | cookies?
      | auth | authorization | bearer | connection_?string
      | (?:access|account|aes|api|app|auth|encryption|hmac|master|private|secret|session|shared|signing
          |ssh|storage|subscription)_?keys?
    )(?=_)(?!_(?:
        age|class|count|dir|directory|enabled|endpoint|expiration|expires|expiry|file|folder|format|host
      | interval|kind|len|length|lifetime|limit|method|mode|names?|path|per|policy|port|providers?|rate
      | ratio|required|scopes?|server|service|size|threshold|through|timeout|ttl|type|uri|url|user
      | username|version
    )_)""",
    re.VERBOSE,
)
_COUNTED = re.compile(r"_(?:avg|max|mean|min|n|nb|num|number|total)_")  # a language model's tokens
_SECRET_HEADER = re.compile(r"auth|key|session|sign", re.IGNORECASE)  # what a gateway may want

_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W\d_]+")
_JVM_OPTION = re.compile(r"\A-D(?=[a-z])")

# A name and its separator; "://token-server:8443" is a host and its port, no secret.
_NAMED = re.compile(
    r"""(?P<host>://[\w.-]+:\d+\b) | \b(?P<bearer>bearer)\s+
      | (?<![\w.-])(?:(?P<name>[\w.-]+)\\*["']?\s*[=:]\s*|(?P<flag>--?[a-z][\w.-]*)\s+)""",
    re.IGNORECASE | re.VERBOSE,
)
_VALUE = re.compile(
    r"""(?:(?:basic|bearer|digest|negotiate|token)\s+)?
        (?:"(?:\\.|[^"\\])*"|'[^']*'|\\+"(?:\\*[^"\\])*\\+"|["'\\\[{].*|[^&;,\s]+)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# An argument that consists of name and value alone: a password may hold any character.
_WHOLE = re.compile(r"((?:[\w.-]+=)?([\w.-]+)[=:]).+", re.DOTALL)
_FLAG = re.compile(r"--?[A-Za-z][\w.-]*")

_QUERY_PART = re.compile(r"([?&;]([\w.%-]+)=)[^&;#\s]+")
# A password may hold what it should not; without a bound: quadratic in a long word.
_USER_INFO = re.compile(r"(?<=://)(?:[^/\s?#]+|[^/\s:]*:(?!\d*[/?#\s])\S{1,200})(?=@)")
_CONTAINER_SCHEMES = ("abfs://", "abfss://", "wasb://", "wasbs://")  # container@account

SGR = re.compile(r"\x1b\[[0-9;]*m")
"""An ANSI sequence that only sets colours or weight."""

# Everything that moves the cursor, rings the bell or reverses the direction of writing.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # ANSI sequences are removed
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def is_secret(name: str) -> bool:
    """Return whether a parameter or option of this name holds a secret, or a text names one."""
    return any(map(_is_secret_word, name.split()))


def is_secret_property(key: str) -> bool:
    """Return whether Spark hides the value of this property, or its name says that it is a secret."""
    return _SPARK.search(key) is not None or is_secret(key)


def is_secret_header(name: str) -> bool:
    """Return whether an HTTP header of this name may hold a secret."""
    return _SECRET_HEADER.search(name) is not None or is_secret(name)


def _is_secret_word(text: str) -> bool:
    words = f"_{_WORD_ENDS.sub('_', _JVM_OPTION.sub('', text))}_".lower()
    return any(
        "token" not in found[0] or not _COUNTED.search(words, 0, found.start() + 1)
        for found in _SECRET.finditer(words)
    )


def mask_url(text: str) -> str:
    """Return ``text`` with user info and secret query parameters masked in all its URLs."""

    def without_user(found: re.Match[str]) -> str:
        before = text[max(0, found.start() - 10) : found.start()].lower()
        container = before.endswith(_CONTAINER_SCHEMES)
        return found[0] if container and ":" not in found[0] else MASK

    def without_secret(found: re.Match[str]) -> str:
        return found[1] + MASK if is_secret(found[2]) else found[0]

    return _QUERY_PART.sub(without_secret, _USER_INFO.sub(without_user, text))


def mask_proxy(url: str) -> str:
    """Return a proxy's URL, with or without a scheme, with its user name and password masked."""
    scheme, separator, rest = url.rpartition("://")
    _, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{MASK if at else ''}{at}{place}"


def mask_text(text: str) -> str:
    """Mask URLs as :func:`mask_url` does, and what follows ``password=`` or ``--password``.

    In JSON, everything below such a name is masked.
    """
    if text.lstrip().startswith(("{", "[")):
        try:
            value = json.loads(text)
            masked = _masked(value)
        except (ValueError, RecursionError):
            pass
        else:
            return text if masked == value else json.dumps(masked, ensure_ascii=False)
    text = mask_url(text)
    shown, at = "", 0
    while found := _NAMED.search(text, at):
        shown, at = shown + text[at : found.end()], found.end()
        name = found["name"] or found["flag"] or found["bearer"]
        hides = name and (is_secret_property(name) if "." in name else is_secret(name))
        if hides and (value := _VALUE.match(text, at)):
            shown, at = shown + MASK, value.end()
    return shown + text[at:]


def mask_conf(conf: Mapping[str, object]) -> dict[str, str]:
    """Return ``conf`` with secret properties masked, and the secrets within other values."""
    return {
        key: MASK if is_secret_property(str(key)) else mask_text(str(value))
        for key, value in conf.items()
    }


def mask_args(args: Sequence[object]) -> list[Any]:
    """Mask ``--password X``, ``--password=X`` and ``password=X`` in an application's arguments."""
    masked: list[Any] = []
    hide_next = False
    for arg in args:
        whole = _WHOLE.fullmatch(arg) if isinstance(arg, str) else None
        if hide_next:
            masked.append(MASK)
        elif whole and is_secret(whole[2]):
            masked.append(whole[1] + MASK)
        else:
            masked.append(_masked(arg))
        is_flag = isinstance(arg, str) and bool(_FLAG.fullmatch(arg))
        hide_next = not hide_next and is_flag and is_secret(str(arg))
    return masked


def mask_body(body: Mapping[str, object]) -> dict[str, Any]:
    """Return the POST body with secrets masked, as :func:`mask_conf` and :func:`mask_args` do."""
    shown: dict[str, Any] = {}
    for key, value in body.items():
        if key == "conf" and isinstance(value, Mapping):
            shown[key] = mask_conf(value)
        else:
            shown[key] = MASK if is_secret(key) else _masked(value)
    return shown


def _masked(value: object) -> Any:
    """Return a JSON value with secrets masked; everything else keeps its type."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {key: MASK if is_secret(str(key)) else _masked(item) for key, item in value.items()}
    return mask_args(value) if isinstance(value, (list, tuple)) else value


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

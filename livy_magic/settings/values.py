"""Readers that check the value of each setting, from a file, a variable or ``%config``.

A reader takes the raw value, its place (for the message) and the environment, and returns the value
that :class:`livy_magic.settings.Settings` holds. YAML yields text for every scalar, ``%config`` any
Python object; readers accept both. No message repeats a value that may hold a secret.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from ..errors import ConfigError, InvalidRequest
from ..files import expanded
from ..protocol import fields
from ..redact import is_secret
from . import auth

LOCAL = "local"  # the url of the private Livy
EXAMPLE = "https://livy.example.com:8998"

_PASSWORD_IN_URL = re.compile(r"://[^/\s@]*:[^/\s]*@")
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")

Environ: TypeAlias = Mapping[str, str]


def take_login(url: object) -> tuple[str, str, str]:
    """Return a URL without its user info, and the user name and password from that."""
    scheme, separator, rest = url.partition("://") if isinstance(url, str) else ("", "", "")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    login, _, place = authority.rpartition("@")
    user, _, password = login.partition(":")
    return f"{scheme}{separator}{place}{rest[len(authority) :]}", unquote(user), unquote(password)


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Return ``value`` if it is a mapping.

    Raises:
        ConfigError: It is not; the message begins with ``where``.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: it must be a mapping of names to values")
    return value


def _url(value: object, where: str, _: Environ) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if text == LOCAL:
        return LOCAL
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise ConfigError(f"{where}: it must start with http:// or https://; for example {EXAMPLE}")
    if "@" in rest:
        raise ConfigError(
            f"{where}: there is an @ after the host\n"
            "In a user name or password, write / ? # @ : as %2F %3F %23 %40 %3A."
        )
    if re.search(r"[\s?#\\]", rest) or not rest.isprintable():
        raise ConfigError(f"{where}: it has a query, a fragment, a space or a backslash")
    try:
        parts = urlsplit(f"http://{rest}")
        well = parts.hostname and parts.port != 0
    except ValueError:
        well = False
    if not well:
        raise ConfigError(f"{where}: its host or port is not valid; for example {EXAMPLE}")
    # people copy /batches from a REST example, and /ui from the address bar of Livy's web page
    return re.sub(r"(/+(batches|ui))?/*$", "", f"{scheme.lower()}://{rest}")


def _text(value: object, where: str, _: Environ = MappingProxyType({})) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: it is empty or not text")
    if not value.isprintable():  # half a character, a line break
        raise ConfigError(f"{where}: it has a character that cannot be shown")
    return value.strip()


def _auth(value: object, where: str, environ: Environ) -> auth.AuthSpec:
    if not isinstance(value, Mapping):
        return auth.read(value, where=where)
    # auth checks where a secret is kept, and reads it when it is needed
    secrets = {name: item for name, item in value.items() if name in ("password", "token")}
    rest = {name: item for name, item in value.items() if name not in secrets}
    if "options" in rest:
        rest["options"] = _typed(mapping(rest["options"], f"{where}: options"))
    return auth.read(_filled(rest, where, environ) | secrets, where=where)


def _headers(value: object, where: str, environ: Environ) -> Mapping[str, str]:
    headers = _filled(mapping(value, where), where, environ)
    for name, text in headers.items():
        # requests would reject it as well, but its message shows the value
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise ConfigError(f"{where}: the value of {name} is not valid in an HTTP header")
    return headers


def _verify(value: object, where: str, _: Environ) -> bool | str:
    if isinstance(value, bool):
        return value
    text = _text(value, where)
    return {"true": True, "false": False}.get(text.lower(), str(expanded(text)))


def _cert(value: object, where: str, _: Environ) -> str | tuple[str, str]:
    files = value if isinstance(value, (list, tuple)) else [value]
    paths = [str(expanded(_text(file, where))) for file in files]
    if len(paths) not in (1, 2):
        raise ConfigError(f"{where}: it must be one file, or two: certificate and key")
    return paths[0] if len(paths) == 1 else (paths[0], paths[1])


def _proxies(value: object, where: str, environ: Environ) -> Mapping[str, str]:
    proxies = mapping(value, where)
    for scheme, url in proxies.items():
        if isinstance(url, str) and _has_password(url):
            raise ConfigError(_in_clear_text(where, scheme))
    filled = _filled(proxies, where, environ)
    return {scheme: _text(url, f"{where}: {scheme}") for scheme, url in filled.items()}


def _timeout(value: object, where: str, _: Environ) -> tuple[float, float]:
    pair: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value, value]
    try:
        connect, answer = map(float, pair)
    except (TypeError, ValueError):
        connect = answer = math.nan
    if not (0 < connect < math.inf and 0 < answer < math.inf):
        raise ConfigError(f"{where}: it must be one number of seconds, or two; for example [5, 30]")
    return connect, answer


def _staging(value: object, where: str, _: Environ) -> str:
    url = _text(value, where)
    if _has_password(url):
        raise ConfigError(
            f"{where}: a password in this URL would be shown with every staged file\n"
            "Write staging_options: {password: {env: NAME}} instead."
        )
    return url.rstrip("/")


def _staging_options(value: object, where: str, environ: Environ) -> Mapping[str, Any]:
    return _filled(_typed(mapping(value, where)), where, environ)


def _defaults(value: object, where: str, environ: Environ) -> Mapping[str, Any]:
    values = dict(mapping(value, where))
    if isinstance(values.get("conf"), Mapping):
        values["conf"] = _filled(values["conf"], f"{where}: conf", environ)
    try:
        return fields.read(values, where="POST field", text=True)
    except InvalidRequest as error:
        raise ConfigError(f"{where}: {error}") from None


def _filled(values: Mapping[str, Any], where: str, environ: Environ) -> dict[str, Any]:
    """Return ``values`` with each ``{env: NAME}`` replaced; refuse secrets in clear text."""
    filled: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value.keys() == {"env"}:
            filled[name] = environ.get(str(value["env"]))
            if not filled[name]:
                variable = value["env"]
                raise ConfigError(f"{where}: {name}: environment variable {variable} is not set")
        elif isinstance(value, Mapping):
            filled[name] = _filled(value, f"{where}: {name}", environ)
        elif isinstance(value, str) and (is_secret(str(name)) or _PASSWORD_IN_URL.search(value)):
            raise ConfigError(_in_clear_text(where, name))
        else:
            filled[name] = value
    return filled


def _in_clear_text(where: str, name: str) -> str:
    return (
        f"{where}: {name} is a secret, and secrets in clear text are refused\n"
        f"Write {name}: {{env: NAME}}, and put the secret into that environment variable."
    )


def _has_password(url: str) -> bool:
    login, _, _ = (url.partition("://")[2] or url).rpartition("@")
    return ":" in login


def _typed(value: Any) -> Any:
    """Return YAML's text as a Python function expects it: booleans and whole numbers converted."""
    if isinstance(value, Mapping):
        return {name: _typed(item) for name, item in value.items()}
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    return int(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) else value


READERS: Mapping[str, Callable[[object, str, Environ], Any]] = {
    "url": _url,
    "profile": _text,
    "auth": _auth,
    "headers": _headers,
    "verify": _verify,
    "cert": _cert,
    "proxies": _proxies,
    "timeout": _timeout,
    "staging": _staging,
    "staging_as": _staging,
    "staging_options": _staging_options,
    "defaults": _defaults,
}

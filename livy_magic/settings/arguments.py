"""The settings that code gives by hand, as arguments of ``Livy()``: checked as those of a profile are.

Secrets may stand among them in clear text: it is the program's business where it has them from.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import Any

from requests.auth import AuthBase, HTTPBasicAuth

from ..errors import ConfigError
from ..protocol.client import LivyClient
from ..protocol.field_types import Seconds, path_text
from ..protocol.models import argument
from ..spelling import nearest
from .values import LOCAL, READERS, mapping, take_login

_AS_IN_A_PROFILE = ("verify", "cert", "timeout", "staging", "staging_as")


def read_url(url: Any) -> str:
    """Return Livy's URL, without a trailing slash.

    Raises:
        ConfigError: It is none.
    """
    if READERS["url"](take_login(url)[0], "url", os.environ) == LOCAL:
        raise ConfigError('url: Livy.connect("local") starts the private Livy')
    return str(url).strip().rstrip("/")


def read_auth(auth: Any) -> AuthBase | None:
    """Return requests' authentication object; a user's name and password become one.

    Raises:
        ConfigError: It is neither.
    """
    if isinstance(auth, (tuple, list)) and [type(part) for part in auth] == [str, str]:
        return HTTPBasicAuth(*auth)
    if auth is None or callable(auth):
        return auth  # type: ignore[no-any-return]
    raise ConfigError("auth: it must be a requests auth object, or (user, password)")


def read(name: str, value: Any) -> Any:
    """Return the checked value of another setting; None where it is not set.

    Raises:
        ConfigError: It makes no sense.
    """
    if value is None:
        return None
    if name in _AS_IN_A_PROFILE:
        both = isinstance(value, (tuple, list))
        plain = [path_text(part) for part in value] if both else path_text(value)
        return READERS[name](plain, name, os.environ)
    if name == "user":
        if not isinstance(value, str):
            raise ConfigError(f"user: a {type(value).__name__} is not a user name")
        return value
    values = dict(mapping(value, name))
    if name in ("headers", "proxies"):
        for item in (part for pair in values.items() for part in pair):
            if not isinstance(item, str):
                raise ConfigError(
                    f"{name}: its names and values are text, and one is a {type(item).__name__}"
                )
    return values


def read_connection(connection: Mapping[str, Any]) -> dict[str, Any]:
    """Return what LivyClient takes besides URL and authentication, as far as it is set.

    Raises:
        ConfigError: It takes no such thing, or a value makes no sense.
        InvalidRequest: ``kill_timeout`` is not a number of seconds.
    """
    known = list(inspect.signature(LivyClient).parameters)[2:]
    given: dict[str, Any] = {}
    for name, value in connection.items():
        if name not in known:
            raise ConfigError(f"Livy() takes no {name!r}{nearest(name, known)}")
        given[name] = (
            argument(name, Seconds(), value) if name == "kill_timeout" else read(name, value)
        )
    return {name: value for name, value in given.items() if value is not None}

"""The signed cookie by which the private Livy knows its owner.

Livy runs with Hadoop's AuthenticationFilter, which takes a cookie signed with the server's secret
for a proof that somebody has logged in already. No password is ever right there, so whoever can
read the secret, a file of its owner's, gets in, and nobody else.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from pathlib import Path

_VALID = 600.0  # seconds; each request is signed anew, so this only has to outlast one
_TOUCH_EVERY = 20.0  # seconds


def owner() -> str:
    """Return the name under which the private Livy knows us: the operating system's."""
    import pwd  # Windows has none, and must be able to import the rest

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number that has no name
        return str(os.getuid())


def signed(name: str, secret: bytes, expires: float) -> str:
    """Return the cookie's value.

    Args:
        name: The user whom the server is to see.
        secret: What the server signs with.
        expires: When it ends, in seconds since the epoch.
    """
    token = f"u={name}&p={name}&t=ldap&e={int(expires * 1000)}"
    # SHA-1 is what the filter of Hadoop 2.7 computes.
    digest = hashlib.sha1(token.encode() + secret).digest()  # noqa: S324
    return f"{token}&s={base64.b64encode(digest).decode()}"


class SignedCookie(requests.auth.AuthBase):
    """Signs requests to the private Livy, and tells its supervisor that it is in use.

    Args:
        secret: The file that holds the server's secret.
        used: The file whose time of change says when the server was last used.
    """

    def __init__(self, secret: Path, used: Path) -> None:
        self._secret = secret
        self._used = used
        self._key = secret.read_bytes()
        self._touched = float("-inf")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        self._sign(request)
        request.register_hook("response", self._again)  # type: ignore[no-untyped-call] # requests' own
        self._touch()
        return request

    def _sign(self, request: requests.PreparedRequest) -> None:
        value = signed(owner(), self._key, time.time() + _VALID)
        request.headers["Cookie"] = f'hadoop.auth="{value}"'

    def _again(self, response: requests.Response, **options: Any) -> requests.Response:
        """Resend a request that was refused, once, if the server has a new secret by now."""
        if response.status_code != requests.codes.unauthorized:
            return response
        try:
            key = self._secret.read_bytes()
        except FileNotFoundError:  # the server has ended
            return response
        if key == self._key:
            return response
        self._key = key
        response.content  # noqa: B018 - read to the end, so that the connection can be used again
        response.close()
        request = response.request.copy()
        self._sign(request)
        again: requests.Response = response.connection.send(request, **options)
        again.history.append(response)
        return again

    def _touch(self) -> None:
        if time.monotonic() - self._touched >= _TOUCH_EVERY:
            with suppress(FileNotFoundError):  # the server has ended
                os.utime(self._used)
            self._touched = time.monotonic()

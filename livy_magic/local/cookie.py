"""The signed cookie by which the private Livy recognises its owner.

Livy runs with Hadoop's AuthenticationFilter, which accepts a cookie signed with the server's secret
as proof of an earlier login. It accepts no password, so only those who can read the secret, a file
of the owner's, are admitted.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from requests import PreparedRequest

from ..settings.auth import RenewingAuth

_VALID = 600.0  # seconds; every request is signed afresh, so this only has to outlast one
_VALID_IN_SHELL = 60.0  # seconds; other users can read a command's words while it runs
_TOUCH_EVERY = 20.0  # seconds


def owner() -> str:
    """Return our user name on the private Livy: the operating system's."""
    import pwd  # Windows has none, and must be able to import the rest

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user id may have no name
        return str(os.getuid())


def signed(name: str, secret: bytes, expires: float) -> str:
    """Return the cookie's value.

    Args:
        name: The user's name for the server.
        secret: The server's secret.
        expires: When the cookie expires, in seconds since the epoch.
    """
    token = f"u={name}&p={name}&t=ldap&e={int(expires * 1000)}"
    # SHA-1 is what the filter of Hadoop 2.7 computes.
    digest = hashlib.sha1(token.encode() + secret).digest()  # noqa: S324
    return f"{token}&s={base64.b64encode(digest).decode()}"


def header(secret: bytes, valid: float) -> str:
    """Return the value of a ``Cookie`` header that admits us.

    Args:
        secret: The server's secret.
        valid: Seconds until the cookie expires.
    """
    return f'hadoop.auth="{signed(owner(), secret, time.time() + valid)}"'


def main(argv: Sequence[str]) -> None:
    """Print such a header for a command in a shell; the first argument is the secret's file."""
    print(header(Path(argv[0]).read_bytes(), _VALID_IN_SHELL))  # noqa: T201 - a program's output


class SignedCookie(RenewingAuth):
    """Signs requests to the private Livy, and tells its supervisor that it is in use.

    After a 401 the secret is read again: the server may have been restarted.

    Args:
        secret: The file with the server's secret.
        used: The file whose modification time is the server's last use.
    """

    def __init__(self, secret: Path, used: Path) -> None:
        super().__init__()
        self._secret = secret
        self._used = used
        self._key = secret.read_bytes()
        self._touched = float("-inf")

    def apply(self, request: PreparedRequest) -> None:
        """Sign one request with a fresh cookie, so that none ever expires in use."""
        request.headers["Cookie"] = header(self._key, _VALID)
        if time.monotonic() - self._touched >= _TOUCH_EVERY:
            with suppress(FileNotFoundError):  # the server has ended
                os.utime(self._used)
            self._touched = time.monotonic()

    @property
    def command(self) -> list[str]:
        """The command that prints the header, for users who can read the secret."""
        return [sys.executable, "-m", "livy_magic.local.print_cookie", str(self._secret)]

    def renew(self) -> None:
        """Read the secret again."""
        with suppress(FileNotFoundError):  # the server has ended
            self._key = self._secret.read_bytes()

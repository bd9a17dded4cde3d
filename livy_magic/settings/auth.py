"""Authentication: from the specification in the settings to the object that signs each request.

The settings hold an :class:`AuthSpec`: a kind, and where its secret is kept. :func:`build` creates
the ``requests`` auth object from it. A secret is read when the first request needs it (from netrc:
by :func:`build`), and stays in that object's memory; no ``repr`` and no message shows it.

========  ==================================================  =====================================
kind      options                                             what it sends
========  ==================================================  =====================================
none                                                          nothing
basic     ``user``, ``password``                              HTTP Basic, in UTF-8
bearer    ``token``, ``header``, ``prefix``                   ``Authorization: Bearer TOKEN``
kerberos  ``hostname``                                        SPNEGO with the ticket of ``kinit``
custom    ``object``, ``options``                             what that ``requests`` auth object does
========  ==================================================  =====================================

``password`` is one of ``prompt`` (asks the user once; the default), ``{env: NAME}``,
``{keyring: SERVICE}``, ``{netrc: true}``, ``{callable: "module:function"}``; ``token`` is one of
``{env: NAME}``, ``{command: "program args"}``, ``{callable: "module:function"}``. A token is read
again after a 401. ``header`` names another header than ``Authorization``, which carries the token
bare or after ``prefix``. ``hostname`` is the host in the server's Kerberos principal, if it is not
the URL's. ``object`` is the ``module:name`` of an auth object, or of a class or function that makes
one from ``options``.
"""

from __future__ import annotations

import base64
import functools
import os
import re
import shlex
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from requests import PreparedRequest, Response
from requests.auth import AuthBase

from ..errors import ConfigError
from ..spelling import nearest
from .secret import Secret, called, from_netrc, imported, read_secret

_TOKEN = re.compile(r"[!-~]+")


class RenewingAuth(AuthBase, ABC):
    """A credential that expires: after a 401, it is renewed and the request is sent once more.

    One object serves all threads: if several of them get a 401 with the same credential, one thread
    renews it and the others use the new one. A second 401 is returned to the caller.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._renewals = 0

    @abstractmethod
    def apply(self, request: PreparedRequest) -> None:
        """Put the credential on ``request``, replacing an older one; called with the lock held."""

    @abstractmethod
    def renew(self) -> None:
        """Get a new credential, because the server refused this one; called with the lock held."""

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Sign the request, and register a hook that handles a 401."""
        renewals = self._sign(r)
        r.register_hook(  # type: ignore[no-untyped-call]  # the stubs give it no types
            "response", functools.partial(self._once_more, renewals)
        )
        return r

    def _sign(self, request: PreparedRequest) -> int:
        with self._lock:
            self.apply(request)
            return self._renewals

    def _once_more(self, renewals: int, refused: Response, **send_options: Any) -> Response:
        request = refused.request
        body_can_be_sent_again = isinstance(request.body, (str, bytes, type(None)))
        if refused.status_code != HTTPStatus.UNAUTHORIZED or not body_can_be_sent_again:
            return refused
        _ = refused.content  # read it to its end, so that the connection can be reused
        refused.close()
        with self._lock:
            if self._renewals == renewals:  # else another thread has renewed it already
                self.renew()
                self._renewals += 1
        again = request.copy()
        self._sign(again)
        # an adapter's own send calls no hooks, so this method does not see this answer again
        answer = refused.connection.send(again, **send_options)
        answer.history.append(refused)
        answer.request = again
        return answer


@dataclass(frozen=True)
class AuthSpec:
    """A kind of authentication and its options; ``str()`` describes it without secrets.

    Attributes:
        kind: One of the kinds in this module's table.
        options: That kind's options; a password or token is a :class:`Secret`.
    """

    kind: str = "none"
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        parts = [self.kind]
        if "object" in self.options:
            parts.append(f" {self.options['object']}")
        if "user" in self.options:
            parts.append(f" as {self.options['user']}")
        parts += [
            f", {name} from {self.options[name]}" for name in _SOURCES if name in self.options
        ]
        return "".join(parts)


_OPTIONS: dict[str, tuple[str, ...]] = {
    "none": (),
    "basic": ("user", "password"),
    "bearer": ("token", "header", "prefix"),
    "kerberos": ("hostname",),
    "custom": ("object", "options"),
}
# The places where each kind of secret may be kept.
_SOURCES: dict[str, tuple[str, ...]] = {
    "password": ("env", "keyring", "netrc", "callable"),
    "token": ("env", "command", "callable"),
}

_NOT_ONLY_TEXT = ("netrc", "callable")  # these also take true, and the callable itself


def read(value: object, *, where: str) -> AuthSpec:
    """Return the specification from a setting: a kind's name, or a mapping with ``kind``.

    Args:
        value: The raw value, from YAML or ``%config``.
        where: The place of the setting, for the message.

    Raises:
        ConfigError: An unknown kind or option, a missing one, or a secret in clear text.
    """
    options = dict(value) if isinstance(value, Mapping) else {"kind": value}
    kind = options.pop("kind", None)
    if not isinstance(kind, str) or kind not in _OPTIONS:
        known = ", ".join(_OPTIONS)
        guess = nearest(kind, _OPTIONS) if isinstance(kind, str) else ""
        raise ConfigError(f"{where}: the kind of auth is not one of {known}{guess}")
    for name, option in options.items():
        if name not in _OPTIONS[kind]:
            guess = nearest(str(name), _OPTIONS[kind])
            raise ConfigError(f"{where}: {kind} has no option {str(name)!r}{guess}")
        if name in _SOURCES:
            options[name] = _read_secret(name, option, where)
        elif name != "options" and not isinstance(option, str):
            raise ConfigError(f"{where}: {name} is not text")
    _check(kind, options, where)
    return AuthSpec(kind, options)


def _read_secret(name: str, value: object, where: str) -> Secret:
    if isinstance(value, Secret):
        return value
    if value == "prompt" and name == "password":
        return Secret("prompt")
    if isinstance(value, Mapping) and len(value) == 1:
        [(source, detail)] = value.items()
        if source == "command" and source in _SOURCES[name]:
            return Secret(source, _argv(detail, where))
        if source in _SOURCES[name] and (isinstance(detail, str) or source in _NOT_ONLY_TEXT):
            return Secret(source, detail)
    forms = {"netrc": "{netrc: true}", "callable": "{callable: module:function}"}
    known = [forms.get(source, f"{{{source}: …}}") for source in _SOURCES[name]]
    known += ["prompt"] if name == "password" else []
    raise ConfigError(
        f"{where}: {name} must say where the {name} is kept; {name}s in clear text are refused\n"
        f"Write one of {', '.join(known)}."
    )


def _argv(command: str | Sequence[str], where: str) -> list[str]:
    try:
        argv = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:  # an unclosed quote
        raise ConfigError(f"{where}: the token command cannot be read: {error}") from None
    if not argv:
        raise ConfigError(f"{where}: the token command is empty")
    return argv


def _check(kind: str, options: dict[str, Any], where: str) -> None:
    if kind == "basic":
        options.setdefault("password", Secret("prompt"))
        user = options.get("user")
        if not user and options["password"].source != "netrc":
            raise ConfigError(f"{where}: basic needs a user")
        if user and ":" in user:
            raise ConfigError(f"{where}: a user name with a colon cannot be sent by basic")
    if kind == "bearer" and "token" not in options:
        raise ConfigError(f"{where}: bearer needs a token; for example token: {{env: LIVY_TOKEN}}")
    if kind == "custom" and "object" not in options:
        raise ConfigError(f"{where}: custom needs an object; for example object: mymodule:MyAuth")


def build(
    spec: AuthSpec,
    url: str,
    *,
    ask: Callable[[str], str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> AuthBase | None:
    """Return the auth object for requests to ``url``; None for kind ``none``.

    One object serves all threads. Signing a request may raise ConfigError, because only signing
    reads the secret; in that case, nothing has been sent.

    Args:
        spec: The specification.
        url: The server's URL, without user info; netrc is searched for it, and a prompt shows it.
        ask: Asks the user for a password; by default ``getpass.getpass``.
        environ: The environment that ``{env: NAME}`` reads, when the secret is read.

    Raises:
        ConfigError: A package is missing, an object cannot be imported, netrc has no entry.
    """
    options = dict(spec.options)
    match spec.kind:
        case "basic":
            return _basic(url, options["password"], options.get("user"), ask, environ)
        case "bearer":
            token = options.pop("token")
            return BearerAuth(lambda: read_secret(token, environ), **options)
        case "kerberos":
            return KerberosAuth(**options)
        case "custom":
            return CustomAuth(**options)
    return None


def _basic(
    url: str,
    password: Secret,
    user: str | None,
    ask: Callable[[str], str] | None,
    environ: Mapping[str, str],
) -> BasicAuth:
    if user is None or password.source == "netrc":  # netrc holds user and password
        user, found = from_netrc(url, user)
        return BasicAuth(user, lambda: found)
    question = f"Password of {user} for {url}: "
    return BasicAuth(user, lambda: read_secret(password, environ, ask, question, user))


class BasicAuth(AuthBase):
    """HTTP Basic with a password that is read once, when the first request needs it.

    Args:
        user: The user name.
        read_password: Returns the password; not called again once it has succeeded.
    """

    def __init__(self, user: str, read_password: Callable[[], str]) -> None:
        self.user = user
        self._read_password = read_password
        self._lock = threading.Lock()
        self._header: str | None = None

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Sign the request."""
        with self._lock:
            if self._header is None:
                # Livy's LDAP filter decodes UTF-8; requests' own class would send Latin-1
                login = f"{self.user}:{self._read_password()}".encode()
                self._header = f"Basic {base64.b64encode(login).decode()}"
            r.headers["Authorization"] = self._header
        return r

    def __repr__(self) -> str:
        return f"<basic as {self.user}>"


class BearerAuth(RenewingAuth):
    """A token in a header, read again after a 401.

    Args:
        read_token: Returns a token.
        header: The name of the header that carries the token.
        prefix: The word before the token; by default ``Bearer`` in ``Authorization``, else none.
    """

    def __init__(
        self,
        read_token: Callable[[], str],
        *,
        header: str = "Authorization",
        prefix: str | None = None,
    ) -> None:
        super().__init__()
        self._read_token = read_token
        self._header = header
        if prefix is None and header.lower() == "authorization":
            prefix = "Bearer"
        self._prefix = f"{prefix} " if prefix else ""
        self._token: str | None = None

    def apply(self, request: PreparedRequest) -> None:
        """See RenewingAuth."""
        if self._token is None:
            self.renew()
        request.headers[self._header] = f"{self._prefix}{self._token}"

    def renew(self) -> None:
        """See RenewingAuth."""
        token = self._read_token().strip()
        if not _TOKEN.fullmatch(token):  # requests would show it in its error message
            raise ConfigError(
                f"the value read for {self._header} is not a token: it is empty, has spaces "
                "inside or characters that no header can carry\n"
                "A token command has to print the bare token, not JSON around it."
            )
        self._token = token

    def __repr__(self) -> str:
        return f"<bearer token in {self._header}>"


class KerberosAuth(AuthBase):
    """SPNEGO by ``requests_kerberos``, with one of its objects per thread, since they keep state.

    Args:
        hostname: The host in the server's principal, if it is not the URL's.

    Raises:
        ConfigError: The package is not installed.
    """

    def __init__(self, *, hostname: str | None = None) -> None:
        try:
            import requests_kerberos  # an extra, which may not be installed
        except ImportError:
            raise ConfigError(
                "auth kerberos needs the package requests-kerberos\n"
                "Run: pip install 'livy-magic[kerberos]'"
            ) from None
        self._make = functools.partial(
            requests_kerberos.HTTPKerberosAuth,
            # REQUIRED would fail in every thread but the first: threads share Livy's cookie, and
            # with it the server skips the exchange in which it proves its identity
            mutual_authentication=requests_kerberos.OPTIONAL,
            hostname_override=hostname,
        )
        self._of_thread = threading.local()

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Sign the request."""
        if not hasattr(self._of_thread, "auth"):
            self._of_thread.auth = self._make()
        signed: PreparedRequest = self._of_thread.auth(r)
        return signed

    def __repr__(self) -> str:
        return "<kerberos>"


class CustomAuth(AuthBase):
    """A wrapper of the user's own ``requests`` auth object, with a ``repr`` that shows no secret.

    Args:
        object: ``module:name`` of an auth object, or of a class or function that makes one.
        options: Keyword arguments for the class or function.

    Raises:
        ConfigError: The object cannot be imported, or is not an auth object.
    """

    def __init__(self, object: str, options: Mapping[str, Any] | None = None) -> None:  # noqa: A002 - the setting's name
        self.name = object
        found = imported(object)
        if not isinstance(found, AuthBase):
            found = called(found, f"auth object {object}", **(options or {}))
        if not callable(found):
            raise ConfigError(f"auth object {object} does not return a requests auth object")
        self._auth = found

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Sign the request."""
        signed: PreparedRequest = self._auth(r)
        return signed

    def __repr__(self) -> str:
        return f"<custom {self.name}>"

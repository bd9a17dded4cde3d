"""Passwords and tokens: where they are kept, and how to read them from there."""

from __future__ import annotations

import functools
import getpass
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from requests.utils import get_netrc_auth

from ..errors import ConfigError
from ..redact import MASK

COMMAND_TIMEOUT = 60.0  # seconds; a token command may have to ask a remote service


@dataclass(frozen=True)
class Secret:
    """The place where a password or token is kept; ``str()`` describes it in words.

    Attributes:
        source: ``env``, ``keyring``, ``netrc``, ``prompt``, ``command``, ``callable`` or ``url``.
        detail: The variable, service, command or callable; with ``url``, the secret itself.
    """

    source: str
    detail: Any = field(default=None, repr=False)

    def __str__(self) -> str:
        match self.source:
            case "env":
                return f"environment {self.detail}"
            case "keyring":
                return f"keyring {self.detail}"
            case "command":
                return f"command {self.detail[0]}"
            case "callable":
                return f"callable {callable_name(self.detail)}"
            case "url":
                return "the URL it came with"
        return self.source


def read_secret(
    secret: Secret,
    environ: Mapping[str, str],
    ask: Callable[[str], str] | None = None,
    question: str = "",
    user: str = "",
) -> str:
    """Return the secret itself, read from the place where it is kept.

    Args:
        secret: The place.
        environ: The environment that ``{env: NAME}`` reads.
        ask: Asks the user; by default ``getpass.getpass``.
        question: The question to ask.
        user: The user name to look up in a keyring.

    Raises:
        ConfigError: The secret cannot be read.
    """
    match secret.source:
        case "env":
            return _from_environment(secret.detail, environ)
        case "keyring":
            return _from_keyring(secret.detail, user)
        case "prompt":
            return _from_prompt(ask or getpass.getpass, question)
        case "command":
            return _from_command(secret.detail)
        case "callable":
            return _from_callable(secret.detail)
    found: str = secret.detail
    return found


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    if not environ.get(name):
        raise ConfigError(f"environment variable {name} is not set, and auth needs it")
    return environ[name]


def _from_keyring(service: str, user: str) -> str:
    try:
        import keyring  # an optional package
        import keyring.errors
    except ImportError:
        raise ConfigError(
            "the password is in a keyring, which needs the package keyring\n"
            "Run: pip install keyring"
        ) from None
    try:
        password: str | None = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"keyring {service}: {error}") from error
    if password is None:
        raise ConfigError(
            f"keyring {service} has no password for {user}\nRun: keyring set {service} {user}"
        )
    return password


def from_netrc(url: str, user: str | None) -> tuple[str, str]:
    """Return user and password from netrc's entry for the host of ``url``.

    Raises:
        ConfigError: netrc has no entry for the host, or only another user's, or cannot be read.
    """
    from netrc import NetrcParseError  # imported late: only netrc needs it

    try:
        entry = get_netrc_auth(url, raise_errors=True)
    except (NetrcParseError, OSError) as error:
        # the parser's own message may quote the word that it failed on, which may be the password
        raise ConfigError(
            f"{error.filename}: this netrc file cannot be read\n"
            "Check its form, and that only you can read it (chmod 600)."
        ) from None
    if entry is None or (user and entry[0] != user):
        whom = f" and user {user}" if user else ""
        raise ConfigError(f"netrc has no entry for the host of {url}{whom}")
    return entry


def _from_prompt(ask: Callable[[str], str], question: str) -> str:
    try:
        return ask(question)
    except (EOFError, NotImplementedError):  # no terminal; a front end that cannot ask
        raise ConfigError(
            f"cannot ask here: {question.strip()}\n"
            "Write password: {env: NAME} or {keyring: SERVICE} in a profile instead."
        ) from None


def _from_command(argv: list[str]) -> str:
    import subprocess  # imported late: only a command needs it

    what = f"token command {argv[0]}"
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:  # chained, it would show what the command printed so far
        raise ConfigError(f"{what} did not end within {COMMAND_TIMEOUT:.0f} seconds") from None
    except OSError as error:
        raise ConfigError(f"{what} cannot be started: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.strip()
        said = said.replace(done.stdout.strip() or MASK, MASK)  # stderr may repeat the token
        raise ConfigError(f"{what} ended with exit code {done.returncode}\n{said}".strip())
    return done.stdout


def _from_callable(source: str | Callable[[], object]) -> str:
    what = f"callable {callable_name(source)}"
    found = called(imported(source) if isinstance(source, str) else source, what)
    if not isinstance(found, str):
        raise ConfigError(f"{what} returned {type(found).__name__} instead of text")
    return found


def callable_name(source: object) -> str:
    """Return a callable's name for a message; ``source`` is the callable or its name."""
    return source if isinstance(source, str) else getattr(source, "__qualname__", "")


def called(function: Callable[..., object], what: str, **options: object) -> Any:
    """Return what ``function`` returns; raise ConfigError about ``what`` for any error of its."""
    try:
        return function(**options)
    except Exception as error:  # the user's code may raise anything
        raise ConfigError(f"{what} failed: {type(error).__name__}: {error}") from error


def imported(name: str) -> Any:
    """Return the object that ``module:name`` names.

    Raises:
        ConfigError: The name has another form, or cannot be imported.
    """
    module, colon, path = name.partition(":")
    if not colon:
        raise ConfigError(f"{name} is not of the form module:name")
    try:
        return functools.reduce(getattr, path.split("."), importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{name} cannot be imported: {error}") from error

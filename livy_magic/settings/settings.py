"""The settings of a connection, each with its origin, and the order in which sources win.

Settings
    ===================  ==========================================================================
    ``url``              ``https://host:8998``, with a gateway's prefix if there is one; ``local``,
                         the default, for the private Livy on this machine
    ``auth``             ``none``, ``basic``, ``bearer``, ``kerberos`` or ``custom``; or a mapping
                         of ``kind`` and its options, see :mod:`livy_magic.settings.auth`
    ``headers``          additional headers for every request
    ``verify``           a file of certificate authorities; ``true``; ``false`` trusts any server,
                         and warns
    ``cert``             client certificate: a file, or the files of certificate and key
    ``proxies``          proxy URLs by scheme: ``{https: http://proxy:3128}``
    ``timeout``          seconds to wait for a connection and for an answer: ``[5, 30]``, or one
                         number for both
    ``staging``          fsspec URL of the staging folder, where local files are put for Livy
    ``staging_as``       the URL under which Spark sees that folder, if it is another
    ``staging_options``  fsspec's storage options for that folder
    ``defaults``         POST fields for every request that leaves them unset
    ===================  ==========================================================================

Environment
    ===================  ==========================================================================
    ``LIVY_URL``         ``url``; user and password in ``https://user:password@host`` are split off
    ``LIVY_PROFILE``     name of the profile to use when nothing else names a server
    ``LIVY_AUTH``        kind of ``auth``; if it is not set but ``LIVY_URL`` is, a ``LIVY_TOKEN``
                         means ``bearer`` and a user name ``basic``
    ``LIVY_USER``        user name for ``basic``
    ``LIVY_PASSWORD``    password for ``basic``; if it is not set, the user is asked
    ``LIVY_TOKEN``       token for ``bearer``; read again after a 401
    ``LIVY_CA``          ``verify``: a file of certificate authorities
    ``LIVY_STAGING``     ``staging``
    ``LIVY_STAGING_AS``  ``staging_as``
    ===================  ==========================================================================

    ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` applies if ``verify`` is not set; ``HTTP_PROXY``,
    ``HTTPS_PROXY`` and ``NO_PROXY`` apply if ``proxies`` is not set, except for loopback.

Files
    ``livy_magic.yaml`` in every folder of Jupyter's configuration path: the user's, then the
    environment's, then the system's. For each profile, and for ``default``, the first file wins::

        default: prod
        profiles:
          prod:
            url: https://livy.example.com:8998
            auth: {kind: basic, user: alice, password: {keyring: livy}}

    ``{env: NAME}`` reads an environment variable, as the value of any header, option or Spark
    property; secrets in clear text are refused.

Precedence
    For each setting: the URL or profile that the user names > ``%config LivyMagics`` > the
    environment > the default profile > sparkmagic's file > the built-in default.

    A profile describes one server: if its URL is not used, none of its settings are. Settings that
    are sent to a server (``auth``, ``headers``, ``cert`` and ``defaults``) or trust it blindly
    (``verify: false``) apply only to the server that they were configured for, never to a URL from
    a source that ranks higher: ``%livy_connect http://other`` uses neither ``LIVY_TOKEN`` nor the
    default profile's password. Only a ``%config`` that names no server applies to every server.
"""

from __future__ import annotations

import ipaddress
import os
import stat
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies

from ..errors import ConfigError
from ..files import file_mode, opened
from ..protocol.models import POST_FIELDS
from ..redact import mask_body, mask_proxy
from . import sources
from .auth import AuthSpec
from .sources import VARIABLES, Files, Found, Layer
from .values import LOCAL, Environ

__all__ = ["VARIABLES", "Settings", "describe", "load", "profiles"]

BUILT_IN: Mapping[str, Any] = {
    "url": LOCAL,
    "profile": None,
    "auth": AuthSpec(),
    "headers": {},
    "verify": True,
    "cert": None,
    "proxies": {},
    "timeout": (5.0, 30.0),
    "staging": None,
    "staging_as": None,
    "staging_options": {},
    "defaults": {},
}
SENT_TO_SERVER = ("auth", "headers", "cert", "defaults")
OF_STAGING = ("staging_as", "staging_options")  # only valid for the staging from the same source
FOR_PRIVATE_LIVY = ("timeout", "defaults")  # the private Livy sets all others itself


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one connection; neither ``repr`` nor :func:`describe` shows a secret.

    Attributes:
        url: Livy's URL, without user info or trailing slash; None for the private Livy.
        profile: The name of the profile that the URL comes from, or None.
        auth: The authentication; a secret is read when the first request needs it.
        headers: Additional headers for every request.
        verify: Whether the server must present a trusted certificate, or the path of a file of
            certificate authorities.
        cert: Path of the client certificate, or paths of certificate and key.
        proxies: Proxy URLs by scheme.
        timeout: Seconds to wait for a connection, and for an answer.
        staging: fsspec URL of the staging folder, where local files are put for Livy.
        staging_as: The URL under which Spark sees that folder, if it is another.
        staging_options: fsspec's storage options for that folder.
        defaults: Checked POST field values, by Python name.
        origins: The origin of each setting, in words.
    """

    url: str | None
    profile: str | None
    auth: AuthSpec
    headers: Mapping[str, str] = field(repr=False)
    verify: bool | str
    cert: str | tuple[str, str] | None
    proxies: Mapping[str, str] = field(repr=False)
    timeout: tuple[float, float]
    staging: str | None
    staging_as: str | None
    staging_options: Mapping[str, Any] = field(repr=False)
    defaults: Mapping[str, Any] = field(repr=False)
    origins: Mapping[str, str] = field(repr=False)

    @property
    def user(self) -> str | None:
        """The user name in the settings, or None: Kerberos tickets and tokens carry their own."""
        return self.auth.options.get("user")


def load(
    target: str | None = None,
    *,
    overrides: Mapping[str, object] = MappingProxyType({}),
    environ: Environ = os.environ,
    config_path: Sequence[Path] | None = None,
) -> Settings:
    """Return the settings for a server, by the precedence in this module's docstring.

    Args:
        target: A URL, a profile's name, or ``local``; if None, the other sources choose the server.
        overrides: Settings that ``%config`` has set, including ``profile``.
        environ: The environment; proxies always come from the process's own.
        config_path: Folders to search for ``livy_magic.yaml``; by default Jupyter's path.

    Raises:
        ConfigError: A source holds an invalid setting, or a secret in clear text.
    """
    files = Files.read(config_path)
    config = sources.layer(overrides, "%config", environ)
    ranking = _rank(sources.explicit(target), config, files, environ)
    found = {name: Found(value, "default") for name, value in BUILT_IN.items()}
    found |= {name: ranking.server[name] for name in ("url", "profile") if name in ranking.server}
    if found["url"].value == LOCAL:
        found["url"] = Found(None, found["url"].origin)
        found |= {name: ranking.pick(name) for name in FOR_PRIVATE_LIVY}
    else:
        ranking.layers.append(_surroundings(found["url"].value, environ))
        found |= {name: ranking.pick(name) for name in found.keys() - {"url", "profile"}}
    for name in ("verify", "cert"):
        _must_exist(name, found[name])
    if found["verify"].value is False:
        warnings.warn(
            f"{found['url'].value}: anybody can pose as this server, because verify is off"
            f" ({found['verify'].origin})",
            stacklevel=2,
        )
    return Settings(
        **{name: value for name, (value, _) in found.items()},
        origins=MappingProxyType({name: origin for name, (_, origin) in found.items()}),
    )


def profiles(config_path: Sequence[Path] | None = None) -> dict[str, Path]:
    """Return the names of all profiles, each with the file that holds it.

    Raises:
        ConfigError: A file cannot be read.
    """
    return {name: path for name, (_, path) in Files.read(config_path).profiles.items()}


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """Return name, value and origin of each setting that is set, as text without secrets."""
    proxies = (f"{scheme} {mask_proxy(url)}" for scheme, url in settings.proxies.items())
    shown = {
        "url": settings.url or "the private Livy of this machine",
        "profile": settings.profile,
        "auth": str(settings.auth),
        "headers": ", ".join(settings.headers),
        "verify": {"True": "on", "False": "OFF"}.get(str(settings.verify), settings.verify),
        "cert": settings.cert if isinstance(settings.cert, str) else ", ".join(settings.cert or ()),
        "proxies": ", ".join(proxies),
        "timeout": "connect {:g} s, answer {:g} s".format(*settings.timeout),
        "staging": settings.staging,
        "staging_as": settings.staging_as,
        "staging_options": ", ".join(settings.staging_options),
        "defaults": _shown_defaults(settings.defaults),
    }
    return [
        (name, str(value), settings.origins[name])
        for name, value in shown.items()
        if value and (settings.url or name in ("url", "profile", *FOR_PRIVATE_LIVY))
    ]


def _shown_defaults(defaults: Mapping[str, Any]) -> str:
    body = {
        field.metadata["json"]: field.metadata["type"].to_json(defaults[field.name])
        for field in POST_FIELDS
        if field.name in defaults
    }
    return ", ".join(f"{key}={value}" for key, value in mask_body(body).items())


# -- precedence -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ranking:
    """The sources of settings in order of precedence.

    Attributes:
        layers: All layers, the highest first.
        server: The layer that names the server.
        trusted: The layers whose credentials and other sent settings that server may get.
    """

    layers: list[Layer]
    server: Layer
    trusted: Sequence[Layer]

    def pick(self, name: str) -> Found:
        """Return a setting from the highest layer that may set it for this server."""
        origin = "default"
        for layer in self._that_say(name):
            found = layer[name]
            if layer in self.trusted or not (name in SENT_TO_SERVER or found.value is False):
                return found
            origin = f"default; the value from {found.origin} belongs to another server"
        return Found(BUILT_IN[name], origin)

    def _that_say(self, name: str) -> Iterable[Layer]:
        layers = self.layers
        if name in OF_STAGING:
            layers = [layer for layer in layers if "staging" in layer][:1]
        return (layer for layer in layers if name in layer)


def _rank(explicit: Layer, config: Layer, files: Files, environ: Environ) -> _Ranking:
    base = [explicit, config, sources.environment(environ), files.default]
    naming = [layer for layer in base if layer.keys() & {"url", "profile"}]
    if not naming:
        server = sources.sparkmagic(environ)
        return _Ranking([*base, server], server, [*base, server])
    first = base.index(naming[0])
    above, below = base[: first + 1], base[first + 1 :]
    server = files.profile(naming[0]["profile"], environ) if "profile" in naming[0] else naming[0]
    same_server = [
        layer for layer in below if "url" in layer and layer["url"].value == server["url"].value
    ]
    any_server = [] if config in naming else [config]
    return _Ranking([*above, server, *below], server, [*above, server, *same_server, *any_server])


def _surroundings(url: str, environ: Environ) -> Layer:
    """Return the settings that requests would read from the environment itself, with origins."""
    taken = {}
    for variable in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        if environ.get(variable):
            taken["verify"] = Found(environ[variable], f"environment {variable}")
    proxies = {} if _is_loopback(url) else get_environ_proxies(url)
    proxies = {key: proxies[key] for key in ("http", "https", "all") if key in proxies}
    if proxies:
        taken["proxies"] = Found(proxies, "environment")
    return taken


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _must_exist(name: str, found: Found) -> None:
    paths = [found.value] if isinstance(found.value, str) else found.value
    for path in paths if isinstance(paths, (list, tuple)) else []:
        try:
            if not (name == "verify" and stat.S_ISDIR(file_mode(Path(path)))):
                opened(path).close()
        except (FileNotFoundError, NotADirectoryError):
            raise ConfigError(f"{found.origin}: {name}: there is no file {path}") from None
        except OSError as problem:
            reason = f"cannot read {path}: {problem.strerror}"
            raise ConfigError(f"{found.origin}: {name}: {reason}") from None

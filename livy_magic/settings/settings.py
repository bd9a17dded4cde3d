"""Where Livy is, as whom one talks to it, and what else a connection needs: all of it with its origin.

Settings
    ===================  ==========================================================================
    ``url``              ``https://host:8998``, a gateway's prefix included; ``local`` for the
                         private Livy of this machine, which is also what no URL at all means
    ``auth``             ``none``, ``basic``, ``bearer``, ``kerberos`` or ``custom``; or a mapping
                         of ``kind`` and its options, see :mod:`livy_magic.settings.auth`
    ``headers``          further headers for every request
    ``verify``           a file of certificate authorities; ``true``; ``false`` trusts anybody, and
                         warns
    ``cert``             client certificate: a file, or the files of certificate and key
    ``proxies``          proxy URLs by scheme: ``{https: http://proxy:3128}``
    ``timeout``          seconds to wait for a connection and for an answer: ``[5, 30]``, or one
                         number for both
    ``staging``          fsspec URL of the folder where local files are put for Livy
    ``staging_as``       the same folder as Spark sees it, where that differs
    ``staging_options``  fsspec's storage options for it
    ``defaults``         POST fields for every request that leaves them unset
    ===================  ==========================================================================

Environment
    ===================  ==========================================================================
    ``LIVY_URL``         ``url``; ``https://user:password@host`` is taken apart at once
    ``LIVY_PROFILE``     name of the profile to use when nothing else names a server
    ``LIVY_AUTH``        kind of ``auth``; without it, but with ``LIVY_URL``, a ``LIVY_TOKEN``
                         means ``bearer`` and a user name ``basic``
    ``LIVY_USER``        user name for ``basic``
    ``LIVY_PASSWORD``    password for ``basic``; asked for when it is not set
    ``LIVY_TOKEN``       token for ``bearer``; read again after a 401
    ``LIVY_CA``          ``verify``: a file of certificate authorities
    ``LIVY_STAGING``     ``staging``
    ``LIVY_STAGING_AS``  ``staging_as``
    ===================  ==========================================================================

    ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` stands in for a ``verify`` that nobody set, and
    ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` for ``proxies``, except for loopback.

Files
    ``livy_magic.yaml`` in every folder of Jupyter's configuration path: the user's, then the
    environment's, then the system's. The first file that has a profile or a ``default`` wins::

        default: prod
        profiles:
          prod:
            url: https://livy.example.com:8998
            auth: {kind: basic, user: alice, password: {keyring: livy}}

    ``{env: NAME}`` stands for an environment variable wherever a header, an option or a Spark
    property has a value; secrets in clear text are refused.

Precedence
    For one setting: what is asked for by name (a URL, or a profile) > ``%config LivyMagics`` > the
    environment > the default profile > sparkmagic's file > what is built in.

    A profile describes one server: of a profile whose URL is not used, nothing is used. And what is
    sent to a server, ``auth``, ``headers``, ``cert`` and ``defaults``, or makes it trusted unseen,
    ``verify: false``, goes to the server that it was configured for, never to a URL from a place
    that ranks higher: ``%livy_connect http://other`` takes neither ``LIVY_TOKEN`` nor the default
    profile's password along. Only a ``%config`` that names no server itself serves them all.
"""

from __future__ import annotations

import ipaddress
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies

from ..errors import ConfigError
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
OF_STAGING = ("staging_as", "staging_options")  # say nothing without the staging they are about
FOR_PRIVATE_LIVY = ("timeout", "defaults")  # it brings the other settings along


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a connection needs; neither ``repr`` nor :func:`describe` shows a secret.

    Attributes:
        url: Where Livy is, without user info and trailing slash; None: the private Livy.
        profile: The profile that says so, if one does.
        auth: How to say who one is; a secret is read when the first request needs it.
        headers: Further headers for every request.
        verify: Whether the server has to show a trusted certificate, or a file of whom to trust.
        cert: Client certificate, or certificate and key.
        proxies: Proxy URLs by scheme.
        timeout: Seconds to wait for a connection, and for an answer.
        staging: fsspec URL of the folder where local files are put for Livy.
        staging_as: The same folder as Spark sees it, where that differs.
        staging_options: fsspec's storage options for it.
        defaults: Field values by Python name, checked.
        origins: Where each setting comes from, in words.
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
        """The user name, where the settings say it: Kerberos and tokens know it themselves."""
        return self.auth.options.get("user")


def load(
    target: str | None = None,
    *,
    overrides: Mapping[str, object] = MappingProxyType({}),
    environ: Environ = os.environ,
    config_path: Sequence[Path] | None = None,
) -> Settings:
    """Return the settings for a server, by the precedence that this module's page describes.

    Args:
        target: A URL, a profile's name, or ``local``; None leaves the choice to the other places.
        overrides: Settings that ``%config`` has set, ``profile`` among them.
        environ: The environment; proxies are always those of the process.
        config_path: Folders where ``livy_magic.yaml`` may lie; Jupyter's unless given.

    Raises:
        ConfigError: A place says something that makes no sense, or a secret in clear text.
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
    """Return the names of all profiles, each with the file that it is from.

    Raises:
        ConfigError: A file cannot be read.
    """
    return {name: path for name, (_, path) in Files.read(config_path).profiles.items()}


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """Return name, value and origin of each setting that says something, for a person to read."""
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
    """What each place says.

    Attributes:
        layers: All places, the highest first.
        server: The one that names the server.
        trusted: Those that may have something sent to it.
    """

    layers: list[Layer]
    server: Layer
    trusted: Sequence[Layer]

    def pick(self, name: str) -> Found:
        """Return a setting from the highest place that may say it."""
        origin = "default"
        for layer in self._that_say(name):
            found = layer[name]
            if layer in self.trusted or not (name in SENT_TO_SERVER or found.value is False):
                return found
            origin = f"default; that of {found.origin} is for another server"
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
    """Return what requests would take from the environment by itself, but with its origin."""
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
        if not Path(path).exists():
            raise ConfigError(f"{found.origin}: {name}: there is no file {path}")

"""The sources of settings; each becomes a layer, which holds every setting with its origin."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from ..errors import ConfigError
from ..files import expanded, opened
from ..spelling import nearest
from .secret import Secret
from .values import EXAMPLE, LOCAL, READERS, Environ, mapping, take_login

FILE = "livy_magic.yaml"

# The setting that each variable sets; None marks a part of auth.
VARIABLES: Mapping[str, str | None] = {
    "LIVY_URL": "url",
    "LIVY_PROFILE": "profile",
    "LIVY_AUTH": "auth",
    "LIVY_USER": None,
    "LIVY_PASSWORD": None,
    "LIVY_TOKEN": None,
    "LIVY_CA": "verify",
    "LIVY_STAGING": "staging",
    "LIVY_STAGING_AS": "staging_as",
}
_HOST_AND_PORT = re.compile(r"[A-Za-z0-9.-]+:[0-9]+/?")
_SPARKMAGIC_KINDS = {"None": "none", "Basic_Access": "basic", "Kerberos": "kerberos"}


class Found(NamedTuple):
    """A setting's value, and its origin in words."""

    value: Any
    origin: str


Layer: TypeAlias = Mapping[str, Found]  # the settings from one source, by name


def layer(
    values: object,
    place: str,
    environ: Environ,
    *,
    origins: Mapping[str, str] = MappingProxyType({}),
    of_profile: bool = False,
) -> Layer:
    """Return the checked settings from one source.

    Args:
        values: The raw values, by setting.
        place: The source, in words.
        environ: The environment that ``{env: NAME}`` reads.
        origins: A more exact origin for some settings.
        of_profile: Whether the source is a profile, which cannot name another one.

    Raises:
        ConfigError: An unknown setting, a bad value, a secret in clear text.
    """
    values = dict(mapping(values, place))
    _move_user_into_auth(values, origins.get("url", place))
    known = [name for name in READERS if name != "profile" or not of_profile]
    found: dict[str, Found] = {}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{place}: unknown setting {name!r}{nearest(str(name), known)}")
        origin = origins.get(name, place)
        found[name] = Found(READERS[name](value, f"{origin}: {name}", environ), origin)
    if {"url", "profile"} <= found.keys():
        raise ConfigError(f"{place}: url and profile each name a server; drop one of them")
    if found.keys() & {"staging_as", "staging_options"} and "staging" not in found:
        raise ConfigError(f"{place}: staging_as and staging_options need staging next to them")
    return found


def _move_user_into_auth(values: dict[str, Any], where: str) -> None:
    url, user, password = take_login(values.get("url"))
    if password:
        raise ConfigError(
            f"{where}: a password in a URL is refused, because anyone could read it there\n"
            "With https://USER@HOST you are asked for it; or name its place in a profile, or set LIVY_PASSWORD."
        )
    if user and "auth" in values:
        raise ConfigError(f"{where}: the URL names a user, and auth is set, too; drop one of them")
    if user:
        values.update(url=url, auth={"kind": "basic", "user": user})


def explicit(target: str | None) -> Layer:
    """Return the layer for a URL, a profile or ``local`` that the user named."""
    if not target:
        return {}
    return layer({"url" if "://" in target else "profile": target}, "named explicitly", {})


def environment(environ: Environ) -> Layer:
    """Return the layer of the ``LIVY_`` variables."""
    given = {name: value for name in VARIABLES if (value := environ.get(name))}
    settings = {
        name: variable for variable, name in VARIABLES.items() if name and variable in given
    }
    values: dict[str, Any] = {name: given[variable] for name, variable in settings.items()}
    url, user, password = take_login(values.get("url"))
    if url:
        values["url"] = url
        if "auth" not in values and "LIVY_TOKEN" in given:
            values["auth"], settings["auth"] = "bearer", "LIVY_TOKEN"
        elif "auth" not in values and (user or "LIVY_USER" in given):
            values["auth"], settings["auth"] = (
                "basic",
                "LIVY_USER" if "LIVY_USER" in given else "LIVY_URL",
            )
    if values.get("auth") == "bearer":
        values["auth"] = {"kind": "bearer", "token": {"env": "LIVY_TOKEN"}}
    if values.get("auth") == "basic":
        known = Secret("url", password) if password else "prompt"
        values["auth"] = {
            "kind": "basic",
            "user": given.get("LIVY_USER", user),
            "password": {"env": "LIVY_PASSWORD"} if "LIVY_PASSWORD" in given else known,
        }
    origins = {name: f"environment {variable}" for name, variable in settings.items()}
    return layer(values, "environment", environ, origins=origins)


def sparkmagic(environ: Environ) -> Layer:
    """Return URL and user from sparkmagic's file; its password is not used."""
    folder = expanded(environ.get("SPARKMAGIC_CONF_DIR", "~/.sparkmagic"))
    path = folder / environ.get("SPARKMAGIC_CONF_FILE", "config.json")
    try:
        with opened(path) as file:
            content = json.loads(file.read().decode())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{_short(path)}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{_short(path)}: {error}") from None
    account = content.get("kernel_python_credentials") if isinstance(content, dict) else None
    if not isinstance(account, dict) or not account.get("url"):
        return {}
    url, user, _ = take_login(account["url"])
    user = account.get("username") or user
    kind = account.get("auth") or ("Basic_Access" if user else "None")
    if kind not in _SPARKMAGIC_KINDS:
        raise ConfigError(
            f"{_short(path)}: sparkmagic's auth {kind} is not supported\n"
            f"Write a profile in {FILE} instead."
        )
    auth = {"kind": _SPARKMAGIC_KINDS[kind]} | ({"user": user} if kind == "Basic_Access" else {})
    return layer({"url": url, "auth": auth}, _short(path), environ)


@dataclass(frozen=True)
class Files:
    """The combined content of all ``livy_magic.yaml`` files.

    Attributes:
        default: The layer that names the default profile; empty if no file does.
        profiles: The raw settings of each profile, and the file that holds them.
    """

    default: Layer
    profiles: Mapping[str, tuple[Any, Path]]

    @classmethod
    def read(cls, folders: Sequence[Path] | None) -> Files:
        """Read the files in ``folders``, by default on Jupyter's path; the first ones win.

        Raises:
            ConfigError: A file cannot be read, or has an unknown key.
        """
        if folders is None:
            from jupyter_core.paths import jupyter_config_path  # takes long to load

            folders = [Path(folder) for folder in jupyter_config_path()]
        default: Layer = {}
        profiles: dict[str, tuple[Any, Path]] = {}
        for path in (folder / FILE for folder in folders):
            content = _content(path)
            if content.get("default") and not default:
                place = f"default in {_short(path)}"
                default = layer({"profile": content["default"]}, place, {})
            own = mapping(content.get("profiles") or {}, f"{_short(path)}: profiles")
            profiles = {name: (settings, path) for name, settings in own.items()} | profiles
        return cls(default, profiles)

    def profile(self, name: Found, environ: Environ) -> Layer:
        """Return the layer of a profile; ``name.origin`` is the source that names the profile.

        Raises:
            ConfigError: There is no profile with that name, or its settings are invalid.
        """
        if name.value == LOCAL:
            return {"url": Found(LOCAL, name.origin)}
        if name.value not in self.profiles:
            raise ConfigError(self._unknown(name))
        settings, path = self.profiles[name.value]
        place = f"profile {name.value} in {_short(path)}"
        found = layer(settings, place, environ, of_profile=True)
        if "url" not in found:
            raise ConfigError(f"{place}: it has no url; for example {EXAMPLE}, or {LOCAL}")
        return {**found, "profile": name}

    def _unknown(self, name: Found) -> str:
        if _HOST_AND_PORT.fullmatch(name.value):
            return f"there is no profile {name.value!r}; for a URL, write http://{name.value} ({name.origin})"
        if set(name.value) & set("@:/"):  # a URL, which may hold a password: do not repeat it
            return f"{name.origin}: there is no such profile, and a URL starts with http:// or https://"
        known = (
            f"there are {', '.join(self.profiles)}"
            if self.profiles
            else f"no {FILE} defines a profile"
        )
        guess = nearest(name.value, self.profiles)
        return f"no profile is called {name.value!r}{guess} ({name.origin}; {known})"


def _content(path: Path) -> Mapping[str, Any]:
    import yaml  # only needed if there is a profiles file

    from ..yaml_text import TextLoader  # as above

    try:
        with opened(path) as file:
            content = yaml.load(file.read(), Loader=TextLoader)  # noqa: S506
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{_short(path)}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:  # its own message would quote the file
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{_short(path)}, line {line}: {error.problem}") from None
    except yaml.YAMLError:
        raise ConfigError(f"{_short(path)}: it is not UTF-8 text") from None
    except RecursionError:
        raise ConfigError(f"{_short(path)}: it nests too deeply, or holds itself") from None
    content = mapping(content or {}, _short(path))
    for key in content:
        if key not in ("default", "profiles"):
            guess = nearest(key, ("default", "profiles"))
            raise ConfigError(f"{_short(path)}: unknown key {key!r}{guess}")
    return content


def _short(path: Path) -> str:
    home = expanded("~")
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)

"""A submission in other forms: ``--dry-run=FORM`` prints them, ``batch.export(FORM)`` returns them.

================  ==============================================================================
form              content
================  ==============================================================================
``json``          the POST body
``curl``          the POST as a command
``python``        a program that submits the same with this package, including the staging
``spark-submit``  a command that submits the same to Spark without Livy
================  ==============================================================================

Each can be run unchanged unless it contains secrets: those are masked, as a comment on top says.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from requests.auth import AuthBase
from requests.utils import get_environ_proxies, select_proxy

from .errors import InvalidRequest
from .local import LocalServer
from .local.cookie import SignedCookie
from .local.spark_submit import MASTER, WORKING_DIRECTORY
from .protocol.models import POST_FIELDS, BatchRequest, Code
from .redact import MASK, is_secret_header, mask_proxy, mask_url, plain
from .settings import Settings
from .settings.auth import AuthSpec
from .spelling import nearest
from .staging.folder import Upload
from .submit.plan import Plan

WIDTH = 88  # characters of a line of Python, the default of formatters
_LONGEST_WORD = 100_000  # bytes of one word of a command; Linux accepts 128 KiB

# The fields that Livy passes to spark-submit as properties (protocol, part 1); with a local master,
# spark-submit would ignore some of the corresponding options.
_AS_PROPERTY = {
    "driverMemory": "spark.driver.memory",
    "driverCores": "spark.driver.cores",
    "executorMemory": "spark.executor.memory",
    "executorCores": "spark.executor.cores",
    "numExecutors": "spark.executor.instances",
}
# Livy appends the property's list to the field's; in spark-submit, the option overrides the property.
_SAME_LIST = {
    "jars": "spark.jars",
    "files": "spark.files",
    "archives": "spark.yarn.dist.archives",
}


class Server(Protocol):
    """The server of a plan, as far as the forms need it: :class:`~livy_magic.Livy` is one.

    Attributes:
        url: Its URL.
        auth: Authenticates requests.
        connection: The client's other settings: headers, TLS, proxies.
        settings: The origin of all these; None if they were passed directly.
        target: The requested URL, profile, or ``local``.
        private: The private server, if it is that of this machine.
    """

    url: str
    auth: AuthBase | None
    connection: dict[str, Any]
    settings: Settings | None
    target: str | None
    private: LocalServer | None


def rendered(form: str, server: Server, plan: Plan) -> str:
    """Return a submission in one of ``FORMS``, with secrets masked.

    Raises:
        InvalidRequest: There is no such form.
    """
    if not isinstance(form, str) or form not in FORMS:
        known = f"; there are {', '.join(FORMS)}"
        raise InvalidRequest(f"no form is called {form!r}{nearest(str(form), FORMS) or known}")
    return FORMS[form](server, plan)


# -- json -----------------------------------------------------------------------------------------


def as_json(server: Server, plan: Plan) -> str:
    """Return the POST body, followed by the files that would be staged first."""
    del server
    return "\n".join([_json(plan.request, indent=2), *_to_be_staged(plan.uploads)])


def _json(request: BatchRequest, indent: int | None = None) -> str:
    body = request.shown()
    text = json.dumps(body, indent=indent, ensure_ascii=False)
    return text if plain(text) == text else json.dumps(body, indent=indent)


def _to_be_staged(uploads: Iterable[Upload]) -> list[str]:
    return [
        f"would be staged first: {mask_url(upload.uri)} ({upload.size} bytes)" for upload in uploads
    ]


# -- curl -----------------------------------------------------------------------------------------


def as_curl(server: Server, plan: Plan) -> str:
    """Return the POST as a curl command, with authentication as far as curl can express it."""
    body = _json(plan.request)
    login, missing = _login(server)
    command = [
        "curl --fail-with-body --request POST",
        *_headers(server.connection.get("headers") or {}),
        *login,
        *_transport(server.url, server.connection),
    ]
    url = shlex.quote(mask_url(f"{server.url}/batches"))
    if len(body.encode()) < _LONGEST_WORD:
        text = _continued([*command, _option("--data", body), url])
    else:
        text = f"{_continued([*command, '--data-binary @-', url])} <<'JSON'\n{body}\nJSON"
    return _commented([*_to_be_staged(plan.uploads), *missing], text)


def _headers(further: Mapping[str, str]) -> list[str]:
    """Return the header options; Livy's CSRF protection requires the second one."""
    headers = {"Content-Type": "application/json", "X-Requested-By": "livy_magic"}
    for name, value in further.items():
        headers[name] = MASK if is_secret_header(name) else value
    return [_option("--header", f"{name}: {value}") for name, value in headers.items()]


def _login(server: Server) -> tuple[list[str], list[str]]:
    """Return the authentication options, and notes on what to add before running the command."""
    if isinstance(server.auth, SignedCookie):
        return [f'--cookie "$({shlex.join(server.auth.command)})"'], []
    if server.auth is None:
        return [], []
    spec = server.settings.auth if server.settings else AuthSpec("custom")
    match spec.kind:
        case "basic" if spec.options["password"].source == "netrc":
            return ["--netrc"], []
        case "basic":
            return [_option("--user", spec.options["user"])], []
        case "kerberos":
            return ["--negotiate --user :"], []
        case "bearer":
            return _bearer(spec)
    what = spec.options.get("object", type(server.auth).__name__)
    return [], [f"put in: what the auth object {what} adds to a request"]


def _bearer(spec: AuthSpec) -> tuple[list[str], list[str]]:
    token = spec.options["token"]
    variable, missing = token.detail, []
    if token.source != "env":
        variable, missing = "LIVY_TOKEN", [f"put into LIVY_TOKEN: the token from {token}"]
    header = spec.options.get("header", "Authorization")
    prefix = spec.options.get("prefix", "Bearer" if header.lower() == "authorization" else "")
    start = f"{header}: {prefix} " if prefix else f"{header}: "
    quoted = re.sub(r'([\\"$`])', r"\\\1", start)
    return [f'--header "{quoted}${variable}"'], missing


def _transport(url: str, connection: Mapping[str, Any]) -> list[str]:
    """Return the options for proxy and TLS."""
    options = []
    proxy = select_proxy(url, dict(connection.get("proxies") or {}))
    if proxy:
        options.append(_option("--proxy", mask_proxy(proxy)))
    elif get_environ_proxies(url):  # curl would use it, even for loopback
        options.append("--noproxy '*'")
    verify, cert = connection.get("verify", True), connection.get("cert")
    if verify is False:
        options.append("--insecure")
    elif verify is not True:
        is_folder = os.path.isdir(verify)  # noqa: PTH112 -- Path's raises if it cannot tell
        options.append(_option("--capath" if is_folder else "--cacert", verify))
    if cert:
        files = [cert] if isinstance(cert, str) else cert
        options += [
            _option(flag, file) for flag, file in zip(("--cert", "--key"), files, strict=False)
        ]
    return options


# -- python ---------------------------------------------------------------------------------------


def as_python(server: Server, plan: Plan) -> str:
    """Return a program that submits the original request, staging its files again."""
    code = plan.given.file.text if isinstance(plan.given.file, Code) else None
    names = "BatchRequest, Code, Livy" if code else "BatchRequest, Livy"
    parts = [
        f"from livy_magic import {names}",
        f"code = {code_literal(code)}" if code else "",
        f"request = {_call('BatchRequest', _arguments(plan.given))}",
        f"livy = {_connection(server)}",
    ]
    submit = f"batch = livy.submit({', '.join(['request', *_choices(plan)])})\nbatch.wait()"
    return _commented(_left_out(server), "\n\n".join(filter(None, parts)) + f"\n{submit}")


def _arguments(request: BatchRequest) -> dict[str, str]:
    """Return the arguments for BatchRequest, as source text by name."""
    body = request.shown()
    arguments = {
        field.name: _expression(body[field.metadata["json"]], len(field.name))
        for field in POST_FIELDS
        if field.metadata["json"] in body
    }
    if isinstance(request.file, Code):
        arguments["file"] = "Code(code)"
    if request.extra:
        arguments["extra"] = _expression({key: body[key] for key in request.extra}, len("extra"))
    return arguments


def _connection(server: Server) -> str:
    if server.settings is None:
        return f"Livy({_literal(mask_url(server.url))})"
    return f"Livy.connect({_literal(server.target) if server.target else ''})"


def _left_out(server: Server) -> list[str]:
    if server.settings is None:
        return ["put in: what else Livy() was told, such as auth and staging"]
    named = ("url", "profile")
    origins = server.settings.origins
    here = [name for name, origin in origins.items() if origin == "%config" and name not in named]
    return [f"put into a profile what %config says of {', '.join(here)}"] if here else []


def _choices(plan: Plan) -> list[str]:
    """Return further arguments for submit(), except defaults."""
    told = {
        field.name: getattr(plan, field.name)
        for field in dataclasses.fields(plan)
        if field.default is not dataclasses.MISSING and getattr(plan, field.name) != field.default
    }
    return [f"{name}={_expression(value, 0)}" for name, value in told.items()]


def _call(function: str, arguments: Mapping[str, str]) -> str:
    lines = "".join(f"    {name}={value},\n" for name, value in arguments.items())
    return f"{function}(\n{lines})"


def _expression(value: object, before: int, depth: int = 1) -> str:
    """Return the source of a JSON value, in several lines if it does not fit into one.

    Args:
        value: Text, number, list, mapping …
        before: Characters before it in its line, besides indentation and two more characters.
        depth: Levels of indentation.
    """
    if isinstance(value, str):
        return _literal(value)
    if isinstance(value, Mapping):
        keys = [f"{_literal(key)}: " for key in value]
        items = [
            key + _expression(item, len(key), depth + 1)
            for key, item in zip(keys, value.values(), strict=True)
        ]
        left, right = "{}"
    elif isinstance(value, Sequence):
        items = [_expression(item, 0, depth + 1) for item in value]
        left, right = "[]"
    else:
        return repr(value)
    line = f"{left}{', '.join(items)}{right}"
    if 4 * depth + before + 2 + len(line) <= WIDTH and "\n" not in line:
        return line
    inner = "".join(f"{'    ' * (depth + 1)}{item},\n" for item in items)
    return f"{left}\n{inner}{'    ' * depth}{right}"


def _literal(text: str) -> str:
    """Return the source of a text, in double quotes unless single ones need fewer backslashes."""
    single = repr('"' + text)[2:-1]
    if text.count('"') > text.count("'"):
        return f"'{single}'"
    double = single.replace("\\'", "'").replace('"', '\\"')
    return f'"{double}"'


def code_literal(text: str) -> str:
    """Return the source of code as a literal, triple-quoted if that keeps it readable and exact."""
    if "\n" in text and plain(text) == text:
        start = "" if "\\" in text else "\\\n"
        for quotes in ('"""', "'''"):
            source = f"{'' if start else 'r'}{quotes}{start}{text}{quotes}"
            if _means(source, text):
                return source
    return _literal(text)


def _means(source: str, text: str) -> bool:
    try:
        return bool(ast.literal_eval(source) == text)
    except SyntaxError:
        return False


# -- spark-submit ---------------------------------------------------------------------------------


def as_spark_submit(server: Server, plan: Plan) -> str:
    """Return a command that passes to Spark what Livy would pass to it (protocol, part 1).

    Files that are not staged yet are read in place; code is written to a new folder, where it
    overwrites nothing and cannot import a neighbouring module by mistake.
    """
    application, script = "", []
    paths: dict[str, str] = {}
    notes = [
        "what else the private Livy sets, such as a secret for Spark's ports, is left out"
        if server.private
        else "master and deploy mode are the server's to decide: add --master and --deploy-mode"
    ]
    for file in plan.uploads:
        name = file.target.rpartition("/")[2]
        if isinstance(file.source, bytes):
            application, script = '"$app"', [_script(name, file.source.decode())]
        elif isinstance(file.source, Path) and file.source.name == name:
            paths[file.uri] = _path(file.source)
        else:  # a folder or wheel that is zipped when it is staged
            notes += _to_be_staged([file])
    request = _with_paths(plan.request, paths)
    if request.extra:
        notes.append(f"left out, since spark-submit does not know it: {', '.join(request.extra)}")
    body = request.shown()
    folder = body.get("conf", {}).pop(WORKING_DIRECTORY, None)
    if folder:
        script.append(f"cd {shlex.quote(folder)} && \\")
    if server.private:
        body.pop("proxyUser", None)  # impersonation is off there
    words = [application or shlex.quote(body["file"]), *map(shlex.quote, body.get("args", ()))]
    command = [
        "spark-submit",
        *([_option("--master", MASTER)] if server.private else []),
        *(_option(flag, value) for flag, value in _spark_options(body)),
        " ".join(words),
    ]
    return _commented(notes, "\n".join([*script, _continued(command)]))


def _with_paths(request: BatchRequest, paths: Mapping[str, str]) -> BatchRequest:
    """Return the request with these paths in place of their URIs."""

    def path(uri: str) -> str:
        base, mark, alias = uri.partition("#")
        return f"{paths.get(base, base)}{mark}{alias}"

    changes: dict[str, Any] = {"file": path(str(request.file))}
    for name in ("py_files", "jars", "files", "archives"):
        if values := getattr(request, name):
            changes[name] = [path(value) for value in values]
    return request.replace(**changes)


def _path(path: Path) -> str:
    """Return a path for spark-submit, as a URI if it contains characters special in URIs."""
    return str(path) if quote(str(path)) == str(path) else path.as_uri()


def _spark_options(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield spark-submit's options, each with its value."""
    conf = dict(body.get("conf", {}))
    conf |= {key: body[field] for field, key in _AS_PROPERTY.items() if field in body}
    for field in POST_FIELDS:
        key, flag = field.metadata["json"], field.metadata["flag"]
        if flag is None or key == "conf" or key in _AS_PROPERTY or not body.get(key):
            continue
        values = body[key] if isinstance(body[key], list) else [body[key]]
        if also := conf.pop(_SAME_LIST.get(key), None):
            values = [*values, also]
        yield flag, ",".join(values)
    for key, value in conf.items():
        yield "--conf", f"{key}={value}"


def _script(filename: str, code: str) -> str:
    """Return shell commands that write code to a file, and store its path in ``app``."""
    end = "PYTHON"
    while end in code:
        end += "_"
    newline = "" if code.endswith("\n") else "\n"
    return f"app=$(mktemp -d)/{filename}\ncat > \"$app\" <<'{end}'\n{code}{newline}{end}"


# -- shared by the forms --------------------------------------------------------------------------


def _option(flag: str, value: str) -> str:
    return f"{flag} {shlex.quote(value)}"


def _continued(lines: Iterable[str]) -> str:
    return " \\\n  ".join(lines)


def _commented(notes: Iterable[str], text: str) -> str:
    """Return the text below comments on what to know or add before running it."""
    notes = [*notes, f"put in: what is shown as {MASK}"] if MASK in text else [*notes]
    if plain(text) != text:
        notes.append("put in: control characters, which are shown as \\x1b or not at all")
    return "\n".join([*(f"# {' '.join(plain(note).split())}" for note in notes), plain(text)])


FORMS: dict[str, Callable[[Server, Plan], str]] = {
    "json": as_json,
    "curl": as_curl,
    "python": as_python,
    "spark-submit": as_spark_submit,
}

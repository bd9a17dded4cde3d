"""Resolution of a request's local paths and code to URIs that Livy can read.

:func:`resolve` only plans: it returns the uploads that are needed, and sends nothing.
"""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote, unquote

from ..errors import InvalidRequest, StagingError
from ..files import expanded, file_mode
from ..progress import Report, silent
from ..protocol.models import POST_FIELDS, BatchRequest, Code
from ..redact import mask_text
from ..spelling import nearest
from . import packages
from .folder import ILLEGAL_IN_URI, SCHEME, Staging, Upload, plain_name

StageMode: TypeAlias = Literal["auto", "always", "never"]

# The fields that hold paths; in those of the second group, Spark takes an alias after a "#".
_PATH_FIELDS = ("py_files", "jars", "files", "archives")
_WITH_ALIAS = ("files", "archives")

_BACKSLASH = "\\"  # in a shell, it would quote the blank

# The advice for a folder in a field that takes none.
_NO_FOLDER = {
    "file": "",
    "jars": "; write {}/*.jar",
    "files": "; name the files in it ({}/*), or give it to --archives",
}

# Python puts a script's folder first on its path: a script with such a name would be imported in
# place of the module, by Spark's own code before all.
_SHADOWING = frozenset({*sys.stdlib_module_names, "pyspark", "py4j", "numpy", "pandas", "pyarrow"})


def resolve(
    request: BatchRequest,
    staging: Staging | None,
    *,
    mode: StageMode = "auto",
    private: bool,
    folder: Path,
    report: Report = silent,
) -> tuple[BatchRequest, tuple[Upload, ...]]:
    """Return the request with URIs that Livy can read, and the uploads that those URIs need.

    A value with a scheme stays as it is. A value without one is a local path; ``*``, ``?`` and
    ``[]`` in it match files, as they do for spark-submit. ``mode`` says what happens to a path:

    ``auto``
        A path that exists here is staged; an absolute path that does not is left to a remote Livy,
        which looks for it on its ``fs.defaultFS``.
    ``always``
        Every path must exist here, and is staged.
    ``never``
        Paths are made absolute and sent as they are.

    A folder in ``py_files`` or ``archives`` is zipped, and a wheel is staged as a zip (see
    :mod:`livy_magic.staging.packages`).

    Args:
        request: The request; code in place of a file is staged as ``<batch name>.py``.
        staging: The staging folder, if one is configured.
        mode: See above.
        private: Whether Livy is the private one, which sees this machine's files.
        folder: The folder that relative paths start from.
        report: Receives lines of progress while files are read.

    Raises:
        InvalidRequest: A file does not exist, a field takes no folder, or Livy would fail on a URI.
        StagingError: A file has to be staged, but no staging folder is configured.
    """
    plan = _Plan(staging, mode, private, folder, report)
    if isinstance(request.file, Code):
        changes: dict[str, Any] = {"file": plan.code(request.file, request.name)}
    else:
        with _readable("file", request.file):
            changes = {"file": plan.file(request.file, *(request.args or ()))}
    for name in _PATH_FIELDS:
        values = getattr(request, name)
        if values is None:
            continue
        changes[name] = ()
        for value in values:
            with _readable(name, value):
                changes[name] += tuple(plan.uris(name, value))
    return request.replace(**changes), tuple(plan.uploads.values())


@contextmanager
def _readable(name: str, value: str) -> Iterator[None]:
    """Name the field and the path where the system cannot read a file."""
    try:
        yield
    except OSError as problem:
        shown = mask_text(value)
        raise StagingError(
            f"{_json_key(name)}: cannot read {shown}: {problem.strerror}"
        ) from problem
    except UnicodeError:
        raise InvalidRequest(f"{_json_key(name)}: the file name {value!r} is not text") from None


@dataclass
class _Plan:
    staging: Staging | None
    mode: StageMode
    private: bool
    folder: Path
    report: Report
    uploads: dict[str, Upload] = field(default_factory=dict)  # by target, so each is sent once

    def code(self, code: Code, name: str | None) -> str:
        """Return the URI of an application that is given as code."""
        if self.mode == "never":
            raise StagingError(
                "a cell's code must be staged, but staging is off\n"
                "Leave out --stage never, or save the code as a file that Livy can read."
            )
        return self._staged(code.text.encode(), code_filename(name), "the cell's code")

    def file(self, value: str, *args: str) -> str:
        """Return the application's URI.

        Args:
            value: A path or URI.
            args: The application's arguments; the first may be the rest of an unquoted file name.
        """
        if value.lower().endswith(".ipynb"):
            raise InvalidRequest(
                f"file: {mask_text(value)} is a notebook, not a program\n"
                "Make it one: jupyter nbconvert --to script"
            )
        if SCHEME.match(value):
            return _accepted("file", value, value)
        whole = f"{value.removesuffix(_BACKSLASH)} {' '.join(args[:1])}"
        if not file_mode(self._path(value)) and self._path(whole).is_file():
            shown = mask_text(value), mask_text(whole)
            raise InvalidRequest(f"file: no such file: {shown[0]}; quote the name: '{shown[1]}'")
        return self._uri("file", value)

    def uris(self, name: str, value: str) -> list[str]:
        """Return the URIs for one value of a field that lists paths; a pattern may give several."""
        if SCHEME.match(value):
            return [_accepted(name, value, value)]
        text, alias = _split_alias(value) if name in _WITH_ALIAS else (value, "")
        if alias and name == "files":
            self._check_name(alias)
        matches = self._matches(text)
        if alias and len(matches) > 1:
            raise InvalidRequest(
                f"{_json_key(name)}: {mask_text(text)} matches {len(matches)} files, and #{alias} names one"
            )
        return [self._uri(name, match, alias) for match in matches]

    def _uri(self, name: str, text: str, alias: str = "") -> str:
        path = self._find(name, text)
        if path is None:
            value = f"{text}#{alias}" if alias else text
            return _accepted(name, value, unquote(value))
        if path.is_dir() or (name == "py_files" and path.suffix == ".whl"):
            uri = self._packed(name, path, text)
            alias = alias or (path.name if name == "archives" else "")
        elif self.mode != "never":
            uri = self._staged(path, path.name, text)
        elif self.private:
            uri = path.as_uri()
        else:
            uri = _accepted(name, str(path), unquote(str(path)))
        if name != "file" and "," in unquote(uri):  # Spark decodes a list, then splits it
            raise InvalidRequest(
                f"{_json_key(name)}: Spark takes no comma in {mask_text(text)!r}; rename it"
            )
        return f"{uri}#{quote(alias)}" if alias else uri

    def _check_name(self, alias: str) -> None:
        """Reject an alias of a file with which Spark does not start (seen with 3.5.9)."""
        if self.private:
            raise InvalidRequest(
                f"files: Spark in local mode takes no #{alias}; rename the file instead"
            )
        bad = ILLEGAL_IN_URI.search(alias)
        if bad:  # percent-encoding does not help: Spark decodes the name, then parses it as a URI
            raise InvalidRequest(f"files: Spark takes no {bad[0]!r} in the name #{alias}")

    def _packed(self, name: str, path: Path, text: str) -> str:
        """Return the URI of a folder or wheel, which Spark takes only as a zip."""
        if self.mode == "never":
            raise StagingError(
                f"{mask_text(text)} must be staged as a zip, but staging is off\n"
                "Leave out --stage never, or give a zip."
            )
        try:
            if path.is_file():
                return self._staged(path, packages.wheel_as_zip(path), text)
            zipped = packages.zip_of_python if name == "py_files" else packages.zip_of_files
            return self._staged(zipped(path, self.report), f"{path.name}.zip", text)
        except OSError as problem:
            raise StagingError(
                f"{_json_key(name)}: cannot zip {mask_text(text)}: {problem.strerror}: {problem.filename}"
            ) from problem
        except ValueError as problem:
            raise InvalidRequest(f"{_json_key(name)}: {problem}") from None

    def _path(self, text: str) -> Path:
        """Return a local path, made absolute."""
        return Path(os.path.normpath(self.folder / _at_home(text)))

    def _matches(self, text: str) -> list[str]:
        """Return the paths that a pattern matches; the text itself if it is a file, or for none."""
        if file_mode(self._path(text)):
            return [text]
        # Path.glob takes no absolute pattern
        found = glob.glob(_at_home(text), root_dir=self.folder)  # noqa: PTH207
        return sorted(found) or [text]

    def _find(self, name: str, text: str) -> Path | None:
        """Return the local file or folder, or None for a path that a remote Livy may know.

        Raises:
            InvalidRequest: There is no such file, or the field takes no folder.
        """
        path = self._path(text)
        kind, shown = file_mode(path), mask_text(text)
        if stat.S_ISDIR(kind):
            if name in _NO_FOLDER:
                advice = _NO_FOLDER[name].format(shown.rstrip("/"))
                raise InvalidRequest(f"{_json_key(name)}: {shown} is a folder{advice}")
            return path
        if stat.S_ISREG(kind):
            return path
        if kind:
            raise InvalidRequest(f"{_json_key(name)}: {shown} is not a regular file")
        is_absolute = Path(_at_home(text)).is_absolute()
        if is_absolute and not self.private and self.mode != "always":
            return None
        where = "" if is_absolute else f" (looked in {self.folder})"
        hint = nearest(path.name, _names_in(path.parent))
        raise InvalidRequest(f"{_json_key(name)}: no such file: {shown}{where}{hint}")

    def _staged(self, source: os.PathLike[str] | bytes, filename: str, what: str) -> str:
        if self.staging is None:
            raise StagingError(
                f"no staging folder is configured, so Livy cannot read {mask_text(what)}\n"
                "Set `staging:` in the profile or LIVY_STAGING to a URL that this machine writes"
                " and Livy reads (hdfs:///tmp/livy), or put the file where Livy can read it."
            )
        upload = self.staging.place(source, filename, self.report)
        self.uploads[upload.target] = upload
        return upload.uri


def code_filename(name: str | None) -> str:
    """Return the file name for the code of a batch with this name; tracebacks show it.

    It is plain ASCII: on a cluster with a poor locale, a traceback that prints anything else ends
    the batch's log for good (protocol, part 3).
    """
    stem = plain_name(name or "", otherwise="batch")
    return f"{stem}-batch.py" if stem in _SHADOWING else f"{stem}.py"


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names
    except OSError:
        return []


def _at_home(text: str) -> str:
    return str(expanded(text)) if text.startswith("~/") else text


def _split_alias(value: str) -> tuple[str, str]:
    path, _, alias = value.rpartition("#")
    return (path, alias) if path else (value, "")


def _accepted(name: str, value: str, as_livy_has_it: str) -> str:
    """Return ``value`` if Java can parse it as a URI.

    Args:
        name: The field, for the message.
        value: The value to send.
        as_livy_has_it: The same value, decoded if it has no scheme: Livy decodes such a path before
            it prepends ``fs.defaultFS``, so percent-encoding does not help there.

    Raises:
        InvalidRequest: Java would reject the value.
    """
    bad = ILLEGAL_IN_URI.search(as_livy_has_it)
    if bad:
        raise InvalidRequest(
            f"{_json_key(name)}: Livy takes no {bad[0]!r} in {mask_text(value)!r}\n"
            "Write it as a URI with its scheme and percent-encoded, such as hdfs:///my%20job.py."
        )
    return value


def _json_key(name: str) -> str:
    return next(str(field.metadata["json"]) for field in POST_FIELDS if field.name == name)

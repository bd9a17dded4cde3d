"""Code and local files, put where Livy can read them.

:func:`resolve` plans: it turns a request's local paths and code into URIs and says what has to be
sent for that; it writes nothing, so a dry run can use it. :meth:`Staging.send` then sends.

A staged file lies under ``<url>/<user>/<start of its SHA-256>/<file name>``. The folder is made from
the content, so what is unchanged is not sent again, and a second cell of the same name never
overwrites what a running batch reads.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

from .errors import ConfigError, InvalidRequest, StagingError
from .models import POST_FIELDS, BatchRequest, Code
from .redact import mask_url

STAGE_MODES = ("auto", "always", "never")

CHUNK = 1 << 20  # bytes
LARGE = 5_000_000  # bytes; what is smaller is there before anybody wonders
SECONDS_A_DAY = 86_400

# Two letters at least: C:\x is a path.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")

# What java.net.URI refuses; Livy answers it with 400 and leaves a zombie (protocol, part 1).
_ILLEGAL_IN_URI = re.compile(r'[\s\x00-\x1f\x7f"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})|#(?=[^#]*#)')

# Which extra of ours brings the fsspec driver of a scheme.
_EXTRAS = {
    "hdfs": "hdfs", "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs",
    "abfs": "abfs", "abfss": "abfs", "az": "abfs",
}  # fmt: skip

_CONTENT_FOLDER = re.compile(r"[0-9a-f]{16}")

# The fields whose values are paths; Spark gives those of the second group another name after a "#".
_PATH_FIELDS = ("py_files", "jars", "files", "archives")
_WITH_ALIAS = ("files", "archives")

# Python puts a script's folder first on its path: a script of this name would be imported in place
# of the module, by Spark itself to begin with.
_SHADOWING = frozenset({*sys.stdlib_module_names, "pyspark", "py4j", "numpy", "pandas", "pyarrow"})


@dataclass(frozen=True)
class Upload:
    """One file to put into the staging place.

    Attributes:
        uri: The file as Livy reads it, percent-encoded.
        target: The fsspec URL or path that it is written to.
        source: A file of this machine, or the content itself.
        size: Bytes.
    """

    uri: str
    target: str
    source: Path | bytes
    size: int

    @property
    def digest(self) -> str:
        """The start of the content's SHA-256, which names its folder."""
        return self.target.rsplit("/", 2)[1]


class Staging:
    """A place that this machine writes to, by fsspec, and Livy reads from.

    Attributes:
        url: An fsspec URL (``hdfs:///tmp/livy``, ``s3://bucket/livy``) or a path.

    Args:
        url: See above.
        user: Whose files these are; each user has a folder of their own.
        seen_as: The URI under which Livy reads ``url``, where it is not the same: ``s3a://…`` for
            ``s3://…``, or ``hdfs://…`` for a mounted folder.
        options: The fsspec driver's own settings.
        keep_days: How long a file that nobody uses again is kept, in days.

    Raises:
        ConfigError: ``seen_as`` is no URI.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str,
        seen_as: str | None = None,
        options: Mapping[str, Any] = MappingProxyType({}),
        keep_days: float = 14,
    ) -> None:
        if seen_as and _ILLEGAL_IN_URI.search(seen_as):
            raise ConfigError(f"staging: {mask_url(seen_as)!r} is no URI; percent-encode it")
        if _SCHEME.match(url):
            own_uri = quote(url, safe="/:@[]")
        else:
            here = Path(url).expanduser().absolute()
            url, own_uri = str(here), here.as_uri()
        self.url = url if url.endswith("/") else f"{url}/"
        uri = seen_as or own_uri
        self._uri = uri if uri.endswith("/") else f"{uri}/"
        self._user = _plain_name(user, otherwise="nobody")
        self._options = dict(options)
        self._keep = keep_days * SECONDS_A_DAY

    def place(self, source: Path | bytes, filename: str) -> Upload:
        """Say where a file goes; reads the source and writes nothing.

        Raises:
            StagingError: The source cannot be read.
        """
        content = hashlib.sha256()
        size = 0
        try:
            for chunk in _chunks(source):
                content.update(chunk)
                size += len(chunk)
        except OSError as problem:
            raise StagingError(f"cannot read {source!s}: {problem.strerror}") from problem
        folder = f"{self._user}/{_folder_name(content)}"
        return Upload(
            uri=f"{self._uri}{folder}/{quote(filename)}",
            target=f"{self.url}{folder}/{filename}",
            source=source,
            size=size,
        )

    def send(self, upload: Upload, report: Callable[[str], None] | None = None) -> bool:
        """Write one file, unless it is there already; after an error no half file is left.

        Args:
            upload: What :meth:`place` returned.
            report: Is told in one line what is being sent, if that is large.

        Returns:
            False when there was nothing to send.

        Raises:
            StagingError: No driver for the URL, no permission, a full disk, …
        """
        with self._explained("write to"):
            fs, path = self._open(upload.target)
            if self._is_fresh(fs, path, upload.size):
                return False
            if report and upload.size >= LARGE:
                name = path.rpartition("/")[2]
                report(f"staging {name} ({upload.size:,} bytes) at {mask_url(self.url)}")
            if _is_local(fs):
                _write_here(Path(path), upload)
            else:
                _write_there(fs, path, upload)
            return True

    def remove_old(self) -> int:
        """Remove this user's content folders older than ``keep_days``; return how many.

        Raises:
            StagingError: The place cannot be listed or written to.
        """
        removed = 0
        with self._explained("clear"):
            fs, home = self._open(self.url + self._user)
            try:
                folders = fs.ls(home, detail=False)
            except FileNotFoundError:
                return 0
            for folder in folders:
                name = folder.rstrip("/").rpartition("/")[2]
                # Another kernel may be removing the same ones.
                with suppress(FileNotFoundError):
                    if _CONTENT_FOLDER.fullmatch(name) and self._is_old(fs, folder):
                        fs.rm(folder, recursive=True)
                        removed += 1
        return removed

    def _open(self, target: str) -> tuple[Any, str]:
        """Return the file system, and the path of ``target`` in it."""
        import fsspec

        # Only our own URL is parsed: in a file's name, a "?" or "#" means nothing.
        fs, root = fsspec.core.url_to_fs(self.url, **self._options)
        fs.invalidate_cache()
        return fs, f"{root.rstrip('/')}/{target.removeprefix(self.url)}"

    def _is_fresh(self, fs: Any, path: str, size: int) -> bool:
        """Say whether the file is there and will stay.

        What is used again after half of ``keep_days`` is sent anew, so that its age starts over:
        otherwise a kernel that clears up could remove it under the batch that is being started.
        """
        try:
            there = fs.info(path)
        except FileNotFoundError:
            return False
        return bool(there["size"] == size and _age(fs, path) < self._keep / 2)

    def _is_old(self, fs: Any, folder: str) -> bool:
        """Say whether nothing in a content folder is young; one still being filled is empty."""
        ages = [_age(fs, path) for path in fs.find(folder)]
        return bool(ages) and min(ages) > self._keep

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except StagingError:
            raise
        except Exception as problem:  # each driver raises its own library's errors
            reason = mask_url(str(problem).partition("\n")[0]) or type(problem).__name__
            extra = _EXTRAS.get(self.url.partition("://")[0])
            if isinstance(problem, ImportError) and extra:
                reason += f"\nRun: pip install 'livy-magic[{extra}]'"
            raise StagingError(f"cannot {doing} {mask_url(self.url)}: {reason}") from problem


def resolve(
    request: BatchRequest,
    staging: Staging | None,
    *,
    mode: str = "auto",
    private: bool,
    folder: Path,
) -> tuple[BatchRequest, tuple[Upload, ...]]:
    """Return the request with URIs that Livy can read, and the uploads that make them true.

    A value with a scheme is left alone. One without is a path of this machine:

    ``auto``
        What exists here is staged; an absolute path that does not is left to a remote Livy, which
        looks for it on its ``fs.defaultFS``.
    ``always``
        Every path must exist here, and is staged.
    ``never``
        Paths are sent as they are, made absolute.

    Args:
        request: May hold code instead of a file; that is staged as ``<batch name>.py``.
        staging: Where to put files, if there is such a place.
        mode: One of ``STAGE_MODES``.
        private: Livy is the private one, and sees this machine's files.
        folder: What relative paths are relative to.

    Raises:
        InvalidRequest: No such file, a directory, or a URI that Livy would choke on.
        StagingError: Something has to be staged and there is no place for it.
    """
    plan = _Plan(staging, mode, private, folder)
    if isinstance(request.file, Code):
        changes: dict[str, Any] = {"file": plan.code(request.file, request.name)}
    else:
        changes = {"file": plan.uri("file", request.file)}
    for name in _PATH_FIELDS:
        values = getattr(request, name)
        if values is not None:
            changes[name] = tuple(plan.uri(name, value) for value in values)
    return request.replace(**changes), tuple(plan.uploads)


@dataclass
class _Plan:
    staging: Staging | None
    mode: str
    private: bool
    folder: Path
    uploads: dict[Upload, None] = field(default_factory=dict)  # each once, in order

    def code(self, code: Code, name: str | None) -> str:
        """Return the URI of an application given as text."""
        if self.mode == "never":
            raise StagingError(
                "a cell's code reaches Livy only by staging, and that is switched off\n"
                "leave out --stage never, or save the code as a file that Livy can read"
            )
        return self._staged(code.text.encode(), code_filename(name), "the cell's code")

    def uri(self, name: str, value: str) -> str:
        """Return one value of a path field as Livy is to read it."""
        if name == "file" and value.lower().endswith(".ipynb"):
            raise InvalidRequest(
                f"file: {mask_url(value)} is a notebook, not a program\n"
                "make it one: jupyter nbconvert --to script"
            )
        if _SCHEME.match(value):
            return _accepted(name, value, value)
        text, alias = _split_alias(value) if name in _WITH_ALIAS else (value, "")
        path = self._find(name, text)
        if path is None:
            return _accepted(name, value, unquote(value))
        if self.mode != "never":
            uri = self._staged(path, path.name, text)
        elif self.private:
            uri = path.as_uri()
        else:
            uri = _accepted(name, str(path), unquote(str(path)))
        if name != "file" and "," in unquote(uri):  # Spark decodes a list before it splits it
            raise InvalidRequest(f"{_json_key(name)}: Spark takes no comma in {text!r}; rename it")
        return f"{uri}#{quote(alias)}" if alias else uri

    def _find(self, name: str, text: str) -> Path | None:
        """Return the file of this machine, or None for one that a remote Livy may know."""
        given = Path(text).expanduser() if text.startswith("~/") else Path(text)
        path = Path(os.path.normpath(self.folder / given))
        if path.is_dir():
            advice = "; pass .py files or a zip" if name == "py_files" else ""
            raise InvalidRequest(f"{_json_key(name)}: {text} is a directory{advice}")
        if path.is_file():
            return path
        if path.exists():
            raise InvalidRequest(f"{_json_key(name)}: {text} is no regular file")
        if given.is_absolute() and not self.private and self.mode != "always":
            return None
        where = "" if given.is_absolute() else f" (looked in {self.folder})"
        raise InvalidRequest(f"{_json_key(name)}: no such file: {text}{where}")

    def _staged(self, source: Path | bytes, filename: str, what: str) -> str:
        if self.staging is None:
            raise StagingError(
                f"no staging place is configured, so Livy cannot read {what}\n"
                "set `staging:` in the profile or LIVY_STAGING to a URL that this machine writes"
                " and Livy reads (hdfs:///tmp/livy), or put the file where Livy can read it"
            )
        upload = self.staging.place(source, filename)
        self.uploads[upload] = None
        return upload.uri


def code_filename(name: str | None) -> str:
    """Return the file name of the code of a batch of this name, as its tracebacks show it.

    It is plain ASCII: on a cluster with a poor locale, a traceback that prints anything else
    silences the batch's log for good (protocol, part 3).
    """
    stem = _plain_name(name or "", otherwise="batch")
    return f"{stem}-batch.py" if stem in _SHADOWING else f"{stem}.py"


def _plain_name(text: str, *, otherwise: str) -> str:
    """Return ``text`` as a file name that every file system and URI takes as it is."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_text).strip("._-")[:100] or otherwise


def _split_alias(value: str) -> tuple[str, str]:
    path, _, alias = value.rpartition("#")
    return (path, alias) if path else (value, "")


def _accepted(name: str, value: str, as_livy_has_it: str) -> str:
    """Return ``value`` if Java reads it as a URI.

    Args:
        name: The field, for the message.
        value: What is sent.
        as_livy_has_it: The same, decoded if it has no scheme: Livy decodes such a path before it
            prepends ``fs.defaultFS``, so percent-encoding does not help there.
    """
    bad = _ILLEGAL_IN_URI.search(as_livy_has_it)
    if bad:
        raise InvalidRequest(
            f"{_json_key(name)}: Livy takes no {bad[0]!r} in {mask_url(value)!r}\n"
            "write it as a URI with its scheme and percent-encoded, such as hdfs:///my%20job.py"
        )
    return value


def _json_key(name: str) -> str:
    return next(str(field.metadata["json"]) for field in POST_FIELDS if field.name == name)


def _folder_name(content: hashlib._Hash) -> str:
    return content.hexdigest()[:16]


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _copy(upload: Upload, file: BinaryIO) -> None:
    content = hashlib.sha256()
    for chunk in _chunks(upload.source):
        content.update(chunk)
        file.write(chunk)
    if _folder_name(content) != upload.digest:
        raise StagingError(f"{upload.source!s} changed while it was being staged; submit again")


def _is_local(fs: Any) -> bool:
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(fs, LocalFileSystem)


def _write_here(path: Path, upload: Upload) -> None:
    """Write to this machine's disk, readable by the owner only; fsspec has no modes."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    temporary = path.with_name(_temporary_name())
    try:
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            _copy(upload, file)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_there(fs: Any, path: str, upload: Upload) -> None:
    """Write to any other file system: under another name, then moved."""
    folder = path.rpartition("/")[0]
    temporary = f"{folder}/{_temporary_name()}"
    fs.makedirs(folder, exist_ok=True)
    try:
        with fs.open(temporary, "wb") as file:
            _copy(upload, file)
        if fs.exists(path):  # HDFS moves nothing onto an existing file
            fs.rm_file(path)
        fs.mv(temporary, path)
    except BaseException:
        with suppress(Exception):  # the first error is the one to tell
            fs.rm_file(temporary)
        raise
    # WebHDFS, for one, says no in the body of an answer that its driver does not read.
    if fs.info(path)["size"] != upload.size:
        raise StagingError(f"{mask_url(upload.target)} did not arrive whole; submit again")


def _temporary_name() -> str:
    return f".{secrets.token_hex(8)}.part"


def _age(fs: Any, path: str) -> float:
    """Return a file's age in seconds; a driver that knows none has no old files."""
    try:
        modified = fs.modified(path)
    except NotImplementedError:
        return 0.0
    return float(time.time() - modified.timestamp())

"""The place where files are put for Livy to read.

:meth:`Staging.place` says where a file goes and writes nothing, so a dry run can use it;
:meth:`Staging.send` then sends.

A staged file lies under ``<url>/<user>/<start of its SHA-256>/<file name>``. The folder is made from
the content, so what is unchanged is not sent again, and a second cell of the same name never
overwrites what a running batch reads.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO
from urllib.parse import quote

from ..errors import ConfigError, StagingError
from ..progress import Report, chunks, counted, silent
from ..redact import mask_url

SECONDS_A_DAY = 86_400

# Two letters at least: C:\x is a path.
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")

# What java.net.URI refuses; Livy answers it with 400 and leaves a zombie (protocol, part 1).
ILLEGAL_IN_URI = re.compile(r'[\s\x00-\x1f\x7f"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})|#(?=[^#]*#)')

# Which extra of ours brings the fsspec driver of a scheme.
_EXTRAS = {
    "hdfs": "hdfs", "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs",
    "abfs": "abfs", "abfss": "abfs", "az": "abfs",
}  # fmt: skip

_CONTENT_FOLDER = re.compile(r"[0-9a-f]{16}")


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
    source: os.PathLike[str] | bytes
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
        if seen_as and ILLEGAL_IN_URI.search(seen_as):
            raise ConfigError(f"staging: {mask_url(seen_as)!r} is no URI; percent-encode it")
        if SCHEME.match(url):
            own_uri = quote(url, safe="/:@[]")
        else:
            here = Path(url).expanduser().absolute()
            url, own_uri = str(here), here.as_uri()
        self.url = url if url.endswith("/") else f"{url}/"
        uri = seen_as or own_uri
        self._uri = uri if uri.endswith("/") else f"{uri}/"
        self._user = plain_name(user, otherwise="nobody")
        self._options = dict(options)
        self._keep = keep_days * SECONDS_A_DAY

    def place(
        self, source: os.PathLike[str] | bytes, filename: str, report: Report = silent
    ) -> Upload:
        """Say where a file goes; reads the source and writes nothing.

        Args:
            source: A file of this machine, or the content itself.
            filename: What to call it there.
            report: Takes a line of progress for each piece read.

        Raises:
            StagingError: The source cannot be read.
        """
        content = hashlib.sha256()
        size = 0
        try:
            total = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
            for chunk in counted(chunks(source), f"reading {filename}", total, report):
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

    def send(self, upload: Upload, report: Report = silent) -> bool:
        """Write one file, unless it is there already; after an error no half file is left.

        Args:
            upload: What :meth:`place` returned.
            report: Takes a line of progress for each piece written.

        Returns:
            False when there was nothing to send.

        Raises:
            StagingError: No driver for the URL, no permission, a full disk, …
        """
        with self._explained("write to"):
            fs, path = self._open(upload.target)
            if self._is_fresh(fs, path, upload.size):
                return False
            if _is_local(fs):
                _write_here(Path(path), upload, report)
            else:
                _write_there(fs, path, upload, report)
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
        import fsspec  # takes long to load

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


def plain_name(text: str, *, otherwise: str) -> str:
    """Return ``text`` as a file name that every file system and URI takes as it is."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_text).strip("._-")[:100] or otherwise


def _folder_name(content: hashlib._Hash) -> str:
    return content.hexdigest()[:16]


def _copy(upload: Upload, file: BinaryIO, report: Report) -> None:
    content = hashlib.sha256()
    doing = f"staging {upload.target.rpartition('/')[2]}"
    for chunk in counted(chunks(upload.source), doing, upload.size, report):
        content.update(chunk)
        file.write(chunk)
    if _folder_name(content) != upload.digest:
        raise StagingError(f"{upload.source!s} changed while it was being staged; submit again")


def _is_local(fs: Any) -> bool:
    from fsspec.implementations.local import LocalFileSystem  # as above

    return isinstance(fs, LocalFileSystem)


def _write_here(path: Path, upload: Upload, report: Report) -> None:
    """Write to this machine's disk, readable by the owner only; fsspec has no modes."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    temporary = path.with_name(_temporary_name())
    try:
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            _copy(upload, file, report)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_there(fs: Any, path: str, upload: Upload, report: Report) -> None:
    """Write to any other file system: under another name, then moved."""
    folder = path.rpartition("/")[0]
    temporary = f"{folder}/{_temporary_name()}"
    fs.makedirs(folder, exist_ok=True)
    try:
        with fs.open(temporary, "wb") as file:
            _copy(upload, file, report)
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

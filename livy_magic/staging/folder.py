"""The staging folder, where files are put for Livy to read.

:meth:`Staging.place` plans where a file goes and writes nothing, so a dry run can use it;
:meth:`Staging.send` then writes the file.

A staged file has the path ``<url>/<user>/<start of its SHA-256>/<file name>``. Because the content
determines the folder, an unchanged file is not sent again, and a second cell with the same name
never overwrites the file that a running batch reads.
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
from ..files import expanded, working_folder
from ..progress import Report, chunks, counted, silent
from ..redact import mask_url

SECONDS_A_DAY = 86_400

# At least two letters: C:\x is a path.
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")

# What java.net.URI rejects: Livy answers 400 and leaves a zombie batch (protocol, part 1).
ILLEGAL_IN_URI = re.compile(r'[\s\x00-\x1f\x7f"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})|#(?=[^#]*#)')

# The extra of livy-magic that installs the fsspec driver for each scheme.
_EXTRAS = {
    "hdfs": "hdfs", "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs",
    "abfs": "abfs", "abfss": "abfs", "az": "abfs",
}  # fmt: skip

_CONTENT_FOLDER = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Upload:
    """One file to write to the staging folder.

    Attributes:
        uri: The URI from which Livy reads the file, percent-encoded.
        target: The fsspec URL or path to write to.
        source: The path of a local file, or the content itself.
        size: Size in bytes.
    """

    uri: str
    target: str
    source: os.PathLike[str] | bytes
    size: int

    @property
    def digest(self) -> str:
        """The start of the content's SHA-256, which is the name of its folder."""
        return self.target.rsplit("/", 2)[1]


class Staging:
    """A folder that this machine writes to, by fsspec, and Livy reads from.

    Attributes:
        url: An fsspec URL (``hdfs:///tmp/livy``, ``s3://bucket/livy``) or a path.

    Args:
        url: See above.
        user: The owner of the files; each user has a folder of their own.
        seen_as: The URI under which Livy reads ``url``, if it is another: ``s3a://…`` for
            ``s3://…``, or ``hdfs://…`` for a mounted folder.
        options: Storage options for the fsspec driver.
        keep_days: How many days to keep a file that is not used again.

    Raises:
        ConfigError: ``seen_as`` is not a URI.
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
            raise ConfigError(f"staging: {mask_url(seen_as)!r} is not a URI; percent-encode it")
        if SCHEME.match(url):
            own_uri = quote(url, safe="/:@[]")
        else:
            here = working_folder() / expanded(url)
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
        """Return the upload that stages a file; read the source, and write nothing.

        Args:
            source: The path of a local file, or the content itself.
            filename: The name of the staged file.
            report: Receives a line of progress for each piece read.

        Raises:
            OSError: The source cannot be read.
        """
        content = hashlib.sha256()
        size = 0
        total = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
        for chunk in counted(chunks(source), f"reading {filename}", total, report):
            content.update(chunk)
            size += len(chunk)
        folder = f"{self._user}/{_folder_name(content)}"
        return Upload(
            uri=f"{self._uri}{folder}/{quote(filename)}",
            target=f"{self.url}{folder}/{filename}",
            source=source,
            size=size,
        )

    def send(self, upload: Upload, report: Report = silent) -> bool:
        """Write one file, unless it is already there; an error leaves no partial file behind.

        Args:
            upload: What :meth:`place` returned.
            report: Receives a line of progress for each piece written.

        Returns:
            False if the file was already there.

        Raises:
            StagingError: There is no driver for the URL, no permission, a full disk, …
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
        """Remove this user's content folders older than ``keep_days``, and return their number.

        Raises:
            StagingError: The staging folder cannot be listed or written to.
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
                # Another kernel may be removing the same folders.
                with suppress(FileNotFoundError):
                    if _CONTENT_FOLDER.fullmatch(name) and self._is_old(fs, folder):
                        fs.rm(folder, recursive=True)
                        removed += 1
        return removed

    def _open(self, target: str) -> tuple[Any, str]:
        """Return the fsspec file system, and the path of ``target`` in it."""
        import fsspec  # imported late: slow to load

        # Parse only the staging URL: in a file's name, "?" and "#" have no special meaning.
        fs, root = fsspec.core.url_to_fs(self.url, **self._options)
        fs.invalidate_cache()
        return fs, f"{root.rstrip('/')}/{target.removeprefix(self.url)}"

    def _is_fresh(self, fs: Any, path: str, size: int) -> bool:
        """Return whether the file is there, and too young to be removed soon.

        A file that is used again after half of ``keep_days`` is sent anew, which resets its age:
        otherwise another kernel could remove it as old while the batch is starting.
        """
        try:
            there = fs.info(path)
        except FileNotFoundError:
            return False
        return bool(there["size"] == size and _age(fs, path) < self._keep / 2)

    def _is_old(self, fs: Any, folder: str) -> bool:
        """Return whether all files in a content folder are old; an empty one is being filled."""
        ages = [_age(fs, path) for path in fs.find(folder)]
        return bool(ages) and min(ages) > self._keep

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except StagingError:
            raise
        except Exception as problem:  # each fsspec driver raises its own library's errors
            reason = mask_url(str(problem).partition("\n")[0]) or type(problem).__name__
            extra = _EXTRAS.get(self.url.partition("://")[0])
            if isinstance(problem, ImportError) and extra:
                reason += f"\nRun: pip install 'livy-magic[{extra}]'"
            raise StagingError(f"cannot {doing} {mask_url(self.url)}: {reason}") from problem


def plain_name(text: str, *, otherwise: str) -> str:
    """Return ``text`` as a file name that is valid, without quoting, in any file system and URI.

    Args:
        text: Any text.
        otherwise: The name to return if nothing of ``text`` is left.
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_text).strip("._-")[:100] or otherwise


def _folder_name(content: hashlib._Hash) -> str:
    return content.hexdigest()[:16]


def _copy(upload: Upload, file: BinaryIO, report: Report) -> None:
    content = hashlib.sha256()
    doing = f"staging {upload.target.rpartition('/')[2]}"
    for chunk in counted(_pieces(upload.source), doing, upload.size, report):
        content.update(chunk)
        file.write(chunk)
    if _folder_name(content) != upload.digest:
        raise StagingError(f"{upload.source!s} changed while it was being staged; submit again")


def _pieces(source: os.PathLike[str] | bytes) -> Iterator[bytes]:
    try:
        yield from chunks(source)
    except OSError as problem:
        raise StagingError(f"cannot read {source!s}: {problem.strerror}; submit again") from problem


def _is_local(fs: Any) -> bool:
    from fsspec.implementations.local import LocalFileSystem  # imported late, as above

    return isinstance(fs, LocalFileSystem)


def _write_here(path: Path, upload: Upload, report: Report) -> None:
    """Write to the local disk, readable by the owner only; fsspec cannot set modes."""
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
    """Write to any other file system: under a temporary name first, then move the file."""
    folder = path.rpartition("/")[0]
    temporary = f"{folder}/{_temporary_name()}"
    fs.makedirs(folder, exist_ok=True)
    try:
        with fs.open(temporary, "wb") as file:
            _copy(upload, file, report)
        if fs.exists(path):  # HDFS does not move a file onto an existing one
            fs.rm_file(path)
        fs.mv(temporary, path)
    except BaseException:
        with suppress(Exception):  # the first error is the one to report
            fs.rm_file(temporary)
        raise
    # WebHDFS, for one, reports a failure in the body of an answer that its driver does not read.
    if fs.info(path)["size"] != upload.size:
        raise StagingError(f"{mask_url(upload.target)} did not arrive whole; submit again")


def _temporary_name() -> str:
    return f".{secrets.token_hex(8)}.part"


def _age(fs: Any, path: str) -> float:
    """Return a file's age in seconds; 0 if the driver cannot tell, so the file is never old."""
    try:
        modified = fs.modified(path)
    except NotImplementedError:
        return 0.0
    return float(time.time() - modified.timestamp())

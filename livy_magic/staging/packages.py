"""Zips of folders, for Python or Spark to read; a wheel is already a zip and only gets a new name.

Python imports no compiled code from a zip, and Spark puts only files that end in ``.zip``, ``.egg``
or ``.jar`` on the path of an executor's Python.
"""

from __future__ import annotations

import os
import stat
import tempfile
import weakref
import zipfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from ..progress import Report, chunks, counted, silent

_NOT_FOR_ARCHIVES = (".*", "__pycache__", "*.pyc")
_NOT_FOR_PYTHON = (*_NOT_FOR_ARCHIVES, "*.egg-info")
_COMPILED = (".so", ".pyd")

_PACK_AN_ENVIRONMENT = (
    "Python imports no compiled code from a zip\n"
    "Pack an environment that has it with venv-pack or conda-pack for --archives;"
    " for the private Livy, pip install it."
)


class Zip(os.PathLike[str]):
    """A reproducible zip: the same content gives the same bytes on every machine.

    It is a temporary file, which is removed when nothing refers to this object any more.

    Args:
        members: The names in the zip, each with its file; a folder has a member of its own.
        report: Receives lines of progress.

    Raises:
        ValueError: A file's name is not valid text.
        OSError: A file cannot be read, or the disk is full.
    """

    def __init__(self, members: Iterable[tuple[str, Path]], report: Report) -> None:
        descriptor, self._path = tempfile.mkstemp(".zip", "livy_magic-")
        remove = weakref.finalize(self, Path(self._path).unlink, missing_ok=True)
        try:
            with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
                for name, source in members:
                    _add(archive, name, source, report)
        except BaseException:
            remove()
            raise

    def __fspath__(self) -> str:
        return self._path


def zip_of_python(folder: Path, report: Report = silent) -> Zip:
    """Zip a folder for Python's path: a package under its own name, or the modules in it.

    Args:
        folder: A package if it has an ``__init__.py``, else a folder that would be on ``sys.path``.
        report: Receives lines of progress.

    Raises:
        ValueError: The folder has no importable module, or has compiled code or a loop of links.
        OSError: See :class:`Zip`.
    """
    is_package = (folder / "__init__.py").is_file()
    if is_package and not folder.name.isidentifier():
        raise ValueError(f"{folder.name!r} is not a name that Python can import; rename the folder")
    members = list(_members(folder, folder.name if is_package else "", _NOT_FOR_PYTHON))
    for name, _ in members:
        if name.endswith(_COMPILED):
            raise ValueError(f"{name} is compiled code: {_PACK_AN_ENVIRONMENT}")
    if not any(name.endswith(".py") for name, _ in members):
        raise ValueError(f"nothing in {folder} can be imported: it has no .py file")
    return Zip(members, report)


def zip_of_files(folder: Path, report: Report = silent) -> Zip:
    """Zip the content of a folder, for Spark to unpack.

    Args:
        folder: The folder.
        report: Receives lines of progress.

    Raises:
        ValueError: The folder is a Python environment, is empty, or has a loop of links.
        OSError: See :class:`Zip`.
    """
    for mark, what, tool in (
        ("pyvenv.cfg", "virtual", "venv-pack"),
        ("conda-meta", "conda", "conda-pack"),
    ):
        if (folder / mark).exists():
            raise ValueError(
                f"{folder} is a {what} environment, which works only where it was made\n"
                f"Pack it with {tool}, and give the resulting file."
            )
    members = list(_members(folder, "", _NOT_FOR_ARCHIVES))
    if not members:
        raise ValueError(f"{folder} has no files")
    return Zip(members, report)


def wheel_as_zip(wheel: Path) -> str:
    """Return the file name with which Spark puts a wheel on Python's path: its own, with ``.zip``.

    Raises:
        ValueError: The wheel is for one platform only, so it has compiled code.
    """
    if not wheel.name.endswith("-none-any.whl"):
        raise ValueError(f"{wheel.name} is for one platform only: {_PACK_AN_ENVIRONMENT}")
    return f"{wheel.stem}.zip"


def _members(
    folder: Path, prefix: str, unwanted: tuple[str, ...], above: tuple[Path, ...] = ()
) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder in sorted order, following links; a folder before its files.

    A folder that holds anything is a member, too: without it, zipimport finds no namespace package.
    """
    here = folder.resolve()
    if here in above:
        raise ValueError(f"symbolic links form a loop at {folder}")
    named = bool(prefix)
    for path in sorted(folder.iterdir()):
        if any(fnmatchcase(path.name, pattern) for pattern in unwanted):
            continue
        name = f"{prefix}/{path.name}".lstrip("/")
        if path.is_dir():
            below = _members(path, name, unwanted, (*above, here))
        elif path.is_file():
            below = iter([(name, path)])
        else:
            raise ValueError(f"{path} is not a regular file, or is a broken link")
        for member in below:
            if named:
                yield f"{prefix}/", folder
                named = False
            yield member


def _add(archive: zipfile.ZipFile, name: str, source: Path, report: Report) -> None:
    """Add a member with fixed time, mode and system, so that the zip depends on content alone."""
    member = zipfile.ZipInfo(name)
    member.create_system = 3  # Unix
    if member.is_dir():
        member.external_attr = (stat.S_IFDIR | 0o755) << 16
        archive.writestr(member, b"")
        return
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    member.file_size = source.stat().st_size
    with archive.open(member, "w") as target:
        for chunk in counted(chunks(source), f"zipping {name}", member.file_size, report):
            target.write(chunk)

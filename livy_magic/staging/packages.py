"""A folder becomes a zip that Python, or Spark, reads; a wheel goes as the zip that it is.

Python imports from a zip, but no compiled code; and Spark puts only what ends in ``.zip``, ``.egg``
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
    """A zip of files, the same bytes for the same content on every machine.

    It is a temporary file, which goes when nothing refers to this object any more.

    Args:
        members: Names in the zip, with the files; a folder has a member of its own.
        report: Takes lines of progress.

    Raises:
        ValueError: A file's name is no text.
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
        folder: A package if it has an ``__init__.py``, and else what would be on ``sys.path``.
        report: Takes lines of progress.

    Raises:
        ValueError: Python would find nothing in it, or there is compiled code, or a loop of links.
        OSError: See :class:`Zip`.
    """
    is_package = (folder / "__init__.py").is_file()
    if is_package and not folder.name.isidentifier():
        raise ValueError(f"{folder.name!r} is no name that Python can import; rename the folder")
    members = list(_members(folder, folder.name if is_package else "", _NOT_FOR_PYTHON))
    for name, _ in members:
        if name.endswith(_COMPILED):
            raise ValueError(f"{name} is compiled code: {_PACK_AN_ENVIRONMENT}")
    if not any(name.endswith(".py") for name, _ in members):
        raise ValueError(f"nothing in {folder} can be imported: it has no .py file")
    return Zip(members, report)


def zip_of_files(folder: Path, report: Report = silent) -> Zip:
    """Zip what is in a folder, for Spark to unpack.

    Raises:
        ValueError: It is an environment of Python's, empty, or has a loop of links.
        OSError: See :class:`Zip`.
    """
    for mark, what, tool in (
        ("pyvenv.cfg", "virtual", "venv-pack"),
        ("conda-meta", "conda", "conda-pack"),
    ):
        if (folder / mark).exists():
            raise ValueError(
                f"{folder} is a {what} environment, which works only where it was made\n"
                f"Pack it with {tool}, and give what that makes."
            )
    members = list(_members(folder, "", _NOT_FOR_ARCHIVES))
    if not members:
        raise ValueError(f"{folder} has no files")
    return Zip(members, report)


def wheel_as_zip(wheel: Path) -> str:
    """Return the name under which Spark puts a wheel on Python's path.

    Raises:
        ValueError: The wheel is not for any platform: it has compiled code.
    """
    if not wheel.name.endswith("-none-any.whl"):
        raise ValueError(f"{wheel.name} is for one platform only: {_PACK_AN_ENVIRONMENT}")
    return f"{wheel.stem}.zip"


def _members(
    folder: Path, prefix: str, unwanted: tuple[str, ...], above: tuple[Path, ...] = ()
) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder, links followed, in the one order; a folder before its files.

    A folder is a member too where it holds anything: else zipimport sees no namespace package.
    """
    here = folder.resolve()
    if here in above:
        raise ValueError(f"links lead round in a circle at {folder}")
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
            raise ValueError(f"{path} is no regular file, or a link to nothing")
        for member in below:
            if named:
                yield f"{prefix}/", folder
                named = False
            yield member


def _add(archive: zipfile.ZipFile, name: str, source: Path, report: Report) -> None:
    """Add a member with nothing but its content: no time, no mode of its own, no system's mark."""
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

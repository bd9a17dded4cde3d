"""Files of this machine, of which a person names any: every answer of the system's is an OSError."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # each where there is one


def expanded(path: str) -> Path:
    """Return a path with ``~`` replaced; as in a shell, it stays where there is no such user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 -- Path.expanduser fails there


def working_folder() -> Path:
    """Return the working folder, or where it was before somebody removed it."""
    try:
        return Path.cwd()
    except OSError:
        return Path(os.environ.get("PWD") or os.sep)


def file_mode(path: Path) -> int:
    """Return the mode bits of what is at ``path``, links followed; 0 where there is nothing.

    Raises:
        OSError: Nobody can tell: no permission on the way, a name too long, links in a circle …
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise FileNotFoundError(errno.ENOENT, "it is a broken link", str(path)) from None
        return 0
    except ValueError:
        raise _no_name(path) from None


def opened(path: os.PathLike[str] | str) -> BinaryIO:
    """Open a regular file for reading; reading anything else might wait for ever, or never end.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_WAITING)
    except ValueError:
        raise _no_name(path) from None
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def _no_name(path: object) -> OSError:
    return OSError(errno.EINVAL, "its name has a character that file names cannot have", str(path))

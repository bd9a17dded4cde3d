"""``python -m livy_magic.local``: starts the supervisor; see ``supervisor``."""

from __future__ import annotations

import sys

from ..errors import LocalServerError
from .supervisor import main

if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except LocalServerError as problem:
        sys.exit(str(problem))
    sys.exit(code)

"""``python -m livy_magic.local.print_cookie SECRET_FILE``: see ``cookie``."""

from __future__ import annotations

import sys

from .cookie import main

if __name__ == "__main__":
    main(sys.argv[1:])

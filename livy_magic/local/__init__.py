"""A private, real Apache Livy on this machine, for whom no server is set up.

It is Livy 0.7.1 as its makers publish it, with this Python environment's own Spark behind it. It
listens on 127.0.0.1 only, lets in nobody but the user who started it, and is shared by all of that
user's kernels in this environment.

=================  ================================================================================
``server``         the functions below, called from kernels
``supervisor``     the process that owns Livy, from its start to its end
``spark_submit``   what Livy runs as spark-submit: one process for each batch
``launcher``       the command that starts Java for a batch: Spark's own launcher's answer, kept
``java``           which Spark and which Java
``jars``           Livy's jars: fetched once, checked at every start
``run_folder``     the configuration that Livy and Spark get
``livy``           Livy's own process
``archives``       class-data archives, with which Java starts sooner: which fit, and whose they are
``training``       the program that makes them in the background
``cookie``         how the owner is let in
``print_cookie``   the same for a shell: ``curl --cookie "$(…)"``
``layout``         files and locks
``admission``      how many batches run at once, and which one is next
``processes``      finding and ending what belongs to a server
``environment``    the variables that all of this starts with
=================  ================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import LocalServer, Status, clean, find, logs, start, status, stop

__all__ = ["LocalServer", "Status", "clean", "find", "logs", "start", "status", "stop"]


def __getattr__(name: str) -> Any:
    """Load what manages a private Livy when it is asked for: whoever has a server needs none of it."""
    if name not in __all__:
        raise AttributeError(name)
    from . import server  # see above

    return getattr(server, name)

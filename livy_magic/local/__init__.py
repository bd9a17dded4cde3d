"""A private, real Apache Livy on this machine, for users without a server.

It is the published Livy 0.7.1, and runs batches on this Python environment's own Spark. It listens
on 127.0.0.1 only, admits only the user who started it, and is shared by all of that user's kernels
in this environment.

=================  ================================================================================
``server``         the functions below, called from kernels
``supervisor``     the process that owns Livy, from its start to its end
``spark_submit``   what Livy runs as spark-submit: one process for each batch
``launcher``       the command that starts Java for a batch: asks Spark's launcher, keeps its answer
``java``           the choice of Spark and Java
``jars``           Livy's jars: fetched once, checked at every start
``run_folder``     the configuration for Livy and Spark
``livy``           Livy's own process
``archives``       class-data archives, with which Java starts faster: which fit, which are unused
``training``       the program that makes them in the background
``cookie``         the cookie that admits the owner
``print_cookie``   the same for a shell: ``curl --cookie "$(…)"``
``layout``         files and locks
``admission``      how many batches run at once, and which one is next
``processes``      finds and ends the processes of a server
``environment``    the environment variables of all these processes
=================  ================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import LocalServer, Status, clean, find, logs, start, status, stop

__all__ = ["LocalServer", "Status", "clean", "find", "logs", "start", "status", "stop"]


def __getattr__(name: str) -> Any:
    """Load ``server`` on first use: users with a server of their own never need it."""
    if name not in __all__:
        raise AttributeError(name)
    from . import server  # loaded late, as said above

    return getattr(server, name)

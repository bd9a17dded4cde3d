"""A private, real Apache Livy on this machine, for whom no server is set up.

It is Livy 0.7.1 as its makers publish it, with this Python environment's own Spark behind it. It
listens on 127.0.0.1 only, lets in nobody but the user who started it, and is shared by all of that
user's kernels in this environment.

=================  ================================================================================
``server``         the functions below, called from kernels
``supervisor``     the process that owns Livy, from its start to its end
``spark_submit``   what Livy runs as spark-submit: one process for each batch
``java``           which Spark and which Java
``jars``           Livy's jars: fetched once, checked at every start
``run_folder``     the configuration that Livy and Spark get
``cookie``         how the owner is let in
``layout``         files and locks
``processes``      finding and ending what belongs to a server
``environment``    the variables that all of this starts with
``progress``       lines that tell how far a long start is
=================  ================================================================================
"""

from __future__ import annotations

from .server import LocalServer, Status, clean, find, logs, start, status, stop

__all__ = ["LocalServer", "Status", "clean", "find", "logs", "start", "status", "stop"]

"""Spark batches from a notebook: Jupyter magics for the batch API of Apache Livy.

``%load_ext livy_magic`` registers the magics; ``Livy.connect()`` is the same for code.
"""

from __future__ import annotations

from typing import Any

from .batch import Batch
from .errors import (
    BatchFailed,
    BatchGone,
    ConfigError,
    HistoryError,
    InvalidRequest,
    LivyError,
    LocalServerError,
    NotFound,
    NotLivy,
    NotSubmitted,
    ServerError,
    StagingError,
    SubmitUnknown,
    Unauthorized,
    Unreachable,
    WaitInterrupted,
    WaitTimeout,
)
from .livy import Livy
from .protocol.models import BatchInfo, BatchRequest, Code
from .submit.plan import Plan

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "BatchFailed",
    "BatchGone",
    "BatchInfo",
    "BatchRequest",
    "Code",
    "ConfigError",
    "HistoryError",
    "InvalidRequest",
    "Livy",
    "LivyError",
    "LocalServerError",
    "NotFound",
    "NotLivy",
    "NotSubmitted",
    "Plan",
    "ServerError",
    "StagingError",
    "SubmitUnknown",
    "Unauthorized",
    "Unreachable",
    "WaitInterrupted",
    "WaitTimeout",
]


def load_ipython_extension(shell: Any) -> None:
    """Register the magics; IPython is imported only here, for code that runs without it."""
    from .magics import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Unregister the magics, and stop watching; batches keep running."""
    from .magics import unload

    unload(shell)

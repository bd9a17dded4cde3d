"""Whether a byte of a request was sent, which decides what a failure proves.

The exceptions do not tell: an SSLError comes from the handshake or in place of the answer, and a
connection may be reset at either moment. So the connections themselves note when they begin to send.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection


class _Request(threading.local):
    """The request that this thread is sending.

    Attributes:
        sent: Whether a byte of it has gone out; None as long as no connection has it.
    """

    sent: bool | None = None


request = _Request()


class _Noting(HTTPConnection):
    """A connection that notes when a request begins to go out."""

    _connecting = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        request.sent = request.sent or False

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        if not self._connecting:  # what a proxy is asked for first is no part of the request
            request.sent = True
        super().send(data)


@cache
def _noting(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Return the same kind of pool, whose connections note what they send."""
    if issubclass(pool.ConnectionCls, _Noting):
        return pool
    connection = type("Connection", (_Noting, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


class NotingAdapter(HTTPAdapter):
    """An adapter after whose requests :data:`request` says whether they went out."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """See HTTPAdapter."""
        super().init_poolmanager(*args, **kwargs)
        _have_it_note(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """See HTTPAdapter."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        _have_it_note(manager)
        return manager


def _have_it_note(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _noting(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }

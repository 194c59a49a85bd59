"""ClickHouse for a web server: a few connections that stay open, whatever thread asks."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from vigil.warehouse import Warehouse

CONNECTIONS = 4
"""So many queries run at a time; the others wait their turn."""


class PooledWarehouse(Warehouse):
    """A warehouse whose queries run in threads of its own.

    Streamlit runs every page in a new thread, and a warehouse has a connection a thread: without this each look at a
    page would open one and leave it behind.
    """

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        super().__init__(url, timeout_s=timeout_s)
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="warehouse")

    def query(
        self, sql: str, params: Mapping[str, Any] | None = None, *, settings: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        ask = functools.partial(super().query, sql, params, settings=settings)
        return self._pool.submit(ask).result()

    def release(self) -> None:
        """Close all connections (`close` closes the calling thread's). The warehouse cannot be used afterwards."""
        # Each thread closes its own: the barrier keeps one thread from doing the work of two.
        together = threading.Barrier(CONNECTIONS)
        closings = [self._pool.submit(self._close_own, together) for _ in range(CONNECTIONS)]
        for closing in closings:
            closing.result()
        self._pool.shutdown()

    def _close_own(self, together: threading.Barrier) -> None:
        together.wait()
        self.close()

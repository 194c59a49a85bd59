"""Many threads ask, few connections are opened, none is left behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.pooled import CONNECTIONS, PooledWarehouse
from vigil.errors import WarehouseUnavailable
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.warehouse import Warehouse

_OPEN = "SELECT value FROM system.metrics WHERE metric = 'TCPConnection'"


def test_threads_share_a_few_connections(clickhouse: EmbeddedClickHouse) -> None:
    address = clickhouse.url.rsplit("/", 1)[0] + "/default"
    pooled, witness = PooledWarehouse(address), Warehouse(address)
    (before,) = witness.query(_OPEN)[0]  # other tests' fixtures hold some
    try:
        with ThreadPoolExecutor(12) as threads:
            answers = list(threads.map(lambda number: pooled.query("SELECT {n:UInt8}", {"n": number}), range(40)))
        assert answers == [[(number,)] for number in range(40)]
        (after,) = witness.query(_OPEN)[0]
        assert after - before <= CONNECTIONS
    finally:
        pooled.release()
        witness.close()


def test_errors_reach_the_asker_and_leave_nothing_stuck() -> None:
    pooled = PooledWarehouse("clickhouse://vigil:x@127.0.0.1:1/vigil")
    for _ in range(CONNECTIONS * 2):
        with pytest.raises(WarehouseUnavailable, match="is it running"):
            pooled.query("SELECT 1")
    pooled.release()

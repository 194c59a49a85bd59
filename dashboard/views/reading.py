"""How the console reads the warehouse: every query with a deadline, every list with a limit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from vigil.signal import SubjectType
from vigil.warehouse import Warehouse

_SETTINGS = {"max_execution_time": 15, "max_memory_usage": 1_000_000_000}

BUCKETS_S = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400)
"""Widths of a column in a chart, in seconds."""

COLUMN_OF = {
    SubjectType.ACCOUNT: "account_id",
    SubjectType.API_KEY: "api_key_hash",
    SubjectType.END_USER: "end_user_id",
    SubjectType.ORG: "org_id",
    SubjectType.MODEL: "request_model",
    SubjectType.SOURCE: "source",
}
"""Where a subject's id stands in `events`."""


def read(warehouse: Warehouse, sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of a query that may take 15 seconds and 1 GB at most.

    A parameter must not have the name of a ClickHouse setting (`limit`, `offset`): the server takes it for that.
    Raises WarehouseUnavailable when it takes longer or ClickHouse is away.
    """
    return warehouse.query(sql, params, settings=_SETTINGS)


def bucket_s(since: datetime, until: datetime, columns: int = 240) -> int:
    """The narrowest width that gives at most `columns` columns."""
    length = max(1.0, (until - since).total_seconds())
    return next((width for width in BUCKETS_S if length / width <= columns), BUCKETS_S[-1])


def buckets(since: datetime, until: datetime, width_s: int) -> list[datetime]:
    """Starts of the columns that cover [since, until)."""
    first = int(since.timestamp()) // width_s * width_s
    last = int((until - timedelta(microseconds=1)).timestamp()) // width_s * width_s
    return [datetime.fromtimestamp(second, UTC) for second in range(first, last + 1, width_s)]


def aligned(since: datetime, width_s: int) -> datetime:
    """The start of the column in which `since` lies, so that the first column is a whole one."""
    return datetime.fromtimestamp(int(since.timestamp()) // width_s * width_s, UTC)

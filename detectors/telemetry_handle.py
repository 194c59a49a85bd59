"""The detectors' view of the warehouse: reading only, and never beyond the end of the window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from vigil.signal import Window
from vigil.warehouse import Warehouse

# No detector run may need memory that grows with the traffic; what does not fit fails and is seen.
_QUERY_SETTINGS: dict[str, Any] = {
    "max_memory_usage": 2**30,
    "max_execution_time": 50,
    "readonly": 2,
}


class Telemetry:
    """Queries of one run, all within [window.end − lookback, window.end).

    Hour and minute aggregates may hold rows later than `end` in their last bucket (history is read after the fact,
    clocks of senders differ), so a query reads whole buckets from the aggregates and the rest from `events`.
    """

    def __init__(self, warehouse: Warehouse, window: Window, lookback: timedelta) -> None:
        self._warehouse = warehouse
        self.start = window.end - lookback
        self.end = window.end

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[tuple[Any, ...]]:
        """Rows of a SELECT that bounds itself by `{start:DateTime64(6, 'UTC')}` and `{end:DateTime64(6, 'UTC')}`.

        `start` and `end` default to the whole span and may only narrow it. Raises ValueError when the text does not
        name both bounds or they leave the span, WarehouseUnavailable or WarehouseRejected when the query fails.
        """
        if "{start:" not in sql or "{end:" not in sql:
            raise ValueError("a detector's query must be bounded by {start:...} and {end:...}")
        lower, upper = start or self.start, end or self.end
        if lower < self.start or upper > self.end:
            raise ValueError(f"[{lower}, {upper}) leaves the detector's span [{self.start}, {self.end})")
        return self._warehouse.query(sql, {**(params or {}), "start": lower, "end": upper}, settings=_QUERY_SETTINGS)

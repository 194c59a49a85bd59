"""How long dead letters are kept: the time to live of their table, as configured."""

from __future__ import annotations

import re

from vigil.warehouse import Warehouse

_TTL = re.compile(r"TTL toDateTime\(at\) \+ toIntervalDay\((\d+)\)")


def kept_days(warehouse: Warehouse) -> int | None:
    """Days that dead letters are kept; None = for ever."""
    ((engine,),) = warehouse.query(
        "SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = 'dead_letters'",
        {"database": warehouse.database},
    )
    match = _TTL.search(engine)
    return int(match[1]) if match else None


def keep_dead_letters(warehouse: Warehouse, days: int) -> None:
    """Let ClickHouse drop dead letters after so many days. Changes the table only when it says otherwise."""
    if kept_days(warehouse) != days:
        warehouse.command(f"ALTER TABLE dead_letters MODIFY TTL toDateTime(at) + toIntervalDay({int(days)})")

"""The warehouse: ClickHouse, for what is large and only ever appended."""

from vigil.warehouse.connection import Warehouse, open_warehouse
from vigil.warehouse.migrate import migrate, pending

__all__ = ["Warehouse", "migrate", "open_warehouse", "pending"]

"""The first schema: every table of `vigil.record.schema`, and what the database itself refuses."""

from __future__ import annotations

from alembic import op

from vigil.record.guards import guards
from vigil.record.schema import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    metadata.create_all(connection)
    for statement in guards(connection.dialect.name):
        op.execute(statement)

"""Alembic's entry: runs inside the transaction that `vigil.record.engine` has opened."""

from alembic import context

from vigil.record.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()

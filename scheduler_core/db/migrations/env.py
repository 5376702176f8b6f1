"""Runs the migrations on the connection that `db.migration` hands over; there is no offline mode."""

from alembic import context

from scheduler_core.db.migration import VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()

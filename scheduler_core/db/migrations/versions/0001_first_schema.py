"""Jobs, runs, nodes, profiles and memories."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    # The driver's own simple-query path takes many statements at once and leaves `:` alone. SQLAlchemy
    # has begun the transaction by now, because the version was read on this connection.
    driver = op.get_bind().connection.dbapi_connection
    assert driver is not None
    driver.run_async(lambda raw: raw.execute(SCHEMA.read_text(encoding="utf-8")))

"""Jobs, runs, nodes, profiles and memories."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    # The driver's own simple-query path takes many statements at once and leaves `:` alone.
    op.get_bind().connection.cursor().adapt_connection.run_async(  # type: ignore[attr-defined]
        lambda connection: connection.execute(SCHEMA.read_text(encoding="utf-8"))
    )

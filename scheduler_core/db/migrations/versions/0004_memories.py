"""Embeddings, lineage and what was judged about memories."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script_beside(__file__)

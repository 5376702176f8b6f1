"""Jobs, runs, nodes, profiles and memories."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script_beside(__file__)

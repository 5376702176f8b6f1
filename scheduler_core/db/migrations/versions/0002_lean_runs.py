"""Fewer and narrower indexes on runs, so that a run costs less to claim and to finish."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script_beside(__file__)

"""A node says with each heartbeat how much memory it takes."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script_beside(__file__)

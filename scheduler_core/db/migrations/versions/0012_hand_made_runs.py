"""A run that somebody inserts and does not commit keeps no other job from being claimed."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_script_beside(__file__)

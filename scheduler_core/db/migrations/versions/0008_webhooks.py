"""What webhooks are to be told."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script_beside(__file__)

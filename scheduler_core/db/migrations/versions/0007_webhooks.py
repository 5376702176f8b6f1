"""What webhooks are to be told."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script_beside(__file__)

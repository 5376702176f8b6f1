"""What nodes take part in and can do, and jobs that need a certain model."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script_beside(__file__)

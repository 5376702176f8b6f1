"""What a model decided about ambiguous attributes, so that it is asked once."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script_beside(__file__)

"""Dry runs, the runs that apply them, and the runs that undo."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script_beside(__file__)

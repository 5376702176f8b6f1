"""A waiting run that a pause or a deletion skips ends after its slot, however long the statement waited."""

from scheduler_core.db.migrations.sql_script import run_script_beside

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script_beside(__file__)

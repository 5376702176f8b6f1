"""Proves that no slot was lost and none ran twice. It reads the whole history, and writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.statement import statement
from scheduler_core.domain import RunStatus

MOST_GAPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A job that was due more often than it left rows."""

    job_id: UUID
    job_type: str
    bot_id: str
    due: int
    recorded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What an audit found.

    Attributes:
        slots: by what became of them; a job for all bots has one slot for each bot. What passed while
            nobody could claim is part of the slot that was claimed next, whose run says how many.
        gaps: jobs with slots that left no row, at most `MOST_GAPS`.
        doubled: slots with two runs.
        doubled_attempts: attempts with the same number at the same slot.
        retried_without_failure: second attempts after something other than a failure.
        abandoned: running runs that nobody has renewed for longer than a node may take to notice.
    """

    slots: Mapping[RunStatus, int]
    gaps: tuple[Gap, ...]
    doubled: int
    doubled_attempts: int
    retried_without_failure: int
    abandoned: int

    @property
    def due(self) -> int:
        return sum(self.slots.values())

    @property
    def is_exact(self) -> bool:
        return not (
            self.gaps
            or self.doubled
            or self.doubled_attempts
            or self.retried_without_failure
            or self.abandoned
        )


async def audit(database: Database, *, history_days: int, grace: float) -> AuditReport:
    """Checks every job and run.

    Args:
        history_days: rows older than this may be gone by right.
        grace: seconds that a node may take to notice that another one died.
    """
    slots, runs, totals = statement("audit_slots"), statement("audit_runs"), statement("audit_totals")
    async with database.connection() as connection, connection.transaction(isolation="repeatable_read"):
        gaps = await connection.fetch(slots.text, *slots.bind(days=history_days, limit=MOST_GAPS))
        faults = await connection.fetchrow(runs.text, *runs.bind(grace=grace))
        counted = await connection.fetch(totals.text)
    assert faults is not None
    return AuditReport(
        slots={RunStatus(row["status"]): row["slots"] for row in counted},
        gaps=tuple(
            Gap(
                job_id=row["id"],
                job_type=row["job_type"],
                bot_id=row["bot_id"],
                due=row["due"],
                recorded=row["recorded"],
            )
            for row in gaps
        ),
        **dict(faults),
    )

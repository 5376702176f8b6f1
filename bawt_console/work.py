"""What a console does to jobs and runs beyond the plainest: dry runs, retries, undo, edits, many at once.

A part of `Source`, which forwards to the stores and keeps no state of its own.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from bawt_console.formatting import interval
from scheduler_core.db.bulk_operations import BulkOperations
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.operations import Operations
from scheduler_core.db.run_changes import run_changes
from scheduler_core.domain import Change, Job, Run
from scheduler_core.job_settings import BulkAction, Fit, JobSettings, SchedulePreview

if TYPE_CHECKING:
    from scheduler_core.db.run_changes import RunChanges


class Work(Protocol):
    """Every method may raise a SchedulerError."""

    async def dry_run(self, job_id: UUID) -> list[Run]: ...

    async def apply(self, run_id: UUID) -> Run: ...

    async def undo(self, run_id: UUID) -> Run: ...

    async def retry(self, run_id: UUID) -> Run: ...

    async def changes(self, run: Run) -> Sequence[Change]:
        """What a run changed, or what a dry run would."""
        ...

    async def find_runs(self, prefix: str) -> list[Run]: ...

    async def find_jobs(self, name: str) -> list[Job]: ...

    async def fit(self, job_ids: Sequence[UUID], action: BulkAction) -> Fit: ...

    async def pause_all(self, job_ids: Sequence[UUID], *, reason: str | None = None) -> int: ...

    async def resume_all(self, job_ids: Sequence[UUID]) -> int: ...

    async def force_all(self, job_ids: Sequence[UUID], *, dry_run: bool = False) -> list[Run]: ...

    def edited(
        self,
        seen: JobSettings,
        *,
        job_type: str,
        every: str | None = None,
        cron: str | None = None,
        time_zone: str | None = None,
        config: str | None = None,
    ) -> JobSettings:
        """Reads what was typed; asks nobody."""
        ...

    def preview(self, settings: JobSettings, *, job: Job, now: datetime) -> SchedulePreview: ...

    async def edit(self, job_id: UUID, settings: JobSettings, *, seen: JobSettings) -> Job: ...


class DatabaseWork:
    """The stores of one database behind `Work`."""

    def __init__(self, database: Database, *, history: History, operations: Operations) -> None:
        # Here and not above: cron expressions and job types are loaded by nobody who only looks at helps.
        from scheduler_core.jobs.schedule_edit import edited

        bulk = BulkOperations(database, operations)
        changes: RunChanges = run_changes(database)
        self._operations = operations
        self.apply = operations.apply
        self.undo = operations.undo
        self.retry = operations.retry
        self.edit = operations.edit
        self.changes = changes.of
        self.find_runs = history.find_runs
        self.find_jobs = history.find_jobs
        self.fit = bulk.fit
        self.pause_all = bulk.pause
        self.resume_all = bulk.resume
        self.force_all = bulk.force_run
        self.edited = edited

    async def dry_run(self, job_id: UUID) -> list[Run]:
        return await self._operations.force_run(job_id, dry_run=True)

    def preview(self, settings: JobSettings, *, job: Job, now: datetime) -> SchedulePreview:
        return preview_of(settings, job=job, now=now)


def preview_of(settings: JobSettings, *, job: Job, now: datetime) -> SchedulePreview:
    """The preview with intervals in the console's words."""
    from scheduler_core.jobs.schedule_edit import preview

    return preview(settings, job=job, now=now, every_words=f"every {interval(settings.interval_minutes)}")


def cron_words(cron: str, time_zone: str) -> str:
    """A cron expression in words, with its time zone.

    Raises:
        ConfigError: it cannot be read.
    """
    from scheduler_core.jobs.cron import parse_cron

    return parse_cron(cron, time_zone).words()

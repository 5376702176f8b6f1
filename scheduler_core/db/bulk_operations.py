"""The actions of `Operations` on many jobs at once: one transaction, with one audit row for each job.

Jobs that an action does not fit any more are left out and not an error: of two people who pause the same
hundred jobs each one is told how many it was in the end. It decides nothing about which jobs are meant.
"""

from collections.abc import Sequence
from uuid import UUID

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.operations import Operations
from scheduler_core.db.statement import statement
from scheduler_core.domain import Run
from scheduler_core.errors import StateError
from scheduler_core.job_settings import BulkAction, Fit


class BulkOperations:
    """Acts in the name of its `operations`."""

    def __init__(self, database: Database, operations: Operations) -> None:
        self._database = database
        self._operations = operations

    async def fit(self, job_ids: Sequence[UUID], action: BulkAction) -> Fit:
        """Which of the jobs the action can be done to now; a deleted one is one that it cannot."""
        find = statement("list_fitting_jobs")
        async with self._database.connection() as connection:
            rows = await connection.fetch(find.text, *find.bind(jobs=list(job_ids), action=str(action)))
        able = frozenset(row["id"] for row in rows)
        return Fit(able, len(set(job_ids)) - len(able))

    async def pause(self, job_ids: Sequence[UUID], *, reason: str | None = None) -> int:
        """Stops new slots of the jobs that are not paused; returns how many there were."""
        return await self._set_enabled(job_ids, BulkAction.PAUSE, reason)

    async def resume(self, job_ids: Sequence[UUID]) -> int:
        """Lets the schedules of the paused jobs go on; returns how many there were."""
        return await self._set_enabled(job_ids, BulkAction.RESUME, None)

    async def force_run(self, job_ids: Sequence[UUID], *, dry_run: bool = False) -> list[Run]:
        """Adds waiting runs for the jobs without one."""
        runs: list[Run] = []
        async with self._database.transaction() as connection:
            for job_id in await self._fitting(connection, job_ids, BulkAction.FORCE_RUN):
                try:
                    runs += await self._operations.force_run_within(connection, job_id, dry_run=dry_run)
                except StateError:
                    # No bot is known for it, or somebody was faster: it is left out like the others.
                    continue
        return runs

    async def _set_enabled(self, job_ids: Sequence[UUID], action: BulkAction, reason: str | None) -> int:
        enabled = action is BulkAction.RESUME
        async with self._database.transaction() as connection:
            fitting = await self._fitting(connection, job_ids, action)
            for job_id in fitting:
                await self._operations.set_enabled_within(connection, job_id, enabled=enabled, reason=reason)
        return len(fitting)

    async def _fitting(
        self, connection: Connection, job_ids: Sequence[UUID], action: BulkAction
    ) -> list[UUID]:
        find = statement("fitting_jobs")
        rows = await connection.fetch(find.text, *find.bind(jobs=list(job_ids), action=str(action)))
        return [row["id"] for row in rows]

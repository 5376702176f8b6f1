"""The three things that may be asked of a service through its own table of jobs, in its own way.

Each is one guarded UPDATE of one column of one row. The service reads that table every minute or so and does
the rest. Nothing else of its database is ever written here.
"""

from uuid import UUID

from scheduler_core.db.connect import Address, Connection, connect, plain_errors
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.llm_bawt.reading import uuid_of
from scheduler_core.domain import Job, Run
from scheduler_core.errors import StateError

ADOPT_FIRST = (
    "An llm-bawt service owns this database; only its jobs can be run, paused and resumed from here."
)
ADOPT_HINT = "`bawt-console adopt` lets maintenance work on copies."


def refused() -> StateError:
    """What everything else is answered."""
    return StateError(ADOPT_FIRST, ADOPT_HINT)


class ServiceOperations:
    """What people may do to a service's jobs. Has the names of `Operations`, for the screens' sake.

    Args:
        database: reads it; see `reading`.
    """

    def __init__(self, address: Address, database: Database) -> None:
        self._address = address
        self._history = History(database)

    async def force_run(self, job_id: UUID, *, dry_run: bool = False) -> list[Run]:
        """Moves the job's next run into the past; the service makes the run, so there is none to return yet.

        Raises:
            NotFoundError: there is no such job.
            StateError: the job is paused, or a dry run is asked for, which a service does not know.
        """
        if dry_run:
            raise refused()
        job = await self._history.job(job_id)
        changed = await self._update(
            f"UPDATE scheduled_jobs SET next_run_at = now() - interval '1 minute' WHERE {uuid_of('id')} = $1"
            " AND enabled",
            job_id,
        )
        if not changed:
            raise StateError(
                f"{job.job_type} {job.bot_id} is paused, so the service would not run it.", "Resume it first."
            )
        return []

    async def pause(self, job_id: UUID, *, reason: str | None = None) -> Job:
        """Stops its schedule; a service has no place for the reason.

        Raises:
            NotFoundError, StateError: there is no such job, or it is paused already.
        """
        return await self._set_enabled(job_id, enabled=False)

    async def resume(self, job_id: UUID) -> Job:
        """Lets its schedule go on.

        Raises:
            NotFoundError, StateError: there is no such job, or it is not paused.
        """
        return await self._set_enabled(job_id, enabled=True)

    async def cancel(self, run_id: UUID) -> Run:
        raise refused()

    async def _set_enabled(self, job_id: UUID, *, enabled: bool) -> Job:
        job = await self._history.job(job_id)
        changed = await self._update(
            f"UPDATE scheduled_jobs SET enabled = $2 WHERE {uuid_of('id')} = $1 AND enabled <> $2",
            job_id,
            enabled,
        )
        if not changed:
            state = "not paused" if enabled else "paused already"
            raise StateError(f"{job.job_type} {job.bot_id} is {state}.", "Nothing was changed.")
        return await self._history.job(job_id)

    async def _update(self, sql: str, *values: object) -> bool:
        connection: Connection = await connect(self._address, application="bawt-console command")
        try:
            with plain_errors(self._address):
                return (await connection.execute(sql, *values)) != "UPDATE 0"
        finally:
            await connection.close()

"""Pauses a job whose runs looked wrong several times in a row: green means nothing while nobody looks.

It judges no run itself; the handlers do. Dry runs, skips and failures count neither way, and a person who
resumes the job gives it one more run before it is paused again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.statement import statement
from scheduler_core.errors import DatabaseError, SchedulerError, StateError

log = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0


class SuspicionBreaker:
    """One node's watch over the runs it finished.

    Args:
        limit: how many in a row; 0 for never.
        pause_job: stops the schedule of a job, with the reason.
    """

    def __init__(
        self, database: Database, *, limit: int, pause_job: Callable[[UUID, str], Awaitable[object]]
    ) -> None:
        self._database = database
        self._limit = limit
        self._pause_job = pause_job
        self._waiting: list[UUID] = []
        self._something = asyncio.Event()

    def note(self, run_ids: Sequence[UUID]) -> None:
        """Hears of successes that look wrong, once their outcome is written."""
        if self._limit and run_ids:
            self._waiting += run_ids
            self._something.set()

    async def run(self) -> None:
        """Judges for ever; a lost database makes it wait."""
        while True:
            await self._something.wait()
            try:
                await self.run_once()
            except DatabaseError as error:
                log.warning("Suspicious runs wait for the database [%s]: %s", error.error_id, error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def run_once(self) -> int:
        """Pauses the jobs that what waits now has brought to the limit; returns how many.

        Raises:
            DatabaseError: nothing was forgotten.
        """
        batch = list(self._waiting)
        sql = statement("suspicious_streak")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(run_ids=batch, limit=self._limit))
        paused = 0
        for row in rows:
            reason = f"{self._limit} suspicious runs in a row"
            try:
                await self._pause_job(row["job_id"], reason)
                paused += 1
                log.warning("Paused %s %s: %s.", row["job_type"], row["bot_id"], reason)
            except StateError:
                # Somebody paused it before.
                pass
            except DatabaseError:
                raise
            except SchedulerError as error:
                log.warning("%s was not paused [%s]: %s", row["job_type"], error.error_id, error)
        del self._waiting[: len(batch)]
        if not self._waiting:
            self._something.clear()
        return paused

"""PgQueuer: a queue on asyncpg. Its log table keeps a row for each state of each job.

The end is taken from the time stamps in that log, so the time its manager needs to wind down is not held
against it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
from pgqueuer import Job, PgQueuer, Queries
from pgqueuer.types import QueueExecutionMode

from scheduler_core.db.connect import Connection

POOL_SIZE = 4
ENQUEUE_BATCH = 5_000


async def noop(job: Job) -> None:
    """The job."""


class PgQueuerRival:
    """One PgQueuer worker with a pool of its own."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", connection: Connection, *, batch: int) -> None:
        self._pool = pool
        self._connection = connection
        self._batch = batch

    async def prepare(self, jobs: int) -> None:
        queries = Queries.from_asyncpg_pool(self._pool)
        await queries.install()
        for first in range(0, jobs, ENQUEUE_BATCH):
            count = min(ENQUEUE_BATCH, jobs - first)
            await queries.enqueue(["noop"] * count, [None] * count, [0] * count)
        await self._connection.execute("VACUUM ANALYZE pgqueuer")

    async def work(self) -> None:
        queuer = PgQueuer.from_asyncpg_pool(self._pool)
        queuer.entrypoint("noop")(noop)
        await queuer.qm.run(
            batch_size=self._batch,
            mode=QueueExecutionMode.drain,
            dequeue_timeout=timedelta(seconds=1),
        )

    async def recorded(self) -> tuple[int, float | None]:
        row = await self._connection.fetchrow(
            "SELECT count(DISTINCT job_id) AS jobs, max(created) AS last"
            " FROM pgqueuer_log WHERE status = 'successful'"
        )
        assert row is not None
        return row["jobs"], row["last"].timestamp() if row["last"] is not None else None


@asynccontextmanager
async def opened(url: str, batch: int) -> AsyncIterator[PgQueuerRival]:
    """See `Opener`; `batch` is its batch size."""
    async with asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE) as pool:
        connection = await asyncpg.connect(url)
        try:
            yield PgQueuerRival(pool, connection, batch=batch)
        finally:
            await connection.close()
            # What its shutdown left behind on this loop would only be warned about.
            await asyncio.sleep(0)

"""The limit: the state changes of our node on our schema, in batched SQL by the bare driver.

No handler, no task, no second look at anything: what is left is the work of the database. Two connections
take turns in claiming and finishing, as two nodes would.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg

from benchmarks.jobs import add_jobs, count_runs
from scheduler_core.db.connect import Connection

WORKERS = 2

# As the node's own statements do, these keep the planner to the indexes: to the one of due jobs, whose words
# they repeat, and by `= ANY (ARRAY[…])` to the keys, for which it would else read whole tables.
CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id, next_run_at FROM scheduled_jobs
    WHERE enabled AND NOT needs_slot AND next_run_at <= now()
    ORDER BY next_run_at LIMIT $1
    FOR NO KEY UPDATE SKIP LOCKED
),
advanced AS (
    UPDATE scheduled_jobs j
    SET claim_seq = j.claim_seq + 1, last_run_at = now(),
        next_run_at = due.next_run_at + make_interval(mins => j.interval_minutes)
    FROM due WHERE j.id = ANY (ARRAY[due.id])
    RETURNING j.id, j.job_type, j.bot_id, j.claim_seq, due.next_run_at AS slot_at
)
INSERT INTO job_runs (
    job_id, job_type, bot_id, trigger, scheduled_for, claim_seq, status, node_id, started_at
)
SELECT id, job_type, bot_id, 'schedule', slot_at, claim_seq, 'running', $2, now() FROM advanced
RETURNING id
"""

FINISH = """
UPDATE job_runs r
SET status = 'success', finished_at = clock_timestamp(), result_json = '{}',
    duration_ms = (extract(epoch FROM clock_timestamp() - r.started_at) * 1000)::integer
FROM unnest($1::uuid[]) AS f (id)
WHERE r.id = ANY (ARRAY[f.id]) AND CASE WHEN r.finished_at IS NULL THEN r.node_id = $2 ELSE false END
"""


class Limit:
    """Both workers of the limit."""

    def __init__(self, connections: list[Connection], *, batch: int) -> None:
        self._connections = connections
        self._batch = batch

    async def prepare(self, jobs: int) -> None:
        # Due in the past: written, analysed and ready before anybody looks.
        connection = self._connections[0]
        await add_jobs(connection, jobs, first_in=60)
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = 'noop'")
        await connection.execute("VACUUM ANALYZE scheduled_jobs")

    async def work(self) -> None:
        await asyncio.gather(*(self._work(connection) for connection in self._connections))

    async def recorded(self) -> tuple[int, float | None]:
        return await count_runs(self._connections[0], "success"), None

    async def _work(self, connection: Connection) -> None:
        node = uuid4()
        while rows := await connection.fetch(CLAIM, self._batch, node):
            await connection.execute(FINISH, [row["id"] for row in rows], node)


@asynccontextmanager
async def opened(url: str, batch: int) -> AsyncIterator[Limit]:
    """See `Opener`; `batch` is the rows a statement."""
    connections = [await asyncpg.connect(url) for _ in range(WORKERS)]
    try:
        yield Limit(connections, batch=batch)
    finally:
        for connection in connections:
            await connection.close()

"""Old history goes as fast as it comes, whatever number of runs a day that is."""

import asyncio
from pathlib import Path

import asyncpg

from scheduler_core.jobs.upkeep import BATCH
from scheduler_core.runtime import open_runtime
from scheduler_core.settings import Settings

OLD = 6 * BATCH + 1
PATIENCE_SECONDS = 8.0
# A round of upkeep is a third of this; with a bite a round the old runs would take most of a minute.
LEASE_SECONDS = 30.0
ADD = (
    "INSERT INTO job_runs (job_type, bot_id, status, started_at, finished_at, duration_ms)"
    " SELECT 'memory_decay', 'nova', 'success', at, at, 1"
    " FROM generate_series(1, $1::int), (SELECT now() - make_interval(days => $2::int) AS at) t"
)
COUNT = "SELECT count(*) FROM job_runs WHERE bot_id = 'nova'"


async def test_more_than_one_bite_of_old_history_goes_in_one_round(tmp_path: Path, database_url: str) -> None:
    psql = await asyncpg.connect(database_url)
    await psql.execute(ADD, OLD, 91)
    await psql.execute(ADD, 7, 89)
    settings = Settings(
        database_url=database_url,  # type: ignore[arg-type]  # pydantic makes the secret
        data_dir=tmp_path,
        scheduler_lease_seconds=LEASE_SECONDS,
        scheduler_history_days=90,
    )
    async with open_runtime(settings), asyncio.timeout(PATIENCE_SECONDS):
        while await psql.fetchval(COUNT) > 7:  # noqa: ASYNC110  # see below
            # Another process's work: there is no event to wait for.
            await asyncio.sleep(0.05)
    assert await psql.fetchval(COUNT) == 7
    await psql.close()

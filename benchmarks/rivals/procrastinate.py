"""Procrastinate: a task queue on psycopg. Its events table keeps a row for each state of each job."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import procrastinate

ENQUEUE_BATCH = 1_000


async def noop() -> None:
    """The job."""


class ProcrastinateRival:
    """One Procrastinate worker."""

    def __init__(self, app: procrastinate.App, *, concurrency: int) -> None:
        self._app = app
        self._concurrency = concurrency
        self._task = app.task(name="noop")(noop)

    async def prepare(self, jobs: int) -> None:
        await self._app.schema_manager.apply_schema_async()
        for first in range(0, jobs, ENQUEUE_BATCH):
            await self._task.batch_defer_async(*({} for _ in range(min(ENQUEUE_BATCH, jobs - first))))
        await self._app.connector.execute_query_async("ANALYZE procrastinate_jobs")

    async def work(self) -> None:
        await self._app.run_worker_async(
            wait=False,
            concurrency=self._concurrency,
            install_signal_handlers=False,
            listen_notify=False,
            delete_jobs="never",
        )

    async def recorded(self) -> tuple[int, float | None]:
        row = await self._app.connector.execute_query_one_async(
            "SELECT count(*) AS jobs, extract(epoch FROM max(at))::float AS last"
            " FROM procrastinate_events WHERE type = 'succeeded'"
        )
        return row["jobs"], row["last"]


@asynccontextmanager
async def opened(url: str, batch: int) -> AsyncIterator[ProcrastinateRival]:
    """See `Opener`; `batch` is how many jobs a worker runs at once."""
    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=4, max_size=10)
    app = procrastinate.App(connector=connector)
    async with app.open_async():
        yield ProcrastinateRival(app, concurrency=batch)

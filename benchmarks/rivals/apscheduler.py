"""APScheduler 3 with its SQLAlchemy job store: recurring jobs, one process, no history of runs.

Each job has an interval, as ours have, so its next time is written back when it is taken. The default
thread pool runs them.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import create_engine, text

PAUSED_SECONDS = 600


def noop() -> None:
    """The job."""


class ApschedulerRival:
    """The one scheduler on the store."""

    def __init__(self, url: str, *, threads: int) -> None:
        self._engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        self._executed = 0
        self._wanted = 0
        self._all = threading.Event()
        # It carries no types.
        self._scheduler: Any = BackgroundScheduler(
            jobstores={"default": SQLAlchemyJobStore(engine=self._engine)},
            executors={"default": ThreadPoolExecutor(threads)},
            timezone=UTC,
        )

    async def prepare(self, jobs: int) -> None:
        self._wanted = jobs
        await asyncio.to_thread(self._add_jobs, jobs)

    async def work(self) -> None:
        self._scheduler.resume()
        if not await asyncio.to_thread(self._all.wait, PAUSED_SECONDS):
            raise TimeoutError("Not every job was executed.")

    async def recorded(self) -> tuple[int, float | None]:
        return await asyncio.to_thread(self._count), None

    def close(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown()
        self._engine.dispose()

    def _add_jobs(self, jobs: int) -> None:
        self._scheduler.start(paused=True)
        self._scheduler.add_listener(self._on_executed, EVENT_JOB_EXECUTED)
        now = datetime.now(UTC)
        for _ in range(jobs):
            self._scheduler.add_job(
                noop, IntervalTrigger(days=1), next_run_time=now, misfire_grace_time=None, coalesce=True
            )

    def _on_executed(self, event: object) -> None:
        self._executed += 1
        if self._executed >= self._wanted:
            self._all.set()

    def _count(self) -> int:
        advanced = text(
            "SELECT count(*) FROM apscheduler_jobs WHERE next_run_time > extract(epoch FROM now())"
        )
        with self._engine.connect() as connection:
            return int(connection.execute(advanced).scalar_one())


@asynccontextmanager
async def opened(url: str, batch: int) -> AsyncIterator[ApschedulerRival]:
    """See `Opener`; `batch` is the number of threads."""
    rival = ApschedulerRival(url, threads=batch)
    try:
        yield rival
    finally:
        await asyncio.to_thread(rival.close)

"""When the scheduler looks again."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import Claim
from scheduler_core.jobs import scheduler
from scheduler_core.runtime import open_runtime
from scheduler_core.settings import Settings
from scheduler_core.tasks.task import JobKind, Task, TaskContext, TaskResult


async def test_a_slot_that_comes_while_it_looks_is_not_taken_for_one_that_somebody_holds(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_due, ran = JobStore.claim_due, asyncio.Event()
    looks: list[Claim] = []

    async def slowly(self: JobStore, **values: Any) -> Claim:
        claim = await claim_due(self, **values)
        looks.append(claim)
        await asyncio.sleep(0.3)
        return claim

    async def note(task: Task, context: TaskContext) -> TaskResult:
        ran.set()
        return TaskResult()

    monkeypatch.setattr(JobStore, "claim_due", slowly)
    monkeypatch.setattr(scheduler, "HELD_ROW_SECONDS", 60.0)
    settings = Settings(
        database_url=database_url,  # type: ignore[arg-type]  # pydantic makes the secret
        data_dir=tmp_path,
        scheduler_check_interval_seconds=60,
    )
    async with open_runtime(settings, kinds=[JobKind(name="note", handler=note)]):
        # Until nothing is left of the start that would make it look again anyway.
        seen = -1
        while seen != len(looks):
            seen = len(looks)
            await asyncio.sleep(1.0)
        psql = await asyncpg.connect(database_url)
        # The first look after this insertion begins before the slot comes, and ends after it.
        await psql.execute(
            "INSERT INTO scheduled_jobs (job_type, next_run_at) VALUES ('note', now() + interval '150 ms')"
        )
        await psql.close()
        async with asyncio.timeout(10):
            await ran.wait()

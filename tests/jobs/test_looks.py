"""When the scheduler looks again."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import Claim, StartedRun
from scheduler_core.errors import DatabaseError
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


async def test_a_waiting_run_whose_time_comes_while_it_looks_is_not_left_until_the_next_hint(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_due, ran = JobStore.next_due, asyncio.Event()
    looks: list[float] = []

    async def slowly(self: JobStore, **values: Any) -> tuple[float | None, bool]:
        looks.append(values["looked"])
        await asyncio.sleep(0.4)
        values["looked"] += 0.4
        return await next_due(self, **values)

    async def note(task: Task, context: TaskContext) -> TaskResult:
        ran.set()
        return TaskResult()

    monkeypatch.setattr(JobStore, "next_due", slowly)
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
        # The look after this insertion is too early for the run, and asks too late what is next.
        async with psql.transaction():
            await psql.execute(
                "INSERT INTO scheduled_jobs (job_type, next_run_at) VALUES ('note', now() + interval '1 day')"
            )
            await psql.execute(
                "INSERT INTO job_runs (job_id, job_type, bot_id, trigger, available_at)"
                " SELECT id, 'note', '*', 'retry', now() + interval '200 ms' FROM scheduled_jobs"
                " WHERE job_type = 'note'"
            )
        await psql.close()
        async with asyncio.timeout(10):
            await ran.wait()


async def test_a_waiting_run_that_somebody_holds_is_looked_at_again_soon(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_pending, ran, looked = JobStore.start_pending, asyncio.Event(), asyncio.Event()
    looks: list[Sequence[UUID]] = []

    async def noted(self: JobStore, **values: Any) -> list[StartedRun]:
        def note(run_ids: Sequence[UUID]) -> None:
            looks.append(run_ids)
            # More often than it looks at its start anyway.
            if len(looks) == 10:
                looked.set()
            on_held(run_ids)

        on_held = values.pop("on_held")
        return await start_pending(self, **values, on_held=note)

    async def work(task: Task, context: TaskContext) -> TaskResult:
        ran.set()
        return TaskResult()

    monkeypatch.setattr(JobStore, "start_pending", noted)
    settings = Settings(
        database_url=database_url,  # type: ignore[arg-type]  # pydantic makes the secret
        data_dir=tmp_path,
        scheduler_check_interval_seconds=60,
    )
    psql = await asyncpg.connect(database_url)
    run = await psql.fetchval(
        "WITH job AS (INSERT INTO scheduled_jobs (job_type, next_run_at)"
        " VALUES ('work', now() + interval '1 hour') RETURNING id)"
        " INSERT INTO job_runs (job_id, job_type, bot_id) SELECT id, 'work', '*' FROM job RETURNING id"
    )
    held = psql.transaction()
    await held.start()
    await psql.execute("SELECT FROM job_runs WHERE id = $1 FOR UPDATE", run)
    async with open_runtime(settings, kinds=[JobKind(name="work", handler=work)]), asyncio.timeout(20):
        await looked.wait()
        await held.rollback()
        await ran.wait()
    await psql.close()
    assert all(ids == [run] for ids in looks)


async def with_backlog(directory: Path, url: str, *, jobs: int, places: int) -> Settings:
    """Settings of a node with so many places, before which so many jobs of the type `work` are due."""
    psql = await asyncpg.connect(url)
    await psql.execute(
        "INSERT INTO scheduled_jobs (job_type, bot_id)"
        " SELECT 'work', 'b' || n FROM generate_series(1, $1::integer) n",
        jobs,
    )
    await psql.close()
    return Settings(
        database_url=url,  # type: ignore[arg-type]  # pydantic makes the secret
        data_dir=directory,
        scheduler_max_concurrent_runs=places,
    )


async def test_claims_that_are_on_their_way_together_take_no_more_than_fits(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_due, together, most = JobStore.claim_due, 0, 0
    running, held = 0, 0
    all_ran = asyncio.Event()

    async def counted(self: JobStore, **values: Any) -> Claim:
        nonlocal together, most
        together += 1
        most = max(most, together)
        try:
            return await claim_due(self, **values)
        finally:
            together -= 1

    async def work(task: Task, context: TaskContext) -> TaskResult:
        nonlocal running, held
        running += 1
        held = max(held, running)
        await asyncio.sleep(0.01)
        running -= 1
        ran.append(task.bot_id)
        if len(ran) == 200:
            all_ran.set()
        return TaskResult()

    ran: list[str] = []
    monkeypatch.setattr(JobStore, "claim_due", counted)
    monkeypatch.setattr(scheduler, "CLAIM_BATCH", 8)
    settings = await with_backlog(tmp_path, database_url, jobs=200, places=20)

    async def bots() -> Sequence[str]:
        await asyncio.sleep(0.001)
        return ()

    async with open_runtime(settings, kinds=[JobKind(name="work", handler=work)], bots=bots):
        async with asyncio.timeout(30):
            await all_ran.wait()
    assert len(set(ran)) == 200
    assert most == scheduler.CLAIMS_AT_ONCE
    assert 10 < held <= 20


async def test_what_one_claim_brought_runs_although_the_other_was_lost(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_due, calls = JobStore.claim_due, 0
    ran: set[str] = set()
    all_ran = asyncio.Event()

    async def fragile(self: JobStore, **values: Any) -> Claim:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise DatabaseError("The connection broke.", "It is tried again by itself.")
        return await claim_due(self, **values)

    async def work(task: Task, context: TaskContext) -> TaskResult:
        ran.add(task.bot_id)
        if len(ran) == 40:
            all_ran.set()
        return TaskResult()

    monkeypatch.setattr(JobStore, "claim_due", fragile)
    monkeypatch.setattr(scheduler, "CLAIM_BATCH", 5)
    settings = await with_backlog(tmp_path, database_url, jobs=40, places=100)
    async with open_runtime(settings, kinds=[JobKind(name="work", handler=work)]):
        async with asyncio.timeout(30):
            await all_ran.wait()
    assert calls > 3
    psql = await asyncpg.connect(database_url)
    assert await psql.fetchval("SELECT count(*) FROM job_runs WHERE job_type = 'work'") == 40
    await psql.close()

"""Handlers that misbehave: each run gets its one outcome all the same."""

import asyncio
from pathlib import Path

import pytest

from scheduler_core.domain import Run, RunFilter, RunStatus
from scheduler_core.runtime import open_runtime
from scheduler_core.settings import Settings
from scheduler_core.tasks.task import Handler, JobKind, Task, TaskContext, TaskResult


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,  # type: ignore[arg-type]  # pydantic makes the secret
        data_dir=tmp_path,
        scheduler_max_attempts=1,
    )


async def run_of(settings: Settings, handler: Handler) -> Run:
    kind = JobKind(name="odd", handler=handler, interval_minutes=5)
    async with open_runtime(settings, kinds=[kind], watch=False) as runtime:
        async with asyncio.timeout(20):
            await runtime.run_due()
        await runtime.stop()
        [run] = await runtime.history.runs(RunFilter(job_type="odd"))
    return run


async def test_a_cancellation_that_escapes_from_a_handler_is_a_failure(settings: Settings) -> None:
    async def odd(task: Task, context: TaskContext) -> TaskResult:
        own = asyncio.create_task(asyncio.Event().wait())
        own.cancel()
        await own
        return TaskResult()

    run = await run_of(settings, odd)
    assert run.status is RunStatus.FAILED
    assert "CancelledError" in (run.error_message or "")


async def test_a_result_that_is_not_json_is_a_failure(settings: Settings) -> None:
    async def odd(task: Task, context: TaskContext) -> TaskResult:
        circle: list[object] = []
        circle.append(circle)
        return TaskResult(result={"circle": circle})

    run = await run_of(settings, odd)
    assert run.status is RunStatus.FAILED
    assert "ValueError" in (run.error_message or "")

"""Jobs are paused when their runs keep looking wrong, or when one pass takes too much from too many."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from scheduler_core.db.profile_rows import NewAttribute
from scheduler_core.domain import Entity, EntityType, Job, Run, RunFilter, RunStatus
from scheduler_core.maintenance.profile_pass import BREAKER_LEAST
from scheduler_core.runtime import Runtime, open_runtime
from scheduler_core.settings import Settings
from scheduler_core.tasks.task import JobKind, Task, TaskContext, TaskResult


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,  # type: ignore[arg-type]  # pydantic makes the secret
        data_dir=tmp_path,
        scheduler_suspicious_limit=3,
    )


async def nap_of(runtime: Runtime) -> Job:
    return next(each.job for each in await runtime.history.jobs() if each.job.job_type == "nap")


async def run_nap(runtime: Runtime) -> UUID:
    job = await nap_of(runtime)
    await runtime.operations.force_run(job.id)
    await runtime.run_due()
    return job.id


async def until_paused(runtime: Runtime) -> Job:
    async with asyncio.timeout(20):
        while (job := await nap_of(runtime)).enabled:
            # The question itself lets the breaker work.
            pass
    return job


async def test_runs_that_look_wrong_in_a_row_pause_their_job_and_a_good_one_breaks_the_row(
    settings: Settings,
) -> None:
    odd = [True, True, False, True, True, True, True]

    async def work(task: Task, context: TaskContext) -> TaskResult:
        return TaskResult(result={"x": 1}, suspicious=("odd",) if odd.pop(0) else ())

    kind = JobKind(name="nap", handler=work, interval_minutes=60)
    async with open_runtime(settings, kinds=[kind], watch=False) as runtime:
        await runtime.run_due()
        for _ in range(5):
            assert (await nap_of(runtime)).enabled
            await run_nap(runtime)
        job = await until_paused(runtime)
        assert (job.paused_by, job.paused_reason) == ("circuit breaker", "3 suspicious runs in a row")
        assert len(odd) == 1

        await runtime.operations.resume(job.id)
        # One more run is all it gets.
        await run_nap(runtime)
        await until_paused(runtime)


async def test_zero_is_never(settings: Settings) -> None:
    async def work(task: Task, context: TaskContext) -> TaskResult:
        return TaskResult(result={"x": 1}, suspicious=("odd",))

    never = settings.model_copy(update={"scheduler_suspicious_limit": 0})
    kind = JobKind(name="nap", handler=work, interval_minutes=60)
    async with open_runtime(never, kinds=[kind], watch=False) as runtime:
        await runtime.run_due()
        for _ in range(4):
            await run_nap(runtime)
    async with open_runtime(never, kinds=[kind], watch=False) as runtime:
        assert (await nap_of(runtime)).enabled


async def test_a_pass_that_takes_much_from_many_profiles_stops_and_pauses(settings: Settings) -> None:
    people = [Entity(EntityType.USER, f"person{number:02}") for number in range(3 * BREAKER_LEAST)]
    async with open_runtime(settings, watch=False) as runtime:
        await runtime.profiles.add(
            [
                NewAttribute(entity=person, category="fact", key=f"thing {key}", value=value)
                for person in people
                for key, value in enumerate(["Dresden", *["unknown"] * 7])
            ]
        )
        await runtime.run_due()
        [run] = [
            run
            for run in await runtime.history.runs(RunFilter(job_type="profile_maintenance"))
            if run.status is RunStatus.FAILED
        ]
        assert run.error_message is not None
        assert "summaries lost much" in run.error_message
        [job] = [
            each.job for each in await runtime.history.jobs() if each.job.job_type == "profile_maintenance"
        ]
        assert not job.enabled
        assert job.paused_reason is not None
        assert "lost much" in job.paused_reason
        published = [run for run in people if await runtime.profiles.summary(run) is not None]
        assert BREAKER_LEAST <= len(published) < len(people), "the rest was left alone"
        undone = await runtime.operations.undo(run.id)
        await runtime.run_due()
        assert await _status(runtime, undone) is RunStatus.SUCCESS
        assert [person for person in people if await runtime.profiles.summary(person) is not None] == []


async def _status(runtime: Runtime, run: Run) -> RunStatus:
    return (await runtime.history.run(run.id)).status

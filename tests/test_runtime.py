"""A whole node on a real database: what a host sees of its own job types."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from scheduler_core.db.connect import Address
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import Claim, FinishedRun, LostRun
from scheduler_core.db.notify import ChangeFeed
from scheduler_core.domain import EventLevel, NodeState, Run, RunFilter, RunStatus
from scheduler_core.errors import DatabaseError, DatabaseUnreachableError, RunError
from scheduler_core.jobs.scheduler import JobScheduler
from scheduler_core.jobs.upkeep import Upkeep
from scheduler_core.runtime import Runtime, open_runtime
from scheduler_core.settings import Settings
from scheduler_core.tasks import recorder
from scheduler_core.tasks.recorder import Recorder
from scheduler_core.tasks.task import Handler, JobKind, Task, TaskContext, TaskResult


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,  # type: ignore[arg-type]  # pydantic makes the secret
        data_dir=tmp_path,
        scheduler_check_interval_seconds=30,
        scheduler_lease_seconds=3,
        scheduler_retry_base_seconds=0.05,
        scheduler_stop_grace_seconds=0.2,
    )


def changed(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update=values)


class Bench:
    """A runtime with one job type of our own, and ways to wait for what happens to its runs."""

    def __init__(self, runtime: Runtime, feed: ChangeFeed) -> None:
        self.runtime = runtime
        self._feed = feed

    async def add_job(self, *, config: str = "{}", bot: str = "*", due: bool = True) -> UUID:
        async with self.runtime.database.connection() as connection:
            job: UUID = await connection.fetchval(
                "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, config_json, next_run_at)"
                " VALUES ('nap', $1, 60, $2, now() + CASE WHEN $3 THEN '0'::interval ELSE '1 hour' END)"
                " RETURNING id",
                bot,
                config,
                due,
            )
        return job

    async def runs(self) -> list[Run]:
        found = await self.runtime.history.runs(RunFilter(job_type="nap"))
        return sorted(found, key=lambda run: (run.created_at, run.attempt))

    async def until(self, wanted: Callable[[list[Run]], bool], *, seconds: float = 10) -> list[Run]:
        async with asyncio.timeout(seconds):
            async for _ in self._feed.subscribe(debounce=0.0):
                try:
                    runs = await self.runs()
                except DatabaseError:
                    # The test itself cut the connections; the next one is whole.
                    runs = await self.runs()
                if wanted(runs):
                    return runs
        raise AssertionError("the feed never ends")

    async def until_over(self, count: int = 1) -> list[Run]:
        return await self.until(lambda runs: sum(run.status.is_final for run in runs) >= count)

    async def until_running(self) -> Run:
        runs = await self.until(lambda runs: any(run.status is RunStatus.RUNNING for run in runs))
        return next(run for run in runs if run.status is RunStatus.RUNNING)


@asynccontextmanager
async def bench(settings: Settings, handler: Handler, **kind: Any) -> AsyncIterator[Bench]:
    nap = JobKind(name="nap", handler=handler, **kind)
    async with open_runtime(settings, kinds=[nap]) as runtime, asyncio.TaskGroup() as group:
        feed = ChangeFeed(runtime.address, "tests")
        listening = group.create_task(feed.run())
        try:
            yield Bench(runtime, feed)
        finally:
            listening.cancel()


async def sleep_well(task: Task, context: TaskContext) -> TaskResult:
    await context.log(EventLevel.INFO, "zzz")
    return TaskResult(result={"slept": True}, suspicious=("too short",))


async def never_wake(task: Task, context: TaskContext) -> TaskResult:
    await context.progress("dreaming")
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_due_job_runs_and_its_result_log_and_marks_are_kept(settings: Settings) -> None:
    async with bench(settings, sleep_well) as node:
        await node.add_job()
        [run] = await node.until_over()
        events = await node.runtime.history.events(run.id)
    assert run.status is RunStatus.SUCCESS
    assert (run.result_json, run.suspicious) == ('{"slept": true}', ("too short",))
    assert [event.message for event in events] == ["zzz"]
    assert run.duration_ms is not None


async def test_a_forced_next_run_at_takes_effect_within_a_second(settings: Settings) -> None:
    async with bench(settings, sleep_well) as node:
        await node.add_job(due=False)
        psql = await asyncpg.connect(node.runtime.address.dsn)
        started = time.monotonic()
        await psql.execute("UPDATE scheduled_jobs SET next_run_at = NOW() - INTERVAL '1 minute';")
        await node.until_over()
        await psql.close()
    assert time.monotonic() - started < 1


async def test_nothing_to_do_is_skipped_with_the_reason(settings: Settings) -> None:
    async def nothing(task: Task, context: TaskContext) -> TaskResult:
        return TaskResult(skipped="unchanged")

    async with bench(settings, nothing) as node:
        await node.add_job()
        [run] = await node.until_over()
    assert (run.status, run.reason) == (RunStatus.SKIPPED, "unchanged")


async def test_a_failing_job_is_tried_again_and_every_attempt_is_kept(settings: Settings) -> None:
    async def fail(task: Task, context: TaskContext) -> TaskResult:
        raise RunError(f"Attempt {task.attempt} failed.")

    async with bench(settings, fail) as node:
        await node.add_job()
        runs = await node.until_over(3)
    assert [run.attempt for run in runs] == [1, 2, 3]
    assert {run.first_run_id for run in runs[1:]} == {runs[0].id}
    assert all(run.status is RunStatus.FAILED for run in runs)
    assert (runs[2].error_message or "").startswith("Attempt 3 failed.")


async def test_a_failure_that_cannot_heal_is_not_tried_again(settings: Settings) -> None:
    async def fail(task: Task, context: TaskContext) -> TaskResult:
        raise RunError("Wrong.", retryable=False)

    async with bench(settings, fail) as node:
        await node.add_job()
        assert len(await node.until_over()) == 1


async def test_the_words_of_a_foreign_exception_are_not_repeated(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    attribute = "ada takes insulin"

    async def fail(task: Task, context: TaskContext) -> TaskResult:
        raise ValueError(attribute)

    async with bench(settings, fail, max_attempts=1) as node:
        await node.add_job()
        [run] = await node.until_over()
    assert "ValueError" in (run.error_message or "")
    assert attribute not in (run.error_message or "")
    assert "insulin" not in caplog.text
    assert (run.error_message or "")[-9:-1] in caplog.text


async def test_a_run_that_takes_too_long_is_stopped(settings: Settings) -> None:
    async with bench(settings, never_wake, max_attempts=1) as node:
        await node.add_job(config='{"timeout_seconds": 0.1}')
        [run] = await node.until_over()
    assert (run.status, run.error_message) == (RunStatus.FAILED, "Timed out after 0.1 s.")


async def test_a_cancelled_run_stops_soon_and_names_who(settings: Settings) -> None:
    async with bench(settings, never_wake) as node:
        await node.add_job()
        run = await node.until_running()
        started = time.monotonic()
        await node.runtime.operations.cancel(run.id)
        [run] = await node.until_over()
    assert time.monotonic() - started < 1
    assert run.status is RunStatus.FAILED
    assert (run.error_message or "").startswith("Cancelled by ")


async def test_a_run_that_is_cancelled_before_its_node_knows_of_it_stops_soon(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_due, claimed, go = JobStore.claim_due, asyncio.Event(), asyncio.Event()
    check_cancelled, looks = Upkeep.check_cancelled, asyncio.Queue[None]()

    async def hold_answer(self: JobStore, **values: Any) -> Claim:
        claim = await claim_due(self, **values)
        if claim.started:
            claimed.set()
            await go.wait()
        return claim

    async def noted(self: Upkeep) -> int:
        try:
            return await check_cancelled(self)
        finally:
            looks.put_nowait(None)

    async def wait(task: Task, context: TaskContext) -> TaskResult:
        # Without a word: what is written about a cancelled run is one more hint.
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(JobStore, "claim_due", hold_answer)
    monkeypatch.setattr(Upkeep, "check_cancelled", noted)
    async with bench(changed(settings, scheduler_lease_seconds=30), wait) as node:
        async with asyncio.timeout(10):
            # The first round, and what may have been missed before it listened.
            await looks.get()
            await looks.get()
            await node.add_job()
            await claimed.wait()
            [run] = await node.runs()
            await node.runtime.operations.cancel(run.id)
            await looks.get()
        go.set()
        [run] = await node.until(lambda runs: runs[0].status.is_final, seconds=3)
    assert (run.error_message or "").startswith("Cancelled by ")


async def test_malformed_config_fails_its_run_and_the_schedule_goes_on(settings: Settings) -> None:
    async with bench(settings, sleep_well) as node:
        broken = await node.add_job(config="{oops", bot="broken")
        await node.add_job(bot="fine")
        runs = {run.bot_id: run for run in await node.until_over(2)}
        job = await node.runtime.history.job(broken)
    assert runs["fine"].status is RunStatus.SUCCESS
    assert runs["broken"].status is RunStatus.FAILED
    assert "config_json is not valid JSON" in (runs["broken"].error_message or "")
    assert job.next_run_at > runs["broken"].created_at


async def test_more_jobs_than_places_all_run(settings: Settings) -> None:
    async with bench(changed(settings, scheduler_max_concurrent_runs=2), sleep_well) as node:
        for number in range(15):
            await node.add_job(bot=f"b{number}")
        runs = await node.until_over(15)
    assert {run.status for run in runs} == {RunStatus.SUCCESS}


async def test_stopping_waits_for_short_runs_and_hands_long_ones_on(settings: Settings) -> None:
    async with bench(settings, never_wake) as node:
        await node.add_job()
        await node.until_running()
    async with bench(changed(settings, scheduler_enabled=True), sleep_well) as node:
        runs = await node.until_over(2)
        nodes = await node.runtime.history.nodes()
    assert [run.status for run in runs] == [RunStatus.FAILED, RunStatus.SUCCESS]
    assert "stopped before the run was over" in (runs[0].error_message or "")
    assert sorted(node.state for node in nodes) == [NodeState.ACTIVE, NodeState.STOPPED]


async def test_an_outcome_that_is_being_written_when_the_node_stops_is_told_to_the_host(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    finish_runs, written, told = JobStore.finish_runs, asyncio.Event(), set[UUID]()

    async def slowly(self: JobStore, *args: Any, **values: Any) -> set[UUID]:
        held = await finish_runs(self, *args, **values)
        written.set()
        await asyncio.sleep(0.5)
        return held

    monkeypatch.setattr(JobStore, "finish_runs", slowly)
    nap = JobKind(name="nap", handler=sleep_well)
    async with open_runtime(settings, kinds=[nap], on_finished=told.update) as runtime:
        async with runtime.database.connection() as connection:
            sql = "INSERT INTO scheduled_jobs (job_type) VALUES ('nap') RETURNING id"
            job = await connection.fetchval(sql)
        async with asyncio.timeout(10):
            await written.wait()
        [run] = await runtime.history.runs(RunFilter(job_id=job))
        assert run.status is RunStatus.SUCCESS
    assert run.id in told
    assert "no longer ours" not in caplog.text


OPEN_EDITS = {
    "deletes the job": "DELETE FROM scheduled_jobs WHERE bot_id = 'held'",
    "locks the job": "SELECT FROM scheduled_jobs WHERE bot_id = 'held' FOR UPDATE",
    "edits the run": "UPDATE job_runs SET progress = 'x' WHERE bot_id = 'held' AND status = 'running'",
}


@pytest.mark.parametrize("stops", [False, True], ids=["goes on", "stops"])
@pytest.mark.parametrize("edit", OPEN_EDITS)
async def test_an_edit_that_somebody_leaves_open_keeps_no_other_outcome(
    settings: Settings, database_url: str, edit: str, stops: bool
) -> None:
    doors = asyncio.Event()

    async def wait(task: Task, context: TaskContext) -> TaskResult:
        await doors.wait()
        if task.bot_id == "held":
            raise RunError("No.")
        return TaskResult()

    psql = await asyncpg.connect(database_url)
    async with bench(settings, wait) as node:
        await node.add_job(bot="held")
        await node.add_job(bot="free")
        await node.until(lambda runs: sum(run.status is RunStatus.RUNNING for run in runs) == 2)
        editing = psql.transaction()
        await editing.start()
        await psql.execute(OPEN_EDITS[edit])
        doors.set()
        if stops:
            await node.runtime.stop()
        runs = await node.until_over()
        assert [(run.bot_id, run.status) for run in runs if run.status.is_final] == [
            ("free", RunStatus.SUCCESS)
        ]
        await editing.rollback()
        if not stops:
            await node.until(lambda runs: any(run.status is RunStatus.FAILED for run in runs))
    await psql.close()


async def test_an_outcome_that_is_held_while_the_node_stops_is_written_when_it_is_let_go(
    settings: Settings, database_url: str
) -> None:
    doors = asyncio.Event()

    async def wait(task: Task, context: TaskContext) -> TaskResult:
        await doors.wait()
        return TaskResult()

    psql = await asyncpg.connect(database_url)
    async with bench(settings, wait) as node, asyncio.TaskGroup() as group:
        await node.add_job()
        run = await node.until_running()
        editing = psql.transaction()
        await editing.start()
        await psql.execute("SELECT FROM job_runs WHERE id = $1 FOR UPDATE", run.id)

        async def let_go() -> None:
            await asyncio.sleep(3)
            await editing.rollback()

        doors.set()
        group.create_task(let_go())
        await node.runtime.stop()
        [run] = await node.runs()
    await psql.close()
    assert run.status is RunStatus.SUCCESS


async def test_an_outcome_whose_receipt_was_lost_is_told_to_the_host(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    finish_runs, told = JobStore.finish_runs, asyncio.Queue[UUID]()
    lost: list[bool] = []

    async def loses_the_answer(self: JobStore, *args: Any, **values: Any) -> set[UUID]:
        held = await finish_runs(self, *args, **values)
        if not lost:
            lost.append(True)
            raise DatabaseUnreachableError("The wire broke after the commit.")
        return held

    monkeypatch.setattr(JobStore, "finish_runs", loses_the_answer)

    def tell(ids: Sequence[UUID]) -> None:
        for each in ids:
            told.put_nowait(each)

    async with open_runtime(
        settings, kinds=[JobKind(name="nap", handler=sleep_well)], on_finished=tell
    ) as runtime:
        async with runtime.database.connection() as connection:
            await connection.execute("INSERT INTO scheduled_jobs (job_type) VALUES ('nap')")
        async with asyncio.timeout(10):
            run = await told.get()
            while (await runtime.history.run(run)).job_type != "nap":
                run = await told.get()
    assert lost
    assert "no longer ours" not in caplog.text


MISUSES: dict[str, Any] = {
    "no result": None,
    "skipped": TaskResult(skipped=ValueError("my secret")),  # type: ignore[arg-type]
    "suspicious": TaskResult(suspicious=(3,)),  # type: ignore[arg-type]
    "plan": TaskResult(plan=["a"]),  # type: ignore[arg-type]
    "level": "warn",
}


@pytest.mark.parametrize("misuse", MISUSES)
async def test_a_handler_that_says_something_odd_fails_alone(settings: Settings, misuse: str) -> None:
    async def odd(task: Task, context: TaskContext) -> TaskResult:
        if task.bot_id == "odd":
            if misuse == "level":
                await context.log("warn", "hello")  # type: ignore[arg-type]
            result: TaskResult = MISUSES[misuse]
            return result
        return TaskResult()

    async with bench(settings, odd, max_attempts=1) as node:
        await node.add_job(bot="odd")
        await node.add_job(bot="even")
        runs = await node.until_over(2)
    outcomes = {run.bot_id: run for run in runs}
    assert outcomes["even"].status is RunStatus.SUCCESS
    assert outcomes["odd"].status is RunStatus.FAILED
    assert "The handler" in (outcomes["odd"].error_message or "")
    assert "secret" not in (outcomes["odd"].error_message or "")


async def test_a_run_whose_handler_cancels_itself_is_over_once(settings: Settings) -> None:
    async def odd(task: Task, context: TaskContext) -> TaskResult:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await asyncio.sleep(0)
        raise AssertionError

    async with bench(settings, odd, max_attempts=1) as node:
        await node.add_job()
        [run] = await node.until_over()
    assert run.status is RunStatus.FAILED


async def test_what_a_handler_says_to_being_cancelled_does_not_bring_its_run_back(settings: Settings) -> None:
    async def child() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError

    async def grouped(task: Task, context: TaskContext) -> TaskResult:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            await context.progress("begun")
        return TaskResult()

    async with bench(settings, grouped) as node:
        await node.add_job()
        run = await node.until_running()
        await node.until(lambda runs: runs[0].progress == "begun")
        await node.runtime.operations.cancel(run.id)
        await node.until_over()
        await node.runtime.settled()
        [run] = await node.runs()
    assert run.status is RunStatus.FAILED
    assert (run.error_message or "").startswith("Cancelled by ")


async def test_a_handler_that_will_not_stop_keeps_neither_the_runtime_nor_who_waits_for_what_is_due(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler_core.tasks.processor.CANCEL_GRACE_SECONDS", 0.2)
    awake = asyncio.Event()

    async def stubborn(task: Task, context: TaskContext) -> TaskResult:
        while not awake.is_set():
            with suppress(asyncio.CancelledError):
                await awake.wait()
        return TaskResult()

    nap = JobKind(name="nap", handler=stubborn, interval_minutes=5, timeout=0.2, max_attempts=1)
    async with asyncio.timeout(20):
        async with open_runtime(settings, kinds=[nap], watch=False) as runtime:
            await runtime.run_due()
            [run] = await runtime.history.runs(RunFilter(job_type="nap"))
    awake.set()
    assert run.status is RunStatus.FAILED


async def test_a_forced_run_does_not_wait_for_a_backlog_of_another_type(
    settings: Settings, database_url: str
) -> None:
    async def work(task: Task, context: TaskContext) -> TaskResult:
        return TaskResult()

    kinds = [JobKind(name="bulk", handler=work), JobKind(name="rare", handler=work, max_running=1)]
    psql = await asyncpg.connect(database_url)
    async with open_runtime(changed(settings, scheduler_max_concurrent_runs=1000), kinds=kinds) as runtime:
        job = await psql.fetchval(
            "INSERT INTO scheduled_jobs (job_type, next_run_at)"
            " VALUES ('rare', now() + interval '1 day') RETURNING id"
        )
        await psql.execute(
            "INSERT INTO scheduled_jobs (job_type, bot_id)"
            " SELECT 'bulk', 'b' || n FROM generate_series(1, 20000) AS n"
        )
        [forced] = await runtime.operations.force_run(job)
        async with asyncio.timeout(30):
            async with runtime.run_changes() as changes:
                run = await runtime.history.run(forced.id)
                while not run.status.is_final:
                    await anext(changes)
                    run = await runtime.history.run(forced.id)
        overtook = await psql.fetchval(
            "SELECT count(*) FROM job_runs WHERE job_type = 'bulk' AND started_at BETWEEN $1 AND $2",
            forced.available_at,
            run.started_at,
        )
    await psql.close()
    assert overtook < 15_000


async def test_what_waits_for_a_run_of_a_dead_node_starts_when_that_is_rescued(settings: Settings) -> None:
    async with bench(settings, sleep_well) as node:
        job, dead = await node.add_job(due=False), uuid4()
        async with node.runtime.database.transaction() as connection:
            await connection.execute(
                "INSERT INTO scheduler_nodes (id, name, state, version, job_types, lease_expires_at)"
                " VALUES ($1, 'dead', 'active', '0', '{nap}', now() + interval '2 seconds')",
                dead,
            )
            await connection.execute(
                "INSERT INTO job_runs (job_id, job_type, bot_id, status, node_id, started_at)"
                " VALUES ($1, 'nap', '*', 'running', $2, now())",
                job,
                dead,
            )
        [asked] = await node.runtime.operations.force_run(job)
        await node.until_over(2)
        assert (await node.runtime.history.run(asked.id)).status is RunStatus.SUCCESS


async def test_default_jobs_exist_after_the_first_start(settings: Settings) -> None:
    async with open_runtime(settings) as runtime:
        jobs = {o.job.job_type: o.job for o in await runtime.history.jobs()}
    assert sorted(jobs) == ["memory_consolidation", "memory_decay", "profile_maintenance"]
    assert (jobs["profile_maintenance"].interval_minutes, jobs["profile_maintenance"].bot_id) == (60, "*")


async def test_a_node_tells_how_much_memory_it_takes(settings: Settings) -> None:
    async with open_runtime(settings) as runtime:
        [node] = await runtime.history.nodes()
    # A Python with a database driver takes more than one of these and less than the other.
    assert node.memory_bytes is not None
    assert 20_000_000 < node.memory_bytes < 4_000_000_000


async def test_the_node_survives_a_lost_database_connection(settings: Settings, database_url: str) -> None:
    async with bench(settings, sleep_well) as node:
        await node.add_job()
        await node.until_over()
        outside = await asyncpg.connect(Address.parse(database_url).dsn)
        await outside.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await outside.execute(
            "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes) VALUES ('nap', 'x', 5)"
        )
        await outside.close()
        runs = await node.until_over(2)
    assert [run.status for run in runs] == [RunStatus.SUCCESS, RunStatus.SUCCESS]


async def test_a_step_of_upkeep_that_fails_once_does_not_put_off_the_rescue_of_lost_runs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rescue_runs, failed = JobStore.rescue_runs, asyncio.Event()

    async def fail_once(self: JobStore, **values: Any) -> list[LostRun]:
        if not failed.is_set():
            failed.set()
            raise DatabaseError("Somebody else's transaction was in the way.", "It is tried again by itself.")
        return await rescue_runs(self, **values)

    monkeypatch.setattr(JobStore, "rescue_runs", fail_once)
    # A round is a third of the lease.
    async with bench(changed(settings, scheduler_lease_seconds=9), sleep_well) as node:
        await failed.wait()
        job = await node.add_job(due=False)
        async with node.runtime.database.connection() as connection:
            await connection.execute(
                "INSERT INTO job_runs (job_id, job_type, bot_id, status, node_id, started_at)"
                " VALUES ($1, 'nap', '*', 'running', $2, now())",
                job,
                uuid4(),
            )
        runs = await node.until(lambda runs: len(runs) == 2, seconds=7)
    assert (runs[0].error_message or "").startswith("Node lost")


async def test_a_bug_in_a_loop_ends_the_program_loudly(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: JobScheduler) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(JobScheduler, "run_once", broken)
    with pytest.raises(ExceptionGroup) as caught:
        async with open_runtime(settings):
            await asyncio.Event().wait()
    assert caught.group_contains(ZeroDivisionError)


async def test_a_bug_around_a_handler_ends_the_program_loudly(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Recorder, run: FinishedRun, *, retry_in: float | None = None) -> None:
        raise ZeroDivisionError

    async def run_one() -> None:
        async with bench(settings, sleep_well) as node:
            await node.add_job()
            await asyncio.Event().wait()

    monkeypatch.setattr(Recorder, "finish", broken)
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(run_one(), 10)
    assert caught.group_contains(ZeroDivisionError)


async def test_what_is_due_can_be_run_without_watching(settings: Settings) -> None:
    finished: list[UUID] = []
    nap = JobKind(name="nap", handler=sleep_well, interval_minutes=5)
    async with open_runtime(
        settings, kinds=[nap], watch=False, on_finished=lambda ids: finished.extend(ids)
    ) as runtime:
        await runtime.run_due()
        await runtime.stop()
        runs = await runtime.history.runs_by_id(finished)
    # Without bots or profiles three of the four default jobs have nothing to do.
    assert {run.job_type: run.status for run in runs} == {
        "nap": RunStatus.SUCCESS,
        "profile_maintenance": RunStatus.SKIPPED,
        "memory_consolidation": RunStatus.SKIPPED,
        "memory_decay": RunStatus.SKIPPED,
    }


async def test_a_host_adds_its_own_bots(settings: Settings) -> None:
    async def host_bots() -> list[str]:
        return ["nova", "mira"]

    nap = JobKind(name="nap", handler=sleep_well, interval_minutes=5, per_bot=True)
    async with open_runtime(settings, kinds=[nap], bots=host_bots, watch=False) as runtime:
        await runtime.run_due()
        await runtime.stop()
        runs = await runtime.history.runs(RunFilter(job_type="nap"))
    assert sorted(run.bot_id for run in runs) == ["mira", "nova"]


async def test_while_the_hosts_list_of_bots_fails_the_last_one_counts(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Sequence[str] | Exception] = [OSError("ada takes insulin")]

    async def host_bots() -> Sequence[str]:
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]

    async def names() -> list[str]:
        async with runtime.database.connection() as connection:
            await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = 'nap'")
        await runtime.run_due()
        runs = await runtime.history.runs(RunFilter(job_type="nap", statuses=frozenset({RunStatus.SUCCESS})))
        return sorted(run.bot_id for run in runs)

    nap = JobKind(name="nap", handler=sleep_well, interval_minutes=5, per_bot=True)
    async with open_runtime(settings, kinds=[nap], bots=host_bots, watch=False) as runtime:
        assert await names() == []
        answers[0] = ["nova"]
        assert await names() == ["nova"]
        answers[0] = KeyError("insulin")
        assert await names() == ["nova", "nova"]
    assert "failed; the last one it told counts (OSError)." in caplog.text
    assert "failed; the last one it told counts (KeyError)." in caplog.text
    assert "insulin" not in caplog.text


async def test_a_host_that_fails_to_hear_of_a_run_does_not_end_the_node(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    attribute = "ada takes insulin"
    calls: list[Sequence[UUID]] = []

    def fail_once(run_ids: Sequence[UUID]) -> None:
        calls.append(run_ids)
        if len(calls) == 1:
            raise ValueError(attribute)

    nap = JobKind(name="nap", handler=sleep_well, interval_minutes=5)
    async with open_runtime(settings, kinds=[nap], on_finished=fail_once, watch=False) as runtime:
        await runtime.run_due()
        async with runtime.database.connection() as connection:
            await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = 'nap'")
        await runtime.run_due()
        runs = await runtime.history.runs(RunFilter(job_type="nap"))
    assert [run.status for run in runs] == [RunStatus.SUCCESS, RunStatus.SUCCESS]
    assert runs[0].id in calls[-1]
    assert "The host failed to hear of finished runs (ValueError)." in caplog.text
    assert "insulin" not in caplog.text


async def test_a_handler_that_will_not_stop_does_not_keep_its_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler_core.tasks.processor.CANCEL_GRACE_SECONDS", 0.2)
    awake = asyncio.Event()

    async def stubborn(task: Task, context: TaskContext) -> TaskResult:
        while not awake.is_set():
            with suppress(asyncio.CancelledError):
                await awake.wait()
        return TaskResult(result={"late": True})

    async with bench(settings, stubborn) as node:
        await node.add_job()
        run = await node.until_running()
        await node.runtime.operations.cancel(run.id)
        [run] = await node.until_over()
        awake.set()
    assert run.status is RunStatus.FAILED
    assert "did not stop when told to" in (run.error_message or "")
    assert run.result_json is None


async def test_a_job_that_keeps_failing_backs_off_until_forced(settings: Settings) -> None:
    async def fail(task: Task, context: TaskContext) -> TaskResult:
        raise RunError("No.", retryable=False)

    async with bench(settings, fail) as node:
        await node.add_job(due=False)
        async with node.runtime.database.connection() as connection:
            for count in range(1, 4):
                await connection.execute(
                    "UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = 'nap'"
                )
                await node.until_over(count)
            # As if the next slot had come by itself: nobody moved it forward.
            await connection.execute("UPDATE scheduled_jobs SET backoff_until = now() + interval '1 hour'")
            await connection.execute(
                "UPDATE scheduled_jobs SET next_run_at = now() + interval '0.3 s' WHERE job_type = 'nap'"
            )
            await connection.execute("UPDATE scheduled_jobs SET backoff_until = now() + interval '1 hour'")
            runs = await node.until_over(4)
            assert runs[3].status is RunStatus.SKIPPED
            assert (runs[3].reason or "").startswith("backing off after 3 failures until ")
            await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() - interval '1 minute'")
            runs = await node.until_over(5)
    assert runs[4].status is RunStatus.FAILED


async def test_a_forced_run_ends_the_wait_for_a_retry(settings: Settings) -> None:
    async def fail(task: Task, context: TaskContext) -> TaskResult:
        if task.attempt == 1:
            raise RunError("Not yet.")
        return TaskResult()

    async with bench(changed(settings, scheduler_retry_base_seconds=3000.0), fail) as node:
        job = await node.add_job()
        await node.until_over()
        [run] = await node.runtime.operations.force_run(job)
        runs = await node.until_over(2)
    assert runs[1].id == run.id
    assert runs[1].status is RunStatus.SUCCESS


async def test_an_overlapping_slot_can_be_queued(settings: Settings) -> None:
    doors = asyncio.Event()

    async def wait(task: Task, context: TaskContext) -> TaskResult:
        await doors.wait()
        return TaskResult()

    async with bench(settings, wait) as node:
        await node.add_job(config='{"overlap": "queue"}')
        await node.until_running()
        async with node.runtime.database.connection() as connection:
            await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = 'nap'")
        await node.until(lambda runs: len(runs) == 2)
        doors.set()
        runs = await node.until_over(2)
    assert [run.status for run in runs] == [RunStatus.SUCCESS, RunStatus.SUCCESS]


async def test_missed_slots_can_be_left_out(settings: Settings) -> None:
    async with bench(settings, sleep_well) as node:
        async with node.runtime.database.connection() as connection:
            await connection.execute(
                "INSERT INTO scheduled_jobs (job_type, interval_minutes, next_run_at, config_json)"
                " VALUES ('nap', 60, now() - interval '5 hours', '{\"catch_up\": \"skip\"}')"
            )
        [run] = await node.until_over()
    assert run.status is RunStatus.SKIPPED
    assert (run.reason or "").startswith("missed: 6 slots")


async def test_an_error_of_the_hosts_own_block_leaves_as_it_came(settings: Settings) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with open_runtime(settings):
            raise KeyError("mine")


async def test_a_bug_in_a_loop_costs_no_outcome(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def end(task: Task, context: TaskContext) -> TaskResult:
        ended.set()
        return TaskResult()

    async def broken(self: JobScheduler) -> None:
        raise ZeroDivisionError

    async def run_one() -> None:
        async with bench(settings, end) as node:
            await node.add_job()
            await ended.wait()
            # Its outcome is still to be written.
            monkeypatch.setattr(JobScheduler, "run_once", broken)
            await node.add_job(bot="nova")
            await asyncio.Event().wait()

    monkeypatch.setattr(recorder, "OUTCOME_WINDOW_SECONDS", 60.0)
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(run_one(), 10)
    psql = await asyncpg.connect(database_url)
    written = await psql.fetch("SELECT status FROM job_runs WHERE job_type = 'nap'")
    states = await psql.fetch("SELECT state FROM scheduler_nodes")
    await psql.close()
    assert [row["status"] for row in written] == ["success"]
    assert [row["state"] for row in states] == ["stopped"]


async def test_a_handler_that_raises_more_than_an_error_ends_the_program_loudly(settings: Settings) -> None:
    class Leave(BaseException):
        """What some libraries raise to end everything."""

    async def leave(task: Task, context: TaskContext) -> TaskResult:
        raise Leave

    async def run_one() -> None:
        async with bench(settings, leave) as node:
            await node.add_job()
            await asyncio.Event().wait()

    with pytest.raises(BaseExceptionGroup) as caught:
        await asyncio.wait_for(run_one(), 10)
    assert caught.group_contains(Leave)

"""Dry runs, applying and undoing as the tables see them: guarded, audited, once each."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import FinishedRun
from scheduler_core.db.operations import Operations
from scheduler_core.db.plan_store import LONGEST_PLAN, PlanStore, mark_applied, plan_text
from scheduler_core.domain import Run, RunMode, RunStatus, Trigger
from scheduler_core.errors import NotFoundError, RunError, StateError
from tests.db.test_operations import add_job, audit, start

PLAN = {"changes": [{"object": "user/ada", "before": "a\0b", "after": ["x", 1.5, None], "why": "\ud800"}]}


@pytest.fixture
def ada(database: Database) -> Operations:
    return Operations(database, actor="ada@attic")


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database, node_id=uuid4())


@pytest.fixture
def plans(database: Database) -> PlanStore:
    return PlanStore(database)


async def finish(
    store: JobStore, run: UUID, status: RunStatus = RunStatus.SUCCESS, *, plan: str | None = None
) -> None:
    assert run in await start(store)
    reason = "nothing" if status is RunStatus.SKIPPED else None
    await store.finish_runs([FinishedRun(id=run, status=status, reason=reason, plan=plan)])


async def dry_run(ada: Operations, store: JobStore, database: Database) -> Run:
    """One that succeeded with `PLAN`."""
    [run] = await ada.force_run(await add_job(database), dry_run=True)
    await finish(store, run.id, plan=plan_text(PLAN))
    return run


async def test_a_dry_run_waits_as_one_and_is_recorded_as_one(database: Database, ada: Operations) -> None:
    [run] = await ada.force_run(await add_job(database), dry_run=True)
    assert (run.mode, run.source_run_id, run.trigger) == (RunMode.DRY_RUN, None, Trigger.MANUAL)
    assert [row["action"] for row in await audit(database)] == ["dry_run"]


async def test_a_started_run_says_its_mode_and_its_source(
    database: Database, ada: Operations, store: JobStore
) -> None:
    dry = await dry_run(ada, store, database)
    applied = await ada.apply(dry.id)
    [started] = await store.start_pending(limits={"profile_maintenance": None}, capacity=1)
    assert (started.id, started.mode, started.source_run_id) == (applied.id, RunMode.APPLY, dry.id)
    assert await store.held_runs(known=[]) == [started]


async def test_a_plan_is_stored_as_it_was_with_what_cannot_be_stored_replaced(
    database: Database, ada: Operations, store: JobStore, plans: PlanStore
) -> None:
    run = await dry_run(ada, store, database)
    found = await plans.read(run.id)
    assert found.plan == {
        "changes": [{"object": "user/ada", "before": "a\u2400b", "after": ["x", 1.5, None], "why": "?"}]
    }
    assert found.applied_by is None


async def test_a_plan_that_cannot_be_stored_leaves_the_run_unfinished(
    database: Database, ada: Operations, store: JobStore, plans: PlanStore
) -> None:
    [run] = await ada.force_run(await add_job(database), dry_run=True)
    await start(store)
    with pytest.raises(asyncpg.PostgresError):
        await store.finish_runs([FinishedRun(id=run.id, status=RunStatus.SUCCESS, plan="[]")])
    assert await plans.find(run.id) is None
    assert [held.id for held in await store.held_runs(known=[])] == [run.id]


async def test_the_plan_of_a_run_that_was_lost_is_not_stored(
    database: Database, ada: Operations, store: JobStore, plans: PlanStore
) -> None:
    [run] = await ada.force_run(await add_job(database), dry_run=True)
    await start(store)
    other = JobStore(database, node_id=uuid4())
    outcome = FinishedRun(id=run.id, status=RunStatus.SUCCESS, plan=plan_text(PLAN))
    assert await other.finish_runs([outcome]) == set()
    assert await plans.find(run.id) is None


async def test_a_plan_goes_with_the_history(
    database: Database, ada: Operations, store: JobStore, plans: PlanStore
) -> None:
    run = await dry_run(ada, store, database)
    async with database.connection() as connection:
        await connection.execute("UPDATE job_runs SET started_at = now() - interval '99 days'")
    assert await store.expire_history(days=30, batch=10) == 1
    assert await plans.find(run.id) is None
    with pytest.raises(StateError, match="is gone"):
        await plans.read(run.id)


async def test_applying_makes_one_recorded_run_that_names_its_source(
    database: Database, ada: Operations, store: JobStore
) -> None:
    dry = await dry_run(ada, store, database)
    run = await ada.apply(dry.id)
    assert (run.mode, run.source_run_id, run.trigger) == (RunMode.APPLY, dry.id, Trigger.MANUAL)
    row = (await audit(database))[-1]
    assert (row["actor"], row["action"], row["object_id"]) == ("ada@attic", "apply", str(dry.id))
    assert row["details"] == {"run": str(run.id)}


async def test_a_dry_run_is_applied_once(database: Database, ada: Operations, store: JobStore) -> None:
    dry = await dry_run(ada, store, database)
    answers = await asyncio.gather(ada.apply(dry.id), ada.apply(dry.id), return_exceptions=True)
    [run] = [answer for answer in answers if isinstance(answer, Run)]
    assert [type(answer) for answer in answers if not isinstance(answer, Run)] == [StateError]
    with pytest.raises(StateError, match=f"is being applied by run {run.id}"):
        await ada.apply(dry.id)
    await finish(store, run.id)
    with pytest.raises(StateError, match=f"was applied by run {run.id}"):
        await ada.apply(dry.id)


async def test_a_dry_run_whose_application_failed_may_be_applied_again(
    database: Database, ada: Operations, store: JobStore
) -> None:
    dry = await dry_run(ada, store, database)
    await finish(store, (await ada.apply(dry.id)).id, RunStatus.FAILED)
    assert (await ada.apply(dry.id)).source_run_id == dry.id


async def test_a_plan_that_was_taken_is_not_applied_again_though_the_outcome_was_lost(
    database: Database, ada: Operations, store: JobStore
) -> None:
    dry = await dry_run(ada, store, database)
    run = await ada.apply(dry.id)
    async with database.transaction() as connection:
        await mark_applied(connection, dry.id, by=run.id)
    await finish(store, run.id, RunStatus.FAILED)
    with pytest.raises(StateError, match=f"was applied by run {run.id}"):
        await ada.apply(dry.id)
    with pytest.raises(StateError, match="applied already"):
        async with database.transaction() as connection:
            await mark_applied(connection, dry.id, by=uuid4())


@pytest.mark.parametrize(
    ("status", "dry", "wanted"),
    [
        (RunStatus.SUCCESS, False, "not a dry run"),
        (RunStatus.FAILED, True, "nothing to apply: failed"),
        (RunStatus.SKIPPED, True, "nothing to apply: skipped"),
        (RunStatus.SUCCESS, True, "plan of the dry run is gone"),
    ],
)
async def test_what_cannot_be_applied_is_refused_with_the_reason(
    database: Database, ada: Operations, store: JobStore, status: RunStatus, dry: bool, wanted: str
) -> None:
    [run] = await ada.force_run(await add_job(database), dry_run=dry)
    await finish(store, run.id, status)
    with pytest.raises(StateError, match=wanted):
        await ada.apply(run.id)


async def test_a_run_is_undone_once_and_an_undo_may_be_undone(
    database: Database, ada: Operations, store: JobStore
) -> None:
    [run] = await ada.force_run(await add_job(database))
    with pytest.raises(StateError, match="not over: pending"):
        await ada.undo(run.id)
    await finish(store, run.id)
    undo = await ada.undo(run.id)
    assert (undo.mode, undo.source_run_id) == (RunMode.UNDO, run.id)
    await finish(store, undo.id)
    with pytest.raises(StateError, match=f"was undone by run {undo.id}"):
        await ada.undo(run.id)
    assert (await ada.undo(undo.id)).source_run_id == undo.id
    assert [row["action"] for row in await audit(database)] == ["force_run", "undo", "undo"]


async def test_what_changed_nothing_cannot_be_undone(
    database: Database, ada: Operations, store: JobStore
) -> None:
    dry = await dry_run(ada, store, database)
    with pytest.raises(StateError, match="dry run changed nothing"):
        await ada.undo(dry.id)
    [run] = await ada.force_run(await add_job(database, bot="nova"))
    await finish(store, run.id, RunStatus.SKIPPED)
    with pytest.raises(StateError, match="was skipped"):
        await ada.undo(run.id)
    with pytest.raises(NotFoundError):
        await ada.undo(uuid4())


async def test_an_apply_that_failed_is_undone_only_if_it_took_the_plan(
    database: Database, ada: Operations, store: JobStore
) -> None:
    dry = await dry_run(ada, store, database)
    refused = await ada.apply(dry.id)
    await finish(store, refused.id, RunStatus.FAILED)
    with pytest.raises(StateError, match="Applying failed, so it changed nothing"):
        await ada.undo(refused.id)
    lost = await ada.apply(dry.id)
    async with database.transaction() as connection:
        await mark_applied(connection, dry.id, by=lost.id)
    await finish(store, lost.id, RunStatus.FAILED)
    assert (await ada.undo(lost.id)).source_run_id == lost.id


async def test_nothing_follows_while_a_run_of_the_job_waits(
    database: Database, ada: Operations, store: JobStore
) -> None:
    dry = await dry_run(ada, store, database)
    assert dry.job_id is not None
    await ada.force_run(dry.job_id)
    with pytest.raises(StateError, match="already waits"):
        await ada.apply(dry.id)
    assert [row["action"] for row in await audit(database)] == ["dry_run", "force_run"]


async def test_a_further_attempt_keeps_mode_and_source(
    database: Database, ada: Operations, store: JobStore
) -> None:
    dry = await dry_run(ada, store, database)
    run = await ada.apply(dry.id)
    assert await start(store) == [run.id]
    failed = FinishedRun(id=run.id, status=RunStatus.FAILED, error_message="lost")
    await store.finish_runs([failed], retries={run.id: 0.0})
    [again] = await store.start_pending(limits={"profile_maintenance": None}, capacity=1)
    assert (again.attempt, again.mode, again.source_run_id) == (2, RunMode.APPLY, dry.id)


async def test_a_retry_that_waits_is_not_turned_into_a_dry_run(
    database: Database, ada: Operations, store: JobStore
) -> None:
    job_id = await add_job(database)
    [run] = await ada.force_run(job_id)
    await start(store)
    failed = FinishedRun(id=run.id, status=RunStatus.FAILED, error_message="lost")
    await store.finish_runs([failed], retries={run.id: 600.0})
    with pytest.raises(StateError, match="already waits"):
        await ada.force_run(job_id, dry_run=True)
    [hurried] = await ada.force_run(job_id)
    assert (hurried.mode, hurried.attempt) == (RunMode.RUN, 2)


async def test_an_undo_that_fails_does_not_push_the_schedule_away(
    database: Database, ada: Operations, store: JobStore
) -> None:
    [run] = await ada.force_run(await add_job(database))
    await finish(store, run.id)
    await finish(store, (await ada.undo(run.id)).id, RunStatus.FAILED)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT max(failures) FROM scheduled_jobs") == 0


@pytest.mark.parametrize(
    "columns",
    [
        {"mode": "apply"},
        {"mode": "run", "source_run_id": uuid4()},
        {"mode": "dry_run", "trigger": "schedule"},
        {"mode": "else"},
    ],
)
async def test_no_hand_can_write_a_run_that_makes_no_sense(
    database: Database, columns: dict[str, object]
) -> None:
    names = ", ".join(columns)
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    async with database.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                f"INSERT INTO job_runs (job_type, bot_id, {names}) VALUES ('x', '*', {places})",
                *columns.values(),
            )


async def test_a_run_of_a_job_that_was_deleted_can_be_undone(
    database: Database, ada: Operations, store: JobStore
) -> None:
    job_id = await add_job(database)
    [run] = await ada.force_run(job_id)
    await finish(store, run.id)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM scheduled_jobs WHERE id = $1", job_id)
    undo = await ada.undo(run.id)
    [started] = await store.start_pending(limits={"profile_maintenance": None}, capacity=1)
    assert (started.id, started.job_id, started.mode) == (undo.id, None, RunMode.UNDO)


def test_a_plan_that_is_too_long_fails_its_run() -> None:
    with pytest.raises(RunError, match="longer than 64 million characters") as caught:
        plan_text({"changes": ["x" * LONGEST_PLAN]})
    assert not caught.value.retryable

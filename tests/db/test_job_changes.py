"""Edits, retries and actions on many jobs: guarded, audited, and safe beside another console."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from scheduler_core.db.audit import audit as prove
from scheduler_core.db.bulk_operations import BulkOperations
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import FinishedRun
from scheduler_core.db.operations import Operations
from scheduler_core.db.operator_log import OperatorLog
from scheduler_core.domain import RunFilter, RunStatus, Trigger
from scheduler_core.errors import NotFoundError, StateError
from scheduler_core.job_settings import BulkAction, Fit, JobSettings
from tests.db.test_operations import add_job, audit, one_of_two


@pytest.fixture
def ada(database: Database) -> Operations:
    return Operations(database, actor="ada@attic", per_bot_types=["memory_decay"])


@pytest.fixture
def ben(database: Database) -> Operations:
    return Operations(database, actor="ben@cellar")


@pytest.fixture
def history(database: Database) -> History:
    return History(database)


async def add_finished(database: Database, job: UUID, status: str) -> UUID:
    async with database.connection() as connection:
        run: UUID = await connection.fetchval(
            "INSERT INTO job_runs (job_id, job_type, bot_id, status, started_at, finished_at,"
            " duration_ms, reason) SELECT id, job_type, bot_id, $2, now(), now(), 5, 'because'"
            " FROM scheduled_jobs WHERE id = $1 RETURNING id",
            job,
            status,
        )
    return run


async def test_an_edit_stores_what_was_and_what_is_and_can_be_taken_back(
    database: Database, ada: Operations, history: History
) -> None:
    job = await add_job(database)
    seen = JobSettings.of(await history.job(job))
    wanted = replace(seen, cron="30 3 * * 1-5", time_zone="Europe/Berlin")
    after = await ada.edit(job, wanted, seen=seen)
    assert (after.cron, after.time_zone, after.needs_slot) == ("30 3 * * 1-5", "Europe/Berlin", True)
    log = OperatorLog(database, ada, actor="ada@attic")
    (action,) = await log.actions()
    assert action.action == "edit"
    assert action.details == {
        "before": {"cron": None, "time_zone": "UTC"},
        "after": {"cron": "30 3 * * 1-5", "time_zone": "Europe/Berlin"},
    }
    await log.undo_action(action.id)
    assert JobSettings.of(await history.job(job)) == seen


async def test_of_two_editors_the_slower_one_is_told(
    database: Database, ada: Operations, ben: Operations, history: History
) -> None:
    job = await add_job(database)
    seen = JobSettings.of(await history.job(job))
    refused = await one_of_two(
        ada.edit(job, replace(seen, interval_minutes=30), seen=seen),
        ben.edit(job, replace(seen, interval_minutes=45), seen=seen),
    )
    assert refused.title == "The job's settings were changed meanwhile."
    assert len(await audit(database)) == 1


async def test_an_edit_that_changes_nothing_is_no_edit(
    database: Database, ada: Operations, history: History
) -> None:
    job = await add_job(database)
    seen = JobSettings.of(await history.job(job))
    with pytest.raises(StateError):
        await ada.edit(job, seen, seen=seen)
    with pytest.raises(NotFoundError):
        await ada.edit(uuid4(), replace(seen, interval_minutes=5), seen=seen)
    assert await audit(database) == []


async def test_a_retry_is_the_next_attempt_of_the_same_slot(database: Database, ada: Operations) -> None:
    job = await add_job(database)
    failed = await add_finished(database, job, "failed")
    again = await ada.retry(failed)
    assert (again.attempt, again.first_run_id, again.trigger) == (2, failed, Trigger.MANUAL)
    with pytest.raises(StateError, match="already waits"):
        await ada.retry(failed)
    assert [(row["action"], row["object_id"]) for row in await audit(database)] == [("retry", str(failed))]


async def test_a_run_that_is_retried_again_gets_an_attempt_of_its_own(
    database: Database, ada: Operations
) -> None:
    failed = await add_finished(database, await add_job(database), "failed")
    attempts = []
    for _ in range(3):
        again = await ada.retry(failed)
        attempts.append((again.attempt, again.first_run_id))
        # Which fails it.
        await ada.cancel(again.id)
    assert attempts == [(2, failed), (3, failed), (4, failed)]
    assert (await ada.retry(again.id)).attempt == 5
    assert (await prove(database, history_days=90, grace=60)).is_exact


async def test_an_attempt_that_fails_after_a_later_one_was_cancelled_is_followed_by_another_number(
    database: Database, ada: Operations, history: History
) -> None:
    failed = await add_finished(database, await add_job(database), "failed")
    store = JobStore(database, node_id=uuid4())
    second = await ada.retry(failed)
    assert len(await store.start_pending(limits={second.job_type: None}, capacity=1)) == 1
    third = await ada.retry(failed)
    await ada.cancel(third.id)
    outcome = FinishedRun(id=second.id, status=RunStatus.FAILED, error_message="no")
    await store.finish_runs([outcome], retries={second.id: 0.0})
    [waiting] = await history.runs(RunFilter(statuses=frozenset({RunStatus.PENDING})))
    assert (third.attempt, waiting.attempt, waiting.first_run_id) == (3, 4, failed)
    assert (await prove(database, history_days=90, grace=60)).is_exact


@pytest.mark.parametrize("status", ["success", "skipped"])
async def test_only_what_failed_is_retried(database: Database, ada: Operations, status: str) -> None:
    run = await add_finished(database, await add_job(database), status)
    with pytest.raises(StateError, match="did not fail"):
        await ada.retry(run)
    with pytest.raises(NotFoundError):
        await ada.retry(uuid4())


async def test_a_retry_that_waits_for_better_times_is_brought_forward(
    database: Database, ada: Operations
) -> None:
    failed = await add_finished(database, await add_job(database), "failed")
    waiting = await ada.retry(failed)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE job_runs SET available_at = now() + interval '1 hour' WHERE status = 'pending'"
        )
    again = await ada.retry(failed)
    assert again.id == waiting.id
    assert again.available_at < waiting.available_at.replace(year=waiting.available_at.year + 1)


async def test_many_are_paused_and_resumed_in_one_go_each_with_its_own_audit_row(
    database: Database, ada: Operations, history: History
) -> None:
    bulk = BulkOperations(database, ada)
    jobs = [await add_job(database, bot=f"bot{n}") for n in range(5)]
    await ada.pause(jobs[0])
    assert await bulk.fit(jobs, BulkAction.PAUSE) == Fit(frozenset(jobs[1:]), 1)
    assert await bulk.fit([*jobs, uuid4()], BulkAction.RESUME) == Fit(frozenset(jobs[:1]), 5)
    assert await bulk.pause(jobs, reason="night") == 4
    assert {(await history.job(job)).paused_reason for job in jobs} == {None, "night"}
    assert await bulk.resume(jobs) == 5
    assert [row["action"] for row in await audit(database)] == ["pause"] * 5 + ["resume"] * 5


async def test_two_who_pause_the_same_jobs_share_them_and_neither_fails(
    database: Database, ada: Operations, ben: Operations
) -> None:
    jobs = [await add_job(database, bot=f"bot{n}") for n in range(20)]
    counts = await asyncio.gather(
        BulkOperations(database, ada).pause(jobs), BulkOperations(database, ben).pause(jobs[::-1])
    )
    assert sum(counts) == 20
    assert len(await audit(database)) == 20


async def test_jobs_that_wait_already_get_no_second_run(database: Database, ada: Operations) -> None:
    bulk = BulkOperations(database, ada)
    jobs = [await add_job(database, bot=f"bot{n}") for n in range(3)]
    # For all bots, of which none is known.
    jobs.append(await add_job(database, "memory_decay"))
    await ada.force_run(jobs[0])
    assert await bulk.fit(jobs, BulkAction.FORCE_RUN) == Fit(frozenset(jobs[1:]), 1)
    assert len(await bulk.force_run(jobs)) == 2
    assert await bulk.force_run(jobs) == []

"""Cron jobs from a hand-written row to runs, on a real database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from scheduler_core.db import job_store
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import Claim, CronJob
from scheduler_core.domain import Job, RunStatus
from scheduler_core.jobs.cron_slot import place_cron
from scheduler_core.jobs.explanation import explain


async def add(database: Database, cron: str, *, zone: str = "UTC", config: str = "{}") -> UUID:
    async with database.connection() as connection:
        job: UUID = await connection.fetchval(
            "INSERT INTO scheduled_jobs (job_type, cron, time_zone, config_json) VALUES ('nap', $1, $2, $3)"
            " RETURNING id",
            cron,
            zone,
            config,
        )
    return job


async def claim(database: Database) -> Claim:
    store = JobStore(database, node_id=uuid4())
    return await store.claim_cron(place_cron, batch=100, per_bot_types=[], bots=[])


async def job_of(database: Database, job_id: UUID) -> Job:
    return await History(database).job(job_id)


async def change(database: Database, statement: str) -> None:
    async with database.connection() as connection:
        await connection.execute(statement)


async def test_a_new_cron_job_gets_its_slot_without_running(database: Database) -> None:
    job_id = await add(database, "30 3 * * *", zone="Europe/Berlin")
    assert (await job_of(database, job_id)).needs_slot
    assert (await claim(database)).rows == 0
    job = await job_of(database, job_id)
    assert not job.needs_slot
    assert job.next_run_at > datetime.now(UTC)
    assert job.next_run_at.hour in (1, 2)
    assert job.next_run_at.minute == 30


async def test_a_due_cron_job_runs_once_and_says_how_many_slots_it_stands_for(database: Database) -> None:
    job_id = await add(database, "0 * * * *")
    await claim(database)
    await change(
        database, "UPDATE scheduled_jobs SET next_run_at = date_trunc('hour', now()) - interval '3 hours'"
    )
    assert (await claim(database)).pending == 1
    assert (await claim(database)).rows == 0
    [run] = await History(database).runs()
    job = await job_of(database, job_id)
    assert run.coalesced == 3
    assert job.next_run_at > datetime.now(UTC)
    assert (job.next_run_at.minute, job.claim_seq) == (0, 1)


@pytest.mark.parametrize("catch_up", ["coalesce", "skip"])
async def test_a_cron_job_that_missed_too_many_slots_to_count_says_at_least(
    database: Database, catch_up: str
) -> None:
    job_id = await add(database, "* * * * *", config=f'{{"catch_up": "{catch_up}"}}')
    await claim(database)
    await change(database, "UPDATE scheduled_jobs SET next_run_at = now() - interval '10 days'")
    await claim(database)
    [run] = await History(database).runs()
    job = await job_of(database, job_id)
    [said] = explain(job, current=None, history=[run], nodes=(), now=datetime.now(UTC))[2:]
    if catch_up == "coalesce":
        assert "standing for at least 1,000 missed slots too" in said
    else:
        assert "skipped, missed: at least 1001 slots came while nothing ran" in said


async def test_why_ends_a_reason_that_is_a_sentence_with_one_full_stop(database: Database) -> None:
    job_id = await add(database, "0 0 1 1 *")
    reason = "Check its day and month, such as the 30th of February."
    await change(database, f"UPDATE scheduled_jobs SET enabled = false, paused_reason = '{reason}'")
    job = await job_of(database, job_id)
    paused, *_ = explain(job, current=None, history=[], nodes=(), now=datetime.now(UTC))
    assert paused.endswith("the 30th of February.")
    assert ".." not in paused


async def test_an_edited_expression_takes_effect_at_once(database: Database) -> None:
    job_id = await add(database, "0 0 1 1 *")
    await claim(database)
    await change(database, "UPDATE scheduled_jobs SET cron = '* * * * *'")
    await claim(database)
    job = await job_of(database, job_id)
    assert job.next_run_at <= datetime.now(UTC) + timedelta(minutes=1)


async def test_an_expression_that_cannot_be_read_pauses_its_job_and_says_why(database: Database) -> None:
    broken = await add(database, "99 * * * *")
    fine = await add(database, "0 0 * * *")
    await claim(database)
    job = await job_of(database, broken)
    assert (job.enabled, job.paused_by) == (False, "scheduler")
    assert job.paused_reason
    assert not (await job_of(database, fine)).needs_slot
    await change(database, "UPDATE scheduled_jobs SET cron = '9 * * * *', enabled = true WHERE NOT enabled")
    await claim(database)
    job = await job_of(database, broken)
    assert job.enabled
    assert job.next_run_at > datetime.now(UTC)


@pytest.mark.parametrize(("cron", "zone"), [("0 0 * *", "UTC"), ("0 0 * * *", "Mars/Olympus")])
async def test_the_database_refuses_what_cannot_be_a_schedule(
    database: Database, cron: str, zone: str
) -> None:
    with pytest.raises(asyncpg.PostgresError):
        await add(database, cron, zone=zone)


async def test_jitter_is_the_same_every_time(database: Database) -> None:
    job_id = await add(database, "0 0 * * *", config='{"jitter_seconds": 600}')
    await claim(database)
    first = (await job_of(database, job_id)).next_run_at
    await change(database, "UPDATE scheduled_jobs SET next_run_at = now() - interval '1 minute'")
    await claim(database)
    second = (await job_of(database, job_id)).next_run_at
    assert (
        timedelta()
        < first - first.replace(hour=0, minute=0, second=0, microsecond=0)
        < timedelta(seconds=600)
    )
    assert (first - second) % timedelta(days=1) == timedelta()


async def test_a_forced_cron_job_runs_and_keeps_its_schedule(database: Database) -> None:
    job_id = await add(database, "0 0 * * *")
    await claim(database)
    slot = (await job_of(database, job_id)).next_run_at
    await change(database, "UPDATE scheduled_jobs SET next_run_at = now() - interval '1 minute'")
    assert (await claim(database)).pending == 1
    assert (await job_of(database, job_id)).next_run_at == slot
    [run] = await History(database).runs()
    assert run.status is RunStatus.PENDING


def test_an_unreadable_configuration_means_no_jitter() -> None:
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for config in ("oops", "[]", '{"jitter_seconds": "many"}', '{"jitter_seconds": -4}'):
        job = CronJob(
            id=uuid4(),
            cron="0 13 * * *",
            time_zone="UTC",
            next_run_at=at,
            unplaced=True,
            config_json=config,
            at=at,
        )
        assert place_cron(job).next_at == at.replace(hour=13)


async def test_slots_that_take_long_to_compute_keep_the_rows_of_other_jobs_free(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_store, "PLACING_SECONDS", 0)
    for _ in range(3):
        await add(database, "0 0 1 1 *")
    left = "SELECT count(*) FROM scheduled_jobs WHERE needs_slot"
    async with database.connection() as connection:
        for unplaced in (2, 1, 0):
            await claim(database)
            assert await connection.fetchval(left) == unplaced

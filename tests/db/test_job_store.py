"""What the scheduler's statements promise, on a real server."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from scheduler_core.db.audit import audit
from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import FinishedRun, NodeRow
from scheduler_core.db.notify import ChangeFeed
from scheduler_core.db.operations import Operations
from scheduler_core.domain import EventLevel, NodeState, Run, RunStatus, Trigger
from scheduler_core.errors import StateError
from tests.chaos.load import until
from tests.db.test_notify import heard, listening

ANY = {"profile_maintenance": None, "memory_decay": None, "memory_consolidation": None}


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database, node_id=uuid4())


async def add_job(
    database: Database,
    job_type: str = "profile_maintenance",
    *,
    bot: str = "*",
    minutes: int = 60,
    due: str = "0",
) -> UUID:
    """A job whose slot is `due` (an interval) away; negative is in the past."""
    async with database.connection() as connection:
        job: UUID = await connection.fetchval(
            "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
            " VALUES ($1, $2, $3, now() + $4::text::interval) RETURNING id",
            job_type,
            bot,
            minutes,
            due,
        )
    return job


async def claim(store: JobStore, *, bots: tuple[str, ...] = ()) -> int:
    while True:
        claimed = await store.claim_due(batch=500, per_bot_types=["memory_decay"], bots=bots)
        if not claimed.overtaken:
            return claimed.pending


async def start(
    store: JobStore, limits: Mapping[str, int | None] = ANY, *, capacity: int = 100
) -> list[UUID]:
    return [run.id for run in await store.start_pending(limits=limits, capacity=capacity)]


async def runs(database: Database) -> list[Run]:
    return await History(database).runs()


async def age(database: Database, *, seconds: float) -> None:
    """Lets so much time pass for all nodes and runs, in which no lease was renewed."""
    ago = "make_interval(secs => $1)"
    async with database.connection() as connection:
        await connection.execute(f"UPDATE job_runs SET available_at = available_at - {ago}", seconds)
        await connection.execute(
            f"UPDATE scheduler_nodes SET started_at = started_at - {ago},"
            f" lease_expires_at = lease_expires_at - {ago}",
            seconds,
        )


def row(node: UUID, *, lease: float = 30) -> NodeRow:
    return NodeRow(
        id=node,
        name="attic",
        state=NodeState.ACTIVE,
        version="0",
        job_types=("profile_maintenance",),
        lease=lease,
        running=0,
        model=None,
    )


async def test_a_plain_insert_by_hand_is_a_job_that_is_due(database: Database, store: JobStore) -> None:
    async with database.connection() as connection:
        await connection.execute("INSERT INTO scheduled_jobs (job_type, interval_minutes) VALUES ('x', 5)")
    assert await claim(store) == 1
    [run] = await runs(database)
    assert (run.job_type, run.bot_id, run.status) == ("x", "*", RunStatus.PENDING)


@pytest.mark.parametrize(
    "values",
    [
        "('Bad Name', 5, now())",
        "('x', 0, now())",
        "('x', -5, now())",
        "('x', 5, 'infinity')",
        "('x', 5, NULL)",
    ],
)
async def test_an_impossible_job_is_refused_by_the_database(database: Database, values: str) -> None:
    async with database.connection() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute(
                f"INSERT INTO scheduled_jobs (job_type, interval_minutes, next_run_at) VALUES {values}"
            )


async def test_missed_slots_become_one_run_and_the_schedule_keeps_its_grid(
    database: Database, store: JobStore
) -> None:
    job_id = await add_job(database, minutes=60, due="-190 minutes")
    before = (await History(database).job(job_id)).next_run_at
    assert await claim(store) == 1
    [run] = await runs(database)
    job = await History(database).job(job_id)
    assert run.coalesced == 3
    assert run.scheduled_for == before
    assert job.next_run_at == before + timedelta(hours=4)
    assert await claim(store) == 0


async def test_a_slot_in_the_future_and_a_paused_job_are_not_claimed(
    database: Database, store: JobStore
) -> None:
    await add_job(database, due="1 minute")
    paused = await add_job(database, due="-1 minute")
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET enabled = false WHERE id = $1", paused)
    assert await claim(store) == 0


async def test_a_slot_that_overlaps_is_skipped_with_the_reason(database: Database, store: JobStore) -> None:
    job_id = await add_job(database)
    await claim(store)
    [running] = await start(store)
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE id = $1", job_id)
    assert await claim(store) == 0
    skipped = [run for run in await runs(database) if run.status is RunStatus.SKIPPED]
    assert [run.reason for run in skipped] == [f"overlap: run {running} was still running"]
    assert skipped[0].claim_seq == 2


async def test_a_job_for_all_bots_becomes_a_run_for_each(database: Database, store: JobStore) -> None:
    await add_job(database, "memory_decay")
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO memories (bot_id, content) VALUES ('nova', 'a'), ('nova', 'b'), ('mira', 'c')"
        )
        await connection.execute(
            "INSERT INTO entity_profiles (entity_type, entity_id) VALUES ('bot', 'echo')"
        )
        await connection.execute(
            "INSERT INTO entity_profiles (entity_type, entity_id) VALUES ('user', 'ada')"
        )
    assert await claim(store, bots=("nova", "spark")) == 4
    assert sorted(run.bot_id for run in await runs(database)) == ["echo", "mira", "nova", "spark"]


async def test_a_job_for_all_bots_without_any_is_skipped_and_says_so(
    database: Database, store: JobStore
) -> None:
    await add_job(database, "memory_decay")
    assert await claim(store) == 0
    assert [(run.status, run.reason) for run in await runs(database)] == [
        (RunStatus.SKIPPED, "no bots known")
    ]


async def test_a_limit_holds_across_nodes(database: Database, store: JobStore) -> None:
    for number in range(5):
        await add_job(database, bot=f"b{number}")
    await claim(store)
    other = JobStore(database, node_id=uuid4())
    limits = {"profile_maintenance": 2}
    first = await start(store, limits)
    assert len(first) == 2
    assert await start(other, limits) == []
    await store.finish_runs([FinishedRun(id=first[0], status=RunStatus.SUCCESS)])
    assert len(await start(other, limits)) == 1


async def test_a_big_batch_of_one_type_does_not_starve_another(database: Database, store: JobStore) -> None:
    for number in range(20):
        await add_job(database, bot=f"b{number}", due="-5 minutes")
    await add_job(database, "memory_consolidation", due="-1 minute")
    await claim(store)
    started = await start(store, capacity=2)
    types = {run.job_type for run in await runs(database) if run.id in started}
    assert types == {"profile_maintenance", "memory_consolidation"}


async def test_a_run_is_not_started_beside_another_of_its_job_and_bot(
    database: Database, store: JobStore
) -> None:
    job_id = await add_job(database)
    await claim(store)
    assert len(await start(store)) == 1
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO job_runs (job_id, job_type, bot_id) VALUES ($1, 'profile_maintenance', '*')", job_id
        )
    assert await start(store) == []


@pytest.mark.parametrize(("limit", "capacity"), [(1, 10), (None, 1)])
async def test_a_waiting_run_that_somebody_holds_does_not_hold_up_the_line(
    database: Database, store: JobStore, limit: int | None, capacity: int
) -> None:
    limits = {"profile_maintenance": limit}
    for bot, due in (("first", "-3 minutes"), ("second", "-2 minutes"), ("free", "-1 minute")):
        await add_job(database, bot=bot, due=due)
    await claim(store)
    async with database.connection() as connection:
        await connection.execute("UPDATE job_runs SET available_at = scheduled_for")
    bots = {run.id: run.bot_id for run in await runs(database)}
    held: list[UUID] = []
    async with database.transaction() as psql:
        await psql.execute("SELECT FROM job_runs WHERE bot_id <> 'free' FOR UPDATE")
        [run] = await store.start_pending(limits=limits, capacity=capacity, on_held=held.extend)
    assert (run.bot_id, [bots[each] for each in held]) == ("free", ["first", "second"])
    held.clear()
    await store.finish_runs([FinishedRun(id=run.id, status=RunStatus.SUCCESS)])
    [run] = await store.start_pending(limits=limits, capacity=capacity, on_held=held.extend)
    assert (run.bot_id, held) == ("first", [])


async def test_a_job_row_held_by_somebody_does_not_hold_up_the_others(
    database: Database, store: JobStore
) -> None:
    held = await add_job(database, bot="held", due="-9 minutes")
    await add_job(database, bot="free", due="-1 minute")
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM scheduled_jobs WHERE id = $1 FOR UPDATE", held)
        assert await claim(store) == 1
    assert await claim(store) == 1


async def test_a_run_that_somebody_inserts_and_does_not_commit_does_not_hold_up_the_other_jobs(
    database: Database, store: JobStore
) -> None:
    held = await add_job(database, bot="held", due="-9 minutes")
    await add_job(database, bot="free", due="-8 minutes")
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO job_runs (job_id, job_type, bot_id) SELECT id, job_type, bot_id FROM scheduled_jobs"
            " WHERE id = $1",
            held,
        )
        async with asyncio.timeout(10):
            assert await claim(store) == 1
        claimed = await runs(database)
    assert [run.bot_id for run in claimed] == ["free"]


async def test_the_late_outcome_of_a_lost_run_never_overwrites(database: Database, store: JobStore) -> None:
    await add_job(database)
    await claim(store)
    [run_id] = await start(store)
    node = row(uuid4())
    await store.heartbeat(node)
    [lost] = await store.rescue_runs(batch=10)
    assert (lost.id, lost.attempt) == (run_id, 1)
    assert await store.finish_runs([FinishedRun(id=run_id, status=RunStatus.SUCCESS)]) == set()
    [run] = await runs(database)
    assert run.status is RunStatus.FAILED
    assert "Node lost" in (run.error_message or "")


@pytest.mark.parametrize(
    "edit",
    [
        "SELECT FROM scheduled_jobs WHERE id = $1 FOR UPDATE",
        "UPDATE scheduled_jobs SET interval_minutes = 7 WHERE id = $1",
    ],
)
async def test_a_job_row_held_by_somebody_does_not_hold_up_the_rescue_of_other_runs(
    database: Database, store: JobStore, edit: str
) -> None:
    held = await add_job(database, bot="held")
    await add_job(database, bot="free")
    deleted = await add_job(database, bot="deleted")
    await claim(store)
    assert len(await start(store)) == 3
    async with database.transaction() as psql:
        await psql.execute("DELETE FROM scheduled_jobs WHERE id = $1", deleted)
    async with database.transaction() as psql, asyncio.timeout(10):
        await psql.execute(edit, held)
        assert len(await store.rescue_runs(batch=10, retry_in=lambda _: 0.0)) == 2
    assert len(await store.rescue_runs(batch=10, retry_in=lambda _: 0.0)) == 1
    waiting = sorted(run.bot_id for run in await runs(database) if run.status is RunStatus.PENDING)
    assert waiting == ["free", "held"]


async def test_a_cancelled_run_whose_node_is_lost_is_closed_as_cancelled_and_not_tried_again(
    database: Database, store: JobStore
) -> None:
    for bot in ("asked", "lost"):
        await add_job(database, bot=bot)
    await claim(store)
    await start(store)
    asked = next(run for run in await runs(database) if run.bot_id == "asked")
    await Operations(database, actor="ada@attic").cancel(asked.id)
    assert len(await store.rescue_runs(batch=10, retry_in=lambda _: 0.0)) == 2
    [retry] = [run for run in await runs(database) if run.status is RunStatus.PENDING]
    assert retry.bot_id == "lost"
    closed = await History(database).run(asked.id)
    assert closed.status is RunStatus.FAILED
    assert (closed.error_message or "").startswith("Cancelled by ada@attic. Node lost: ")


async def test_a_run_that_fails_by_itself_after_it_was_cancelled_is_not_tried_again(
    database: Database, store: JobStore
) -> None:
    await add_job(database)
    await claim(store)
    [run_id] = await start(store)
    await Operations(database, actor="ada@attic").cancel(run_id)
    failed = FinishedRun(id=run_id, status=RunStatus.FAILED, error_message="no")
    assert await store.finish_runs([failed], retries={run_id: 0.0}) == {run_id}
    assert [run.id for run in await runs(database)] == [run_id]


async def test_a_run_whose_node_renews_its_lease_is_not_rescued(database: Database) -> None:
    node = uuid4()
    store = JobStore(database, node_id=node)
    await store.heartbeat(row(node))
    await add_job(database)
    await claim(store)
    await start(store)
    assert await store.rescue_runs(batch=10) == []
    await store.leave()
    assert len(await store.rescue_runs(batch=10)) == 1


async def test_a_retry_points_at_the_first_attempt_and_waits(database: Database, store: JobStore) -> None:
    await add_job(database)
    await claim(store)
    [first] = await start(store)
    outcome = FinishedRun(id=first, status=RunStatus.FAILED, error_message="no")
    assert await store.finish_runs([outcome], retries={first: 60.0}) == {first}
    assert await start(store) == []
    retry = next(run for run in await runs(database) if run.status is RunStatus.PENDING)
    assert (retry.attempt, retry.first_run_id) == (2, first)
    assert retry.available_at > datetime.now(UTC) + timedelta(seconds=50)
    assert 50 < ((await store.next_due(looked=0.0))[0] or 0) <= 60


async def test_a_pause_from_anywhere_stops_what_waits_and_names_who(
    database: Database, store: JobStore
) -> None:
    job_id = await add_job(database)
    await claim(store)
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET enabled = false")
        user = await connection.fetchval("SELECT session_user")
    [run] = await runs(database)
    job = await History(database).job(job_id)
    assert (run.status, run.reason) == (RunStatus.SKIPPED, f"paused by {user}")
    assert job.paused_by == user
    assert await start(store) == []


class DeletedMeanwhile(JobStore):
    """Somebody begins to delete its jobs just before an attempt is added."""

    deletion: asyncio.Task[str] | None = None

    async def _retry(self, connection: Connection, delays: Mapping[UUID, float]) -> int:
        async with self._database.connection() as psql:

            async def waits() -> bool:
                return bool(await psql.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))

            self.deletion = asyncio.create_task(self._delete())
            await until(waits, seconds=10, what="the deletion waits for us")
        return await super()._retry(connection, delays)

    async def _delete(self) -> str:
        async with self._database.connection() as psql:
            return await psql.execute("DELETE FROM scheduled_jobs WHERE job_type = 'profile_maintenance'")


async def test_a_deletion_and_an_outcome_that_is_tried_again_do_not_wait_for_each_other(
    database: Database,
) -> None:
    store = DeletedMeanwhile(database, node_id=uuid4())
    await add_job(database)
    await claim(store)
    [first] = await start(store)
    outcome = FinishedRun(id=first, status=RunStatus.FAILED, error_message="no")
    assert await store.finish_runs([outcome], retries={first: 0.0}) == {first}
    assert store.deletion is not None
    assert await store.deletion == "DELETE 1"
    by_attempt = {run.attempt: run for run in await runs(database)}
    assert (by_attempt[1].status, by_attempt[1].error_message) == (RunStatus.FAILED, "no")
    assert (by_attempt[2].status, by_attempt[2].reason) == (RunStatus.SKIPPED, "job deleted")


class PausedMeanwhile(JobStore):
    """Its jobs are paused after a retry was written and before that is committed."""

    async def _retry(self, connection: Connection, delays: Mapping[UUID, float]) -> int:
        added = await super()._retry(connection, delays)
        async with self._database.connection() as psql:
            await psql.execute("UPDATE scheduled_jobs SET enabled = false, paused_by = 'ada'")
        return added


async def test_a_retry_that_a_pause_could_not_see_does_not_start_and_is_skipped(database: Database) -> None:
    store = PausedMeanwhile(database, node_id=uuid4())
    job_id = await add_job(database)
    await claim(store)
    [first] = await start(store)
    assert await store.skip_paused(batch=10) == []
    outcome = FinishedRun(id=first, status=RunStatus.FAILED, error_message="no")
    await store.finish_runs([outcome], retries={first: 0.0})
    assert await start(store) == []
    [retry] = await store.skip_paused(batch=10)
    skipped = await History(database).run(retry)
    assert (skipped.status, skipped.reason, skipped.attempt) == (RunStatus.SKIPPED, "paused by ada", 2)
    # Nothing is in the way of what a person asks for.
    [asked] = await Operations(database, actor="ada").force_run(job_id)
    assert await start(store) == [asked.id]


async def test_what_a_person_asked_for_is_tried_again_although_its_job_is_paused(
    database: Database, store: JobStore
) -> None:
    job_id = await add_job(database, due="1 hour")
    ada = Operations(database, actor="ada")
    await ada.pause(job_id)
    [asked] = await ada.force_run(job_id)
    tried = []
    for _ in range(3):
        assert await store.skip_paused(batch=10) == []
        [attempt] = await start(store)
        tried.append((await History(database).run(attempt)).attempt)
        outcome = FinishedRun(id=attempt, status=RunStatus.FAILED, error_message="no")
        await store.finish_runs([outcome], retries={attempt: 0.0})
    assert tried == [1, 2, 3]
    assert {run.first_run_id for run in await runs(database)} == {None, asked.id}


async def test_history_reads_well_after_its_job_is_deleted(database: Database, store: JobStore) -> None:
    await add_job(database)
    await claim(store)
    [done] = await start(store)
    await store.finish_runs([FinishedRun(id=done, status=RunStatus.SUCCESS, result_json='{"a": 1}')])
    async with database.connection() as connection:
        await connection.execute("DELETE FROM scheduled_jobs")
    [run] = await runs(database)
    assert (run.job_id, run.job_type, run.status) == (None, "profile_maintenance", RunStatus.SUCCESS)


async def test_each_outcome_of_a_batch_is_recorded_as_it_was_told(
    database: Database, store: JobStore
) -> None:
    for bot in "abcdef":
        await add_job(database, bot=bot)
    await claim(store)
    ids = await start(store)
    told = [
        FinishedRun(id=ids[0], status=RunStatus.SUCCESS, result_json="{}"),
        FinishedRun(id=ids[1], status=RunStatus.FAILED, error_message="broke"),
        FinishedRun(id=ids[2], status=RunStatus.SUCCESS, result_json="{}"),
        FinishedRun(id=ids[3], status=RunStatus.SKIPPED, result_json='{"n": 1}', reason="nothing to do"),
        FinishedRun(id=ids[4], status=RunStatus.SUCCESS, result_json="{}", suspicious=("short", "fast")),
        FinishedRun(id=uuid4(), status=RunStatus.SUCCESS, result_json="{}"),
    ]
    assert await store.finish_runs(told) == set(ids[:5])
    by_id = {run.id: run for run in await runs(database)}
    for outcome in told[:5]:
        run = by_id[outcome.id]
        assert (run.status, run.result_json, run.error_message, run.reason, run.suspicious) == outcome[1:6]
        assert run.finished_at is not None
    assert by_id[ids[5]].status is RunStatus.RUNNING


async def test_a_deleted_job_cancels_its_runs(database: Database, store: JobStore) -> None:
    await add_job(database, bot="waits")
    await add_job(database, bot="runs")
    await claim(store)
    await start(store, capacity=1)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM scheduled_jobs")
    by_status = {run.status: run for run in await runs(database)}
    assert by_status[RunStatus.SKIPPED].reason == "job deleted"
    assert by_status[RunStatus.RUNNING].cancel_requested_at is not None
    assert {run.job_id for run in by_status.values()} == {None}


async def test_text_that_postgresql_refuses_does_not_lose_a_result(
    database: Database, store: JobStore
) -> None:
    await add_job(database)
    await claim(store)
    [run_id] = await start(store)
    await store.finish_runs([FinishedRun(id=run_id, status=RunStatus.FAILED, error_message="a\0b\ud800c")])
    await store.add_events([(run_id, EventLevel.INFO, "x\0y"), (uuid4(), EventLevel.INFO, "of nobody")])
    [run] = await runs(database)
    assert run.error_message == "a␀b?c"
    assert [event.message for event in await History(database).events(run_id)] == ["x␀y"]


async def test_default_jobs_are_made_once_and_a_deleted_one_stays_deleted(
    database: Database, store: JobStore
) -> None:
    intervals = {"profile_maintenance": 60, "memory_decay": 1440}
    assert await store.seed_jobs(intervals) == (2, 0)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM scheduled_jobs WHERE job_type = 'memory_decay'")
    assert await store.seed_jobs(intervals) == (0, 0)


async def test_a_changed_setting_moves_only_jobs_that_nobody_edited(
    database: Database, store: JobStore
) -> None:
    await store.seed_jobs({"profile_maintenance": 60, "memory_decay": 1440})
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE scheduled_jobs SET interval_minutes = 7 WHERE job_type = 'memory_decay'"
        )
    assert await store.seed_jobs({"profile_maintenance": 30, "memory_decay": 720}) == (0, 1)
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT job_type, interval_minutes FROM scheduled_jobs")
    assert dict(map(tuple, rows)) == {"profile_maintenance": 30, "memory_decay": 7}


async def test_a_type_nobody_knows_fails_after_its_grace(database: Database) -> None:
    node = uuid4()
    store = JobStore(database, node_id=node)
    await store.heartbeat(row(node))
    await add_job(database, "gardening")
    await claim(store)
    assert await store.fail_unknown(grace=60, batch=10) == []
    await age(database, seconds=61)
    await store.heartbeat(row(node))
    assert len(await store.fail_unknown(grace=60, batch=10)) == 1
    [run] = await runs(database)
    assert "gardening" in (run.error_message or "")


async def test_the_first_to_come_after_a_common_end_fails_nothing_that_a_later_one_knows(
    database: Database,
) -> None:
    host, first = uuid4(), uuid4()
    store = JobStore(database, node_id=host)
    await store.heartbeat(replace(row(host), job_types=("gardening",)))
    await add_job(database, "gardening")
    await claim(store)
    await age(database, seconds=600)
    early = JobStore(database, node_id=first)
    await early.heartbeat(row(first))
    assert await early.fail_unknown(grace=60, batch=10) == []
    # It stays alone, so nobody who knows the type comes any more.
    await age(database, seconds=61)
    await early.heartbeat(row(first))
    assert len(await early.fail_unknown(grace=60, batch=10)) == 1


async def test_old_history_goes_in_bites_and_takes_its_log_along(database: Database, store: JobStore) -> None:
    for number in range(3):
        await add_job(database, bot=f"b{number}")
    await claim(store)
    ids = await start(store)
    await store.finish_runs([FinishedRun(id=run, status=RunStatus.SUCCESS) for run in ids])
    await store.add_events([(run, EventLevel.INFO, "x") for run in ids])
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE job_runs SET started_at = now() - interval '91 days' WHERE id = ANY ($1)", ids[:2]
        )
    assert await store.expire_history(days=90, batch=1) == 1
    assert await store.expire_history(days=90, batch=10) == 1
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM job_run_events") == 1


async def test_forcing_runs_while_they_are_claimed_loses_and_doubles_nothing(
    database: Database, store: JobStore
) -> None:
    jobs = [await add_job(database, bot=f"b{number}", due="1 hour") for number in range(20)]
    forced = 0

    async def force() -> None:
        nonlocal forced
        operations = Operations(database, actor="tests")
        for _ in range(10):
            for job in jobs:
                with suppress(StateError):
                    forced += len(await operations.force_run(job))

    async def schedule() -> None:
        for _ in range(30):
            async with database.connection() as connection:
                await connection.execute("UPDATE scheduled_jobs SET next_run_at = now()")
            await claim(store)
            ids = await start(store)
            await store.finish_runs([FinishedRun(id=run, status=RunStatus.SUCCESS) for run in ids])

    await asyncio.gather(force(), schedule())
    found = [run for page in [await History(database).runs(limit=10_000)] for run in page]
    assert sum(run.trigger is Trigger.MANUAL for run in found) == forced
    # A job that is being forced is left for the next look; the audit counts what each had.
    assert 20 * 15 < sum(run.trigger is Trigger.SCHEDULE for run in found) <= 20 * 30
    assert (await audit(database, history_days=90, grace=3600)).gaps == ()


async def test_a_slot_counted_anew_by_hand_goes_on_after_the_last_recorded_one(
    store: JobStore, database: Database
) -> None:
    await add_job(database)
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = date_trunc('minute', now())")
        kept = await connection.fetchrow("SELECT claim_seq, next_run_at FROM scheduled_jobs")
        assert await claim(store) == 1
        [first] = await start(store)
        await store.finish_runs([FinishedRun(id=first, status=RunStatus.SUCCESS)])
        assert kept is not None
        await connection.execute("UPDATE scheduled_jobs SET claim_seq = $1, next_run_at = $2", *kept)
        assert await claim(store) == 1
        assert [run.claim_seq for run in await runs(database)] == [2, 1]


async def test_a_job_that_was_deleted_and_put_back_as_it_was_runs_on(
    store: JobStore, database: Database
) -> None:
    await add_job(database)
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = date_trunc('minute', now())")
        await connection.execute("CREATE TEMP TABLE copy AS TABLE scheduled_jobs")
        assert await claim(store) == 1
        [first] = await start(store)
        await store.finish_runs([FinishedRun(id=first, status=RunStatus.SUCCESS)])
        await connection.execute("DELETE FROM scheduled_jobs")
        await connection.execute("INSERT INTO scheduled_jobs SELECT * FROM copy")
        assert await claim(store) == 1
        assert len(await start(store)) == 1


async def test_a_run_cannot_be_written_for_a_job_that_does_not_exist(database: Database) -> None:
    async with database.connection() as connection:
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="does not exist"):
            await connection.execute(
                "INSERT INTO job_runs (job_id, job_type, bot_id) VALUES (gen_random_uuid(), 'noop', '*')"
            )


async def test_jobs_are_deleted_and_not_truncated(database: Database) -> None:
    async with database.connection() as connection:
        with pytest.raises(asyncpg.FeatureNotSupportedError, match="cannot be truncated"):
            await connection.execute("TRUNCATE scheduled_jobs")


async def test_a_node_whose_lease_ran_out_claims_and_starts_nothing_until_it_is_renewed(
    database: Database,
) -> None:
    node = uuid4()
    store = JobStore(database, node_id=node)
    await add_job(database)
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now()")
        await store.heartbeat(row(node))
        await connection.execute("UPDATE scheduler_nodes SET lease_expires_at = now()")
        assert await claim(store) == 0
        await store.heartbeat(row(node))
        assert await claim(store) == 1
        await connection.execute("UPDATE scheduler_nodes SET lease_expires_at = now()")
        assert await start(store) == []
        await store.heartbeat(row(node))
        assert len(await start(store)) == 1


async def test_a_heartbeat_tells_how_much_memory_its_node_takes_and_notifies_nobody(
    database: Database, store: JobStore
) -> None:
    await add_job(database)
    node = row(uuid4())
    await store.heartbeat(node)
    feed = ChangeFeed(database.address, "tests listen")
    hints = feed.subscribe(debounce=0)
    async with listening(feed):
        await heard(hints)
        for memory in (2 * 10**9, None, 3 * 10**9):
            await store.heartbeat(replace(node, memory_bytes=memory))
        async with database.connection() as connection:
            await connection.execute("DELETE FROM scheduled_jobs")
        # Notifications come in order, so one of a heartbeat would have been heard first or with it.
        assert await heard(hints) == {"jobs"}
    assert [each.memory_bytes for each in await History(database).nodes()] == [3 * 10**9]


async def test_runs_that_may_not_start_at_once_use_up_no_place(store: JobStore, database: Database) -> None:
    for job_type, due in (("limited", "-10 s"), ("limited", "-9 s"), ("noop", "-1 s")):
        await add_job(database, job_type, due=due)
    claimed = await store.claim_due(batch=100, per_bot_types=(), bots=(), direct_types=("noop",), capacity=1)
    assert ([run.job_type for run in claimed.started], claimed.pending) == (["noop"], 2)

"""What people do to jobs and runs: guarded, audited, and safe beside another console."""

import asyncio
from collections.abc import Awaitable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import FinishedRun
from scheduler_core.db.operations import Operations
from scheduler_core.domain import Run, RunFilter, RunStatus, Trigger
from scheduler_core.errors import DatabaseError, NotFoundError, StateError

TYPES = {"profile_maintenance": None, "memory_decay": None}


@pytest.fixture
def ada(database: Database) -> Operations:
    return Operations(database, actor="ada@attic", per_bot_types=["memory_decay"])


@pytest.fixture
def ben(database: Database) -> Operations:
    return Operations(database, actor="ben@cellar", per_bot_types=["memory_decay"])


@pytest.fixture
def history(database: Database) -> History:
    return History(database)


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database, node_id=uuid4())


async def add_job(database: Database, job_type: str = "profile_maintenance", *, bot: str = "*") -> UUID:
    """A job whose next slot is an hour away."""
    async with database.connection() as connection:
        job: UUID = await connection.fetchval(
            "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
            " VALUES ($1, $2, 60, now() + interval '1 hour') RETURNING id",
            job_type,
            bot,
        )
    return job


async def add_bots(database: Database, *names: str) -> None:
    async with database.connection() as connection:
        await connection.executemany(
            "INSERT INTO memories (bot_id, content) VALUES ($1, 'x')", [(name,) for name in names]
        )


async def start(store: JobStore) -> list[UUID]:
    return [run.id for run in await store.start_pending(limits=TYPES, capacity=100)]


async def audit(database: Database) -> list[dict[str, Any]]:
    async with database.connection() as connection:
        return [dict(row) for row in await connection.fetch("SELECT * FROM operator_actions ORDER BY id")]


async def one_of_two(first: Awaitable[Any], second: Awaitable[Any]) -> StateError:
    """Runs both at the same time; exactly one may get its way. Returns what the other was told."""
    answers = await asyncio.gather(first, second, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == 1, answers
    assert isinstance(refused[0], StateError)
    return refused[0]


async def test_a_forced_run_waits_now_and_leaves_the_schedule(
    database: Database, ada: Operations, history: History
) -> None:
    job_id = await add_job(database)
    before = await history.job(job_id)
    [run] = await ada.force_run(job_id)
    assert (run.job_id, run.bot_id, run.status, run.trigger) == (
        job_id,
        "*",
        RunStatus.PENDING,
        Trigger.MANUAL,
    )
    assert run.claim_seq is None
    assert await history.job(job_id) == before


async def test_a_forced_run_of_a_job_for_all_bots_is_one_for_each(
    database: Database, history: History
) -> None:
    job_id = await add_job(database, "memory_decay")
    await add_bots(database, "nova", "mira")
    operations = Operations(
        database, actor="ada", per_bot_types=["memory_decay"], extra_bots=["spark", "nova"]
    )
    runs = await operations.force_run(job_id)
    assert sorted(run.bot_id for run in runs) == ["mira", "nova", "spark"]
    [row] = await audit(database)
    assert set(row["details"]["runs"]) == {str(run.id) for run in runs}


async def test_a_job_of_one_bot_is_forced_for_that_bot_alone(database: Database, ada: Operations) -> None:
    job_id = await add_job(database, "memory_decay", bot="nova")
    await add_bots(database, "nova", "mira")
    assert [run.bot_id for run in await ada.force_run(job_id)] == ["nova"]


async def test_forcing_a_job_for_all_bots_without_any_says_so(
    database: Database, ada: Operations, history: History
) -> None:
    job_id = await add_job(database, "memory_decay")
    with pytest.raises(StateError, match="No bot is known"):
        await ada.force_run(job_id)
    assert await history.runs() == []
    assert await audit(database) == []


async def test_a_second_forced_run_is_refused_while_one_waits_and_allowed_while_one_runs(
    database: Database, ada: Operations, ben: Operations, store: JobStore
) -> None:
    job_id = await add_job(database)
    await ada.force_run(job_id)
    with pytest.raises(StateError, match="already waits"):
        await ben.force_run(job_id)
    assert len(await start(store)) == 1
    [again] = await ben.force_run(job_id)
    assert again.status is RunStatus.PENDING
    assert [row["actor"] for row in await audit(database)] == ["ada@attic", "ben@cellar"]


async def test_forcing_fills_up_the_bots_that_do_not_wait_yet(database: Database, ada: Operations) -> None:
    job_id = await add_job(database, "memory_decay")
    await add_bots(database, "nova")
    await ada.force_run(job_id)
    await add_bots(database, "mira")
    assert [run.bot_id for run in await ada.force_run(job_id)] == ["mira"]
    with pytest.raises(StateError, match="already waits"):
        await ada.force_run(job_id)


async def test_two_consoles_that_force_at_once_make_one_run(
    database: Database, ada: Operations, ben: Operations, history: History
) -> None:
    job_id = await add_job(database)
    assert "already waits" in (await one_of_two(ada.force_run(job_id), ben.force_run(job_id))).title
    assert len(await history.runs()) == 1
    assert len(await audit(database)) == 1


async def test_a_paused_job_can_still_be_forced(
    database: Database, ada: Operations, store: JobStore, history: History
) -> None:
    job_id = await add_job(database)
    await ada.pause(job_id)
    [run] = await ada.force_run(job_id)
    assert await start(store) == [run.id]


async def test_a_pause_keeps_who_why_and_when_and_a_resume_forgets_them(
    database: Database, ada: Operations, ben: Operations, history: History
) -> None:
    job_id = await add_job(database)
    paused = await ada.pause(job_id, reason="check [first]")
    assert (paused.enabled, paused.paused_by, paused.paused_reason) == (False, "ada@attic", "check [first]")
    assert paused.paused_at is not None
    assert paused == await history.job(job_id)
    resumed = await ben.resume(job_id)
    assert (resumed.enabled, resumed.paused_by, resumed.paused_reason, resumed.paused_at) == (
        True,
        None,
        None,
        None,
    )
    assert [
        (row["actor"], row["action"], row["object_id"], row["reason"]) for row in await audit(database)
    ] == [
        ("ada@attic", "pause", str(job_id), "check [first]"),
        ("ben@cellar", "resume", str(job_id), None),
    ]


async def test_text_that_postgresql_refuses_does_not_lose_an_action(
    database: Database, history: History
) -> None:
    job_id = await add_job(database)
    await Operations(database, actor="a\udcff@attic").pause(job_id, reason="x\0y")
    job = await history.job(job_id)
    assert (job.paused_by, job.paused_reason) == ("a?@attic", "x␀y")


async def test_a_pause_skips_the_waiting_slot_but_not_what_a_person_asked_for(
    database: Database, ada: Operations, store: JobStore, history: History
) -> None:
    slot, asked = await add_job(database, bot="slot"), await add_job(database, bot="asked")
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE id = $1", slot)
    await store.claim_due(batch=10, per_bot_types=[], bots=[])
    [manual] = await ada.force_run(asked)
    for job_id in (slot, asked):
        await ada.pause(job_id)
    [skipped] = await history.runs(RunFilter(job_id=slot))
    assert (skipped.status, skipped.reason) == (RunStatus.SKIPPED, "paused by ada@attic")
    assert await start(store) == [manual.id]


async def test_two_consoles_that_pause_at_once_cannot_overwrite_each_other(
    database: Database, ada: Operations, ben: Operations, history: History
) -> None:
    job_id = await add_job(database)
    refused = await one_of_two(ada.pause(job_id, reason="a"), ben.pause(job_id, reason="b"))
    assert refused.title == "The job is paused already."
    job = await history.job(job_id)
    [row] = await audit(database)
    assert (row["actor"], row["reason"]) == (job.paused_by, job.paused_reason)
    assert (job.paused_by, job.paused_reason) in (("ada@attic", "a"), ("ben@cellar", "b"))


async def test_resuming_a_job_that_is_not_paused_changes_nothing(database: Database, ada: Operations) -> None:
    job_id = await add_job(database)
    with pytest.raises(StateError, match="not paused"):
        await ada.resume(job_id)
    assert await audit(database) == []


async def test_cancelling_a_waiting_run_ends_it_at_once(
    database: Database, ada: Operations, store: JobStore
) -> None:
    [run] = await ada.force_run(await add_job(database))
    cancelled = await ada.cancel(run.id)
    assert (cancelled.status, cancelled.error_message) == (
        RunStatus.FAILED,
        "Cancelled by ada@attic before it started.",
    )
    assert cancelled.finished_at is not None
    assert await start(store) == []
    assert [(row["action"], row["object_type"], row["object_id"]) for row in await audit(database)][1:] == [
        ("cancel", "run", str(run.id))
    ]


async def test_cancelling_a_running_run_asks_its_node_and_keeps_who_asked_first(
    database: Database, ada: Operations, ben: Operations, store: JobStore
) -> None:
    [run] = await ada.force_run(await add_job(database))
    await start(store)
    asked = await ada.cancel(run.id)
    assert (asked.status, asked.cancel_requested_by) == (RunStatus.RUNNING, "ada@attic")
    assert (await ben.cancel(run.id)).cancel_requested_by == "ada@attic"
    [check] = await store.check_runs([run.id])
    assert (check.held, check.cancelled_by) == (True, "ada@attic")
    # Also where the node that started it does not know of it yet.
    assert await store.check_runs([]) == [check]


@pytest.mark.parametrize("status", [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.SKIPPED])
async def test_cancelling_a_finished_run_is_refused_with_its_state(
    database: Database, ada: Operations, store: JobStore, history: History, status: RunStatus
) -> None:
    [run] = await ada.force_run(await add_job(database))
    await start(store)
    await store.finish_runs([FinishedRun(id=run.id, status=status, reason="why", error_message="no")])
    before = await history.run(run.id)
    with pytest.raises(StateError, match=f"over: {status}"):
        await ada.cancel(run.id)
    assert await history.run(run.id) == before
    assert [row["action"] for row in await audit(database)] == ["force_run"]


async def test_a_cancel_meets_a_start_without_losing_either(
    database: Database, ada: Operations, store: JobStore, history: History
) -> None:
    runs: list[Run] = []
    for number in range(8):
        runs += await ada.force_run(await add_job(database, bot=f"b{number}"))
    cancels = asyncio.gather(*(ada.cancel(run.id) for run in runs[:4]))
    started, cancelled = await asyncio.gather(start(store), cancels)
    for run in cancelled:
        now = await history.run(run.id)
        if run.id in started:
            assert (now.status, now.cancel_requested_by) == (RunStatus.RUNNING, "ada@attic")
        else:
            assert now.status is RunStatus.FAILED
    assert {run.id for run in runs[4:]} <= set(started)


async def test_what_does_not_exist_is_said_to_be_missing(database: Database, ada: Operations) -> None:
    for action in (ada.force_run, ada.pause, ada.resume, ada.cancel):
        with pytest.raises(NotFoundError):
            await action(uuid4())
    assert await audit(database) == []


async def test_without_its_audit_row_an_action_does_not_happen(
    database: Database, ada: Operations, history: History
) -> None:
    job_id = await add_job(database)
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE operator_actions ADD CHECK (actor <> 'ada@attic')")
    for action in (ada.pause, ada.force_run):
        with pytest.raises(asyncpg.CheckViolationError):
            await action(job_id)
    assert (await history.job(job_id)).enabled
    assert await history.runs() == []


async def test_a_read_only_session_can_do_nothing(database: Database, database_url: str) -> None:
    job_id = await add_job(database)
    watching = Database.open(Address.parse(database_url), pool_size=1, application="tests", read_only=True)
    try:
        for action in (Operations(watching, actor="eve").force_run, Operations(watching, actor="eve").pause):
            with pytest.raises(DatabaseError, match="read-only"):
                await action(job_id)
        assert (await History(watching).job(job_id)).enabled
    finally:
        await watching.aclose()

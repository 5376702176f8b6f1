"""What people did can be read page by page, and taken back where it still fits."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.operations import Operations
from scheduler_core.db.operator_log import OperatorLog
from scheduler_core.db.plan_store import plan_text, save_plans
from scheduler_core.errors import NotFoundError, StateError
from scheduler_core.oversight import OperatorAction


@pytest.fixture
def ada(database: Database) -> Operations:
    return Operations(database, actor="ada@attic")


@pytest.fixture
def log(database: Database) -> OperatorLog:
    return OperatorLog(database, Operations(database, actor="ben@cellar"), actor="ben@cellar")


async def add_job(database: Database) -> UUID:
    async with database.connection() as connection:
        job: UUID = await connection.fetchval(
            "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
            " VALUES ('memory_decay', 'nova', 60, now() + interval '1 hour') RETURNING id"
        )
    return job


async def edit_job(database: Database, job: UUID, *, before: int, after: int) -> None:
    """An edit as the audit records one."""
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET interval_minutes = $2 WHERE id = $1", job, after)
        await connection.execute(
            "INSERT INTO operator_actions (actor, action, object_type, object_id, details)"
            " VALUES ('ada@attic', 'edit', 'job', $1, $2::text::jsonb)",
            str(job),
            json.dumps({"before": {"interval_minutes": before}, "after": {"interval_minutes": after}}),
        )


async def end_run(database: Database, run: UUID, status: str = "success") -> None:
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE job_runs SET status = $2, started_at = now(), finished_at = now(), duration_ms = 1,"
            " reason = CASE WHEN $2 = 'skipped' THEN 'unchanged' END,"
            " error_message = CASE WHEN $2 = 'failed' THEN 'it broke' END WHERE id = $1",
            run,
            status,
        )


async def newest(log: OperatorLog) -> OperatorAction:
    return (await log.actions(limit=1))[0]


async def is_enabled(database: Database, job: UUID) -> bool:
    async with database.connection() as connection:
        enabled: bool = await connection.fetchval("SELECT enabled FROM scheduled_jobs WHERE id = $1", job)
    return enabled


async def test_actions_are_read_newest_first_and_page_by_page(
    database: Database, ada: Operations, log: OperatorLog
) -> None:
    job = await add_job(database)
    for _ in range(5):
        await ada.pause(job, reason="look")
        await ada.resume(job)
    pages: list[OperatorAction] = []
    while page := await log.actions(before=pages[-1].id if pages else None, limit=3):
        assert len(page) <= 3
        pages += page
    assert [each.action for each in pages] == ["resume", "pause"] * 5
    assert [each.id for each in pages] == sorted((each.id for each in pages), reverse=True)
    assert {each.object_name for each in pages} == {"memory_decay nova"}
    assert (pages[1].actor, pages[1].reason, pages[1].job_id) == ("ada@attic", "look", job)


async def test_a_pause_and_a_resumption_are_taken_back_and_recorded(
    database: Database, ada: Operations, log: OperatorLog
) -> None:
    job = await add_job(database)
    await ada.pause(job, reason="look")
    pause = await newest(log)
    assert pause.undoing == "memory_decay nova is resumed."
    assert (
        await log.undo_action(pause.id) == f"memory_decay nova is resumed. Action {pause.id} is taken back."
    )
    assert await is_enabled(database, job)
    undo = await newest(log)
    assert (undo.action, undo.actor, undo.undoes) == ("resume", "ben@cellar", pause.id)
    await log.undo_action(undo.id)
    assert not await is_enabled(database, job)
    assert (await newest(log)).undoes == undo.id


async def test_an_action_that_something_newer_overtook_stays(
    database: Database, ada: Operations, log: OperatorLog
) -> None:
    job = await add_job(database)
    await ada.pause(job)
    first = await newest(log)
    await ada.resume(job)
    second = await newest(log)
    await ada.pause(job)
    with pytest.raises(StateError, match=f"changed since, by action {second.id} \\(resume\\)"):
        await log.undo_action(first.id)
    assert not await is_enabled(database, job)


async def test_a_pause_that_psql_ended_cannot_be_taken_back(
    database: Database, ada: Operations, log: OperatorLog
) -> None:
    job = await add_job(database)
    await ada.pause(job)
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET enabled = true")
    pause = await newest(log)
    assert pause.obstacle == "The job is not paused any more."
    with pytest.raises(StateError, match="not paused any more"):
        await log.undo_action(pause.id)


async def test_of_two_who_take_back_the_same_action_one_is_told(
    database: Database, ada: Operations, log: OperatorLog
) -> None:
    await ada.pause(await add_job(database))
    action = await newest(log)
    answers = await asyncio.gather(
        log.undo_action(action.id), log.undo_action(action.id), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {str, StateError}
    assert len(await log.actions()) == 2


async def test_an_edit_is_taken_back_only_while_the_job_is_as_it_left_it(
    database: Database, log: OperatorLog
) -> None:
    job = await add_job(database)
    await edit_job(database, job, before=60, after=90)
    edit = await newest(log)
    assert edit.undoing == "memory_decay nova gets back: interval_minutes 60."
    await log.undo_action(edit.id)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT interval_minutes FROM scheduled_jobs") == 60
    undo = await newest(log)
    assert undo.details["before"] == {"interval_minutes": 90}
    assert undo.details["after"] == {"interval_minutes": 60}
    with pytest.raises(StateError, match="changed since, by action"):
        await log.undo_action(edit.id)
    await edit_job(database, job, before=60, after=120)
    async with database.connection() as connection:
        await connection.execute("UPDATE scheduled_jobs SET interval_minutes = 7")
    with pytest.raises(StateError, match="settings were changed since"):
        await log.undo_action((await newest(log)).id)


async def test_a_forced_run_is_undone_by_a_run(database: Database, ada: Operations, log: OperatorLog) -> None:
    (run,) = await ada.force_run(await add_job(database))
    assert (await newest(log)).obstacle == "The run is not over: pending."
    await end_run(database, run.id)
    forced = await newest(log)
    assert (forced.obstacle, forced.run_id) == (None, run.id)
    await log.undo_action(forced.id)
    async with database.connection() as connection:
        modes = await connection.fetch("SELECT mode, source_run_id FROM job_runs WHERE mode = 'undo'")
    assert [(row["mode"], row["source_run_id"]) for row in modes] == [("undo", run.id)]
    undo, forced = (await log.actions())[:2]
    assert (undo.action, undo.actor) == ("undo", "ben@cellar")
    assert forced.obstacle == "The run is being undone already."
    with pytest.raises(StateError, match="being undone already"):
        await log.undo_action(forced.id)


Prepare = Callable[[Database, Operations, UUID], Awaitable[object]]


async def _skipped(database: Database, ada: Operations, job: UUID) -> None:
    (run,) = await ada.force_run(job)
    await end_run(database, run.id, "skipped")


async def _gone(database: Database, ada: Operations, job: UUID) -> None:
    await ada.pause(job)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM scheduled_jobs")


async def _cancelled(database: Database, ada: Operations, job: UUID) -> None:
    (run,) = await ada.force_run(job)
    await ada.cancel(run.id)


async def _dry(database: Database, ada: Operations, job: UUID) -> None:
    await ada.force_run(job, dry_run=True)


async def _not_applied(database: Database, ada: Operations, job: UUID) -> None:
    [dry] = await ada.force_run(job, dry_run=True)
    await end_run(database, dry.id)
    async with database.transaction() as connection:
        await save_plans(connection, {dry.id: plan_text({"changes": []})})
    await end_run(database, (await ada.apply(dry.id)).id, "failed")


async def _foreign(database: Database, ada: Operations, job: UUID) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO operator_actions (actor, action, object_type, object_id, details)"
            " VALUES ('x', 'edit', 'job', '------------------------------------', '[1]'),"
            " ('x', 'purge', 'memory', 'x', '{\"run\": \"no id\", \"runs\": 7}')"
        )


@pytest.mark.parametrize(
    ("prepare", "obstacle"),
    [
        (_skipped, "The run was skipped, so it changed nothing."),
        (_gone, "The job was deleted."),
        (_cancelled, "A cancelled run does not come back; run its job now instead."),
        (_dry, "A dry run changed nothing."),
        (_not_applied, "Applying failed, so it changed nothing."),
        (_foreign, "This kind of action cannot be taken back here."),
    ],
)
async def test_what_cannot_be_taken_back_says_why(
    prepare: Prepare, obstacle: str, database: Database, ada: Operations, log: OperatorLog
) -> None:
    await prepare(database, ada, await add_job(database))
    action = await newest(log)
    assert action.obstacle == obstacle
    before = len(await log.actions())
    with pytest.raises(StateError):
        await log.undo_action(action.id)
    assert len(await log.actions()) == before


async def test_what_was_done_to_a_profile_is_called_by_the_profile(
    database: Database, ada: Operations, log: OperatorLog
) -> None:
    (run,) = await ada.force_run(await add_job(database))
    await end_run(database, run.id)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO operator_actions (actor, action, object_type, object_id, details)"
            " VALUES ('ada', 'rollback', 'profile', 'user/ada', jsonb_build_object('run', $1::text))",
            str(run.id),
        )
    rolled_back = await newest(log)
    assert rolled_back.called == "user/ada"
    assert rolled_back.undoing.endswith("of user/ada changed.")
    assert rolled_back.run_id == run.id


async def test_an_action_that_is_not_there_is_not_taken_back(log: OperatorLog) -> None:
    with pytest.raises(NotFoundError, match="There is no action 7"):
        await log.undo_action(7)

"""What a run changed reads the same whatever its job was."""

from uuid import UUID

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.plan_store import plan_text, save_plans
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.db.run_changes import run_changes
from scheduler_core.domain import Change, Run
from scheduler_core.errors import NotFoundError, StateError
from scheduler_core.maintenance.given_back import given_back
from tests.db.test_profile_history import ADA, know, publish


async def recorded(
    database: Database,
    job_type: str,
    *,
    mode: str = "run",
    status: str = "success",
    source: UUID | None = None,
) -> Run:
    async with database.connection() as connection:
        run: UUID = await connection.fetchval(
            "INSERT INTO job_runs"
            " (job_type, bot_id, mode, source_run_id, status, started_at, finished_at, reason)"
            " VALUES ($1, '*', $2, $4, $3, now(), now(), 'x') RETURNING id",
            job_type,
            mode,
            status,
            source,
        )
    return await History(database).run(run)


async def test_a_summary_is_compared_with_the_one_before_it(database: Database) -> None:
    store = ProfileStore(database)
    tea, _ = await know(store, ADA, "tea", "chess")
    async with database.connection() as connection:
        await connection.execute("UPDATE entity_profiles SET summary = E'by hand\\nin two lines'")
    run = await History(database).run(await publish(database, ADA, "Ada likes tea."))
    assert await run_changes(database).of(run) == [
        Change(
            object="user/ada",
            before=[
                {"text": text, "category": "", "attribute_ids": []} for text in ("by hand", "in two lines")
            ],
            after=[{"text": "Ada likes tea.", "category": "fact", "attribute_ids": [tea]}],
            why="version 1 → 2",
        )
    ]


async def test_archived_memories_are_shown_with_where_they_went(database: Database) -> None:
    run = await recorded(database, "memory_consolidation")
    async with database.connection() as connection:
        await connection.executemany(
            "INSERT INTO memory_archive (bot_id, id, run_id, cause, merged_into, memory)"
            " VALUES ('nova', $1, $2, $3, $4, $5)",
            [
                ("m1", run.id, "merged", "m9", '{"content": "likes tea"}'),
                ("m2", run.id, "decayed", None, '{"content": "rain"}'),
            ],
        )
    assert await run_changes(database).of(run) == [
        Change(object="memory/nova/m1", before="likes tea", after=None, why="merged into m9"),
        Change(object="memory/nova/m2", before="rain", after=None, why="decayed"),
    ]
    undo = await recorded(database, "memory_decay", mode="undo", source=run.id)
    with pytest.raises(NotFoundError, match="left no list"):
        await run_changes(database).of(undo)


async def test_the_undo_of_a_memory_job_shows_what_it_gave_back(database: Database) -> None:
    run = await recorded(database, "memory_decay")
    undo = await recorded(database, "memory_decay", mode="undo", source=run.id)
    async with database.transaction() as connection:
        await save_plans(connection, {undo.id: plan_text(given_back("memory_decay", "nova", ["nova/m2"]))})
    assert await run_changes(database).of(undo) == [
        Change(object="memory/nova/m2", before="archived", after="active", why="given back")
    ]


@pytest.mark.parametrize("job_type", ["memory_decay", "of_a_host"])
async def test_a_dry_run_of_any_job_shows_its_plan(database: Database, job_type: str) -> None:
    run = await recorded(database, job_type, mode="dry_run")
    plan = {"changes": [{"object": "memory/nova/m1", "before": 1, "after": None, "why": "old"}, {}]}
    async with database.transaction() as connection:
        await save_plans(connection, {run.id: plan_text(plan)})
    assert await run_changes(database).of(run) == [
        Change(object="memory/nova/m1", before=1, after=None, why="old"),
        Change(object="?", before=None, after=None, why=""),
    ]


async def test_a_run_without_any_record_says_so(database: Database) -> None:
    with pytest.raises(NotFoundError, match="Runs of of_a_host keep no record"):
        await run_changes(database).of(await recorded(database, "of_a_host"))
    skipped = await recorded(database, "of_a_host", mode="dry_run", status="skipped")
    with pytest.raises(StateError, match="left no plan: skipped"):
        await run_changes(database).of(skipped)

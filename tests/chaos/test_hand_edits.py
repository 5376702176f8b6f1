"""Hands in the tables while four nodes work: whatever somebody does, every slot is accounted for."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.job_store import JobStore
from tests.chaos.load import JOBS, add_cron_jobs, add_jobs, force, seeded, settle, until
from tests.chaos.nodes import open_nodes
from tests.chaos.proof import prove

EDITORS = 4
# What a hand may run into when other hands are at the same row.
REFUSALS = (
    asyncpg.DeadlockDetectedError,
    asyncpg.ForeignKeyViolationError,
    asyncpg.UniqueViolationError,
)
ANY_JOB = "id = (SELECT id FROM scheduled_jobs WHERE job_type = ANY ($1::text[]) ORDER BY random() LIMIT 1)"
TYPES = list(JOBS)
CONFIGS = (
    "{}",
    '{"overlap": "queue"}',
    '{"catch_up": "skip"}',
    '{"max_attempts": 2}',
    '{"timeout_seconds": 0.2}',
    "not json at all",
    "[]",
)

# What an operator types, with how often; `$1` are the job types.
EDITS: dict[str, int] = {
    f"UPDATE scheduled_jobs SET next_run_at = now() WHERE {ANY_JOB}": 30,
    f"UPDATE scheduled_jobs SET next_run_at = now() - interval '3 hours' WHERE {ANY_JOB}": 10,
    f"UPDATE scheduled_jobs SET next_run_at = now() + interval '50 ms' WHERE {ANY_JOB}": 5,
    f"UPDATE scheduled_jobs SET enabled = false WHERE {ANY_JOB}": 6,
    f"UPDATE scheduled_jobs SET enabled = true WHERE {ANY_JOB}": 8,
    "UPDATE scheduled_jobs SET enabled = true WHERE NOT enabled AND job_type = ANY ($1::text[])": 1,
    f"UPDATE scheduled_jobs SET interval_minutes = 1 + (random() * 100)::integer WHERE {ANY_JOB}": 6,
    f"UPDATE scheduled_jobs SET cron = '*/7 * * * *' WHERE {ANY_JOB}": 2,
    f"UPDATE scheduled_jobs SET cron = '30 3 * * MON', time_zone = 'America/New_York' WHERE {ANY_JOB}": 2,
    f"UPDATE scheduled_jobs SET cron = '0 0 30 2 *' WHERE {ANY_JOB}": 1,
    f"UPDATE scheduled_jobs SET cron = NULL WHERE {ANY_JOB}": 4,
    f"DELETE FROM scheduled_jobs WHERE {ANY_JOB}": 4,
    "INSERT INTO scheduled_jobs (job_type, bot_id)"
    " SELECT t, CASE WHEN t = 'each' THEN '*' ELSE gen_random_uuid()::text END"
    " FROM unnest($1::text[]) AS t ORDER BY random() LIMIT 1": 3,
    "INSERT INTO scheduled_jobs (job_type, bot_id, cron)"
    " SELECT t, CASE WHEN t = 'each' THEN '*' ELSE gen_random_uuid()::text END, '0 0 1 1 *'"
    " FROM unnest($1::text[]) AS t ORDER BY random() LIMIT 1": 1,
    "INSERT INTO job_runs (job_id, job_type, bot_id) SELECT id, job_type, bot_id FROM scheduled_jobs"
    f" WHERE {ANY_JOB} ON CONFLICT DO NOTHING": 8,
    "UPDATE job_runs SET cancel_requested_at = now(), cancel_requested_by = 'hand' WHERE id = ("
    " SELECT id FROM job_runs WHERE status = 'running' AND job_type = ANY ($1::text[])"
    " ORDER BY random() LIMIT 1)": 3,
    "UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = ANY ($1::text[])": 1,
}


class Editor:
    """One psql session with restless hands."""

    def __init__(self, connection: Connection, chance: random.Random) -> None:
        self._connection = connection
        self._chance = chance
        self.refused: Counter[str] = Counter()

    async def edit(self) -> None:
        """One statement, or a few in a transaction that may be rolled back or held open for a moment."""
        try:
            if self._chance.random() < 0.9:
                await self._once()
                return
            with suppress(ZeroDivisionError):
                async with self._connection.transaction():
                    for _ in range(self._chance.randrange(1, 4)):
                        await self._once()
                    await asyncio.sleep(self._chance.choice((0, 0, 0.02)))
                    if self._chance.random() < 0.3:
                        raise ZeroDivisionError
        except REFUSALS as error:
            # psql says so, and nothing was changed.
            self.refused[type(error).__name__] += 1

    async def _once(self) -> None:
        if self._chance.random() < 0.08:
            config = self._chance.choice(CONFIGS)
            await self._connection.execute(
                f"UPDATE scheduled_jobs SET config_json = $2 WHERE {ANY_JOB}", TYPES, config
            )
            return
        [statement] = self._chance.choices(list(EDITS), weights=list(EDITS.values()))
        await self._connection.execute(statement, TYPES)


async def edit_by_hand(database: Database, url: str, folder: Path, *, edits: int) -> None:
    seed, chance = seeded()
    connections = [await asyncpg.connect(url) for _ in range(EDITORS)]
    editors = [Editor(connection, random.Random(chance.random())) for connection in connections]
    await add_jobs(connections[0])
    await add_cron_jobs(connections[0])
    # What fails for ever is given up before the waits between attempts get long. Nobody dies here, so a lease
    # that runs out is a fault; on a busy machine two seconds without the processor would be enough for one.
    settings = {"scheduler_max_attempts": 4, "scheduler_lease_seconds": 15}
    async with open_nodes(url, folder, seed=seed, **settings) as nodes:
        await nodes.start_many(4)
        async with asyncio.TaskGroup() as group:
            for editor in editors:
                group.create_task(edit_many(editor, edits // EDITORS))
        nodes.assert_alive()
        # What is paused is not stuck; everything else has to come to its end.
        await settle(connections[0], seconds=90)
        nodes.assert_alive()
        executions = nodes.executions()
        await nodes.stop_all()
        story = await prove(database, executions)
        assert not (faults := faults_in(nodes.logs)), faults
    for connection in connections:
        await connection.close()
    print(f"{edits} edits, {story}, refused {sum((editor.refused for editor in editors), Counter())}")
    assert story.successes > edits / 20


async def edit_many(editor: Editor, edits: int) -> None:
    for _ in range(edits):
        await editor.edit()


def faults_in(logs: str) -> Sequence[str]:
    """Lines about something that nobody expects when hands are in the tables."""
    return [line for line in logs.splitlines() if "Node lost" in line or "Traceback" in line]


async def test_random_edits_by_hand_lose_and_double_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await edit_by_hand(database, database_url, tmp_path, edits=2_000)


@pytest.mark.slow
@pytest.mark.endurance
@pytest.mark.timeout(600)
async def test_tens_of_thousands_of_edits_by_hand_lose_and_double_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await edit_by_hand(database, database_url, tmp_path, edits=30_000)


async def test_a_slot_skipped_by_a_long_transaction_does_not_end_before_it_was_due(
    database: Database, database_url: str
) -> None:
    hand = await asyncpg.connect(database_url)
    await add_jobs(hand, {"noop": 2})
    store = JobStore(database, node_id=uuid4())
    async with hand.transaction():
        await hand.fetchval("SELECT now()")
        async with database.connection() as connection:
            await force(connection, 2)
        claim = await store.claim_due(batch=10, per_bot_types=(), bots=())
        assert claim.pending == 2
        await hand.execute("UPDATE scheduled_jobs SET enabled = false WHERE bot_id = 'b1'")
        await hand.execute("DELETE FROM scheduled_jobs WHERE bot_id = 'b2'")
    runs = await hand.fetch("SELECT * FROM job_runs")
    await hand.close()
    assert [run["status"] for run in runs] == ["skipped", "skipped"]
    assert all(run["scheduled_for"] <= run["started_at"] <= run["finished_at"] for run in runs)


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE scheduled_jobs SET enabled = false WHERE bot_id = 'b1'",
        "DELETE FROM scheduled_jobs WHERE bot_id = 'b1'",
    ],
)
async def test_a_slot_skipped_by_a_statement_that_waited_for_its_claim_does_not_end_before_it_was_due(
    database: Database, database_url: str, edit: str
) -> None:
    hand, other = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    await add_jobs(other, {"noop": 1})
    async with other.transaction():
        # What a claim does between locking a job and writing its run.
        await other.execute("SELECT FROM scheduled_jobs WHERE bot_id = 'b1' FOR NO KEY UPDATE")
        waiting = asyncio.ensure_future(hand.execute(edit))
        async with database.connection() as connection:

            async def waits() -> bool:
                locked = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'"
                return bool(await connection.fetchval(locked, hand.get_server_pid()))

            await until(waits, seconds=10, what="the hand waits for the claim")
        await other.execute(
            "INSERT INTO job_runs (job_id, job_type, bot_id, trigger, scheduled_for, claim_seq)"
            " SELECT id, job_type, bot_id, 'schedule', clock_timestamp(), 1 FROM scheduled_jobs"
            " WHERE bot_id = 'b1'"
        )
    await waiting
    [run] = await other.fetch("SELECT * FROM job_runs")
    await hand.close()
    await other.close()
    assert run["status"] == "skipped"
    assert run["scheduled_for"] <= run["started_at"] <= run["finished_at"]

"""Connections that break in every way, hints that get lost, and clocks that are wrong."""

import signal
from pathlib import Path

import asyncpg
import pytest

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from tests.chaos.load import add_jobs, seeded, settle, under_load, until
from tests.chaos.nodes import Node, open_nodes
from tests.chaos.proof import prove
from tests.chaos.wire import open_wire

FORCE_ALL = "UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = $1"
KILL_LISTENERS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'bawt scheduler listen'
"""
TRIGGERS = {
    "scheduled_jobs": ("scheduled_jobs_inserted", "scheduled_jobs_sooner"),
    "job_runs": ("job_runs_inserted", "job_runs_updated"),
}
HOUR = 3600.0
LEASE = 4.0


async def until_successes(connection: Connection, count: int, *, seconds: float) -> float:
    async def enough() -> bool:
        done = await connection.fetchval("SELECT count(*) FROM job_runs WHERE status = 'success'")
        return bool(done >= count)

    return await until(enough, seconds=seconds, what=f"{count} successes")


async def until_listening(connection: Connection) -> None:
    async def listens() -> bool:
        found = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'bawt scheduler listen' AND query LIKE '%pg_trigger%' AND state = 'idle'"
        )
        return bool(found)

    await until(listens, seconds=5, what="somebody listens")


async def successes_of(connection: Connection, node: Node) -> int:
    count: int = await connection.fetchval(
        "SELECT count(*) FROM job_runs WHERE status = 'success' AND node_id = $1", node.node_id
    )
    return count


async def test_a_node_on_a_dead_wire_loses_its_runs_says_so_and_comes_back(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    seed, _ = seeded()
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection)
    lease = {"scheduler_lease_seconds": LEASE}
    async with (
        open_wire(database_url) as wire,
        open_nodes(database_url, tmp_path, seed=seed, **lease) as nodes,
    ):
        far = await nodes.start(url=wire.url)
        near = await nodes.start()
        async with under_load(database_url):
            await until_successes(connection, 20, seconds=20)
            wire.open = False

            async def lost() -> bool:
                gone = "SELECT lease_expires_at < now() FROM scheduler_nodes WHERE id = $1"
                return bool(await connection.fetchval(gone, far.node_id))

            await until(lost, seconds=20, what="its lease is over")
            before = await successes_of(connection, far)
            # It is nearer to the work, and would take all of it.
            near.signal(signal.SIGSTOP)
            wire.open = True

            async def works() -> bool:
                return await successes_of(connection, far) > before

            await until(works, seconds=LEASE, what="it works again")
            near.signal(signal.SIGCONT)
        await settle(connection)
        nodes.assert_alive()
        await nodes.stop_all()
        await prove(database, nodes.executions())
        assert "did not answer in time" in nodes.log(far.name)
    await connection.close()


async def test_what_a_lost_answer_started_is_run_once(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    seed, _ = seeded()
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection, {"limited": 2})
    async with open_wire(database_url) as wire, open_nodes(database_url, tmp_path, seed=seed) as nodes:
        node = await nodes.start(url=wire.url)
        # A look for waiting runs names the types; so does a heartbeat, which names the state too.
        wire.loses = lambda question: b"moody" in question and b"active" not in question
        await connection.execute(
            "INSERT INTO job_runs (job_id, job_type, bot_id) SELECT id, job_type, bot_id FROM scheduled_jobs"
            " WHERE job_type = 'limited'"
        )

        async def started() -> bool:
            running = "SELECT count(*) FROM job_runs WHERE status = 'running' AND job_type = 'limited'"
            return bool(await connection.fetchval(running))

        await until(started, seconds=20, what="they are running for the database")
        wire.loses = lambda question: False
        await settle(connection)
        assert await successes_of(connection, node) == 2
        await nodes.stop_all()
        await prove(database, nodes.executions())
        assert wire.lost
        assert "was lost; they start now" in nodes.log(node.name)
    await connection.close()


async def test_a_killed_listener_is_replaced_and_misses_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    seed, _ = seeded()
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection, {"noop": 1})
    # So rare a check that only hints, and the look after a new connection, can be the cause.
    rare = {"scheduler_check_interval_seconds": 600}
    async with open_nodes(database_url, tmp_path, seed=seed, **rare) as nodes:
        node = await nodes.start()
        for count in range(1, 5):
            await until_listening(connection)
            async with connection.transaction():
                assert await connection.fetchval(KILL_LISTENERS) == 1
                await connection.execute(FORCE_ALL, "noop")
            await until_successes(connection, count, seconds=5)
        said = nodes.log(node.name)
        assert said.count("was closed") + said.count("Listening stopped") == 4
        await nodes.stop_all()
        await prove(database, nodes.executions())
    await connection.close()


async def test_without_hints_polling_finds_the_work_and_the_log_names_the_triggers(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    seed, _ = seeded()
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection)
    for table, triggers in TRIGGERS.items():
        for trigger in triggers:
            await connection.execute(f"DROP TRIGGER {trigger} ON {table}")
    often = {"scheduler_check_interval_seconds": 0.3}
    async with open_nodes(database_url, tmp_path, seed=seed, **often) as nodes:
        node, _ = await nodes.start_many(2)
        async with under_load(database_url):
            await until_successes(connection, 50, seconds=30)
        await settle(connection)
        await nodes.stop_all()
        await prove(database, nodes.executions())
        assert all(trigger in nodes.log(node.name) for names in TRIGGERS.values() for trigger in names)
    await connection.close()


async def test_handlers_that_use_up_the_pool_only_slow_things_down(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    seed, _ = seeded()
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection, {"query": 20, "nap": 10})
    small = {"database_pool_size": 2, "scheduler_lease_seconds": 10}
    async with open_nodes(database_url, tmp_path, seed=seed, **small) as nodes:
        await nodes.start_many(2)
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now()")
        await until_successes(connection, 30, seconds=40)
        await settle(connection)
        nodes.assert_alive()
        await nodes.stop_all()
        await prove(database, nodes.executions())
    await connection.close()


async def test_handlers_that_keep_the_pool_stop_neither_heartbeats_nor_claims(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    seed, _ = seeded()
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection, {"hog": 3})
    async with open_nodes(database_url, tmp_path, seed=seed, database_pool_size=2) as nodes:
        node = await nodes.start()
        await connection.execute(FORCE_ALL, "hog")
        used_up = (
            "SELECT count(*) = 2 FROM pg_stat_activity WHERE datname = current_database()"
            " AND query = 'SELECT pg_sleep($1)' AND state = 'active'"
        )

        async def is_used_up() -> bool:
            return bool(await connection.fetchval(used_up))

        await until(is_used_up, seconds=10, what="the pool is used up")
        await add_jobs(connection, {"noop": 5})
        await connection.execute(FORCE_ALL, "noop")
        # Handlers that come too late wait ten seconds for a connection.
        await until_successes(connection, 5, seconds=5)
        begin = await connection.fetchval("SELECT now()")

        async def renews() -> bool:
            beat = "SELECT heartbeat_at > $2::timestamptz + interval '3 s' FROM scheduler_nodes WHERE id = $1"
            return bool(await connection.fetchval(beat, node.node_id, begin))

        await until(renews, seconds=5, what="it renews its lease, of two seconds, again and again")
        assert await is_used_up()
        await nodes.stop_all()
        await prove(database, nodes.executions())
        assert "Upkeep waits" not in nodes.log(node.name)
    await connection.close()


@pytest.mark.slow
@pytest.mark.endurance
async def test_a_pool_that_stays_used_up_is_named_in_the_log(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    seed, _ = seeded()
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection, {"hog": 3})
    small = {"database_pool_size": 2, "scheduler_lease_seconds": 30}
    async with open_nodes(database_url, tmp_path, seed=seed, **small) as nodes:
        node = await nodes.start()
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now()")
        await until_successes(connection, 3, seconds=60)
        await settle(connection)
        await nodes.stop_all()
        await prove(database, nodes.executions())
        assert "Every database connection of this process is in use" in nodes.log(node.name)
    await connection.close()


@pytest.mark.parametrize("hours", [5, -5])
async def test_a_node_whose_clock_is_wrong_by_hours_works_like_the_others(
    database: Database, database_url: str, tmp_path: Path, hours: int
) -> None:
    seed, _ = seeded()
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection)
    async with open_nodes(database_url, tmp_path, seed=seed) as nodes:
        wrong = await nodes.start(clock_offset=hours * HOUR)
        await nodes.start()
        async with under_load(database_url):
            await until_successes(connection, 50, seconds=30)

            async def works() -> bool:
                return await successes_of(connection, wrong) > 10

            await until(works, seconds=30, what="the wrong one works too")
        await settle(connection)
        await nodes.stop_all()
        await prove(database, nodes.executions())
    odd = await connection.fetchval(
        "SELECT count(*) FROM job_runs WHERE abs(extract(epoch FROM now() - started_at)) > 300"
        " OR abs(extract(epoch FROM now() - finished_at)) > 300 OR error_message LIKE 'Node lost%'"
    )
    assert odd == 0
    await connection.close()

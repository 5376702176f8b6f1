"""One scheduler and three workers, each a process with a data directory of its own, on one server."""

import random
from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from scheduler_core.db.database import Database
from tests.chaos.load import add_jobs, seeded, settle, under_load, until
from tests.chaos.nodes import Nodes, open_nodes
from tests.chaos.proof import prove
from tests.chaos.test_death import Deaths, until_holding

WORKERS = 3
LEASE = 2.0
TAKEN_OVER_WITHIN = LEASE + 1.0
BY_NODE = "SELECT node_id, count(*) FROM job_runs WHERE status = 'success' GROUP BY 1"


async def start_crew(nodes: Nodes) -> None:
    await nodes.start(settings={"scheduler_role": "scheduler"})
    for _ in range(WORKERS):
        await nodes.start(settings={"scheduler_role": "worker", "scheduler_max_concurrent_runs": 6})


async def lose_workers(database: Database, url: str, folder: Path, *, losses: int) -> int:
    """Kills workers under load, each time with runs in hand; returns how many runs there were in all."""
    seed, chance = seeded()
    connection = await asyncpg.connect(url)
    deaths = Deaths(connection)
    await add_jobs(connection)
    options = {"task_queue": "pgqueuer", "scheduler_retry_base_seconds": 0.0001}
    async with open_nodes(url, folder, seed=seed, **options) as nodes:
        await start_crew(nodes)
        boss, *workers = nodes.alive
        async with under_load(url):
            for worker in workers:
                await until_holding(connection, worker)
            lost = set()
            for _ in range(losses):
                victim = chance.choice(nodes.alive[1:])
                await until_holding(connection, victim)
                await nodes.kill(victim)
                await deaths.note(victim)
                lost.add(victim.node_id)
                await nodes.start(settings={"scheduler_role": "worker", "scheduler_max_concurrent_runs": 6})
                nodes.assert_alive()
        await settle(connection)
        nodes.assert_alive()
        spread = Counter({row[0]: row[1] for row in await connection.fetch(BY_NODE)})
        left = await connection.fetchval("SELECT count(*) FROM bawt_pgqueuer.pgqueuer")
        await nodes.stop_all()
        story = await prove(database, nodes.executions())
        delays = await deaths.delays()
    await connection.close()
    assert boss.node_id not in spread
    # Who was killed may have finished nothing before.
    assert all(spread[worker.node_id] for worker in workers if worker.node_id not in lost)
    assert left == 0
    assert delays
    assert max(delays) <= TAKEN_OVER_WITHIN, sorted(delays)[-10:]
    print(f"{losses} losses, {story}, {len(delays)} taken over within {max(delays):.2f} s")
    return story.runs


async def test_work_spreads_over_processes_and_a_lost_worker_costs_no_slot(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await lose_workers(database, database_url, tmp_path, losses=1)


@pytest.mark.slow
@pytest.mark.endurance
@pytest.mark.timeout(600)
async def test_forty_lost_workers_lose_and_double_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    assert await lose_workers(database, database_url, tmp_path, losses=40) > 500


async def test_messages_deleted_by_hand_all_the_time_lose_and_double_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    seed, _ = seeded()
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection, {"nap": 60, "limited": 20})
    async with open_nodes(database_url, tmp_path, seed=seed, task_queue="pgqueuer") as nodes:
        await start_crew(nodes)
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now()")
        deleted = 0

        async def some_are_gone() -> bool:
            nonlocal deleted
            done = await connection.execute(
                "DELETE FROM bawt_pgqueuer.pgqueuer WHERE id % 3 = $1", random.randrange(3)
            )
            deleted += int(done.rpartition(" ")[2])
            # Some of it is over, so what is deleted is not all there was.
            return len(nodes.executions()) >= 60

        await until(some_are_gone, seconds=30, what="most of it is over in spite of that")
        await settle(connection)
        nodes.assert_alive()
        await nodes.stop_all()
        await prove(database, nodes.executions())
    await connection.close()
    print(f"{deleted} messages deleted")

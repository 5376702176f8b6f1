"""What is promised of every queue between schedulers and those who do the runs, with nodes that really run.

Nothing here knows how a queue works; what only one of them can suffer is in a test of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from scheduler_core.db.audit import audit
from scheduler_core.db.database import Database
from tests.chaos.load import add_jobs, settle, until
from tests.chaos.nodes import open_nodes
from tests.chaos.proof import prove
from tests.chaos.servers import open_pool, own_server
from tests.maintenance.models import FakeModel
from tests.postgres import reachable_directory
from tests.tasks.farm import Farm, open_farm

# One INSERT, so that all wait from the same moment on; the last row is the oldest.
WAITING = """
    INSERT INTO job_runs (job_id, job_type, bot_id, available_at)
    SELECT id, job_type, bot_id, now() - make_interval(secs => substr(bot_id, 2)::integer)
    FROM scheduled_jobs WHERE job_type = $1
"""
UNTOLD = (
    "ALTER TABLE scheduled_jobs DISABLE TRIGGER USER",
    "ALTER TABLE job_runs DISABLE TRIGGER USER",
)


@pytest.fixture(params=["in-process", "pgqueuer"])
def queue(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def farm(database_url: str, tmp_path: Path) -> AsyncIterator[Farm]:
    async with open_farm(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def place() -> Iterator[Path]:
    with reachable_directory() as directory:
        yield directory


async def test_every_slot_is_done_once_however_many_nodes_look(
    queue: str, farm: Farm, database: Database
) -> None:
    for name in ("a", "b", "c"):
        await farm.start(name, task_queue=queue)
    await farm.add_jobs("nap", 150)
    await farm.until_over(150)
    assert len({bot for _, bot, _ in farm.begun}) == len(farm.begun) == 150
    assert await farm.statuses("nap") == {"success": 150}
    assert (await audit(database, history_days=90, grace=5)).is_exact


async def test_what_waits_longest_starts_first(queue: str, farm: Farm) -> None:
    await farm.start("a", task_queue=queue, scheduler_max_concurrent_runs=1)
    await farm.add_jobs("wait")
    await farm.until_begun(1)
    await farm.add_jobs("nap", 6, due_in=3600)
    await farm.connection.execute(WAITING, "nap")
    farm.gate.set()
    await farm.until_over(7)
    assert [bot for kind, bot, _ in farm.begun if kind == "nap"] == ["b6", "b5", "b4", "b3", "b2", "b1"]


async def test_a_big_batch_of_one_type_does_not_starve_another(queue: str, farm: Farm) -> None:
    await farm.start("a", task_queue=queue, scheduler_max_concurrent_runs=2)
    await farm.add_jobs("wait", 2)
    await farm.until_begun(2)
    await farm.add_jobs("nap", 60, due_in=3600)
    await farm.add_jobs("rare", due_in=3600)
    await farm.connection.execute(WAITING, "nap")
    await farm.connection.execute(WAITING, "rare")
    farm.gate.set()
    await farm.until_over(63)
    # What was on its way already, for each of two places, may go first.
    assert [kind for kind, _, _ in farm.begun[2:]].index("rare") <= 6


async def test_a_limit_holds_across_nodes(queue: str, farm: Farm) -> None:
    for name in ("a", "b"):
        await farm.start(name, task_queue=queue)
    await farm.add_jobs("pair", 20)
    await farm.until_over(20)
    assert farm.most["pair"] <= 2
    assert await farm.statuses("pair") == {"success": 20}


async def test_a_run_that_waits_for_the_one_before_starts_when_that_is_over(queue: str, farm: Farm) -> None:
    for name in ("a", "b"):
        await farm.start(name, task_queue=queue)
    [job] = await farm.add_jobs("wait", config='{"overlap": "queue"}')
    await farm.until_begun(1)
    await farm.connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE id = $1", job)

    async def waits() -> bool:
        return (await farm.statuses("wait")).get("pending") == 1

    await until(waits, seconds=10, what="the second slot waits")
    farm.gate.set()
    await farm.until_over(2)
    assert await farm.statuses("wait") == {"success": 2}
    assert farm.most["wait"] == 1


async def test_a_waiting_run_that_is_cancelled_never_starts(queue: str, farm: Farm) -> None:
    node = await farm.start("a", task_queue=queue, scheduler_max_concurrent_runs=1)
    await farm.add_jobs("wait")
    await farm.until_begun(1)
    [job] = await farm.add_jobs("nap", due_in=3600)
    [run] = await node.operations.force_run(job)
    await asyncio.sleep(0)
    await node.operations.cancel(run.id)
    await farm.add_jobs("rare")
    farm.gate.set()
    await farm.until_over(3)
    assert [kind for kind, _, _ in farm.begun] == ["wait", "rare"]
    assert await farm.statuses("nap") == {"failed": 1}


async def test_a_running_run_that_is_cancelled_is_stopped_where_it_runs(queue: str, farm: Farm) -> None:
    nodes = {name: await farm.start(name, task_queue=queue) for name in ("a", "b")}
    await farm.add_jobs("wait")
    await farm.until_begun(1)
    run = await farm.connection.fetchval(
        "SELECT id FROM job_runs WHERE status = 'running' AND job_type = 'wait'"
    )
    [(_, _, where)] = farm.begun
    await nodes["b" if where == "a" else "a"].operations.cancel(run)
    await farm.until_over(1)
    error = await farm.connection.fetchval("SELECT error_message FROM job_runs WHERE id = $1", run)
    assert error.startswith("Cancelled by ")


async def test_a_node_that_stops_lets_its_runs_end_within_the_grace(queue: str, farm: Farm) -> None:
    node = await farm.start("a", task_queue=queue, scheduler_stop_grace_seconds=20)
    await farm.add_jobs("wait")
    await farm.until_begun(1)

    async def let_go() -> None:
        await farm.add_jobs("nap", 3)
        farm.gate.set()

    await asyncio.gather(node.stop(), let_go())
    assert await farm.statuses("wait") == {"success": 1}
    # Nothing new was begun by who is stopping.
    assert [kind for kind, _, _ in farm.begun] == ["wait"]
    await farm.start("b", task_queue=queue)
    await farm.until_over(4)


async def test_what_waits_for_a_run_of_a_node_that_stops_starts_elsewhere_when_that_is_over(
    queue: str, farm: Farm
) -> None:
    node = await farm.start("a", task_queue=queue, scheduler_stop_grace_seconds=20)
    [job] = await farm.add_jobs("wait", config='{"overlap": "queue"}')
    await farm.until_begun(1)
    await farm.start("b", task_queue=queue)
    await farm.connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE id = $1", job)

    async def waits() -> bool:
        return (await farm.statuses("wait")).get("pending") == 1

    await until(waits, seconds=10, what="the second slot waits")
    # Until nobody looks any more because of what came so far.
    await asyncio.sleep(1.0)

    async def let_go() -> None:
        farm.gate.set()

    await asyncio.gather(node.stop(), let_go())
    await farm.until_over(2, seconds=10)
    assert [name for _, _, name in farm.begun] == ["a", "b"]


async def test_what_outlasts_the_grace_is_cancelled_and_tried_again_elsewhere(queue: str, farm: Farm) -> None:
    node = await farm.start("a", task_queue=queue, scheduler_stop_grace_seconds=0.05)
    await farm.add_jobs("wait")
    await farm.until_begun(1)
    await node.stop()
    await farm.start("b", task_queue=queue)
    await farm.until_begun(2)
    farm.gate.set()
    await farm.until_over(2)
    assert await farm.statuses("wait") == {"failed": 1, "success": 1}
    assert [name for _, _, name in farm.begun] == ["a", "b"]


async def test_what_nobody_was_told_of_is_found_at_the_next_look(queue: str, farm: Farm) -> None:
    await farm.start("a", task_queue=queue, scheduler_check_interval_seconds=0.1)
    for statement in UNTOLD:
        await farm.connection.execute(statement)
    if queue == "pgqueuer":
        await farm.connection.execute("ALTER TABLE bawt_pgqueuer.pgqueuer DISABLE TRIGGER USER")
    await farm.add_jobs("nap", 20)
    await farm.until_over(20)
    assert await farm.statuses("nap") == {"success": 20}


async def test_runs_go_only_where_their_type_is_known(queue: str, farm: Farm) -> None:
    await farm.start("a", task_queue=queue, kinds=("nap",))
    await farm.start("b", task_queue=queue, kinds=("nap", "rare"))
    await farm.add_jobs("rare", 20)
    await farm.until_over(20)
    assert farm.workers() == {"b": 20}


async def test_a_run_that_needs_a_model_waits_for_a_node_that_has_it(queue: str, farm: Farm) -> None:
    await farm.start("a", task_queue=queue)
    await farm.add_jobs("nap", 5, config='{"needs_model": "Fake"}')
    await farm.add_jobs("rare", 5)
    await farm.until_over(5)
    assert await farm.statuses("nap") == {"pending": 5}
    await farm.start("b", task_queue=queue, model=FakeModel(lambda prompt: ""))
    await farm.until_over(10)
    assert {name for kind, _, name in farm.begun if kind == "nap"} == {"b"}


async def test_what_a_killed_node_held_is_done_by_another_once(
    queue: str, database: Database, database_url: str, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection, {"doze": 12, "nap": 12})
    async with open_nodes(database_url, tmp_path, seed=1, task_queue=queue) as nodes:
        doomed = await nodes.start()
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = 'doze'")

        async def holds() -> bool:
            return bool(
                await connection.fetchval(
                    "SELECT count(*) >= 12 FROM job_runs WHERE node_id = $1 AND status = 'running'",
                    doomed.node_id,
                )
            )

        await until(holds, seconds=20, what="it has everything in hand")
        await nodes.kill(doomed)
        await nodes.start()
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = 'nap'")
        await settle(connection)
        nodes.assert_alive()
        await nodes.stop_all()
        story = await prove(database, nodes.executions())
    lost = await connection.fetchval(
        "SELECT count(*) FROM job_runs WHERE job_type = 'doze' AND error_message LIKE 'Node lost%'"
    )
    await connection.close()
    assert story.successes >= 24
    assert lost == 12


async def test_a_database_that_restarts_loses_and_doubles_nothing(
    queue: str, place: Path, tmp_path: Path
) -> None:
    async with (
        own_server(place) as server,
        open_nodes(server.url, tmp_path, seed=2, task_queue=queue) as nodes,
    ):
        connection = await asyncpg.connect(server.url)
        await add_jobs(connection, {"nap": 200, "limited": 20})
        await nodes.start_many(2)
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now()")

        async def begun() -> bool:
            return len(nodes.executions()) >= 20

        await until(begun, seconds=20, what="they are in the middle of it")
        connection.terminate()
        await server.stop_now()
        await server.start()
        connection = await asyncpg.connect(server.url)
        await settle(connection)
        await connection.close()
        nodes.assert_alive()
        await nodes.stop_all()
        async with open_pool(server.url) as database:
            story = await prove(database, nodes.executions())
    assert story.successes >= 220

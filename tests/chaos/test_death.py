"""Nodes that die or freeze: what they held is taken over in time, and their late words change nothing."""

import signal
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from tests.chaos.load import add_jobs, seeded, settle, under_load, until
from tests.chaos.nodes import Node, Nodes, open_nodes
from tests.chaos.proof import prove

LEASE = 2.0
TAKEN_OVER_WITHIN = LEASE + 1.0

HELD = "SELECT id FROM job_runs WHERE node_id = $1 AND status = 'running'"
# How long the next attempt at each lost run took to start, in seconds from the death; NULL: it never did.
# An outcome that was on its way when the node died may still have arrived.
TAKEN_OVER = """
    SELECT extract(epoch FROM n.started_at - $2)::float8 AS seconds, n.node_id, to_jsonb(r) AS run
    FROM job_runs r
    LEFT JOIN job_runs n ON n.first_run_id = coalesce(r.first_run_id, r.id) AND n.attempt = r.attempt + 1
    WHERE r.id = ANY ($1::uuid[]) AND r.error_message LIKE 'Node lost%'
"""


class Deaths:
    """The runs that killed nodes held, and when they died by the database's clock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held: list[tuple[datetime, UUID, list[UUID]]] = []

    async def note(self, node: Node) -> None:
        at = await self._connection.fetchval("SELECT clock_timestamp()")
        held = [row["id"] for row in await self._connection.fetch(HELD, node.node_id)]
        self._held.append((at, node.node_id, held))

    async def delays(self) -> list[float]:
        """Seconds to each take-over."""
        found = []
        for at, node, held in self._held:
            for row in await self._connection.fetch(TAKEN_OVER, held, at):
                assert row["seconds"] is not None, f"never taken over: {row['run']}"
                assert row["node_id"] != node
                found.append(row["seconds"])
        return found


async def kill_nodes(database: Database, url: str, folder: Path, *, kills: int) -> int:
    seed, chance = seeded()
    connection = await asyncpg.connect(url)
    deaths = Deaths(connection)
    await add_jobs(connection)
    # What is killed again and again waits a little longer each time; not here.
    async with open_nodes(url, folder, seed=seed, scheduler_retry_base_seconds=0.0001) as nodes:
        await nodes.start_many(3)
        async with under_load(url):
            for _ in range(kills):
                victim = chance.choice(nodes.alive)
                await until_holding(connection, victim)
                await nodes.kill(victim)
                await deaths.note(victim)
                await nodes.start()
                nodes.assert_alive()
        await settle(connection)
        nodes.assert_alive()
        await nodes.stop_all()
        story = await prove(database, nodes.executions())
        delays = await deaths.delays()
    await connection.close()
    assert delays
    assert max(delays) <= TAKEN_OVER_WITHIN, sorted(delays)[-10:]
    assert story.successes > kills
    print(f"{kills} kills, {story}, {len(delays)} taken over within {max(delays):.2f} s")
    return story.runs


async def until_holding(connection: Connection, node: Node) -> None:
    async def holds() -> bool:
        return bool(await connection.fetch(HELD, node.node_id))

    await until(holds, seconds=20, what=f"{node.name} has something in hand")


async def test_what_killed_nodes_held_is_taken_over_within_the_lease_and_a_second(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await kill_nodes(database, database_url, tmp_path, kills=6)


@pytest.mark.slow
@pytest.mark.endurance
# Long enough for a machine that is busy: one took eight seconds for each kill.
@pytest.mark.timeout(3600)
async def test_two_hundred_kills_lose_and_double_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    assert await kill_nodes(database, database_url, tmp_path, kills=200) > 3000


async def test_the_late_words_of_a_frozen_node_change_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    seed, _ = seeded()
    connection = await asyncpg.connect(database_url)
    await add_jobs(connection, {"doze": 20})
    async with open_nodes(database_url, tmp_path, seed=seed) as nodes:
        frozen = await nodes.start()
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = 'doze'")
        await until_holding(connection, frozen)
        frozen.signal(signal.SIGSTOP)
        await nodes.start()
        held = {row[0] for row in await connection.fetch(HELD, frozen.node_id)}
        await settle(connection)
        before = await connection.fetch("SELECT * FROM job_runs ORDER BY id")
        frozen.signal(signal.SIGCONT)
        await until_saying(nodes, frozen, "it was no longer ours", times=len(held))
        assert await connection.fetch("SELECT * FROM job_runs ORDER BY id") == before
        # It goes on working: alone, it is the only one that can.
        await nodes.stop(next(node for node in nodes.alive if node is not frozen))
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = 'doze'")
        await settle(connection)
        by_frozen = await connection.fetchval(
            "SELECT count(*) FROM job_runs WHERE status = 'success' AND node_id = $1", frozen.node_id
        )
        await nodes.stop_all()
        await prove(database, nodes.executions())
    await connection.close()
    assert by_frozen >= 20
    lost = {row["id"] for row in before if (row["error_message"] or "").startswith("Node lost")}
    assert held <= lost


async def until_saying(nodes: Nodes, node: Node, words: str, *, times: int = 1) -> None:
    async def says() -> bool:
        return nodes.log(node.name).count(words) >= times

    await until(says, seconds=20, what=f"{node.name} says {words!r}")

"""A server that stops, runs out of disk, or is not heard any more: nodes wait, reconnect and lose nothing."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.chaos.load import add_jobs, seeded, settle, under_load, until
from tests.chaos.nodes import open_nodes
from tests.chaos.proof import prove
from tests.chaos.servers import open_pool, own_server
from tests.postgres import reachable_directory

LEASE = 2.0


@pytest.fixture
def place() -> Iterator[Path]:
    with reachable_directory() as directory:
        yield directory


async def stop_and_start(place: Path, folder: Path, *, seconds: float, least: int) -> None:
    """Stops the server every two to four seconds, at least `least` times, while three nodes work."""
    seed, chance = seeded()
    async with own_server(place) as server, open_nodes(server.url, folder, seed=seed) as nodes:
        connection = await asyncpg.connect(server.url)
        await add_jobs(connection)
        await connection.close()
        await nodes.start_many(3)
        stops, end = 0, time.monotonic() + seconds
        async with under_load(server.url):
            while time.monotonic() < end or stops < least:
                await asyncio.sleep(chance.uniform(2, 4))
                await server.stop_now()
                await asyncio.sleep(chance.uniform(0, 0.5))
                await server.start()
                stops += 1
                nodes.assert_alive()
        connection = await asyncpg.connect(server.url)
        await settle(connection)
        await connection.close()
        nodes.assert_alive()
        await nodes.stop_all()
        async with open_pool(server.url) as database:
            story = await prove(database, nodes.executions())
        assert "Cannot look for due jobs" in nodes.logs
        print(f"{stops} stops, {story}")
    assert story.successes > 20 * stops


async def test_nodes_outlive_a_server_that_stops_at_once(place: Path, tmp_path: Path) -> None:
    await stop_and_start(place, tmp_path, seconds=0, least=2)


@pytest.mark.slow
@pytest.mark.endurance
@pytest.mark.timeout(400)
async def test_nodes_outlive_two_minutes_of_a_server_that_keeps_stopping(place: Path, tmp_path: Path) -> None:
    await stop_and_start(place, tmp_path, seconds=120, least=20)


async def test_who_comes_back_first_gives_the_others_time_to_renew_their_leases(
    place: Path, tmp_path: Path
) -> None:
    seed, _ = seeded()
    async with own_server(place) as server, open_nodes(server.url, tmp_path, seed=seed) as nodes:
        connection = await asyncpg.connect(server.url)
        await add_jobs(connection, {"sleep": 1})
        late = await nodes.start()
        await connection.execute("UPDATE scheduled_jobs SET next_run_at = now() WHERE job_type = 'sleep'")

        async def runs() -> bool:
            return bool(await connection.fetchval("SELECT count(*) FROM job_runs WHERE status = 'running'"))

        await until(runs, seconds=10, what="the long run has begun")
        first = await nodes.start()
        await connection.close()
        await server.stop_now()
        # From here on the one that works could not renew its lease, nor see that it ended.
        late.signal(signal.SIGSTOP)

        async def misses_it() -> bool:
            return "Upkeep waits for the database" in nodes.log(first.name)

        await until(misses_it, seconds=10, what="the other one misses the database")
        await asyncio.sleep(LEASE)
        await server.start()
        connection = await asyncpg.connect(server.url)
        leases = "SELECT lease_expires_at > now() FROM scheduler_nodes WHERE id = $1"

        async def is_back() -> bool:
            return bool(await connection.fetchval(leases, first.node_id))

        await until(is_back, seconds=10, what="the other one is back")
        assert not await connection.fetchval(leases, late.node_id)
        late.signal(signal.SIGCONT)
        await settle(connection)
        runs_then = await connection.fetch("SELECT status, node_id FROM job_runs WHERE job_type = 'sleep'")
        await connection.close()
        nodes.assert_alive()
        await nodes.stop_all()
    assert [tuple(run) for run in runs_then] == [("success", late.node_id)]
    assert len(nodes.executions()) == 1


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of 160 MB: enough for a cluster and its log, and little more."""
    disk = place / "disk"
    disk.mkdir(0o755)
    command = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "none", os.fspath(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a file system is not permitted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)  # noqa: S607  # wherever the system keeps it


async def test_a_full_disk_stops_work_says_so_and_work_resumes_by_itself(
    small_disk: Path, tmp_path: Path
) -> None:
    seed, _ = seeded()
    small = {"max_wal_size": "32MB", "min_wal_size": "32MB"}
    async with (
        own_server(small_disk, **small) as server,
        open_nodes(server.url, tmp_path, seed=seed) as nodes,
    ):
        connection = await asyncpg.connect(server.url)
        await add_jobs(connection)
        await connection.close()
        await nodes.start_many(2)
        ballast = small_disk / "ballast"
        async with under_load(server.url, each=10):
            await asyncio.sleep(0.5)
            fill(ballast)

            async def told() -> bool:
                return "is full" in nodes.logs or not server.runs()

            await until(told, seconds=60, what="the disk is full")
            nodes.assert_alive()
            ballast.unlink()
            if not server.runs():
                # It could not even write its log; an operator starts it again.
                await server.start()
        connection = await asyncpg.connect(server.url)
        await settle(connection)
        await connection.close()
        nodes.assert_alive()
        await nodes.stop_all()
        async with open_pool(server.url) as database:
            story = await prove(database, nodes.executions())
    assert story.successes > 0


def fill(path: Path) -> None:
    """Takes all the space that is left."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue

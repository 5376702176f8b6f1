"""Work for the nodes, and a clock to wait by: jobs of all kinds, forced again and again at random."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg

from scheduler_core.db.connect import Connection
from scheduler_core.errors import DatabaseError
from tests.chaos.proof import unsettled

LOOK_SECONDS = 0.02

# Mostly short runs, a few long ones, some that fail.
JOBS = {"noop": 10, "nap": 20, "doze": 10, "moody": 5, "limited": 5, "each": 2}

ADD = """
    INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at, config_json)
    SELECT $1, CASE WHEN $1 = 'each' THEN '*' ELSE 'b' || n END, 60, now() + interval '1 hour', $3
    FROM generate_series(1, $2) AS n
"""
# Slots that a node has to compute, none of which comes by itself here: they are made due by hand too.
ADD_CRON = """
    INSERT INTO scheduled_jobs (job_type, bot_id, cron, time_zone)
    SELECT t, CASE WHEN t = 'each' THEN '*' ELSE 'cron' END, '0 0 29 2 *', 'Europe/Berlin'
    FROM unnest($1::text[]) AS t
"""
FORCE = """
    UPDATE scheduled_jobs SET next_run_at = now() WHERE id IN (
        SELECT id FROM scheduled_jobs WHERE job_type = ANY ($1::text[]) ORDER BY random() LIMIT $2
    )
"""
# What a lost server answers with; whoever has a socket in hand reads it as one of these.
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, DatabaseError, TimeoutError)


async def add_jobs(connection: Connection, jobs: dict[str, int] = JOBS, *, config: str = "{}") -> None:
    for job_type, count in jobs.items():
        await connection.execute(ADD, job_type, count, config)


async def add_cron_jobs(connection: Connection) -> None:
    """One of each type."""
    await connection.execute(ADD_CRON, list(JOBS))


async def force(connection: Connection, count: int, jobs: dict[str, int] = JOBS) -> None:
    """Makes `count` random jobs due."""
    await connection.execute(FORCE, list(jobs), count)


@asynccontextmanager
async def under_load(url: str, *, each: int = 3, every: float = 0.05) -> AsyncIterator[None]:
    """Forces `each` random jobs `every` so many seconds, through any loss of the server."""
    forcing = asyncio.create_task(_keep_forcing(url, each, every), name="load")
    try:
        yield
    finally:
        forcing.cancel()
        with suppress(asyncio.CancelledError):
            await forcing


async def _keep_forcing(url: str, each: int, every: float) -> None:
    while True:
        with suppress(*LOST):
            connection = await asyncpg.connect(url, timeout=5, command_timeout=5)
            try:
                while True:
                    await force(connection, each)
                    await asyncio.sleep(every)
            finally:
                connection.terminate()
        await asyncio.sleep(every)


async def until(question: Callable[[], Awaitable[bool]], *, seconds: float, what: str) -> float:
    """Asks until the answer is yes; returns how long that took.

    Raises:
        AssertionError: it is still no after `seconds`.
    """
    begin = time.monotonic()
    while not await question():
        assert time.monotonic() - begin < seconds, f"after {seconds:g} s still not: {what}"
        await asyncio.sleep(LOOK_SECONDS)
    return time.monotonic() - begin


async def settle(connection: Connection, *, seconds: float = 60) -> None:
    """Waits until nothing is due, waiting or running; `seconds` is how long that may take."""
    left: list[str] = []

    async def over() -> bool:
        left[:] = await unsettled(connection)
        return not left

    try:
        await until(over, seconds=seconds, what="everything is over")
    except AssertionError:
        raise AssertionError(f"stuck after {seconds:g} s:\n" + "\n".join(left[:20])) from None


def seeded() -> tuple[int, random.Random]:
    """A seed of its own for this test; pytest shows it when the test fails."""
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    return seed, random.Random(seed)

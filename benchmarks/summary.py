"""How long a chat service waits for the summary that goes into a system prompt.

One call of `ProfileStore.summary` after another, for random entities among many, on an open pool.
Beside it the same statement on a bare driver connection, which is what the network and the server take.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from benchmarks import options
from benchmarks.machine import machine, versions
from benchmarks.report import Report, Spread, Table
from benchmarks.server import Server, connected, started_server
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import Entity, EntityType

PACKAGES = ("asyncpg", "sqlalchemy")
WARM_UP = 200
GOAL_SECONDS = 0.001
SEED = 7


async def timed(call: Callable[[Entity], Awaitable[str | None]], wanted: list[Entity]) -> Spread:
    """Seconds of each call but the first `WARM_UP`."""
    spent: list[float] = []
    for entity in wanted:
        began = time.perf_counter()
        text = await call(entity)
        spent.append(time.perf_counter() - began)
        assert text
    return Spread(tuple(spent[WARM_UP:]))


async def measure_calls(server: Server, arguments: argparse.Namespace) -> dict[str, Spread]:
    """The store's call, and the statement alone."""
    chance = random.Random(SEED)
    async with server.database("summary") as url, connected(url) as psql:
        await psql.execute(
            "INSERT INTO entity_profiles (entity_type, entity_id, revision, summarised_revision, summary)"
            " SELECT 'user', 'u' || n, 1, 1, repeat('Lives in Dresden and plays chess. ', 60)"
            " FROM generate_series(1, $1::integer) n",
            arguments.entities,
        )
        await psql.execute("VACUUM ANALYZE entity_profiles")
        wanted = [
            Entity(EntityType.USER, f"u{chance.randint(1, arguments.entities)}")
            for _ in range(arguments.calls + WARM_UP)
        ]
        database = Database.open(Address.parse(url), pool_size=2, application="benchmarks")
        try:

            async def bare(entity: Entity) -> str | None:
                text: str | None = await psql.fetchval(
                    "SELECT summary FROM entity_profiles WHERE entity_type = $1 AND entity_id = $2",
                    entity.type.value,
                    entity.id,
                )
                return text

            return {
                "profiles.summary": await timed(ProfileStore(database).summary, wanted),
                "statement alone": await timed(bare, wanted),
            }
        finally:
            await database.aclose()


async def measure(arguments: argparse.Namespace) -> Report:
    """Both ways on one server."""
    async with started_server(arguments.directory) as server:
        facts = machine(server.directory)
        installed = await versions(server.admin_url, PACKAGES)
        measured = await measure_calls(server, arguments)
    table = Table(
        "Milliseconds for one summary",
        ("", "calls", "p50", "p99", "most"),
        [
            (
                name,
                str(len(spread.values)),
                *(f"{1000 * spread.quantile(share):.3f}" for share in (0.5, 0.99, 1.0)),
            )
            for name, spread in measured.items()
        ],
    )
    own = measured["profiles.summary"]
    return Report(
        benchmark="summary",
        machine=facts,
        versions=installed,
        options={"entities": arguments.entities, "calls": arguments.calls},
        results=[{"way": name, "seconds": spread.facts(6)} for name, spread in measured.items()],
        tables=[table],
        ratios={
            "p50 / 1 ms": own.quantile(0.5) / GOAL_SECONDS,
            "p99 / 1 ms": own.quantile(0.99) / GOAL_SECONDS,
        },
    )


def main() -> None:
    """Measures and prints."""
    parser = options.parser(__doc__)
    parser.add_argument("--entities", type=options.positive, default=10_000, help="profiles in the database")
    parser.add_argument("--calls", type=options.positive, default=5_000, help="summaries read")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments)).print(as_json=arguments.json)


if __name__ == "__main__":
    main()

"""Profile maintenance: the pipeline without a model, and a pass over entities of which none changed.

The pipeline is timed by the processor time of this process, because it waits for nothing; the pass by the
clock, because it waits for the database. A first pass of a recorded run, plans and publishing together and
without a model, is timed by both.
"""

import argparse
import random
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from benchmarks.maintenance.section import Section
from benchmarks.quality.measure import run_once, snapshot_of
from benchmarks.quality.modes import scripted
from benchmarks.quality.profiles import LabelledProfile
from benchmarks.report import Spread, Table
from benchmarks.server import Server
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.profile_store import NewAttribute, ProfileStore
from scheduler_core.domain import Attribute, Entity, EntityType
from scheduler_core.maintenance.language import word_set
from scheduler_core.maintenance.profile_maintenance import ProfileMaintenanceService

_START = datetime(2026, 6, 1, tzinfo=UTC)
_CATEGORIES = ("fact", "preference", "interest", "context")
_KEYS = ("likes", "notes", "hobby", "job", "skill", "event", "location", "friend")
_WORDS = sorted(
    word_set(
        "coffee tea running sailing books piano garden red blue Berlin Dresden nurse dog cat jazz opera "
        "chess bread cheese winter with and not likes plays on Sundays since"
    )
)
_ROUNDS = 5
_RECORDED_SIZE = 50
_GOAL_MILLISECONDS = 5.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--entities", type=int, default=10_000, help="profiles of the unchanged pass")
    parser.add_argument("--recorded", type=int, default=300, help="profiles of the recorded first pass")
    parser.add_argument("--sizes", default="50,500,5000", help="attributes an entity")


async def measured(options: argparse.Namespace, server: Server) -> Section:
    """All figures."""
    sizes = [int(size) for size in options.sizes.split(",")]
    pipeline = [await _pipeline(size) for size in sizes]
    first, again, calls = await _unchanged(server, options.entities)
    wall, busy = await _recorded(server, options.recorded, _RECORDED_SIZE)
    results = [
        *(
            {"name": f"pipeline of {size} attributes", "milliseconds": spread.facts()}
            for size, spread in zip(sizes, pipeline, strict=True)
        ),
        {
            "name": "recorded first pass",
            "entities": options.recorded,
            "attributes": _RECORDED_SIZE,
            "milliseconds": round(wall, 3),
            "processor_milliseconds": round(busy, 3),
        },
        {"name": "first pass", "entities": options.entities, "seconds": round(first, 3)},
        {
            "name": "unchanged pass",
            "entities": options.entities,
            "seconds": again.facts(),
            "model_calls": calls,
        },
    ]
    rows = [
        (str(size), f"{spread.median:.2f} ms", f"{1_000 * spread.median / size:.0f} µs")
        for size, spread in zip(sizes, pipeline, strict=True)
    ]
    passes = [
        ("first, every entity new", f"{first:.2f} s", ""),
        ("again, none changed", f"{again.median:.4f} s", str(calls)),
    ]
    return Section(
        results=results,
        tables=[
            Table("Pipeline without a model, an entity", ("attributes", "time", "an attribute"), rows),
            Table(
                f"First pass of a run without a model, {_RECORDED_SIZE} attributes an entity",
                ("entities", "ms an entity", "of them in this process"),
                [(f"{options.recorded:,}", f"{wall:.2f}", f"{busy:.2f}")],
            ),
            Table(f"A pass over {options.entities:,} entities", ("pass", "time", "model calls"), passes),
        ],
        ratios={
            "cost an attribute, most / fewest attributes": (pipeline[-1].median / sizes[-1])
            / (pipeline[0].median / sizes[0]),
            "processor time an entity / goal of 5 ms": busy / _GOAL_MILLISECONDS,
        },
    )


def made_profile(size: int, seed: int) -> LabelledProfile:
    """A profile of short texts without labels; the same for the same seed."""
    chance = random.Random(f"{size} {seed}")
    attributes = [
        Attribute(
            id=id_,
            category=chance.choice(_CATEGORIES),
            key=chance.choice(_KEYS),
            value=f"{' '.join(chance.choices(_WORDS, k=chance.randint(1, 9)))} {chance.randrange(10**6)}",
            confidence=0.9,
            source="explicit",
            created_at=_START,
            updated_at=_START + timedelta(minutes=id_),
        )
        for id_ in range(1, size + 1)
    ]
    return LabelledProfile(Entity(EntityType.USER, f"made-{seed}"), attributes)


async def _pipeline(size: int) -> Spread:
    """Milliseconds an entity."""
    many = max(1, 500 // size)
    values: list[float] = []
    for round_ in range(_ROUNDS):
        snapshots = [snapshot_of(made_profile(size, round_ * many + number)) for number in range(many)]
        before = time.process_time()
        for snapshot in snapshots:
            await run_once(snapshot, None)
        values.append(1_000 * (time.process_time() - before) / many)
    return Spread(tuple(values))


async def _unchanged(server: Server, entities: int) -> tuple[float, Spread, int]:
    """Seconds of the first pass and of passes after it, and how often those asked the model."""
    async with server.database("unchanged_profiles") as url:
        address = Address.parse(url)
        database = Database.open(address, pool_size=4, application="benchmark")
        try:
            store = ProfileStore(database)
            await _fill(store, entities, 5)
            model = scripted("agreeing", {}, seed=1)
            service = ProfileMaintenanceService(store=store, model=model)
            started = time.perf_counter()
            done = await service.maintain_changed(run_id=None)
            first = time.perf_counter() - started
            if done.changed != entities:
                raise RuntimeError(f"{done.changed} of {entities} entities were maintained")
            asked = model.calls
            values: list[float] = []
            for _ in range(_ROUNDS):
                started = time.perf_counter()
                outcome = await service.maintain_changed(run_id=None)
                values.append(time.perf_counter() - started)
                if not outcome.is_unchanged:
                    raise RuntimeError("a pass over unchanged entities changed some")
            return first, Spread(tuple(values)), model.calls - asked
        finally:
            await database.aclose()


async def _recorded(server: Server, entities: int, size: int) -> tuple[float, float]:
    """Milliseconds an entity by the clock, and how many of them this process worked."""
    async with server.database("recorded_profiles") as url:
        database = Database.open(Address.parse(url), pool_size=4, application="benchmark")
        try:
            store = ProfileStore(database)
            await _fill(store, entities, size)
            async with database.connection() as connection:
                await connection.execute("VACUUM ANALYZE")
                # Of a run that is recorded, what undoing it takes is kept.
                run: UUID = await connection.fetchval(
                    "INSERT INTO job_runs (job_type, bot_id, status, started_at, finished_at)"
                    " VALUES ('profile_maintenance', '*', 'success', now(), now()) RETURNING id"
                )
            service = ProfileMaintenanceService(store=store, model=None)
            started, worked = time.perf_counter(), time.process_time()
            done = await service.maintain_changed(run_id=run)
            wall, busy = time.perf_counter() - started, time.process_time() - worked
            if done.changed != entities:
                raise RuntimeError(f"{done.changed} of {entities} entities were maintained")
            return 1_000 * wall / entities, 1_000 * busy / entities
        finally:
            await database.aclose()


async def _fill(store: ProfileStore, entities: int, size: int) -> None:
    await store.add(
        [
            NewAttribute(entity=profile.entity, category=each.category, key=each.key, value=each.value)
            for profile in (made_profile(size, number) for number in range(entities))
            for each in profile.attributes
        ]
    )

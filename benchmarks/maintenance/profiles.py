"""Profile maintenance: the pipeline without a model, and a pass over entities of which none changed.

The pipeline is timed by the processor time of this process, because it waits for nothing; the pass by the
clock, because it waits for the database.
"""

import argparse
import random
import time
from datetime import UTC, datetime, timedelta

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


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--entities", type=int, default=10_000, help="profiles of the unchanged pass")
    parser.add_argument("--sizes", default="50,500,5000", help="attributes an entity")


async def measured(options: argparse.Namespace, server: Server) -> Section:
    """Both figures."""
    sizes = [int(size) for size in options.sizes.split(",")]
    pipeline = [await _pipeline(size) for size in sizes]
    first, again, calls = await _unchanged(server, options.entities)
    results = [
        *(
            {"name": f"pipeline of {size} attributes", "milliseconds": spread.facts()}
            for size, spread in zip(sizes, pipeline, strict=True)
        ),
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
            Table(f"A pass over {options.entities:,} entities", ("pass", "time", "model calls"), passes),
        ],
        ratios={
            "cost an attribute, most / fewest attributes": (pipeline[-1].median / sizes[-1])
            / (pipeline[0].median / sizes[0])
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
            await store.add(
                [
                    NewAttribute(
                        entity=profile.entity, category=each.category, key=each.key, value=each.value
                    )
                    for profile in (made_profile(5, number) for number in range(entities))
                    for each in profile.attributes
                ]
            )
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

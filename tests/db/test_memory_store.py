"""Merging and archiving memories: exact numbers, nothing lost, brakes that hold."""

import json
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.memory_store import MemoryStore


@pytest.fixture
def store(database: Database) -> MemoryStore:
    return MemoryStore(database)


async def add(
    database: Database,
    content: str,
    *,
    bot: str = "nova",
    importance: float = 0.5,
    idle_days: float = 0,
    accesses: int = 0,
    tags: tuple[str, ...] = ("misc",),
) -> str:
    async with database.connection() as connection:
        memory: str = await connection.fetchval(
            "INSERT INTO memories"
            " (bot_id, content, importance, access_count, tags, created_at, last_accessed)"
            " SELECT $1, $2, $3, $4, $5, t, t"
            " FROM (SELECT now() - make_interval(secs => $6 * 86400.0) AS t) s"
            " RETURNING id",
            bot,
            content,
            importance,
            accesses,
            json.dumps(tags),
            idle_days,
        )
    return memory


async def fetch(database: Database, query: str, *values: object) -> list[asyncpg.Record]:
    async with database.connection() as connection:
        return list(await connection.fetch(query, *values))


async def contents(database: Database) -> set[str]:
    return {row["content"] for row in await fetch(database, "SELECT content FROM memories")}


async def archive(database: Database) -> dict[str, Any]:
    return {row["id"]: dict(row) for row in await fetch(database, "SELECT * FROM memory_archive")}


async def test_equal_memories_become_the_oldest_and_the_others_are_archived_as_they_were(
    database: Database, store: MemoryStore
) -> None:
    old = await add(database, "Likes tea", idle_days=9, accesses=2, tags=("preference",))
    new = await add(database, "  likes   TEA ", idle_days=1, accesses=3, importance=0.8, tags=("food",))
    await add(database, "Likes coffee")
    await add(database, "Likes tea", bot="mira")
    run = uuid4()
    merge = await store.merge_same("nova", run_id=run)
    assert (merge.memories, merge.groups, merge.archived) == (3, 1, 1)
    [kept] = await fetch(database, "SELECT * FROM memories WHERE id = $1", old)
    assert (kept["content"], kept["access_count"], round(kept["importance"], 1)) == ("Likes tea", 5, 0.8)
    assert sorted(kept["tags"]) == ["food", "preference"]
    gone = (await archive(database))[new]
    assert (gone["run_id"], gone["cause"], gone["merged_into"]) == (run, "merged", old)
    assert gone["memory"]["content"] == "  likes   TEA "
    assert (await store.merge_same("nova", run_id=run)).archived == 0


async def test_a_negation_or_another_number_is_not_the_same(database: Database, store: MemoryStore) -> None:
    for text in ("Likes tea", "Does not like tea", "Has 2 cats", "Has 3 cats"):
        await add(database, text)
    assert (await store.merge_same("nova", run_id=uuid4())).archived == 0


async def test_the_worst_goes_first_and_at_most_two_percent(database: Database, store: MemoryStore) -> None:
    worst = await add(database, "worst", importance=0.0, idle_days=2000)
    await add(database, "bad", importance=0.0, idle_days=1000)
    for number in range(60):
        await add(database, f"fresh {number}")
    decay = await store.decay("nova", run_id=uuid4())
    assert (decay.memories, decay.below, decay.archived) == (62, 2, 2)
    assert (await archive(database))[worst]["memory"]["content"] == "worst"


async def test_the_cap_leaves_the_better_ones(database: Database, store: MemoryStore) -> None:
    for number in range(40):
        await add(database, f"fresh {number}")
    for number in range(3):
        await add(database, f"bad {number}", importance=0.0, idle_days=500 + number)
    assert (await store.decay("nova", run_id=uuid4())).archived == 1
    assert await contents(database) >= {"bad 0", "bad 1"}
    assert "bad 2" not in await contents(database)


@pytest.mark.parametrize(
    "protected",
    [
        {"tags": ("health",)},
        {"tags": ("misc", "Pinned")},
        {"tags": ("identity",)},
        {"importance": 0.95},
        {"idle_days": 29.0},
    ],
)
async def test_what_is_protected_or_young_stays(
    database: Database, store: MemoryStore, protected: dict[str, Any]
) -> None:
    await add(database, "kept", **({"importance": 0.0, "idle_days": 5000.0} | protected))
    assert (await store.decay("nova", run_id=uuid4())).archived == 0


async def test_too_much_at_once_archives_nothing(database: Database, store: MemoryStore) -> None:
    for number in range(10):
        await add(database, f"old {number}", importance=0.0, idle_days=3000)
    decay = await store.decay("nova", run_id=uuid4())
    assert (decay.below, decay.archived) == (10, 0)
    assert len(await contents(database)) == 10


async def test_the_score_is_the_documented_formula(database: Database, store: MemoryStore) -> None:
    from math import log

    memory = await add(database, "x", importance=0.2, idle_days=400, accesses=4, tags=("event",))
    for number in range(10):
        await add(database, f"fresh {number}")
    await store.decay("nova", run_id=uuid4())
    i, a, d, m = 0.2, 4, 400, 0.6
    half_life = 90 * m * 2 ** (2 * i - 1) * min(1 + 0.35 * log(1 + a), 3)
    expected = (0.05 + 0.95 * i) * 2 ** (-d / half_life)
    assert (await archive(database))[memory]["score"] == pytest.approx(expected, rel=1e-3)


async def test_tags_that_are_not_a_list_do_not_stop_the_others(
    database: Database, store: MemoryStore
) -> None:
    await add(database, "odd")
    await fetch(database, "UPDATE memories SET tags = '{\"a\": 1}', source_message_ids = '7'")
    await add(database, "odd")
    assert (await store.decay("nova", run_id=uuid4())).memories == 2
    assert (await store.merge_same("nova", run_id=uuid4())).archived == 1

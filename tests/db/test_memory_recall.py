"""Bringing back many memories: all that can come, in one step, with an audit row for each."""

from uuid import uuid4

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.listings import Listings
from scheduler_core.db.memory_archive import MemoryArchive
from scheduler_core.db.memory_recall import MemoryRecall, Recallable
from scheduler_core.db.memory_store import MemoryStore
from scheduler_core.domain import MemoryFilter
from tests.db.memories import add, add_fresh, archive, contents, dump, fetch
from tests.db.test_memory_archive import group


@pytest.fixture
def store(database: Database) -> MemoryArchive:
    return MemoryArchive(database)


@pytest.fixture
def recall(database: Database) -> MemoryRecall:
    return MemoryRecall(database, actor="ada")


async def faded(database: Database, store: MemoryArchive, *names: str) -> None:
    """Memories with these ids that decay has archived."""
    await add_fresh(database, 150)
    for name in names:
        await add(database, name, id_=name, importance=0.0, idle_days=2000)
    _, gone = await store.decay("nova", run_id=uuid4())
    assert set(gone) == set(names)


async def merged(database: Database, store: MemoryArchive, survivor: str, *members: str) -> None:
    for name in (survivor, *members):
        await add(database, name, id_=name)
    await store.merge("nova", [await group(database, survivor, *members)], run_id=uuid4())


async def audited(database: Database) -> list[tuple[str, ...]]:
    rows = await fetch(
        database, "SELECT actor, action, object_type, object_id FROM operator_actions ORDER BY id"
    )
    return [tuple(row) for row in rows]


def named(*names: str) -> list[tuple[str, str]]:
    return [("nova", name) for name in names]


async def test_all_come_back_byte_for_byte_with_an_audit_row_each(
    database: Database, store: MemoryArchive, recall: MemoryRecall
) -> None:
    await add_fresh(database, 150)
    for name in ("a", "b"):
        await add(database, name, id_=name, importance=0.0, idle_days=2000)
    before = await dump(database)
    await store.decay("nova", run_id=uuid4())
    assert await dump(database) != before
    assert await recall.recallable(named("a", "b", "c")) == Recallable(archived=2, back=2)
    done = await recall.recall(named("a", "b"))
    assert (done.back, done.left_out) == (tuple(named("a", "b")), ())
    assert await dump(database) == before
    assert await audited(database) == [
        ("ada", "restore", "memory", "nova/a"),
        ("ada", "restore", "memory", "nova/b"),
    ]


async def test_of_a_merge_all_come_back_whoever_was_named(
    database: Database, store: MemoryArchive, recall: MemoryRecall
) -> None:
    await merged(database, store, "stays", "m1", "m2", "m3")
    await faded(database, store, "old")
    assert await recall.recallable(named("m2", "old")) == Recallable(archived=2, back=4)
    done = await recall.recall(named("m2", "m1", "old"))
    assert (done.back, done.left_out) == (tuple(named("m1", "m2", "m3", "old")), ())
    assert await archive(database) == {}
    assert {"stays", "m1", "m2", "m3", "old"} <= await contents(database)
    assert await fetch(database, "SELECT FROM memory_merges") == []


async def test_what_cannot_come_is_told_and_keeps_nobody_else(
    database: Database, store: MemoryArchive, recall: MemoryRecall
) -> None:
    await merged(database, store, "stays", "member")
    await faded(database, store, "old", "anew")
    await add(database, "another text", id_="anew")
    await fetch(database, "UPDATE memories SET content = 'changed' WHERE id = 'stays'")
    done = await recall.recall(named("old", "anew", "member", "never"))
    assert done.back == tuple(named("old"))
    assert done.left_out == (
        "nova/never is not in the archive.",
        "nova/anew was stored anew since.",
        "The memory stays, which took the others in, was changed or deleted since.",
    )
    assert set(await archive(database)) == {"anew", "member"}
    assert await audited(database) == [("ada", "restore", "memory", "nova/old")]


async def test_the_members_of_a_merge_are_listed_as_they_were(
    database: Database, store: MemoryArchive
) -> None:
    await merged(database, store, "stays", "m1", "m2")
    lineage = (await MemoryStore(database).lineage("stays"))["nova"]
    [merge] = lineage.merges
    rows = await Listings(database).members("nova", merge)
    assert [(row.memory.id, row.memory.content, row.merged_into) for row in rows] == [
        ("m1", "m1", "stays"),
        ("m2", "m2", "stays"),
    ]
    assert len(await Listings(database).members("nova", merge, limit=1)) == 1
    assert await Listings(database).members("mira", merge) == ()


async def test_ten_thousand_come_back_in_one_step(
    database: Database, store: MemoryArchive, recall: MemoryRecall
) -> None:
    await add(database, "text", id_="m0")
    await fetch(
        database,
        "INSERT INTO memory_archive (bot_id, id, memory, cause)"
        " SELECT 'nova', 'm' || n, to_jsonb(m) || jsonb_build_object('id', 'm' || n), 'decayed'"
        " FROM memories m, generate_series(1, 10000) n",
    )
    everything = await Listings(database).memories("archived", MemoryFilter(), limit=10_000)
    keys = [(row.memory.bot_id, row.memory.id) for row in everything]
    assert await recall.recallable(keys) == Recallable(archived=10_000, back=10_000)
    done = await recall.recall(keys)
    assert (len(done.back), done.left_out) == (10_000, ())
    assert await archive(database) == {}

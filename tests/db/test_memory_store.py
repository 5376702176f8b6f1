"""Memories as hosts write them and people read them."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.memory_archive import MemoryArchive
from scheduler_core.db.memory_file import bounded_lines, export_lines, import_memories
from scheduler_core.db.memory_rows import AddedMemories, Memory, MemoryState, NewMemory
from scheduler_core.db.memory_store import MemoryStore
from scheduler_core.errors import DataError
from tests.db.memories import add, add_fresh, dump, fetch

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "memories.jsonl"


@pytest.fixture
def store(database: Database) -> MemoryStore:
    return MemoryStore(database)


def tea(**fields: object) -> NewMemory:
    return NewMemory(**({"bot_id": "nova", "content": "Likes tea", "id": "a"} | fields))  # type: ignore[arg-type]


async def stored(store: MemoryStore, memory_id: str = "a") -> Memory:
    found = (await store.lineage(memory_id))["nova"].active
    assert found is not None
    return found


async def test_what_is_not_given_is_the_default_and_later_what_is_stored(store: MemoryStore) -> None:
    assert await store.add([tea(importance=0.7)]) == AddedMemories(added=1)
    first = await stored(store)
    assert (first.tags, first.importance, first.access_count, first.pinned) == (("misc",), 0.7, 0, False)
    assert await store.add([tea(access_count=3)]) == AddedMemories(changed=1)
    second = await stored(store)
    assert (second.importance, second.access_count, second.created_at) == (0.7, 3, first.created_at)
    assert second.updated_at is not None
    assert first.updated_at is not None
    assert second.updated_at > first.updated_at


async def test_the_same_again_changes_nothing(database: Database, store: MemoryStore) -> None:
    await store.add([tea(importance=0.1, tags=("x", "y"), created_at=datetime(2026, 1, 1, tzinfo=UTC))])
    before = await dump(database)
    again = tea(importance=0.1, tags=("x", "y"), created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert await store.add([again, again]) == AddedMemories(unchanged=2)
    assert await dump(database) == before


async def test_of_two_with_one_id_in_a_call_the_later_counts(store: MemoryStore) -> None:
    added = await store.add([tea(importance=0.2), tea(content="Hates tea")])
    assert added == AddedMemories(added=1, unchanged=1)
    found = await stored(store)
    assert (found.content, found.importance) == ("Hates tea", 0.2)


async def test_what_lies_in_the_archive_with_this_text_stays_there(
    database: Database, store: MemoryStore
) -> None:
    await add(database, "Likes tea", id_="a", importance=0.0, idle_days=900)
    await MemoryArchive(database).decay("nova", run_id=uuid4())
    assert await store.add([tea()]) == AddedMemories(archived=1)
    assert await store.add([tea(content="Likes coffee")]) == AddedMemories(added=1)


@pytest.mark.parametrize(
    "fields",
    [
        {"bot_id": ""},
        {"bot_id": "x" * 101},
        {"id": "x" * 37},
        {"content": " "},
        {"content": "a\0b"},
        {"content": "\ud800"},
        {"tags": ("\0",)},
        {"intent": "\udfff"},
        {"importance": 1.5},
        {"importance": float("nan")},
        {"emotional_charge": float("inf")},
        {"access_count": 2**31},
        {"source": "hearsay"},
    ],
)
async def test_what_cannot_be_stored_is_refused_before_anything_is(
    database: Database, store: MemoryStore, fields: dict[str, object]
) -> None:
    with pytest.raises(DataError):
        await store.add([tea(), tea(**fields)])
    assert await dump(database) == []


async def test_two_imports_of_the_same_memories_at_once_do_not_fail(store: MemoryStore) -> None:
    many = [tea(id=f"m-{number}", content=f"text {number}") for number in range(300)]
    results = await asyncio.gather(store.add(many), store.add(many[::-1]))
    assert {result.added + result.changed + result.unchanged for result in results} == {300}
    assert len([None async for _ in store.export()]) == 300


async def test_pages_follow_each_other_without_gap_or_repetition(
    database: Database, store: MemoryStore
) -> None:
    for bot in ("nova", "mira"):
        for number in range(5):
            await add(database, f"text {number}", id_=f"m{number}", bot=bot)
    found: list[tuple[str, str]] = []
    last = None
    while page := await store.page(after=last, limit=3):
        found += [(one.memory.bot_id, one.memory.id) for one in page]
        last = page[-1]
    assert found == [(bot, f"m{number}") for bot in ("mira", "nova") for number in range(5)]
    assert len(await store.page(bot_id="mira")) == 5


async def test_archived_memories_are_listed_the_latest_first_and_by_their_cause(
    database: Database, store: MemoryStore
) -> None:
    for name in ("a", "b"):
        await add(database, name, id_=name, importance=0.0, idle_days=900)
        await MemoryArchive(database).decay("nova", run_id=uuid4())
    first, second = await store.page(state=MemoryState.ARCHIVED)
    assert (first.memory.id, second.memory.id) == ("b", "a")
    assert await store.page(state=MemoryState.ARCHIVED, after=first) == (second,)
    assert await store.page(state=MemoryState.MERGED) == ()
    assert [memory.id async for memory in store.export(state=MemoryState.ARCHIVED)] == ["a", "b"]


async def test_lineage_names_the_bot_and_is_empty_for_an_unknown_id(
    database: Database, store: MemoryStore
) -> None:
    await add(database, "x", id_="a")
    await add(database, "y", id_="a", bot="mira")
    assert set(await store.lineage("a")) == {"mira", "nova"}
    assert set(await store.lineage("a", bot_id="mira")) == {"mira"}
    assert await store.lineage("b") == {}


async def test_rows_that_a_host_filled_oddly_can_still_be_read(
    database: Database, store: MemoryStore
) -> None:
    await add(database, "x", id_="a")
    await fetch(
        database,
        "UPDATE memories SET tags = '\"word\"', source_message_ids = '[1, {\"a\": 2}]',"
        " last_accessed = 'infinity'",
    )
    found = await stored(store)
    assert (found.tags, found.source_message_ids, found.last_accessed) == ((), ("1", '{"a": 2}'), None)


async def test_the_example_is_imported_whole_and_again_changes_nothing(
    database: Database, store: MemoryStore
) -> None:
    for expected in (AddedMemories(added=120), AddedMemories(unchanged=120)):
        with EXAMPLE.open("rb") as stream:
            report = await import_memories(store, bounded_lines(stream))
        assert (report.stored, report.rejected) == (expected, ())
    exported = [line async for line in export_lines(store)]
    assert (await import_memories(store, exported)).stored == AddedMemories(unchanged=120)
    look = await MemoryArchive(database).look("nova")
    # Old trivia, without what is protected; few enough for the brakes.
    assert (look.memories, look.below, look.tripped) == (60, 8, False)


async def test_a_read_of_one_memory_and_of_changes_uses_indexes(
    database: Database, store: MemoryStore
) -> None:
    await add_fresh(database, 30)
    await fetch(database, "ANALYZE")
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        for query in (
            "SELECT id, change FROM memory_changes WHERE bot_id = 'nova'",
            "SELECT * FROM memory_archive WHERE id = 'a'",
            "SELECT * FROM memory_merges WHERE survivor = 'a'",
        ):
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}"))
            assert "Seq Scan" not in plan

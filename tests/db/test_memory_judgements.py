"""What is new, what is decided, and the vectors: each tied to the text it came from."""

import asyncio
import struct

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.memory_judgements import Judgement, MemoryJudgements, Verdict, text_hash
from scheduler_core.db.memory_vectors import MemoryVectors
from tests.db.memories import add, fetch


@pytest.fixture
def store(database: Database) -> MemoryJudgements:
    return MemoryJudgements(database)


@pytest.fixture
def vectors(database: Database) -> MemoryVectors:
    return MemoryVectors(database)


def vector(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


async def changed(store: MemoryJudgements) -> set[str]:
    return {change.id for change in await store.changed("nova")}


async def test_new_and_reworded_memories_are_listed_whoever_wrote_them(
    database: Database, store: MemoryJudgements
) -> None:
    for name in "abc":
        await add(database, name, id_=name)
    assert await changed(store) == {"a", "b", "c"}
    await store.settle("nova", await store.changed("nova"))
    assert await changed(store) == set()
    await fetch(database, "UPDATE memories SET access_count = 9, last_accessed = now(), importance = 1")
    assert await changed(store) == set()
    await fetch(database, "UPDATE memories SET content = 'other' WHERE id = 'b'")
    await fetch(database, "UPDATE memories SET id = 'd' WHERE id = 'c'")
    assert await changed(store) == {"b", "d"}
    await fetch(database, "DELETE FROM memories WHERE id = 'b'")
    assert await changed(store) == {"d"}


async def test_a_change_while_one_looks_is_not_settled(database: Database, store: MemoryJudgements) -> None:
    await add(database, "a", id_="a")
    seen = await store.changed("nova")
    await fetch(database, "UPDATE memories SET content = 'other'")
    await store.settle("nova", seen)
    assert await changed(store) == {"a"}


async def test_a_verdict_is_kept_once_until_a_text_changes_or_a_memory_goes(
    database: Database, store: MemoryJudgements
) -> None:
    for name in "abc":
        await add(database, name, id_=name)
    sides = {name: (name, text_hash(name)) for name in "abc"}
    same = Judgement.of(sides["b"], sides["a"], Verdict.SAME, judge="rule")
    assert (same.left_id, same.right_id) == ("a", "b")
    unsure = Judgement.of(sides["b"], sides["c"], Verdict.UNSURE, judge="sha256:1")
    await store.judge("nova", [same, unsure])
    assert await store.judged("nova", ["b"]) == [same, unsure]
    sure = Judgement.of(sides["c"], sides["b"], Verdict.DIFFERENT, judge="sha256:2")
    await store.judge("nova", [sure])
    assert await store.judged("nova", ["c"]) == [sure]
    await fetch(database, "UPDATE memories SET content = 'other' WHERE id = 'c'")
    assert await store.judged("nova", ["b"]) == [same]
    await fetch(database, "DELETE FROM memories WHERE id = 'a'")
    assert await store.judged("nova", ["b"]) == []


async def test_a_verdict_on_a_text_that_is_gone_is_not_kept(
    database: Database, store: MemoryJudgements
) -> None:
    for name in "ab":
        await add(database, name, id_=name)
    stale = Judgement.of(("a", text_hash("former")), ("b", text_hash("b")), Verdict.SAME, judge="rule")
    await store.judge("nova", [stale])
    assert await store.judged("nova", ["a", "b"]) == []


async def test_nothing_overrules_what_a_person_said(database: Database, store: MemoryJudgements) -> None:
    for name in "ab":
        await add(database, name, id_=name)
    sides = [(name, text_hash(name)) for name in "ab"]
    said = Judgement.of(sides[0], sides[1], Verdict.DIFFERENT, judge="person")
    await store.judge("nova", [said])
    await store.judge("nova", [Judgement.of(sides[0], sides[1], Verdict.SAME, judge="rule")])
    assert await store.judged("nova", ["a"]) == [said]


async def test_texts_come_in_pages_or_by_id(database: Database, store: MemoryJudgements) -> None:
    for name in "abc":
        await add(database, name.upper(), id_=name, tags=("x", name))
    first = await store.texts("nova", page=2)
    assert [one.id for one in first] == ["a", "b"]
    [last] = await store.texts("nova", after=first[-1].id)
    assert (last.content, last.tags) == ("C", ("x", "c"))
    assert [one.id for one in await store.texts("nova", ids=["c", "nothing"])] == ["c"]


async def test_the_hash_in_the_database_is_the_one_here(database: Database) -> None:
    text = "Grüße, 世界 \n\t"
    [row] = await fetch(database, "SELECT bawt_text_hash($1) AS hash", text)
    assert row["hash"] == text_hash(text)


async def test_vectors_come_back_in_blocks_by_id_bit_for_bit(
    database: Database, vectors: MemoryVectors
) -> None:
    for name in "edcba":
        await add(database, name, id_=name)
    numbers = {name: vector(index, -0.1, 1e-30) for index, name in enumerate("abcde")}
    kept = await vectors.store("nova", model="m", vectors=[(name, name, numbers[name]) for name in "abcde"])
    assert kept == 5
    blocks = [block async for block in vectors.blocks("nova", model="m", dimensions=3, size=2)]
    assert [block.ids for block in blocks] == [("a", "b"), ("c", "d"), ("e",)]
    assert b"".join(block.vectors for block in blocks) == b"".join(numbers.values())
    assert await vectors.of("nova", ["b", "x"], model="m") == {"b": numbers["b"]}
    assert [block async for block in vectors.blocks("nova", model="m", dimensions=4)] == []
    assert [block async for block in vectors.blocks("nova", model="other", dimensions=3)] == []


async def test_what_lacks_a_vector_of_this_model_is_told_and_a_new_text_drops_the_old_vector(
    database: Database, vectors: MemoryVectors
) -> None:
    for name in "abc":
        await add(database, name, id_=name)
    await vectors.store("nova", model="m", vectors=[("a", "a", vector(1.0)), ("b", "b", vector(1.0))])
    assert await vectors.lacking("nova", model="m") == [("c", "c")]
    assert await vectors.lacking("nova", model="other", after="a", page=1) == [("b", "b")]
    await fetch(database, "UPDATE memories SET content = 'new' WHERE id = 'a'")
    assert await vectors.lacking("nova", model="m") == [("a", "new"), ("c", "c")]


async def test_a_vector_of_a_text_that_changed_meanwhile_is_not_kept(
    database: Database, vectors: MemoryVectors
) -> None:
    await add(database, "a", id_="a")
    async with database.transaction() as other:
        await other.execute("UPDATE memories SET content = 'new'")
        storing = asyncio.ensure_future(vectors.store("nova", model="m", vectors=[("a", "a", vector(1.0))]))
        while not await fetch(database, "SELECT FROM pg_locks WHERE NOT granted"):
            assert not storing.done()
    assert await storing == 0
    assert await vectors.of("nova", ["a"], model="m") == {}

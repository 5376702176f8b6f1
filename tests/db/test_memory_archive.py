"""Decay, merging and restoring: exact numbers, nothing lost, brakes that hold, and every way back."""

import asyncio
from math import log
from typing import Any
from uuid import UUID, uuid4

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.memory_archive import MemoryArchive, MergeGroup
from scheduler_core.db.memory_judgements import MemoryJudgements
from scheduler_core.db.memory_rows import text_hash
from scheduler_core.errors import NotFoundError, StateError
from tests.db.memories import add, add_fresh, archive, contents, dump, fetch, set_embedding


@pytest.fixture
def store(database: Database) -> MemoryArchive:
    return MemoryArchive(database)


async def group(database: Database, survivor: str, *members: str) -> MergeGroup:
    rows = await fetch(
        database, "SELECT id, content FROM memories WHERE id = ANY ($1::text[])", [survivor, *members]
    )
    return MergeGroup(survivor=survivor, hashes={row["id"]: text_hash(row["content"]) for row in rows})


async def ids_archived(store: MemoryArchive, run: UUID | None = None) -> tuple[str, ...]:
    _, gone = await store.decay("nova", run_id=run or uuid4())
    return gone


# Decay


async def test_the_worst_goes_first_and_at_most_two_percent(database: Database, store: MemoryArchive) -> None:
    worst = await add(database, "worst", importance=0.0, idle_days=2000)
    await add(database, "bad", importance=0.0, idle_days=1000)
    await add_fresh(database, 60)
    look, gone = await store.decay("nova", run_id=uuid4())
    assert (look.memories, look.below, look.cap, len(gone)) == (62, 2, 2, 2)
    assert look.chosen[0].id == worst
    assert (await archive(database))[worst]["memory"]["content"] == "worst"


async def test_the_cap_leaves_the_better_ones(database: Database, store: MemoryArchive) -> None:
    await add_fresh(database, 40)
    for number in range(3):
        await add(database, f"bad {number}", importance=0.0, idle_days=500 + number)
    assert len(await ids_archived(store)) == 1
    assert await contents(database) >= {"bad 0", "bad 1"}
    assert "bad 2" not in await contents(database)


@pytest.mark.parametrize(
    "protected",
    [
        {"tags": ("health",)},
        {"tags": ("misc", "Pinned")},
        {"tags": ("identity",)},
        {"tags": ("explicit",)},
        {"pinned": True},
        {"source": "explicit"},
        {"importance": 0.9},
        {"idle_days": 29.0},
    ],
)
async def test_what_is_protected_or_young_stays(
    database: Database, store: MemoryArchive, protected: dict[str, Any]
) -> None:
    await add(database, "kept", **({"importance": 0.0, "idle_days": 5000.0} | protected))
    assert await ids_archived(store) == ()


async def test_the_same_without_protection_goes(database: Database, store: MemoryArchive) -> None:
    gone = await add(database, "gone", importance=0.0, idle_days=5000.0)
    assert await ids_archived(store) == (gone,)


@pytest.mark.parametrize("live", [True, False])
async def test_what_a_live_summary_rests_on_stays(
    database: Database, store: MemoryArchive, live: bool
) -> None:
    cited = await add(database, "cited", importance=0.0, idle_days=5000, messages=("m-1", "m-2"))
    await add_fresh(database, 9)
    [attribute] = await fetch(
        database,
        "INSERT INTO entity_profile_attributes"
        " (entity_type, entity_id, category, key, value, source_message_id)"
        " VALUES ('user', 'ada', 'fact', 'job', '\"baker\"', 'm-2') RETURNING id",
    )
    [profile] = await fetch(database, "UPDATE entity_profiles SET summary = 'A baker.' RETURNING id")
    for version, ids in ((1, [attribute["id"]]), (2, [attribute["id"]] if live else [99])):
        await fetch(
            database,
            "INSERT INTO entity_profile_versions (profile_id, version, summary, sentences, revision)"
            " VALUES ($1, $2, 'A baker.',"
            " jsonb_build_array(jsonb_build_object('text', 'A baker.', 'attribute_ids', $3::int[])), 1)",
            profile["id"],
            version,
            ids,
        )
    assert await ids_archived(store) == (() if live else (cited,))


async def test_too_much_at_once_archives_nothing(database: Database, store: MemoryArchive) -> None:
    for number in range(10):
        await add(database, f"old {number}", importance=0.0, idle_days=3000)
    look, gone = await store.decay("nova", run_id=uuid4())
    assert look.tripped
    assert (look.below, gone) == (10, ())
    assert len(await contents(database)) == 10


async def test_the_score_is_the_documented_formula_and_keeps_its_numbers(
    database: Database, store: MemoryArchive
) -> None:
    memory = await add(database, "x", importance=0.2, idle_days=400, accesses=4, tags=("misc", "plan"))
    await add_fresh(database, 10)
    await ids_archived(store)
    # The longest-lasting of several tags counts, and `misc` weighs 1.
    i, a, d, m = 0.2, 4, 400, 1
    half_life = 90 * m * 2 ** (2 * i - 1) * min(1 + 0.35 * log(1 + a), 3)
    kept = (await archive(database))[memory]
    assert kept["score"] == pytest.approx((0.05 + 0.95 * i) * 2 ** (-d / half_life), rel=1e-3)
    assert kept["numbers"] == {
        "value": pytest.approx(kept["score"], abs=1e-6),
        "half_life_days": pytest.approx(half_life, abs=0.01),
        "days_idle": pytest.approx(400, abs=0.01),
        "days_old": pytest.approx(400, abs=0.01),
        "importance": 0.2,
        "access_count": 4,
        "tag": "misc",
        "tag_weight": 1,
    }


@pytest.mark.parametrize(
    ("tag", "weight"),
    [("fact", 2), ("work", 1.5), ("relationship", 1.2), ("preference", 1), ("event", 0.6), ("plan", 0.5)],
)
async def test_a_tag_lengthens_or_shortens_the_half_life(
    database: Database, store: MemoryArchive, tag: str, weight: float
) -> None:
    memory = await add(database, "x", importance=0.0, idle_days=600, tags=(tag,))
    await add_fresh(database, 10)
    await ids_archived(store)
    # Of importance 0 the value starts at the threshold: the slightest decay is below it.
    assert (await archive(database))[memory]["numbers"]["half_life_days"] == pytest.approx(45 * weight)


async def test_odd_rows_do_not_stop_the_others(database: Database, store: MemoryArchive) -> None:
    await add(database, "odd tags")
    await fetch(database, "UPDATE memories SET tags = '{\"a\": 1}', source_message_ids = '7'")
    await add(database, "endless")
    await fetch(
        database,
        "UPDATE memories SET last_accessed = 'infinity', created_at = '-infinity' WHERE content = 'endless'",
    )
    ancient = await add(database, "ancient", importance=0.0, tags=("plan",))
    await fetch(
        database,
        "UPDATE memories SET created_at = '0044-03-15 BC', last_accessed = NULL WHERE content = 'ancient'",
    )
    await add(database, "from the future", importance=0.0)
    await fetch(
        database, "UPDATE memories SET last_accessed = '9999-01-01' WHERE content = 'from the future'"
    )
    look, gone = await store.decay("nova", run_id=uuid4())
    assert (look.memories, look.future, gone) == (4, 2, (ancient,))


async def test_a_memory_that_changes_during_the_pass_stays(database: Database, store: MemoryArchive) -> None:
    memory = await add(database, "in use", importance=0.0, idle_days=2000)
    async with database.transaction() as other:
        await other.execute("UPDATE memories SET last_accessed = now() WHERE id = $1", memory)
        passing = asyncio.ensure_future(store.decay("nova", run_id=uuid4()))
        while not await fetch(database, "SELECT FROM pg_locks WHERE NOT granted"):
            assert not passing.done()
    look, gone = await passing
    assert (len(look.chosen), gone) == (1, ())
    assert await contents(database) == {"in use"}


# The ways back


async def test_undoing_a_decay_run_gives_every_byte_back_and_the_next_pass_lets_it_be(
    database: Database, store: MemoryArchive
) -> None:
    memory = await add(
        database,
        'Says "ünïcode"\n\t\u2028 {"a": 1}',
        importance=0.1,
        idle_days=1000.123456,
        accesses=3,
        tags=("plan", "ärger"),
        messages=("m-1",),
    )
    await set_embedding(database, memory, bytes(range(64)))
    await fetch(
        database,
        "UPDATE memories SET intent = '', emotional_charge = 0.1,"
        " meaning_updated_at = '1999-12-31 23:59:59.999999+02',"
        ' recurrence_keywords = \'["x", 1, null, {"b": 1.50}]\'',
    )
    before = await dump(database)
    run = uuid4()
    assert await ids_archived(store, run) == (memory,)
    assert await dump(database) == []
    assert await fetch(database, "SELECT FROM memory_embeddings") == []
    assert await store.restore_run(run) == (f"nova/{memory}",)
    assert await dump(database) == before
    assert await archive(database) == {}
    assert await ids_archived(store) == ()
    await fetch(database, "UPDATE memory_reprieves SET restored_at = now() - interval '91 days'")
    assert await ids_archived(store) == (memory,)


async def test_a_run_is_undone_once(database: Database, store: MemoryArchive) -> None:
    await add(database, "x", importance=0.0, idle_days=1000)
    run = uuid4()
    await ids_archived(store, run)
    await store.restore_run(run)
    with pytest.raises(StateError, match="Nothing that run"):
        await store.restore_run(run)


async def test_an_id_that_is_in_use_again_refuses_the_whole_and_is_named(
    database: Database, store: MemoryArchive
) -> None:
    for name in ("a", "b"):
        await add(database, name, id_=name, importance=0.0, idle_days=1000)
    await add_fresh(database, 90)
    run = uuid4()
    assert set(await ids_archived(store, run)) == {"a", "b"}
    await add(database, "another", id_="b")
    with pytest.raises(StateError, match="same id were stored since: b"):
        await store.restore_run(run)
    assert set(await archive(database)) == {"a", "b"}
    assert await store.restore("nova", "a") == ("a",)
    with pytest.raises(StateError):
        await store.restore("nova", "b")


async def test_an_id_can_be_archived_twice_and_the_later_copy_comes_back(
    database: Database, store: MemoryArchive
) -> None:
    for text in ("first", "second"):
        await add(database, text, id_="a", importance=0.0, idle_days=1000)
        await ids_archived(store)
    assert await store.restore("nova", "a") == ("a",)
    assert await contents(database) == {"second"}
    assert (await archive(database))["a"]["memory"]["content"] == "first"


async def test_restoring_what_was_never_archived_is_refused(store: MemoryArchive) -> None:
    with pytest.raises(NotFoundError):
        await store.restore("nova", "nothing")


async def test_purging_is_a_step_of_its_own_and_can_be_counted_first(
    database: Database, store: MemoryArchive
) -> None:
    for name in ("old", "young"):
        await add(database, name, id_=name, importance=0.0, idle_days=1000)
    await add_fresh(database, 90)
    await ids_archived(store)
    await fetch(
        database, "UPDATE memory_archive SET archived_at = now() - interval '91 days' WHERE id = 'old'"
    )
    assert await store.purge(dry_run=True) == 1
    assert set(await archive(database)) == {"old", "young"}
    assert await store.purge() == 1
    assert set(await archive(database)) == {"young"}
    assert await store.purge() == 0


# Merging


async def merged_pair(database: Database, store: MemoryArchive, run: UUID) -> tuple[str, str]:
    old = await add(
        database, "Likes tea", id_="old", idle_days=9, accesses=2, tags=("preference",), messages=("1",)
    )
    new = await add(
        database,
        "Fond of tea",
        id_="new",
        idle_days=1,
        accesses=3,
        importance=0.8,
        tags=("food",),
        messages=("2",),
    )
    await store.merge("nova", [await group(database, old, new)], run_id=run)
    return old, new


async def test_the_survivor_takes_over_what_the_others_counted_and_keeps_its_text(
    database: Database, store: MemoryArchive
) -> None:
    run = uuid4()
    old, new = await merged_pair(database, store, run)
    [kept] = await fetch(
        database, "SELECT *, last_accessed > now() - interval '2 days' AS recent FROM memories"
    )
    assert (kept["id"], kept["content"], kept["access_count"], kept["recent"]) == (old, "Likes tea", 5, True)
    assert round(kept["importance"], 1) == 0.8
    assert (kept["tags"], kept["source_message_ids"]) == (["food", "preference"], ["1", "2"])
    gone = (await archive(database))[new]
    assert (gone["run_id"], gone["cause"], gone["merged_into"]) == (run, "merged", old)
    assert gone["memory"]["content"] == "Fond of tea"


async def test_undoing_a_merge_gives_every_byte_back_and_keeps_them_apart(
    database: Database, store: MemoryArchive
) -> None:
    await add(database, "Likes tea", id_="a", idle_days=9, accesses=2)
    await add(database, "Fond of tea", id_="b", idle_days=30, accesses=1, source="explicit")
    await add(database, "likes  TEA", id_="c", idle_days=1)
    await set_embedding(database, "b", b"\0\0\x80?")
    await set_embedding(database, "a", b"\0\0\0?")
    before = await dump(database)
    run = uuid4()
    await store.merge("nova", [await group(database, "a", "b", "c")], run_id=run)
    assert len(await dump(database)) == 1
    assert set(await store.restore_run(run)) == {"nova/b", "nova/c"}
    assert await dump(database) == before
    judged = await MemoryJudgements(database).judged("nova", ["a"])
    assert {(one.left_id, one.right_id, one.verdict, one.judge) for one in judged} == {
        ("a", "b", "different", "person"),
        ("a", "c", "different", "person"),
    }


async def test_a_use_counted_since_the_merge_survives_its_undoing(
    database: Database, store: MemoryArchive
) -> None:
    run = uuid4()
    old, new = await merged_pair(database, store, run)
    await fetch(database, "UPDATE memories SET access_count = access_count + 7, last_accessed = now()")
    assert await store.restore("nova", new) == (new,)
    [kept] = await fetch(
        database,
        "SELECT *, last_accessed > now() - interval '1 hour' AS just FROM memories WHERE id = $1",
        old,
    )
    assert (kept["access_count"], kept["just"]) == (9, True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE memories SET content = 'Hates tea'", "was changed or deleted"),
        ("UPDATE memories SET tags = '[]'", "was changed or deleted"),
        ("DELETE FROM memories", "was changed or deleted"),
        ("DELETE FROM memory_archive", "does not have new any more"),
    ],
)
async def test_what_changed_since_a_merge_refuses_its_undoing(
    database: Database, store: MemoryArchive, change: str, told: str
) -> None:
    run = uuid4()
    await merged_pair(database, store, run)
    await fetch(database, change)
    before = await dump(database), await archive(database)
    with pytest.raises(StateError, match=told):
        await store.restore_run(run)
    assert (await dump(database), await archive(database)) == before


async def test_a_later_run_that_depends_on_a_merge_is_named_and_can_be_undone_first(
    database: Database, store: MemoryArchive
) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    await add(database, "Tea", id_="c")
    await add(database, "Tea is liked", id_="d")
    before_pair = await dump(database)
    old, _ = await merged_pair(database, store, first)
    await store.merge("nova", [await group(database, old, "c")], run_id=second)
    with pytest.raises(StateError, match=f"Run {second} merged more into old"):
        await store.restore_run(first)
    await store.merge("nova", [await group(database, "d", old)], run_id=third)
    with pytest.raises(StateError, match=f"run {third} merged it into d"):
        await store.restore_run(second)
    for run in (third, second, first):
        await store.restore_run(run)
    assert (await dump(database))[:2] == before_pair
    assert await contents(database) == {"Tea", "Tea is liked", "Likes tea", "Fond of tea"}


async def test_a_chain_of_merges_within_a_run_is_taken_apart_in_reverse(
    database: Database, store: MemoryArchive
) -> None:
    for name in "abc":
        await add(database, f"text {name}", id_=name)
    before = await dump(database)
    run = uuid4()
    await store.merge("nova", [await group(database, "b", "c")], run_id=run)
    await store.merge("nova", [await group(database, "a", "b")], run_id=run)
    await store.restore_run(run)
    assert await dump(database) == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE memories SET content = 'other' WHERE id = 'b'",
        "UPDATE memories SET content = 'other' WHERE id = 'a'",
        "UPDATE memories SET pinned = true WHERE id = 'b'",
        "DELETE FROM memories WHERE id = 'b'",
        "DELETE FROM memories WHERE id = 'a'",
    ],
)
async def test_a_group_that_moved_is_left_alone_and_the_others_merge(
    database: Database, store: MemoryArchive, change: str
) -> None:
    for name in "abxy":
        await add(database, f"text {name}", id_=name)
    groups = [await group(database, "a", "b"), await group(database, "x", "y")]
    await fetch(database, change)
    merged = await store.merge("nova", groups, run_id=uuid4())
    assert (merged.survivors, merged.archived) == (("x",), 1)
    assert set(await archive(database)) == {"y"}


async def test_a_pinned_survivor_may_take_others_in(database: Database, store: MemoryArchive) -> None:
    await add(database, "a", id_="a", pinned=True)
    await add(database, "b", id_="b")
    assert (await store.merge("nova", [await group(database, "a", "b")], run_id=uuid4())).archived == 1


async def test_groups_that_overlap_are_a_mistake_of_the_caller(
    database: Database, store: MemoryArchive
) -> None:
    for name in "abc":
        await add(database, name, id_=name)
    groups = [await group(database, "a", "b"), await group(database, "b", "c")]
    with pytest.raises(ValueError, match="overlap"):
        await store.merge("nova", groups, run_id=uuid4())


async def test_memories_of_another_bot_are_never_touched(database: Database, store: MemoryArchive) -> None:
    await add(database, "Likes tea", id_="a")
    await add(database, "Likes tea", id_="b", bot="mira")
    merged = await store.merge("nova", [await group(database, "a", "b")], run_id=uuid4())
    assert merged.survivors == ()

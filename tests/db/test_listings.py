"""Lists of profiles and memories: every page once, narrowed by the database; states and scores agree with
what the jobs do."""

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.listings import Listings, ProfileState, Shield
from scheduler_core.db.memory_archive import MemoryArchive
from scheduler_core.db.memory_rows import MemoryState
from scheduler_core.db.profile_history import ProfileHistory
from scheduler_core.db.profile_store import NewAttribute, ProfileStore, entity_named
from scheduler_core.domain import EntityType, MemoryFilter, ProfileFilter
from tests.db.memories import add, add_fresh, fetch
from tests.db.test_profile_history import ADA, BEN, NOVA, know, new_run, publish


@pytest.fixture
def listings(database: Database) -> Listings:
    return Listings(database)


@pytest.fixture
def store(database: Database) -> ProfileStore:
    return ProfileStore(database)


async def test_pages_of_profiles_hold_each_once_in_order(listings: Listings, store: ProfileStore) -> None:
    names = [entity_named(f"user/person-{number:02}") for number in range(7)] + [NOVA]
    await store.add([NewAttribute(entity=each, category="fact", key="note", value="x") for each in names])
    seen, last = [], None
    while page := await listings.profiles(ProfileFilter(), after=last, limit=3):
        seen += page
        last = page[-1]
    assert [row.profile.entity for row in seen] == [NOVA, *names[:-1]]
    assert [row.attributes for row in seen] == [1] * 8


async def test_the_state_of_a_profile_follows_its_summary(
    database: Database, listings: Listings, store: ProfileStore
) -> None:
    async def state() -> str:
        [row] = await listings.profiles(ProfileFilter())
        return row.state

    await know(store, ADA, "Dresden")
    assert await state() == ProfileState.NEW
    await publish(database, ADA, "Ada lives in Dresden.")
    assert await state() == ProfileState.UNCHANGED
    await know(store, ADA, "tea")
    assert await state() == ProfileState.CHANGED
    await publish(database, ADA, "Ada likes tea.")
    await ProfileHistory(database).rollback(ADA, 1, actor="ada")
    assert await state() == ProfileState.HELD


async def test_a_profile_is_suspicious_if_its_own_summary_is(
    database: Database, listings: Listings, store: ProfileStore
) -> None:
    run = await new_run(database)
    for entity in (ADA, BEN):
        await know(store, entity, "Dresden")
        await publish(database, entity, "Lives in Dresden.")
    await fetch(database, "UPDATE entity_profile_versions SET run_id = $1", run)
    reason = "user/ada: only 1 of 9 attributes were kept"
    await fetch(database, "UPDATE job_runs SET suspicious = $2 WHERE id = $1", run, [reason])
    ada, ben = await listings.profiles(ProfileFilter())
    assert (ada.state, ada.suspicious) == (ProfileState.SUSPICIOUS, (reason,))
    assert (ben.state, ben.suspicious) == (ProfileState.UNCHANGED, ())


async def test_profiles_are_narrowed_by_type_state_and_words(listings: Listings, store: ProfileStore) -> None:
    for entity in (ADA, BEN, NOVA):
        await know(store, entity, "x")

    async def names(wanted: ProfileFilter) -> list[str]:
        return [str(row.profile.entity) for row in await listings.profiles(wanted)]

    assert await names(ProfileFilter(type=EntityType.BOT)) == ["bot/nova"]
    assert await names(ProfileFilter(words=("AD",))) == ["user/ada"]
    assert await names(ProfileFilter(states=frozenset({"new"}))) == ["bot/nova", "user/ada", "user/ben"]
    assert await names(ProfileFilter(states=frozenset({"held"}))) == []


async def test_the_score_of_a_memory_is_the_one_decay_archives_it_by(
    database: Database, listings: Listings
) -> None:
    await add_fresh(database, 20)
    await add(database, "the bus was late", importance=0.1, idle_days=200, tags=("event", "plan"), accesses=3)
    rows = await listings.memories("active", MemoryFilter(words=("bus",)))
    [chosen] = (await MemoryArchive(database).look("nova")).chosen
    assert rows[0].score == pytest.approx(chosen.score, rel=1e-4)
    for name, value in chosen.numbers.items():
        assert rows[0].numbers[name] == (
            pytest.approx(value, rel=1e-2) if isinstance(value, float) else value
        )
    _, gone = await MemoryArchive(database).decay("nova", run_id=await new_run(database))
    [left] = await listings.memories("archived", MemoryFilter())
    assert gone == (left.memory.id,)
    assert left.score == pytest.approx(chosen.score, rel=1e-4)
    assert left.numbers["tag"] == "event"


@pytest.mark.parametrize(
    ("shield", "fields"),
    [
        (Shield.PINNED, {"pinned": True}),
        (Shield.EXPLICIT, {"source": "explicit"}),
        (Shield.TAG, {"tags": ("Health",)}),
        (Shield.IMPORTANT, {"importance": 0.95, "idle_days": 9000}),
        (Shield.YOUNG, {"idle_days": 20, "importance": 0.0, "tags": ("plan",)}),
        (None, {}),
    ],
)
async def test_what_keeps_a_memory_is_named_and_decay_keeps_it(
    database: Database, listings: Listings, shield: Shield | None, fields: dict[str, object]
) -> None:
    await add_fresh(database, 20)
    given = {"importance": 0.1, "idle_days": 400, **fields}
    memory = await add(database, "old", **given)  # type: ignore[arg-type]
    row = await listings.memory_in_use("nova", memory)
    assert row is not None
    assert row.shield == shield
    chosen = (await MemoryArchive(database).look("nova")).chosen
    assert (memory in {one.id for one in chosen}) is (shield is None)


async def test_a_memory_that_was_brought_back_is_kept_for_a_while(
    database: Database, listings: Listings
) -> None:
    await add_fresh(database, 20)
    memory = await add(database, "old", importance=0.1, idle_days=400)
    archive = MemoryArchive(database)
    await archive.decay("nova", run_id=await new_run(database))
    assert await listings.memory_in_use("nova", memory) is None
    await archive.restore("nova", memory, actor="ada@attic")
    row = await listings.memory_in_use("nova", memory)
    assert row is not None
    assert row.shield is Shield.RESTORED
    [audit] = await fetch(database, "SELECT actor, action, object_id FROM operator_actions")
    assert tuple(audit) == ("ada@attic", "restore", f"nova/{memory}")


async def test_memories_are_narrowed_and_paged_by_the_database(
    database: Database, listings: Listings
) -> None:
    for number in range(5):
        await add(database, f"tea {number}", id_=f"m{number}", tags=("Fact",), importance=number / 5)
    await add(database, "100 % tea_time", id_="x", bot="mira_2", tags=("plan",))

    async def found(state: str = "active", **wanted: object) -> list[str]:
        rows = await listings.memories(state, MemoryFilter(**wanted))  # type: ignore[arg-type]
        return [row.memory.id for row in rows]

    assert await found() == ["x", "m0", "m1", "m2", "m3", "m4"]
    assert await found(bot="mira_*") == ["x"]
    assert await found(bot="mira%") == []
    assert await found(tag="fact", words=("TEA", "3")) == ["m3"]
    assert await found(importances=(0.5, 1.0)) == ["x", "m3", "m4"]
    assert await found(scores=(0.0, 0.1)) == ["m0"]
    assert await found("merged") == []
    first = await listings.memories("active", MemoryFilter(), limit=4)
    rest = await listings.memories("active", MemoryFilter(), after=first[-1], limit=4)
    assert [row.memory.id for row in rest] == ["m3", "m4"]
    assert all(row.state is MemoryState.ACTIVE for row in first)


async def test_a_time_without_end_has_no_score_and_is_still_listed(
    database: Database, listings: Listings
) -> None:
    await add(database, "for ever", id_="m")
    await fetch(database, "UPDATE memories SET created_at = 'infinity', last_accessed = '-infinity'")
    [row] = await listings.memories("active", MemoryFilter())
    assert row.score is None


async def test_a_pin_leaves_its_audit_row(database: Database, store: ProfileStore) -> None:
    [attribute] = await know(store, ADA, "Dresden")
    await ProfileHistory(database).pin(ADA, attribute, pinned=True, actor="ada@attic")
    [audit] = await fetch(database, "SELECT actor, action, object_id FROM operator_actions")
    assert tuple(audit) == ("ada@attic", "pin", "user/ada")

"""Profiles on the real PostgreSQL: what is stored once, what is due, what is published."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.migration import migrate
from scheduler_core.db.profile_file import bounded_lines, export_lines, import_profiles
from scheduler_core.db.profile_store import (
    Added,
    Draft,
    NewAttribute,
    ProfileStore,
    Publication,
    entity_named,
)
from scheduler_core.domain import Entity, EntityType, Sentence
from scheduler_core.errors import DataError, StateError

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "profiles.jsonl"
ADA = entity_named("user/ada")
NOVA = entity_named("bot/nova")
MARCH = datetime(2026, 3, 21, 9, 30, tzinfo=UTC)


@pytest.fixture
async def database(empty_database: str) -> AsyncIterator[Database]:
    address = Address.parse(empty_database)
    opened = Database.open(address, pool_size=4, application="test")
    try:
        await migrate(opened)
        yield opened
    finally:
        await opened.aclose()


@pytest.fixture
def store(database: Database) -> ProfileStore:
    return ProfileStore(database)


def attribute(
    value: object = "Dresden",
    *,
    entity: Entity = ADA,
    key: str = "location",
    confidence: float = 0.9,
    updated_at: datetime | None = MARCH,
) -> NewAttribute:
    return NewAttribute(
        entity=entity, category="fact", key=key, value=value, confidence=confidence, updated_at=updated_at
    )


def publication(
    *,
    revision: int,
    after: int = 0,
    text: str | None = "Ada lives in Dresden.",
    model: str | None = "sha256:1",
) -> Publication:
    sentences = () if text is None else (Sentence(text=text, category="fact", attribute_ids=(1,)),)
    return Publication(
        entity=ADA,
        revision=revision,
        after_version=after,
        summary=text,
        sentences=sentences,
        model=model,
        recipe=1,
        display_name="Ada",
        details={"kept": 1},
    )


async def revision_of(store: ProfileStore, entity: Entity = ADA) -> int:
    profile = await store.profile(entity)
    assert profile is not None
    return profile.revision


async def test_adding_the_same_attributes_again_changes_nothing(store: ProfileStore) -> None:
    batch = [attribute(), attribute("Leipzig"), attribute({"b": [1, None], "a": True}, key="misc")]

    assert await store.add(batch) == Added(3, 0)
    revision = await revision_of(store)
    assert await store.add(batch) == Added(0, 3)

    assert await revision_of(store) == revision
    assert len(await store.attributes(ADA)) == 3


@pytest.mark.parametrize(
    "other",
    [
        attribute("dresden"),
        attribute(confidence=0.8),
        attribute(key="city"),
        attribute(updated_at=MARCH.replace(year=2025)),
        attribute(entity=NOVA),
        attribute(["Dresden"]),
    ],
)
async def test_a_difference_in_any_field_makes_another_attribute(
    store: ProfileStore, other: NewAttribute
) -> None:
    assert await store.add([attribute(), other]) == Added(2, 0)


async def test_an_attribute_without_a_time_matches_one_of_any_time(store: ProfileStore) -> None:
    timeless = attribute(updated_at=None)

    assert await store.add([attribute(), timeless]) == Added(1, 1)
    assert await store.add([timeless, timeless]) == Added(0, 2)


async def test_the_order_of_names_in_an_object_does_not_matter(store: ProfileStore) -> None:
    assert await store.add([attribute({"a": 1, "b": 2}), attribute({"b": 2, "a": 1})]) == Added(1, 1)


async def test_true_and_one_and_their_texts_are_four_values(store: ProfileStore) -> None:
    values: list[object] = [True, 1, "true", "1"]
    await store.add([attribute(value) for value in values])

    stored = [found.value for found in await store.attributes(ADA)]
    assert stored == values
    assert [type(value) for value in stored] == [bool, int, str, str]


@pytest.mark.parametrize(
    "bad",
    [
        replace(attribute(), category="c" * 51),
        replace(attribute(), key=""),
        replace(attribute(), key="a\0b"),
        replace(attribute(), entity=Entity(EntityType.USER, " ")),
        replace(attribute(), confidence=1.1),
        replace(attribute(), confidence=float("nan")),
        attribute(float("nan")),
        attribute("\ud800"),
        attribute({1, 2}),
    ],
)
async def test_what_cannot_be_stored_is_refused_whole(store: ProfileStore, bad: NewAttribute) -> None:
    with pytest.raises(DataError):
        await store.add([attribute(), bad])
    assert await store.attributes(ADA) == ()


async def test_an_entity_is_found_under_any_spelling_of_its_id(store: ProfileStore) -> None:
    shouted = Entity(EntityType.USER, " ADA ")

    await store.add([attribute(entity=shouted)])

    assert len(await store.attributes(ADA)) == len(await store.attributes(shouted)) == 1
    assert await store.profile(shouted) == await store.profile(ADA)


async def test_imports_at_the_same_moment_add_each_attribute_once(store: ProfileStore) -> None:
    batch = [attribute(f"value {number}", entity=entity) for number in range(40) for entity in (ADA, NOVA)]

    results = await asyncio.gather(store.add(batch), store.add(batch[::-1]), store.add(batch))

    assert sum(result.added for result in results) == 80
    assert len(await store.attributes(ADA)) == 40


async def test_every_change_of_attributes_makes_the_entity_due_also_by_hand(
    store: ProfileStore, database: Database
) -> None:
    await store.add([attribute(), attribute(entity=NOVA)])
    assert await due(store) == [NOVA, ADA]
    await store.publish(publication(revision=await revision_of(store)), run_id=None)
    assert await due(store) == [NOVA]

    for statement in (
        "UPDATE entity_profile_attributes SET value = '\"Leipzig\"' WHERE entity_id = 'ada'",
        "DELETE FROM entity_profile_attributes WHERE entity_id = 'ada'",
    ):
        async with database.connection() as connection:
            await connection.execute(statement)
        assert await due(store) == [NOVA, ADA]
        latest = (await store.versions(ADA))[0].version
        await store.publish(publication(revision=await revision_of(store), after=latest), run_id=None)
        assert await due(store) == [NOVA]


async def due(store: ProfileStore, *, model_available: bool = True, recipe: int = 1) -> list[Entity]:
    found = await store.changed_entities(model_available=model_available, recipe=recipe)
    return list(found.entities)


async def test_a_new_recipe_makes_everything_due(store: ProfileStore) -> None:
    await store.add([attribute()])
    await store.publish(publication(revision=1), run_id=None)

    assert await due(store, recipe=1) == []
    assert await due(store, recipe=2) == [ADA]


async def test_a_summary_without_a_model_is_due_only_when_a_model_is_there(store: ProfileStore) -> None:
    await store.add([attribute()])
    await store.publish(publication(revision=1, model=""), run_id=None)

    assert await due(store, model_available=False) == []
    assert await due(store, model_available=True) == [ADA]


async def test_finding_nothing_due_among_ten_thousand_takes_one_short_statement(
    store: ProfileStore, database: Database
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO entity_profiles (entity_type, entity_id, revision, summarised_revision, "
            "summary_model, summary_recipe, summary) "
            "SELECT 'user', 'u' || n, 3, 3, 'sha256:1', 1, repeat('Lives here. ', 60) "
            "FROM generate_series(1, 10000) n"
        )
        await connection.execute("ANALYZE entity_profiles")
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        found = await store.changed_entities(model_available=True, recipe=1)
        best = min(best, time.perf_counter() - started)

    assert found.entities == ()
    assert found.profiles == 10_000
    assert best < 0.05


async def test_publishing_writes_summary_version_and_name_together(store: ProfileStore) -> None:
    await store.add([attribute()])
    run_id = uuid4()

    version = await store.publish(publication(revision=1), run_id=run_id)

    profile = await store.profile(ADA)
    assert profile is not None
    assert profile.summary == await store.summary(ADA) == "Ada lives in Dresden."
    assert profile.summary_updated_at is not None
    assert (profile.revision, profile.summarised_revision) == (1, 1)
    assert (profile.display_name, profile.summary_model) == ("Ada", "sha256:1")
    assert await store.versions(ADA) == (version,)
    assert (version.version, version.run_id, version.details) == (
        1,
        run_id,
        {"kept": 1, "display_name": "Ada"},
    )


async def test_publishing_for_an_old_revision_changes_nothing(store: ProfileStore) -> None:
    await store.add([attribute()])
    await store.add([attribute("Leipzig")])

    with pytest.raises(StateError):
        await store.publish(publication(revision=1), run_id=None)

    assert await store.summary(ADA) is None
    assert await store.versions(ADA) == ()


async def test_of_two_publishers_at_the_same_moment_one_wins(store: ProfileStore) -> None:
    await store.add([attribute()])

    results = await asyncio.gather(
        *(store.publish(publication(revision=1, text=f"Text {n}."), run_id=None) for n in range(4)),
        return_exceptions=True,
    )

    assert sum(isinstance(result, StateError) for result in results) == 3
    (version,) = await store.versions(ADA)
    assert version.summary == await store.summary(ADA)


async def test_a_summary_written_by_hand_becomes_a_version_before_it_is_replaced(
    store: ProfileStore, database: Database
) -> None:
    await store.add([attribute()])
    for summary, expected in (("By another program.", [2, 1]), ("By hand.", [4, 3, 2, 1])):
        async with database.connection() as connection:
            await connection.execute("UPDATE entity_profiles SET summary = $1", summary)
        latest = len(await store.versions(ADA))

        await store.publish(publication(revision=1, after=latest), run_id=None)

        versions = await store.versions(ADA)
        assert [version.version for version in versions] == expected
        assert (versions[1].summary, versions[1].details) == (summary, {"foreign": True})
        assert versions[0].summary == await store.summary(ADA) == "Ada lives in Dresden."


async def test_confirming_adds_no_version_and_leaves_the_time(store: ProfileStore) -> None:
    await store.add([attribute()])
    await store.publish(publication(revision=1), run_id=None)
    before = await store.profile(ADA)
    await store.add([attribute("unknown", key="mood")])

    await store.confirm(publication(revision=2, after=1))

    after = await store.profile(ADA)
    assert before is not None
    assert after is not None
    assert after.summary_updated_at == before.summary_updated_at
    assert after.summarised_revision == 2
    assert len(await store.versions(ADA)) == 1
    with pytest.raises(StateError):
        await store.confirm(publication(revision=2, after=0))


async def test_changes_of_a_run_show_before_and_after(store: ProfileStore) -> None:
    first, second = uuid4(), uuid4()
    await store.add([attribute(), attribute(entity=NOVA)])
    await store.publish(publication(revision=1), run_id=first)
    await store.add([attribute("Leipzig")])
    await store.publish(publication(revision=2, after=1, text="Ada lives in Leipzig."), run_id=second)

    (change,) = await store.changes_of_run(first)
    assert (change.before, change.after.version) == (None, 1)
    (change,) = await store.changes_of_run(second)
    assert change.before is not None
    assert (change.before.summary, change.after.summary) == ("Ada lives in Dresden.", "Ada lives in Leipzig.")
    assert change.after.sentences[0].attribute_ids == (1,)
    assert await store.changes_of_run(uuid4()) == []


async def test_a_run_that_published_twice_for_one_entity_shows_both_steps(store: ProfileStore) -> None:
    run_id = uuid4()
    await store.add([attribute()])
    await store.publish(publication(revision=1), run_id=run_id)
    await store.publish(publication(revision=1, after=1, text="Again."), run_id=run_id)

    changes = await store.changes_of_run(run_id)

    assert [(change.before and change.before.version, change.after.version) for change in changes] == [
        (None, 1),
        (1, 2),
    ]


async def test_drafts_are_kept_with_their_failures_whatever_they_contain(store: ProfileStore) -> None:
    await store.add([attribute()])
    draft = Draft(category="fact", text="a\0b \ud800 \x1b[31m", failures=("sentence 1 is odd",))

    await store.record_drafts(ADA, [draft, draft], run_id=None)

    kept = await store.drafts(ADA)
    assert len(kept) == 2
    assert kept[0].failures == ("sentence 1 is odd",)
    assert kept[0].text.startswith("a␀b ")


async def test_nothing_is_known_about_an_unknown_entity(store: ProfileStore) -> None:
    assert await store.profile(ADA) is None
    assert await store.snapshot(ADA) is None
    assert await store.summary(ADA) is None
    assert await store.attributes(ADA) == ()
    assert await store.versions(ADA) == ()


async def test_entities_are_listed_with_the_number_of_their_attributes(store: ProfileStore) -> None:
    await store.add([attribute(), attribute("Leipzig"), attribute(entity=NOVA)])

    listed = await store.entities()

    assert [(listing.profile.entity, listing.attributes) for listing in listed] == [(NOVA, 1), (ADA, 2)]


async def test_the_example_goes_in_once_and_comes_out_byte_for_byte(store: ProfileStore) -> None:
    raw = EXAMPLE.read_bytes()

    first = await import_profiles(store, bounded_lines(BytesIO(raw)))
    second = await import_profiles(store, bounded_lines(BytesIO(raw)))

    assert (first.added, first.unchanged, first.rejected_count) == (raw.count(b"\n"), 0, 0)
    assert (second.added, second.unchanged, second.rejected_count) == (0, first.added, 0)
    exported = "".join([line async for line in export_lines(store)])
    assert exported.encode() == raw
    ada = "".join([line async for line in export_lines(store, ADA)])
    assert ada
    assert ada in exported


async def test_good_lines_go_in_beside_bad_ones(store: ProfileStore) -> None:
    lines = [
        b'{"entity_type": "user", "entity_id": "Ada ", "category": "fact", "key": "name", "value": "Ada"}\n',
        b"not json\n",
        b"\n",
        b'{"entity_type": "user", "entity_id": "ada", "category": "fact", "key": "name"}\r\n',
    ]

    report = await import_profiles(store, lines)

    assert (report.added, report.unchanged, report.rejected_count) == (1, 0, 2)
    assert [(bad.line, bad.reason) for bad in report.rejected] == [
        (2, "The line is not valid JSON."),
        (4, "value is missing."),
    ]
    assert [found.value for found in await store.attributes(ADA)] == ["Ada"]


@pytest.mark.parametrize("name", ["ada", "user/", "person/ada", "user/" + "x" * 101, "user/a\0b", ""])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(DataError):
        entity_named(name)


def test_names_are_lower_cased_and_stripped() -> None:
    assert str(entity_named(" User / ADA Ärger ")) == "user/ada ärger"

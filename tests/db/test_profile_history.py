"""Going back in the past of profiles: exactly, all or nothing, and never over something newer."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler_core.db.database import Database
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.plan_store import PlanStore, plan_text, save_plans
from scheduler_core.db.profile_history import ProfileHistory
from scheduler_core.db.profile_store import (
    Draft,
    NewAttribute,
    Planned,
    ProfileStore,
    Publication,
    entity_named,
)
from scheduler_core.domain import Entity, Sentence
from scheduler_core.errors import NotFoundError, StateError

ADA, BEN, NOVA = entity_named("user/ada"), entity_named("user/ben"), entity_named("bot/nova")


@pytest.fixture
def store(database: Database) -> ProfileStore:
    return ProfileStore(database)


@pytest.fixture
def past(database: Database) -> ProfileHistory:
    return ProfileHistory(database)


async def new_run(database: Database, mode: str = "run", source: UUID | None = None) -> UUID:
    async with database.connection() as connection:
        run: UUID = await connection.fetchval(
            "INSERT INTO job_runs (job_type, bot_id, mode, source_run_id)"
            " VALUES ('profile_maintenance', '*', $1, $2) RETURNING id",
            mode,
            source,
        )
    return run


async def know(store: ProfileStore, entity: Entity, *values: str) -> list[int]:
    """Adds attributes; the ids of all the entity has."""
    await store.add(
        [NewAttribute(entity=entity, category="fact", key="note", value=value) for value in values]
    )
    return [attribute.id for attribute in await store.attributes(entity)]


async def plan(store: ProfileStore, entity: Entity, *texts: str, **more: Any) -> Publication:
    """A summary of one sentence for each text, each on the attribute of the same place."""
    found = await store.snapshot(entity)
    assert found is not None
    ids = [attribute.id for attribute in found.attributes]
    sentences = tuple(
        Sentence(text=text, category="fact", attribute_ids=(ids[place % len(ids)],))
        for place, text in enumerate(texts)
    )
    return Publication(
        entity=entity,
        revision=found.profile.revision,
        after_version=0 if found.version is None else found.version.version,
        summary=" ".join(texts) or None,
        sentences=sentences,
        model=more.pop("model", "abc"),
        recipe=more.pop("recipe", 7),
        **more,
    )


async def publish(database: Database, entity: Entity, *texts: str, **more: Any) -> UUID:
    """A recorded run that publishes one summary."""
    store, run = ProfileStore(database), await new_run(database)
    await store.publish(await plan(store, entity, *texts, **more), run_id=run)
    return run


async def undo(database: Database, source: UUID) -> UUID:
    run = await new_run(database, "undo", source)
    undone = await ProfileHistory(database).undo(source, run_id=run)
    assert undone.before is None
    return run


async def live(database: Database) -> list[tuple[Any, ...]]:
    """Every byte of every profile row."""
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch("SELECT * FROM entity_profiles ORDER BY id")]


async def newest(database: Database, entity: Entity) -> tuple[Any, ...] | None:
    """Every byte of the newest version, but for its number, its time and its run."""
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT v.summary, v.sentences::text, v.revision, v.model, v.details::text, v.sources::text"
            " FROM entity_profile_versions v JOIN entity_profiles p ON p.id = v.profile_id"
            " WHERE p.entity_type = $1 AND p.entity_id = $2 ORDER BY v.version DESC LIMIT 1",
            entity.type.value,
            entity.id,
        )
    return None if row is None else tuple(row)


async def test_undo_puts_back_every_byte_of_the_row_and_of_the_version(
    database: Database, store: ProfileStore
) -> None:
    await know(store, ADA, "tea", "chess")
    await publish(database, ADA, "Ada likes tea.", "She plays chess.", display_name="Ada")
    await know(store, ADA, "rain")
    before = await live(database), await newest(database, ADA)
    run = await publish(database, ADA, "Nobody.", display_name="Mallory", model="", recipe=8)
    assert (await live(database), await newest(database, ADA)) != before
    await undo(database, run)
    assert (await live(database), await newest(database, ADA)) == before
    assert [version.version for version in await store.versions(ADA)] == [3, 2, 1]


async def test_undoing_the_first_summary_leaves_none(database: Database, store: ProfileStore) -> None:
    await know(store, ADA, "tea")
    before = await live(database)
    await undo(database, await publish(database, ADA, "Ada likes tea.", display_name="Ada"))
    assert await live(database) == before
    assert [version.summary for version in await store.versions(ADA)] == ["", "Ada likes tea."]


async def test_undo_brings_back_a_summary_that_came_from_elsewhere(
    database: Database, store: ProfileStore
) -> None:
    await know(store, ADA, "tea")
    async with database.connection() as connection:
        await connection.execute("UPDATE entity_profiles SET summary = 'by hand', display_name = 'A.'")
    before = await live(database)
    await undo(database, await publish(database, ADA, "Ada likes tea."))
    assert await live(database) == before


async def test_a_confirmed_summary_is_undone_without_a_version(
    database: Database, store: ProfileStore
) -> None:
    await know(store, ADA, "tea")
    await publish(database, ADA, "Ada likes tea.")
    await know(store, ADA, "unknown")
    before, run = await live(database), await new_run(database)
    confirmed = Planned(publication=await plan(store, ADA, "Ada likes tea."), is_changed=False)
    await store.apply([confirmed], run_id=run)
    assert await live(database) != before
    await undo(database, run)
    assert await live(database) == before
    assert len(await store.versions(ADA)) == 1


async def test_what_was_undone_is_not_due_again_until_an_attribute_changes(
    database: Database, store: ProfileStore
) -> None:
    await know(store, ADA, "tea")
    await undo(database, await publish(database, ADA, "Ada likes tea."))

    async def due() -> tuple[Entity, ...]:
        return (await store.changed_entities(model_available=True, recipe=9)).entities

    assert await due() == ()
    snapshot = await store.snapshot(ADA)
    assert snapshot is not None
    assert snapshot.held
    await know(store, ADA, "rain")
    assert await due() == (ADA,)


async def test_an_undo_after_attributes_changed_leaves_the_profile_due(
    database: Database, store: ProfileStore
) -> None:
    await know(store, ADA, "tea")
    run = await publish(database, ADA, "Ada likes tea.")
    await know(store, ADA, "rain")
    await undo(database, run)
    assert (await store.changed_entities(model_available=False, recipe=7)).entities == (ADA,)


async def test_undoing_an_undo_does_the_thing_again(database: Database, store: ProfileStore) -> None:
    await know(store, ADA, "tea")
    run = await publish(database, ADA, "Ada likes tea.", display_name="Ada")
    after = await live(database), await newest(database, ADA)
    await undo(database, await undo(database, run))
    assert (await live(database), await newest(database, ADA)) == after
    snapshot = await store.snapshot(ADA)
    assert snapshot is not None
    assert not snapshot.held


async def test_runs_are_undone_one_after_the_other_to_the_beginning(
    database: Database, store: ProfileStore
) -> None:
    await know(store, ADA, "tea", "chess")
    states, runs = [await live(database)], []
    for texts in (["One."], ["One.", "Two."], ["Three."]):
        runs.append(await publish(database, ADA, *texts))
        states.append(await live(database))
    for run, state in zip(reversed(runs), reversed(states[:-1]), strict=True):
        await undo(database, run)
        assert await live(database) == state


async def test_undo_is_refused_over_a_later_version_and_names_the_entity(
    database: Database, store: ProfileStore
) -> None:
    await know(store, ADA, "tea")
    run = await publish(database, ADA, "Ada likes tea.")
    await publish(database, ADA, "Ada drinks tea.")
    before = await live(database)
    with pytest.raises(StateError, match=r"user/ada \(version 2 was published since\)"):
        await undo(database, run)
    assert await live(database) == before


async def test_undo_is_refused_over_an_edit_by_hand(database: Database, store: ProfileStore) -> None:
    await know(store, ADA, "tea")
    run = await publish(database, ADA, "Ada likes tea.")
    async with database.connection() as connection:
        await connection.execute("UPDATE entity_profiles SET summary = 'by hand'")
    with pytest.raises(StateError, match=r"user/ada \(its summary was changed since\)"):
        await undo(database, run)


async def test_undo_is_refused_if_it_would_bring_back_what_was_deleted(
    database: Database, store: ProfileStore
) -> None:
    tea, _ = await know(store, ADA, "tea", "chess")
    await publish(database, ADA, "Ada likes tea.")
    run = await publish(database, ADA, "Ada.", "She plays chess.")
    async with database.connection() as connection:
        await connection.execute("DELETE FROM entity_profile_attributes WHERE id = $1", tea)
    with pytest.raises(StateError, match=rf"user/ada .*quotes attributes {tea}, which were deleted"):
        await undo(database, run)


async def test_one_entity_in_the_way_keeps_the_whole_run(database: Database, store: ProfileStore) -> None:
    run = await new_run(database)
    for entity in (ADA, BEN, NOVA):
        await know(store, entity, "tea")
    planned = [Planned(publication=await plan(store, one, "Tea.")) for one in (ADA, BEN, NOVA)]
    await store.apply(planned, run_id=run)
    await publish(database, BEN, "More tea.")
    before = await live(database)
    with pytest.raises(StateError, match="user/ben") as caught:
        await undo(database, run)
    assert "user/ada" not in caught.value.title
    assert await live(database) == before


async def test_a_second_attempt_at_an_undo_finds_it_done(
    database: Database, store: ProfileStore, past: ProfileHistory
) -> None:
    await know(store, ADA, "tea")
    run = await publish(database, ADA, "Ada likes tea.")
    first = await undo(database, run)
    before = await live(database)
    again = await past.undo(run, run_id=await new_run(database, "undo", run))
    assert (again.before, again.entities) == (first, ())
    assert await live(database) == before
    with pytest.raises(StateError, match="changed no profile"):
        await past.undo(uuid4(), run_id=first)


texts = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), max_size=3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    histories=st.lists(
        st.tuples(texts, st.sampled_from([None, "Ada", "Å"]), st.booleans()), min_size=1, max_size=4
    )
)
async def test_any_chain_of_runs_is_undone_byte_for_byte(
    database: Database, histories: list[tuple[list[str], str | None, bool]]
) -> None:
    store, entity = ProfileStore(database), entity_named(f"user/{uuid4().hex}")
    await know(store, entity, "tea", "chess")

    async def state() -> tuple[object, ...]:
        rows = [row for row in await live(database) if entity.id in row]
        return (*rows, await newest(database, entity))

    states, runs = [], []
    for words, name, with_model in histories:
        states.append(await state())
        model = "m" if with_model else ""
        runs.append(await publish(database, entity, *words, display_name=name, model=model))
    for run, before in zip(reversed(runs), reversed(states), strict=True):
        await undo(database, run)
        now = await state()
        # Where there was no version at all there is an empty one afterwards.
        assert now[:-1] == before[:-1]
        assert now[-1] == before[-1] or before[-1] is None


async def test_a_moved_entity_keeps_the_whole_plan_from_being_applied(
    database: Database, store: ProfileStore
) -> None:
    for entity in (ADA, BEN):
        await know(store, entity, "tea")
    planned = [Planned(publication=await plan(store, one, "Tea.")) for one in (ADA, BEN)]
    await know(store, BEN, "rain")
    before = await live(database)
    with pytest.raises(StateError, match="The profile user/ben changed"):
        await store.apply(planned, run_id=await new_run(database))
    assert await live(database) == before


async def test_rolling_back_makes_a_new_version_that_equals_the_old_one_and_is_a_run(
    database: Database, store: ProfileStore, past: ProfileHistory
) -> None:
    await know(store, ADA, "tea")
    await publish(database, ADA, "Ada likes tea.")
    old = await newest(database, ADA)
    await publish(database, ADA, "Nobody.")
    before = await live(database)
    run, version = await past.rollback(ADA, 1, actor="ada@attic")
    assert (version.version, await newest(database, ADA)) == (3, old)
    assert await store.summary(ADA) == "Ada likes tea."
    assert [change.after.version for change in await store.changes_of_run(run)] == [3]
    assert (await store.changed_entities(model_available=True, recipe=9)).entities == ()
    await undo(database, run)
    assert await live(database) == before


async def test_rolling_back_to_what_rests_on_deleted_or_changed_attributes_is_refused(
    database: Database, store: ProfileStore, past: ProfileHistory
) -> None:
    tea, chess, _ = await know(store, ADA, "tea", "chess", "rain")
    await publish(database, ADA, "Tea.", "Chess.")
    await publish(database, ADA, "Nobody.", "Chess.")
    async with database.connection() as connection:
        await connection.execute("UPDATE entity_profile_attributes SET value = '\"go\"' WHERE id = $1", chess)
    with pytest.raises(StateError, match=f"rests on changed attributes {chess}"):
        await past.rollback(ADA, 1, actor="ada")
    async with database.connection() as connection:
        await connection.execute("DELETE FROM entity_profile_attributes WHERE id = $1", tea)
    with pytest.raises(StateError, match=f"deleted attributes {tea} and changed attributes {chess}"):
        await past.rollback(ADA, 1, actor="ada")
    with pytest.raises(NotFoundError, match="no version 9"):
        await past.rollback(ADA, 9, actor="ada")
    with pytest.raises(NotFoundError, match="user/ben"):
        await past.rollback(BEN, 1, actor="ada")


async def test_rolling_back_to_the_live_version_is_refused(
    database: Database, store: ProfileStore, past: ProfileHistory
) -> None:
    await know(store, ADA, "tea")
    await publish(database, ADA, "Tea.")
    with pytest.raises(StateError, match="is live"):
        await past.rollback(ADA, 1, actor="ada")


async def test_a_pin_is_kept_with_the_attribute_and_makes_the_profile_due(
    database: Database, store: ProfileStore, past: ProfileHistory
) -> None:
    [tea] = await know(store, ADA, "tea")
    await publish(database, ADA, "Tea.")
    await past.pin(ADA, tea, pinned=True)
    assert [attribute.pinned for attribute in await store.attributes(ADA)] == [True]
    assert (await store.changed_entities(model_available=False, recipe=7)).entities == (ADA,)
    with pytest.raises(StateError, match="pinned already"):
        await past.pin(ADA, tea, pinned=True)
    with pytest.raises(NotFoundError, match=f"user/ben has no attribute {tea}"):
        await past.pin(BEN, tea, pinned=True)
    await past.pin(ADA, tea, pinned=False)
    assert [attribute.pinned for attribute in await store.attributes(ADA)] == [False]


async def test_what_was_deleted_is_gone_from_everything_that_quoted_it_after_one_run(
    database: Database, store: ProfileStore
) -> None:
    secret, kept = await know(store, ADA, "swordfish", "chess")
    await know(store, BEN, "swordfish")
    dry = await new_run(database, "dry_run")
    sentence = {"text": "swordfish", "category": "fact", "attribute_ids": [secret]}
    other = {"text": "chess", "category": "fact", "attribute_ids": [kept]}
    change = {"before": [sentence], "after": [sentence, other], "apply": {"summary": "swordfish"}}
    stored = {"changes": [{"object": "user/ada", **change}, {"object": "user/zoe", **change}]}
    async with database.transaction() as connection:
        await save_plans(connection, {dry: plan_text(stored)})
    await publish(database, ADA, "Ada says swordfish.", "She plays chess.", display_name="Swordfish")
    await publish(database, ADA, "Swordfish it is.", display_name="Swordfish")
    await publish(database, BEN, "Ben says swordfish.")
    drafts = [
        Draft(category="fact", text="swordfish", failures=("x",), attribute_ids=(secret, kept)),
        Draft(category="fact", text=f"swordfish [{secret}]", failures=("x",)),
        Draft(category="fact", text="chess", failures=("x",), attribute_ids=(kept,)),
    ]
    await store.record_drafts(ADA, drafts, run_id=None)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM entity_profile_attributes WHERE id = $1", secret)

    await publish(database, ADA, "She plays chess.")

    assert [(version.summary, version.sentences[0].text) for version in await store.versions(ADA)] == [
        ("She plays chess.", "She plays chess."),
        ("[deleted]", "[deleted]"),
        ("[deleted] She plays chess.", "[deleted]"),
    ]
    assert (await store.versions(ADA))[-1].sentences[0].attribute_ids == (secret,)
    assert [draft.text for draft in await store.drafts(ADA)] == ["[deleted]", "[deleted]", "chess"]
    found = await PlanStore(database).read(dry)
    assert found.plan["changes"] == [
        {
            "object": "user/ada",
            "before": [sentence | {"text": "[deleted]"}],
            "after": [sentence | {"text": "[deleted]"}, other],
            "why": "an attribute it rests on was deleted",
            "redacted": True,
        },
        {"object": "user/zoe", **change},
    ]
    profile = await store.profile(ADA)
    assert profile is not None
    assert profile.display_name is None or "Swordfish" not in profile.display_name
    assert "swordfish" in (await store.summary(BEN) or "")


async def test_a_change_goes_with_the_history_of_its_run(database: Database, store: ProfileStore) -> None:
    await know(store, ADA, "tea")
    run = await publish(database, ADA, "Tea.")
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE job_runs SET status = 'success', started_at = now() - interval '99 days',"
            " finished_at = now()"
        )
    await JobStore(database, node_id=uuid4()).expire_history(days=30, batch=10)
    with pytest.raises(StateError, match="changed no profile"):
        await ProfileHistory(database).undo(run, run_id=await new_run(database, "undo", run))
    assert await store.summary(ADA) == "Tea."

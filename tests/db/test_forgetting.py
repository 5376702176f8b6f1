"""Whoever is forgotten is nowhere in the database, whatever wrote about them, and nobody else is touched."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler_core.db.database import Database
from scheduler_core.db.forgetting import TABLES, Forgetting
from scheduler_core.db.job_values import FinishedRun
from scheduler_core.db.profile_store import NewAttribute, ProfileStore, entity_named
from scheduler_core.db.redaction import Redaction
from scheduler_core.domain import Entity, EntityType, RunMode, RunStatus
from scheduler_core.errors import ConfigError, NotFoundError, RunError, StateError
from tests.db.forgotten import CANARY, dump_of, execute, places_of, plant, plant_bot, started, tell
from tests.maintenance.test_profile_job import Desk

ADA, NOVA = entity_named("user/qqada"), entity_named("bot/qqnova")
HOSTILE = [
    'o\'brien "the" \\ 50%_',
    "qq.*+?^$(a|b)[c]{2}",
    "qqana maría 🐝",
    "qq/a/../b",
    "qq: colon",
    "qq\ttab",
]


@pytest.fixture
def forgetting(database: Database) -> Forgetting:
    return Forgetting(database, actor="ops@attic", stop_seconds=5.0)


async def untouched(database: Database, entity: Entity) -> list[str]:
    """All that is known of somebody, as text."""
    store = ProfileStore(database)
    known = (await store.attributes(entity), await store.versions(entity), await store.drafts(entity))
    return [repr(part) for part in known]


async def until(database: Database, question: str, *values: object) -> None:
    """Until the database answers with something; it announces none of these moments."""
    while not await execute(database, question, *values):  # noqa: ASYNC110 - nothing announces the moment
        await asyncio.sleep(0)


async def actions(database: Database) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT actor, action, object_type, object_id, details::text FROM operator_actions ORDER BY id"
        )
    return [tuple(row) for row in rows]


async def test_a_person_is_nowhere_afterwards_and_a_dump_says_so_too(
    database: Database, database_url: str, forgetting: Forgetting
) -> None:
    await plant(database, ADA)
    await execute(database, "ANALYZE")
    before = await places_of(database, CANARY, ADA.id)
    assert {"public.entity_profile_versions", "public.entity_profile_drafts", "public.run_plans"} <= set(
        before
    )
    assert {"public.job_runs", "public.job_run_events", "public.operator_actions"} <= set(before)
    assert {"public.scheduled_jobs", "pg_catalog.pg_stats"} <= set(before)
    done = await forgetting.forget(ADA)
    assert (done.traces.is_clean, done.traces.places, done.cleaned) == (True, {}, True)
    assert done.traces.strings > 5
    assert await places_of(database, CANARY, ADA.id) == []
    dump = dump_of(database_url)
    assert "insert into public.job_runs" in dump
    assert CANARY not in dump
    assert ADA.id not in dump


async def test_what_would_go_is_what_goes_and_looking_changes_nothing(
    database: Database, database_url: str, forgetting: Forgetting
) -> None:
    await plant(database, ADA)
    before = dump_of(database_url)
    known = await forgetting.look(ADA)
    # A dump of the present pg_dump holds a key of its own in two lines.
    assert [line for line in dump_of(database_url).splitlines() if "restrict" not in line] == [
        line for line in before.splitlines() if "restrict" not in line
    ]
    assert min(known.counts[name] for name in ("attributes", "versions", "drafts", "judgements")) > 0
    assert min(known.counts[name] for name in ("runs", "log_lines", "plans", "actions", "jobs_paused")) > 0
    assert (await forgetting.forget(ADA)).known.counts == known.counts


async def test_the_audit_says_who_forgot_and_how_much_and_not_whom(
    database: Database, forgetting: Forgetting
) -> None:
    await plant(database, ADA)
    done = await forgetting.forget(ADA)
    rows = await actions(database)
    actor, action, object_type, object_id, details = rows[-1]
    assert (actor, action, object_type, object_id) == ("ops@attic", "forget", "profile", done.token)
    assert json.loads(details)["removed"] == dict(done.known.counts)
    # The records of what people did stay, under the same word.
    assert [row[3] for row in rows if row[1] == "pin"] == [done.token]


async def test_a_job_for_the_person_alone_waits_for_somebody_to_look_at_it(
    database: Database, forgetting: Forgetting
) -> None:
    job = await plant(database, ADA)
    token = (await forgetting.forget(ADA)).token
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM scheduled_jobs WHERE id = $1", job)
    assert row is not None
    assert (row["enabled"], row["paused_by"]) == (False, "ops@attic")
    assert row["paused_reason"] == "Its settings named somebody who was forgotten."
    assert json.loads(row["config_json"]) == {"entity_type": "user", "entity_id": token}


async def test_others_are_not_touched_also_when_their_name_holds_the_other_one(
    database: Database, forgetting: Forgetting
) -> None:
    longer = [entity_named(f"user/{name}") for name in ("qqada b", "qqada.b", "qqada-2", "xqqada", "qqadam")]
    others = [*longer, Entity(EntityType.BOT, ADA.id)]
    for entity in others:
        await plant(database, entity)
    await plant(database, ADA)
    before = [await untouched(database, entity) for entity in others]
    named = {str(entity): await rows_naming(database, entity) for entity in others}
    done = await forgetting.forget(ADA)
    assert [await untouched(database, entity) for entity in others] == before
    assert {str(entity): await rows_naming(database, entity) for entity in others} == named
    assert await ProfileStore(database).profile(ADA) is None
    assert done.traces.is_clean, done.traces.places


async def rows_naming(database: Database, entity: Entity) -> list[int]:
    """In how many rows of each kind an entity is named."""
    tables = ("job_runs", "job_run_events", "run_plans", "operator_actions", "scheduled_jobs")
    name = str(entity).lower()
    return [
        await execute(database, f"SELECT count(*) FROM {table} t WHERE strpos(lower(t::text), $1) > 0", name)
        for table in tables
    ]


@pytest.mark.parametrize("name", HOSTILE)
async def test_names_that_mean_something_elsewhere_are_forgotten_like_any_other(
    database: Database, forgetting: Forgetting, name: str
) -> None:
    entity, other = entity_named(f"user/{name}"), entity_named("user/ben")
    await plant(database, entity)
    await ProfileStore(database).add(
        [NewAttribute(entity=other, category="fact", key="note", value="Likes green tea")]
    )
    known = await untouched(database, other)
    done = await forgetting.forget(entity)
    assert done.traces.is_clean, done.traces.places
    forms = (name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1])
    assert await places_of(database, CANARY, *forms) == []
    assert await untouched(database, other) == known


async def test_a_bot_goes_with_its_memory_its_archive_its_runs_and_its_jobs(
    database: Database, database_url: str, forgetting: Forgetting
) -> None:
    job = await plant_bot(database, NOVA)
    await execute(
        database,
        "INSERT INTO memories (bot_id, id, content) VALUES ('mira', 'x', 'Likes tea'), ('mira', 'y', $1)",
        f"Talked with {NOVA.id} about tea",
    )
    looked = await forgetting.look(NOVA)
    assert (looked.counts["memories"], looked.counts["archived_memories"]) == (60, 1)
    assert (looked.counts["jobs_deleted"], looked.mentions["memories"]) == (1, 1)
    done = await forgetting.forget(NOVA, mentions=True)
    assert done.known.counts == looked.counts
    assert done.traces.is_clean, done.traces.places
    assert await places_of(database, CANARY, NOVA.id) == []
    assert NOVA.id not in dump_of(database_url)
    assert await execute(database, "SELECT count(*) FROM scheduled_jobs WHERE id = $1", job) == 0
    assert await execute(database, "SELECT string_agg(id, ' ') FROM memories") == "x"
    # History stays readable: the runs are there, without a name.
    ended = "SELECT count(*) FROM job_runs WHERE bot_id = $1 AND status IN ('failed', 'skipped')"
    assert await execute(database, ended, done.token) == 2


async def test_memories_that_name_a_person_stay_unless_asked_for(
    database: Database, forgetting: Forgetting
) -> None:
    await tell(database, ADA)
    told = "INSERT INTO memories (bot_id, id, content) VALUES ('mira', 'x', $1), ('mira', 'y', 'Qqadam rows')"
    await execute(database, told, "Qqada keeps bees")
    assert (await forgetting.look(ADA)).mentions == {"memories": 1, "archived": 0, "attributes": 0}
    assert (await forgetting.forget(ADA)).traces.is_clean
    assert await execute(database, "SELECT count(*) FROM memories") == 2
    await tell(database, ADA)
    await forgetting.forget(ADA, mentions=True)
    assert await execute(database, "SELECT string_agg(id, ' ') FROM memories") == "y"


async def test_a_run_in_hand_is_stopped_first_and_what_it_records_is_redacted(
    database: Database, forgetting: Forgetting
) -> None:
    job = await plant(database, ADA)
    node, run = await started(database, job)
    forgotten = asyncio.create_task(forgetting.forget(ADA))
    await until(database, "SELECT cancel_requested_by FROM job_runs WHERE id = $1", run)
    assert await ProfileStore(database).profile(ADA) is not None
    result = json.dumps({"entities": [{"entity": str(ADA), "result": "changed"}]})
    await node.finish_runs(
        [FinishedRun(id=run, status=RunStatus.FAILED, result_json=result, error_message=f"{ADA} [ab12]")],
        retries={},
    )
    done = await forgotten
    assert done.cancelled == 1
    assert await places_of(database, CANARY, ADA.id) == []
    stored = json.loads(await execute(database, "SELECT result_json FROM job_runs WHERE id = $1", run))
    assert stored == {"entities": [{"entity": done.token, "result": "forgotten"}]}


async def test_a_run_that_does_not_stop_keeps_everything_as_it_is(database: Database) -> None:
    job = await plant(database, ADA)
    await started(database, job)
    before = await untouched(database, ADA)
    with pytest.raises(StateError, match=r"A run is still at work .* nothing was removed\."):
        await Forgetting(database, actor="ops", stop_seconds=0.0).forget(ADA)
    assert await untouched(database, ADA) == before


async def test_a_run_that_began_too_late_to_be_stopped_is_redacted_when_it_is_over(
    database: Database, forgetting: Forgetting
) -> None:
    job = await plant(database, ADA)
    # It begins and reads while the removal waits for a lock that somebody holds.
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM entity_profiles WHERE entity_id = $1 FOR UPDATE", ADA.id)
        forgotten = asyncio.create_task(forgetting.forget(ADA))
        await until(
            database,
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()",
        )
        node, run = await started(database, job)
    await until(database, "SELECT cancel_requested_by FROM job_runs WHERE id = $1", run)
    await node.finish_runs(
        [FinishedRun(id=run, status=RunStatus.FAILED, error_message=f"The profile {ADA} changed.")],
        retries={},
    )
    done = await forgotten
    assert done.traces.is_clean
    assert await places_of(database, ADA.id) == []


async def test_a_plan_made_before_does_not_bring_the_person_back(
    database: Database, forgetting: Forgetting
) -> None:
    ben = entity_named("user/qqben")
    await tell(database, ADA)
    await ProfileStore(database).add([NewAttribute(entity=ben, category="fact", key="hobby", value="rowing")])
    desk = Desk(database, None)
    dry, _ = await desk.run(RunMode.DRY_RUN)
    await forgetting.forget(ADA)
    with pytest.raises(RunError, match="was forgotten since it was made"):
        await desk.run(RunMode.APPLY, dry)
    assert await ProfileStore(database).profile(ADA) is None
    assert await places_of(database, CANARY, ADA.id) == []


async def test_undoing_a_run_of_before_leaves_the_person_forgotten(
    database: Database, forgetting: Forgetting
) -> None:
    await tell(database, ADA)
    desk = Desk(database, None)
    run, _ = await desk.run()
    await forgetting.forget(ADA)
    with pytest.raises(RunError):
        await desk.run(RunMode.UNDO, run)
    assert await places_of(database, CANARY, ADA.id) == []


async def test_the_search_finds_a_trace_that_somebody_else_left(
    database: Database, forgetting: Forgetting
) -> None:
    await plant(database, ADA)
    await execute(database, "CREATE TABLE host_notes (id int, note text, blob bytea, list text[])")
    told = f"lives at {CANARY} street 12"
    await execute(database, "INSERT INTO host_notes VALUES (1, $1, NULL, NULL)", f"She {told}, I think.")
    await execute(database, "INSERT INTO host_notes VALUES (2, NULL, $1, NULL)", told.encode())
    await execute(database, "INSERT INTO host_notes VALUES (3, NULL, NULL, $1)", [told])
    await execute(database, "CREATE SCHEMA chat")
    await execute(database, f'CREATE TABLE chat."Old ""Talks""" AS SELECT \'{told}\' AS "the text"')
    traces = (await forgetting.forget(ADA)).traces
    assert traces.places == {
        "host_notes.blob": 1,
        "host_notes.list": 1,
        "host_notes.note": 1,
        'chat.Old "Talks".the text': 1,
    }
    assert not traces.is_clean


async def test_written_anew_the_tables_hold_no_old_copies(database: Database, forgetting: Forgetting) -> None:
    await plant(database, ADA)
    folder = (
        "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('entity_profile_attributes')"
    )
    assert await holds(database, await execute(database, folder))
    assert (await forgetting.forget(ADA, rewrite=True)).cleaned
    assert not await holds(database, await execute(database, folder))


async def holds(database: Database, path: str) -> bool:
    """Whether a file of the server holds the canary."""
    await execute(database, "CHECKPOINT")
    return bool(
        await execute(database, "SELECT strpos(encode(pg_read_binary_file($1), 'escape'), $2)", path, CANARY)
    )


async def test_tables_in_use_are_not_waited_for_for_ever(
    database: Database, forgetting: Forgetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler_core.db.forgetting._LOCK_SECONDS", 0.05)
    await plant(database, ADA)
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM entity_profiles")
        done = await forgetting.forget(ADA, rewrite=True)
    assert (done.cleaned, done.traces.is_clean) == (False, True)


async def test_every_table_that_knows_of_entities_is_cleaned(database: Database) -> None:
    kept = {"llm_bawt_libraries", "llm_bawt_schema_version", "scheduler_nodes", "scheduler_seeds"}
    # Ids of runs; what is told of one is read when it is sent.
    kept |= {"webhook_deliveries"}
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row["tablename"] for row in rows} - kept == set(TABLES)


@pytest.mark.parametrize("name", ["user/nobody", "bot/nobody"])
async def test_somebody_unknown_is_refused(forgetting: Forgetting, name: str) -> None:
    for act in (forgetting.look, forgetting.forget):
        with pytest.raises(NotFoundError, match=f"Nothing is known of {name}"):
            await act(entity_named(name))


async def test_all_bots_at_once_are_refused(forgetting: Forgetting) -> None:
    with pytest.raises(ConfigError, match="one is forgotten at a time"):
        await forgetting.forget(Entity(EntityType.BOT, "*"))


texts = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=texts, after=texts, name=st.text("ab. /:-'\"\\é", min_size=1, max_size=6), deep=st.integers(0, 3)
)
def test_a_name_leaves_json_within_json_and_the_rest_stays(
    before: str, after: str, name: str, deep: int
) -> None:
    name = name.strip().lower() or "a"
    entity = Entity(EntityType.USER, name)
    value: object = {"note": f"{before} user/{name} {after}", "keep": before, "n": 1}
    for _ in range(deep):
        value = {"inner": json.dumps(value), "keep": after}
    redacted: Any = json.loads(Redaction(entity, "TOKEN").json_text(json.dumps(value)))
    for _ in range(deep):
        assert redacted["keep"] == Redaction(entity, "TOKEN").text(after)
        redacted = json.loads(redacted["inner"])
    assert "TOKEN" in redacted["note"]
    assert redacted["n"] == 1

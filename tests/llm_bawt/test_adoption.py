"""Copies for our maintenance beside a service's tables, which nothing of it touches, and the way back."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from bawt_console.commands.adopt import adopt as command
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.llm_bawt import adoption
from scheduler_core.db.llm_bawt.adoption import adopt, held_copies, plan_adoption, undo_adoption, within
from scheduler_core.db.llm_bawt.copies import SCHEMA, UNFINISHED
from scheduler_core.db.memory_store import MemoryStore
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import Entity, EntityType
from scheduler_core.errors import StateError
from tests.command_line.program import Program
from tests.llm_bawt.whole import dump, execute

ADA = Entity(EntityType.USER, "ada")


async def test_a_dry_run_counts_and_writes_nothing(service_url: str) -> None:
    before = dump(service_url)
    copies = await plan_adoption(Address.parse(service_url))
    assert (copies.profiles, copies.attributes, copies.repeated) == (3, 5, 1)
    assert copies.memories == {"nova": 3, "rex": 1}
    assert (copies.names_left_out, copies.rejected) == (1, {})
    assert dump(service_url) == before


async def test_copies_hold_what_the_service_knows_in_every_release(service_url: str) -> None:
    address = Address.parse(service_url)
    assert await adopt(address) == await _planned(service_url)
    database = Database.open(within(address), pool_size=2, application="tests")
    attributes = await ProfileStore(database).attributes(ADA)
    assert [each.value for each in attributes] == ["Dresden", "Leipzig", "green"]
    original = await asyncpg.connect(service_url)
    times = await original.fetch(
        "SELECT DISTINCT updated_at::timestamptz AS at FROM entity_profile_attributes"
        " WHERE entity_id = 'ada' ORDER BY at"
    )
    assert {each.updated_at for each in attributes} == {row["at"] for row in times}
    profile = await ProfileStore(database).profile(ADA)
    assert profile is not None
    assert (profile.display_name, profile.summary) == (None, None)
    memories = [memory async for memory in MemoryStore(database).export()]
    assert [(memory.bot_id, memory.id) for memory in memories] == [
        ("nova", "nova-1"),
        ("nova", "nova-2"),
        ("nova", "nova-3"),
        ("rex", "rex-1"),
    ]
    assert memories[0].source_message_ids == ("m-1",)
    await original.close()
    await database.aclose()


async def _planned(url: str) -> adoption.Copies:
    await undo_adoption(Address.parse(url))
    planned = await plan_adoption(Address.parse(url))
    await adopt(Address.parse(url))
    return planned


async def test_the_way_back_leaves_the_database_byte_for_byte_as_it_was(service_url: str) -> None:
    before = dump(service_url)
    await adopt(Address.parse(service_url))
    assert dump(service_url, "--exclude-schema", SCHEMA) == before
    assert (await held_copies(Address.parse(service_url))).memories == 4
    await undo_adoption(Address.parse(service_url))
    assert dump(service_url) == before


def test_maintenance_runs_on_the_copies_and_the_service_sees_nothing_of_it(program: Program) -> None:
    assert program.url is not None
    asyncio.run(execute(program.url, "UPDATE memories SET content = 'Ada keeps bees.' WHERE bot_id = 'nova'"))
    before = dump(program.url)
    planned = program.run("adopt", "--dry-run")
    assert (planned.code, planned.err) == (0, "")
    assert "Would make the schema bawt" in planned.out
    assert "1 more only repeat one of them" in planned.out
    assert dump(program.url) == before
    made = program.run("adopt", "--json")
    assert made.code == 0, made.err
    copies = made.objects[0]["database_url"]
    ran = program.run("--no-ui", "--once", "--database-url", copies)
    assert ran.code == 0, ran.err
    runs = program.run("runs", "list", "--json", "--database-url", copies).objects
    ended = {(run["job_type"], run["bot_id"]): run["status"] for run in runs}
    assert ended["profile_maintenance", "*"] == "success"
    assert ended["memory_consolidation", "nova"] == "success"
    # Looked at, with nothing to do.
    assert ended["memory_consolidation", "rex"] == "skipped"
    assert "Leipzig" in program.run("profiles", "show", "user/ada", "--database-url", copies).out
    assert program.run("doctor", "--database-url", copies).code in (0, 1)
    assert dump(program.url, "--exclude-schema", SCHEMA) == before
    assert "Would drop the schema bawt" in program.run("adopt", "--undo", "--dry-run").out
    undone = program.run("adopt", "--undo")
    assert "2 summaries" in undone.out or "3 summaries" in undone.out
    assert dump(program.url) == before


async def test_a_row_that_our_tables_cannot_hold_is_left_out_and_counted(one_service_url: str) -> None:
    await execute(
        one_service_url,
        "UPDATE memories SET content = '' WHERE id = 'nova-1';"
        "UPDATE entity_profile_attributes SET source = 'guess' WHERE key = 'tone'",
    )
    copies = await adopt(Address.parse(one_service_url))
    assert sum(copies.rejected.values()) == 2
    assert (copies.attributes, copies.memories["nova"]) == (4, 2)


async def test_an_adoption_that_fails_takes_its_schema_away(
    one_service_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(one_service_url)

    async def fail(store: MemoryStore, lines: Sequence[str]) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(adoption, "import_memories", fail)
    with pytest.raises(RuntimeError, match="disk"):
        await adopt(Address.parse(one_service_url))
    assert dump(one_service_url) == before


async def test_one_that_was_killed_is_begun_anew(one_service_url: str) -> None:
    await execute(
        one_service_url,
        f"CREATE SCHEMA {SCHEMA}; CREATE TABLE {SCHEMA}.scheduled_jobs ();"
        f"COMMENT ON SCHEMA {SCHEMA} IS '{UNFINISHED}'",
    )
    assert (await adopt(Address.parse(one_service_url))).profiles == 3


async def test_what_is_not_its_own_is_left_alone(one_service_url: str, database_url: str) -> None:
    address = Address.parse(one_service_url)
    with pytest.raises(StateError, match="not adopted"):
        await undo_adoption(address)
    await execute(one_service_url, f"CREATE SCHEMA {SCHEMA}")
    with pytest.raises(StateError, match="did not make"):
        await adopt(address)
    with pytest.raises(StateError, match="not adopted"):
        await undo_adoption(address)
    with pytest.raises(StateError, match="not the database of an llm-bawt service"):
        await adopt(Address.parse(database_url))


async def test_it_is_adopted_once_and_not_taken_back_under_a_scheduler(one_service_url: str) -> None:
    address = Address.parse(one_service_url)
    await adopt(address)
    with pytest.raises(StateError, match="adopted already"):
        await adopt(address)
    await execute(
        one_service_url,
        f"INSERT INTO {SCHEMA}.scheduler_nodes (id, name, state, version, job_types, lease_expires_at)"
        " VALUES (gen_random_uuid(), 'attic', 'active', '0', '{}', now() + interval '1 h')",
    )
    with pytest.raises(StateError, match="scheduler works"):
        await undo_adoption(address)


def test_the_help_says_that_nothing_of_the_service_is_changed() -> None:
    assert command.help is not None
    assert "Nothing of the service is changed" in command.help
    assert "until --publish" in command.help

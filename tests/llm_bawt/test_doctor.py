"""What the doctor finds in a service's database and in our own, without writing to either."""

import json

import asyncpg
import pytest

from scheduler_core.db.connect import Address, connect
from scheduler_core.db.database import Database
from scheduler_core.db.doctor import Finding, Report, examine
from scheduler_core.db.llm_bawt.shape import Owner
from scheduler_core.db.profile_file import import_profiles
from scheduler_core.db.profile_store import ProfileStore
from tests.command_line.program import Program, line
from tests.llm_bawt.service import LOSING, STUCK

# What only the fixture's texts hold.
PERSONAL = ("Dresden", "Leipzig", "beekeeper", "green", "Text 1", "ada@example.org", "offset-naive")


async def changed(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


def found(report: Report) -> dict[str, Finding]:
    return {finding.name: finding for finding in report.findings}


async def test_each_fault_of_a_service_is_found_with_its_count_and_an_example(service_url: str) -> None:
    report = await examine(Address.parse(service_url))
    assert report.owner is Owner.SERVICE
    findings = found(report)
    assert {name: finding.count for name, finding in findings.items()} == {
        "stuck_runs": 1,
        "hidden_errors": 1,
        "lost_memories": 1,
        "unmentioned_messages": 1,
        "stale_summaries": 1,
        "missing_summaries": 1,
        "duplicate_keys": 1,
        "wrong_display_names": 1,
    }
    assert STUCK in findings["stuck_runs"].examples[0]
    assert LOSING in findings["lost_memories"].examples[0]
    assert "memories_merged 3" in findings["lost_memories"].examples[0]
    assert findings["lost_memories"].certainty == "likely"
    assert findings["unmentioned_messages"].examples == ("user/ada tea (message m-lost)",)
    assert findings["duplicate_keys"].examples == ("user/ada fact/location: 3 times, 2 different values",)
    assert findings["wrong_display_names"].examples == ("user/ada",)
    assert findings["stale_summaries"].examples[0].startswith("user/ada: 1 change since ")
    assert findings["missing_summaries"].examples == ("bot/nova: 1 attribute",)
    assert not any(word in repr(report) for word in PERSONAL)


async def test_it_says_how_times_and_memories_are_stored(service_url: str) -> None:
    naive = "without a time zone" in (await examine(Address.parse(service_url))).facts[0]
    connection = await asyncpg.connect(service_url)
    kind = await connection.fetchval(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = 'entity_profiles'::regclass AND attname = 'updated_at'"
    )
    await connection.close()
    assert naive == (kind == "timestamp without time zone")


async def test_a_summary_younger_than_its_attributes_by_minutes_is_right_in_every_release(
    service_url: str,
) -> None:
    # Read in the zone of the person's machine, naive times would be hours off.
    await changed(
        service_url,
        "UPDATE entity_profile_attributes SET updated_at = now() - interval '49 h';"
        "UPDATE entity_profiles SET summary = 'x',"
        " summary_updated_at = now() - interval '49 h' + interval '1 min'",
    )
    address = Address.parse(service_url)
    assert "stale_summaries" not in found(await examine(address))
    await changed(
        service_url, "UPDATE entity_profiles SET summary_updated_at = summary_updated_at - interval '2 min'"
    )
    assert found(await examine(address))["stale_summaries"].count == 3


async def test_a_service_without_faults_is_healthy(one_service_url: str) -> None:
    await changed(
        one_service_url,
        "DELETE FROM job_runs; DELETE FROM entity_profile_attributes;"
        "UPDATE entity_profiles SET display_name = 'Ada'",
    )
    report = await examine(Address.parse(one_service_url))
    assert report.is_healthy
    assert "lost_memories" in report.checked


@pytest.mark.parametrize("result", ["", "{", "[]", "null", '"merged"', '{"merged": "many"}', "[" * 100_000])
async def test_a_result_that_cannot_be_read_is_passed_over(one_service_url: str, result: str) -> None:
    connection = await asyncpg.connect(one_service_url)
    await connection.execute("UPDATE job_runs SET result_json = $1", result)
    await connection.close()
    assert not {"lost_memories", "hidden_errors"} & set(found(await examine(Address.parse(one_service_url))))


async def test_the_server_itself_refuses_the_doctor_every_write(one_service_url: str) -> None:
    connection = await connect(Address.parse(one_service_url), application="tests", read_only=True)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await connection.execute("UPDATE scheduled_jobs SET enabled = false")
    await connection.close()


async def test_our_database_is_looked_at_by_its_own_rules(database_url: str, database: Database) -> None:
    address = Address.parse(database_url)
    assert (await examine(address)).is_healthy
    await import_profiles(ProfileStore(database), [line(), line(value="Leipzig"), line(entity="user/bob")])
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE entity_profiles SET display_name = 'She' WHERE entity_id = 'ada';"
            "INSERT INTO entity_profile_attributes (entity_type, entity_id, category, key, value)"
            " VALUES ('user', 'bob', 'fact', 'location', '\"Dresden\"');"
            "UPDATE entity_profile_attributes SET updated_at = now() - interval '3 d',"
            " created_at = now() - interval '3 d';"
            "INSERT INTO scheduler_nodes (id, name, state, version, job_types, lease_expires_at)"
            " VALUES (gen_random_uuid(), 'attic', 'active', '0', '{}', now() - interval '1 h');"
            "INSERT INTO job_runs (bot_id, status, job_type, trigger, started_at, node_id)"
            " SELECT '*', 'running', 'memory_decay', 'schedule', now(), id FROM scheduler_nodes"
        )
    report = await examine(address)
    assert report.owner is Owner.OURS
    findings = found(report)
    assert {name: finding.count for name, finding in findings.items()} == {
        "stuck_runs": 1,
        "lost_nodes": 1,
        "stale_summaries": 2,
        "duplicate_keys": 1,
        "wrong_display_names": 1,
    }
    assert "Dresden" not in repr(report)


async def test_an_old_schema_of_ours_is_the_only_finding(database_url: str) -> None:
    await changed(database_url, "UPDATE llm_bawt_schema_version SET version_num = '0003'")
    assert list(found(await examine(Address.parse(database_url)))) == ["schema"]


async def test_an_empty_database_has_nothing_to_find(empty_database: str) -> None:
    report = await examine(Address.parse(empty_database))
    assert (report.owner, report.findings) == (Owner.NOBODY, ())


def test_the_command_tells_people_and_scripts_and_ends_with_one(program: Program) -> None:
    shown = program.run("doctor")
    assert shown.code == 1, shown.err
    assert "of llm-bawt service. Nothing is written." in shown.out
    assert "✗ 1 run is RUNNING though nothing works on it any more. (stuck_runs, likely)" in shown.out
    asked = program.run("doctor", "--json", "--examples", "1")
    assert asked.code == 1
    [report] = asked.objects
    assert (report["healthy"], report["owner"]) == (False, "llm-bawt service")
    assert not any(word in shown.out + json.dumps(report, ensure_ascii=False) for word in PERSONAL)


def test_a_server_that_does_not_answer_is_another_exit_code(program: Program) -> None:
    assert program.run("doctor", "--database-url", "postgresql://nobody@127.0.0.1:9/none").code == 3

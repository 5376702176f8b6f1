"""A service's jobs and runs are shown as ours are, and asked for in its own way; nothing else is written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from bawt_console.service_source import ServiceSource, open_service_source
from bawt_console.source import Source
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.llm_bawt.reading import reading_database
from scheduler_core.domain import ALL_BOTS, NodeState, ProfileFilter, RunFilter, RunStatus, Trigger
from scheduler_core.errors import DatabaseError, NotFoundError, StateError
from tests.command_line.program import Program
from tests.llm_bawt.service import CONSOLIDATION, DECAY, PROFILES, STUCK

COLUMNS = """
SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname
"""
WHOLE = """
SELECT jsonb_build_array(
    (SELECT jsonb_agg(to_jsonb(j) - 'next_run_at' - 'enabled' ORDER BY id) FROM scheduled_jobs j),
    (SELECT jsonb_agg(to_jsonb(r) ORDER BY id) FROM job_runs r),
    (SELECT jsonb_agg(to_jsonb(p) ORDER BY id) FROM entity_profiles p),
    (SELECT jsonb_agg(to_jsonb(a) ORDER BY id) FROM entity_profile_attributes a),
    (SELECT jsonb_agg(relname ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace)
)::text
"""


@asynccontextmanager
async def opened(url: str, *, read_only: bool = False) -> AsyncIterator[Source]:
    async with open_service_source(Address.parse(url), actor="ada", read_only=read_only) as source:
        yield source


async def ask(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_jobs_of_every_release_are_shown_as_ours(service_url: str) -> None:
    async with opened(service_url) as source:
        jobs = {str(each.job.id): each for each in await source.jobs()}
    assert set(jobs) == {PROFILES, CONSOLIDATION, DECAY}
    profiles = jobs[PROFILES]
    assert (profiles.job.job_type, profiles.job.bot_id) == ("profile_maintenance", ALL_BOTS)
    assert profiles.current is not None
    assert str(profiles.current.id) == STUCK
    assert profiles.last is not None
    assert profiles.last.status is RunStatus.SUCCESS
    assert [each.status for each in profiles.strip] == [RunStatus.FAILED, RunStatus.SUCCESS]
    assert not jobs[DECAY].job.enabled
    assert jobs[CONSOLIDATION].job.config_json == "{}"


async def test_runs_are_listed_filtered_and_found(service_url: str) -> None:
    async with opened(service_url) as source:
        runs = await source.runs(RunFilter())
        assert len(runs) == 6
        assert {run.trigger for run in runs} == {Trigger.SCHEDULE}
        failed = await source.runs(RunFilter(statuses=frozenset({RunStatus.FAILED})))
        assert [run.error_message for run in failed] == ["connection refused"]
        assert (await source.run(UUID(STUCK))).status is RunStatus.RUNNING
        assert len(await source.work.find_runs("22222222")) == 6
        assert await source.events(UUID(STUCK)) == []
        brief = await source.brief(runs[-1].created_at - timedelta(days=60))
        assert brief.count(RunStatus.SUCCESS) == 4
        assert (await source.health()).schema == "llm-bawt"
        assert (await source.measures.forecast()) is not None


async def test_a_type_that_this_release_does_not_know_is_shown_by_its_name(one_service_url: str) -> None:
    await ask(one_service_url, "UPDATE scheduled_jobs SET job_type = 'TOOL_RESULT_GC'")
    async with opened(one_service_url) as source:
        assert {each.job.job_type for each in await source.jobs()} == {"tool_result_gc"}


async def test_an_id_that_is_no_uuid_does_not_hide_the_jobs(one_service_url: str) -> None:
    await ask(one_service_url, "UPDATE job_runs SET job_id = NULL WHERE false")
    await ask(one_service_url, f"DELETE FROM job_runs WHERE job_id = '{DECAY}'")
    await ask(
        one_service_url, f"UPDATE scheduled_jobs SET id = 'decay-1', enabled = true WHERE id = '{DECAY}'"
    )
    async with opened(one_service_url) as source:
        [odd] = await source.work.find_jobs("memory_decay")
        await source.force_run(odd.id)
    due = await ask(one_service_url, "SELECT next_run_at < now() FROM scheduled_jobs WHERE id = 'decay-1'")
    assert due is True


async def test_forcing_moves_its_next_run_into_the_past_and_changes_nothing_else(service_url: str) -> None:
    before = await ask(service_url, WHOLE)
    async with opened(service_url) as source:
        assert await source.force_run(UUID(CONSOLIDATION)) == []
    due = await ask(service_url, "SELECT array_agg(id) FROM scheduled_jobs WHERE next_run_at < now()")
    assert due == [CONSOLIDATION]
    assert await ask(service_url, WHOLE) == before


async def test_pausing_and_resuming_change_one_flag(service_url: str) -> None:
    before = await ask(service_url, WHOLE)
    async with opened(service_url) as source:
        assert not (await source.pause(UUID(PROFILES))).enabled
        with pytest.raises(StateError, match="paused already"):
            await source.pause(UUID(PROFILES))
        with pytest.raises(StateError, match="Resume it first"):
            await source.force_run(UUID(PROFILES))
        assert (await source.resume(UUID(PROFILES))).enabled
        with pytest.raises(NotFoundError):
            await source.pause(uuid4())
    assert await ask(service_url, WHOLE) == before


async def test_everything_else_is_refused_with_the_word_that_helps(one_service_url: str) -> None:
    async with opened(one_service_url) as source:
        for refused in (
            source.records.profiles(ProfileFilter()),
            source.records.restore("nova", "nova-1"),
            source.work.dry_run(UUID(PROFILES)),
            source.work.undo(UUID(STUCK)),
            source.cancel(UUID(STUCK)),
        ):
            with pytest.raises(StateError, match="adopt"):
                await refused
        assert isinstance(source, ServiceSource)
        assert source.refusal("run_now") is None
        assert "adopt" in str(source.refusal("undo"))


async def test_the_server_refuses_every_write_of_the_connections_that_read(one_service_url: str) -> None:
    database = reading_database(Address.parse(one_service_url), pool_size=1, application="tests")
    for sql in (
        "UPDATE scheduled_jobs SET enabled = false",
        "DELETE FROM public.job_runs",
        "CREATE TABLE t ()",
    ):
        with pytest.raises(DatabaseError, match="read-only"):
            async with database.connection() as connection:
                await connection.execute(sql)
    await database.aclose()


async def test_what_our_statements_see_has_the_columns_of_our_tables(
    one_service_url: str, migrated_template: str, database: Database
) -> None:
    service = reading_database(Address.parse(one_service_url), pool_size=1, application="tests")
    for table in (
        "scheduled_jobs",
        "job_runs",
        "job_run_events",
        "scheduler_nodes",
        "operator_actions",
        "run_plans",
    ):
        async with database.connection() as ours, service.connection() as theirs:
            assert await theirs.fetch(COLUMNS, table) == await ours.fetch(COLUMNS, table), table
    await service.aclose()


async def test_a_service_counts_as_alive_while_its_due_jobs_are_run(one_service_url: str) -> None:
    async with opened(one_service_url) as source:
        [node] = await source.nodes()
        assert (node.name, node.state) == ("llm-bawt service", NodeState.ACTIVE)
        await ask(one_service_url, "UPDATE scheduled_jobs SET next_run_at = now() - interval '1 h'")
        [node] = await source.nodes()
        assert node.state is NodeState.LOST


async def test_changes_are_noticed_by_looking(one_service_url: str) -> None:
    async with opened(one_service_url) as source, asyncio.timeout(20):
        looks = source.changes()
        assert "jobs" in await anext(looks)
        assert "runs" in await anext(looks)


def test_the_commands_list_ask_pause_and_show(program: Program) -> None:
    listed = program.run("jobs", "list")
    assert listed.code == 0, listed.err
    assert "profile_maintenance" in listed.out
    asked = program.run("jobs", "run", "memory_consolidation")
    assert (asked.code, asked.err) == (0, "")
    assert asked.out.startswith("asked the service to run memory_consolidation nova")
    assert program.run("jobs", "run", "memory_consolidation", "--wait").code == 2
    assert "adopt" in program.run("jobs", "run", "memory_consolidation", "--dry-run").err
    assert program.run("jobs", "pause", "profile_maintenance").out.startswith("paused profile_maintenance")
    assert program.run("jobs", "resume", "profile_maintenance").code == 0
    assert len(program.run("runs", "list", "--json").objects) == 6
    assert "connection refused" in program.run("runs", "show", "22222222-0000-4000-8000-000000000006").out

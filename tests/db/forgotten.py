"""Everything that the product may come to know of an entity, and a search that owes nothing to its own."""

import json
import subprocess
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from scheduler_core.db.database import Database
from scheduler_core.db.embedded.binaries import postgres_binary
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.judgement_store import Decision, Judgement
from scheduler_core.db.operations import Operations
from scheduler_core.db.profile_history import ProfileHistory
from scheduler_core.db.profile_store import Draft, NewAttribute, ProfileStore
from scheduler_core.domain import Entity, EntityType, RunMode
from tests.maintenance import models
from tests.maintenance.models import FakeModel
from tests.maintenance.test_profile_job import Desk

# Of one word each, so that no way of writing it can hide it.
CANARY = "zyxcanary"


async def execute(database: Database, statement: str, *values: object) -> Any:
    async with database.connection() as connection:
        return await connection.fetchval(statement, *values, timeout=60)


async def tell(database: Database, entity: Entity) -> None:
    """A name, a place and a nested value, each with the canary."""
    values: list[tuple[str, object]] = [
        ("name", f"{CANARY.title()} Person"),
        ("location", f"lives at {CANARY} street 12"),
        ("note", {"deep": [{"deeper": f'said "{CANARY}" \\ twice'}]}),
    ]
    await ProfileStore(database).add(
        [NewAttribute(entity=entity, category="fact", key=key, value=value) for key, value in values]
    )


async def plant(database: Database, entity: Entity) -> UUID:
    """Lets every part of the product write about an entity; returns a job of which it is a part.

    Runs, versions and plans come from the real job, records of people from real actions, and texts that no
    part writes by itself, such as a host's, are put where they could be.
    """
    store = ProfileStore(database)
    await tell(database, entity)
    desk = Desk(database, FakeModel(models.perfect))
    run, result = await desk.run()
    await finish(database, run, json.dumps(dict(result.result)), f"{entity}: could not be done [ab12cd34].")
    await store.record_drafts(
        entity, [Draft(category="fact", text=f"Draft of {CANARY}. [1]", failures=("number",))], run_id=run
    )
    await store.judgements.keep(
        entity,
        [Judgement(b"w" * 32, b"l" * 32, Decision.SAME)],
        current=[(b"w" * 32, b"l" * 32)],
        model="m",
        recipe=1,
    )
    await store.add([NewAttribute(entity=entity, category="fact", key="hobby", value=f"{CANARY} rowing")])
    dry, _ = await desk.run(RunMode.DRY_RUN, entity_type=entity.type.value, entity_id=entity.id)
    await finish(database, dry, "{}", None)
    await desk.run()
    await ProfileHistory(database).rollback(entity, 1, actor="ops@attic")
    attributes = await store.attributes(entity)
    await ProfileHistory(database).pin(entity, attributes[0].id, pinned=True, actor="ops@attic")
    for level, message in [("info", f"1 of 2 entities · {entity}"), ("warning", f"{entity}.fact is odd")]:
        await execute(
            database,
            "INSERT INTO job_run_events (run_id, level, message) VALUES ($1, $2, $3)",
            run,
            level,
            message,
        )
    return await narrowed_job(database, entity)


async def narrowed_job(database: Database, entity: Entity) -> UUID:
    """A job for the entity alone, which somebody edited: its settings are JSON within the audit's JSON."""
    config = json.dumps({"entity_type": entity.type.value, "entity_id": entity.id}, ensure_ascii=False)
    job: UUID = await execute(
        database,
        "INSERT INTO scheduled_jobs (job_type, bot_id, config_json, next_run_at)"
        " VALUES ('profile_maintenance', '*', $1, now() + $2) RETURNING id",
        config,
        timedelta(hours=1),
    )
    await execute(
        database,
        "INSERT INTO operator_actions (actor, action, object_type, object_id, reason, details)"
        " VALUES ('ops@attic', 'edit', 'job', $1, $2, $3::text::jsonb)",
        str(job),
        f"because of {entity}",
        json.dumps({"before": {"config_json": "{}"}, "after": {"config_json": config}}),
    )
    return job


async def plant_bot(database: Database, bot: Entity) -> UUID:
    """The same for a bot, with its memory, what jobs did to it, and a job of its own."""
    assert bot.type is EntityType.BOT
    await plant(database, bot)
    await execute(
        database,
        "INSERT INTO memories (bot_id, id, content)"
        " SELECT $1, 'm' || n, $2 || ' number ' || n FROM generate_series(1, 60) AS n",
        bot.id,
        CANARY,
    )
    run: UUID = await execute(
        database,
        "INSERT INTO job_runs (job_type, bot_id, status, started_at, finished_at, result_json, error_message)"
        " VALUES ('memory_decay', $1, 'failed', now(), now(), $2, $3) RETURNING id",
        bot.id,
        json.dumps({"bot": bot.id, "archived": 1}),
        f"The memory of {bot.id} is odd.",
    )
    await execute(
        database,
        "INSERT INTO memory_archive (bot_id, id, run_id, cause, memory)"
        " VALUES ($1, 'old', $2, 'decayed', $3::jsonb)",
        bot.id,
        run,
        json.dumps({"content": f"{CANARY} long ago"}),
    )
    await execute(
        database,
        "INSERT INTO job_run_events (run_id, level, message) VALUES ($1, 'info', $2)",
        run,
        f"1 memory of {bot.id} went to the archive",
    )
    await execute(
        database,
        "INSERT INTO operator_actions (actor, action, object_type, object_id, details)"
        " VALUES ('ops@attic', 'restore', 'memory', $1, '{\"back\": [\"old\"]}')",
        f"{bot.id}/old",
    )
    job: UUID = await execute(
        database,
        "INSERT INTO scheduled_jobs (job_type, bot_id, next_run_at)"
        " VALUES ('memory_decay', $1, now() + interval '1 hour') RETURNING id",
        bot.id,
    )
    await Operations(database, actor="ops@attic").force_run(job)
    return job


async def finish(database: Database, run: UUID, result: str, error: str | None) -> None:
    await execute(
        database,
        "UPDATE job_runs SET status = CASE WHEN $3::text IS NULL THEN 'success' ELSE 'failed' END,"
        " started_at = now(), finished_at = now(), duration_ms = 1, result_json = $2, error_message = $3"
        " WHERE id = $1",
        run,
        result,
        error,
    )


async def places_of(database: Database, *texts: str) -> list[str]:
    """Tables of every schema, and statistics, of which a row holds one of the texts in any case."""
    async with database.connection() as connection:
        tables = await connection.fetch(
            "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        names = [row["name"] for row in tables] + ["pg_catalog.pg_stats"]
        found = []
        for name in names:
            rows = await connection.fetch(f"SELECT lower(t::text) AS text FROM {name} AS t")
            if any(text.lower() in row["text"] for row in rows for text in texts):
                found.append(name)
        return found


def dump_of(url: str) -> str:
    """The whole database as pg_dump writes it."""
    done = subprocess.run(
        [postgres_binary("pg_dump"), "--inserts", url], capture_output=True, text=True, check=True
    )
    return done.stdout.lower()


async def started(database: Database, job: UUID) -> tuple[JobStore, UUID]:
    """A run of the job that a living node has in hand, and the store of that node."""
    node = uuid4()
    await execute(
        database,
        "INSERT INTO scheduler_nodes (id, name, state, version, job_types, lease_expires_at)"
        " VALUES ($1, 'n', 'active', '1', '{profile_maintenance}', now() + interval '1 hour')",
        node,
    )
    run: UUID = await execute(
        database,
        "INSERT INTO job_runs (job_id, job_type, bot_id, status, node_id, started_at)"
        " VALUES ($1, 'profile_maintenance', '*', 'running', $2, now()) RETURNING id",
        job,
        node,
    )
    return JobStore(database, node_id=node), run

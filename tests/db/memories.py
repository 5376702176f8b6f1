"""Memories for tests: written as a host would, read back as they lie in the tables."""

import json
from typing import Any
from uuid import UUID

import asyncpg

from scheduler_core.db.database import Database


async def add(
    database: Database,
    content: str,
    *,
    id_: str | None = None,
    bot: str = "nova",
    importance: float = 0.5,
    idle_days: float = 0,
    accesses: int = 0,
    tags: tuple[str, ...] = ("misc",),
    messages: tuple[str, ...] = (),
    pinned: bool = False,
    source: str = "inferred",
) -> str:
    """One memory, as old as it is idle; returns its id."""
    async with database.connection() as connection:
        memory: str = await connection.fetchval(
            "INSERT INTO memories (bot_id, id, content, importance, access_count, tags, source_message_ids,"
            " pinned, source, created_at, last_accessed)"
            " SELECT $1, coalesce($2, gen_random_uuid()::text), $3, $4, $5, $6, $7, $8, $9, t, t"
            " FROM (SELECT now() - make_interval(secs => $10 * 86400.0) AS t) s"
            " RETURNING id",
            bot,
            id_,
            content,
            importance,
            accesses,
            json.dumps(tags),
            json.dumps(messages),
            pinned,
            source,
            idle_days,
        )
    return memory


async def add_fresh(database: Database, count: int) -> None:
    """Memories that nothing is wrong with, so that a cap or a breaker has something to count."""
    for number in range(count):
        await add(database, f"fresh {number}")


async def fetch(database: Database, query: str, *values: object) -> list[asyncpg.Record]:
    async with database.connection() as connection:
        return list(await connection.fetch(query, *values))


async def contents(database: Database) -> set[str]:
    return {row["content"] for row in await fetch(database, "SELECT content FROM memories")}


async def archive(database: Database) -> dict[str, dict[str, Any]]:
    """The archive by id."""
    return {row["id"]: dict(row) for row in await fetch(database, "SELECT * FROM memory_archive")}


async def dump(database: Database) -> list[str]:
    """Every byte of memories and their vectors, to compare before and after."""
    rows = await fetch(
        database,
        "SELECT to_jsonb(m)::text || coalesce(e.model || encode(e.embedding, 'hex'), '') AS line"
        " FROM memories m LEFT JOIN memory_embeddings e USING (bot_id, id) ORDER BY bot_id, id",
    )
    return [row["line"] for row in rows]


async def set_embedding(database: Database, memory: str, data: bytes, *, bot: str = "nova") -> None:
    await fetch(
        database,
        "INSERT INTO memory_embeddings (bot_id, id, model, embedding) VALUES ($1, $2, 'tiny', $3)",
        bot,
        memory,
        data,
    )


async def add_plan(database: Database, run_id: UUID, plan: dict[str, Any]) -> None:
    """A plan as a dry run leaves it."""
    await fetch(
        database,
        "INSERT INTO job_runs (id, bot_id, job_type, status, started_at, finished_at, duration_ms, mode)"
        " VALUES ($1, 'nova', 'memory_decay', 'success', now(), now(), 0, 'dry_run')",
        run_id,
    )
    await fetch(database, "INSERT INTO run_plans (run_id, plan) VALUES ($1, $2)", run_id, json.dumps(plan))

"""Traces of what jobs of an llm-bawt service did wrong and reported as done.

Its consolidation may delete what it merged without keeping the merge. The rows are gone; what can be seen is
a run that counts merges while no memory was written, and messages that no memory mentions any more.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta

from scheduler_core.db.connect import Connection
from scheduler_core.db.llm_bawt.shape import Shape, memories_of
from scheduler_core.db.statement import statement

# A service stamps a memory and its run with two clocks, its own and the database's.
_AROUND = timedelta(seconds=5)
# Only so many: each is compared with every memory.
RUNS_READ = 1_000
MERGES_READ = 200
_MERGE_WORDS = ("merged", "consolidated", "clusters", "removed", "deleted")
_ERROR_WORDS = ("error", "errors", "exception", "failed")

Found = tuple[int, list[str]]


async def hidden_errors(connection: Connection, limit: int) -> Found:
    """Successful runs of the latest `RUNS_READ` whose result speaks of an error; its text is not repeated."""
    found = [
        f"{row['job_type']} {row['bot_id']} ({row['run']})"
        async for row, result in _results(connection)
        if any(result.get(word) for word in _ERROR_WORDS)
    ]
    return len(found), found[:limit]


async def lost_memories(connection: Connection, shape: Shape, limit: int) -> Found:
    """Consolidations that count merges and left no memory behind."""
    merging = [
        (row, counts)
        async for row, result in _results(connection)
        if row["job_type"] == "memory_consolidation" and (counts := _counts(result))
    ][:MERGES_READ]
    lost = await connection.fetch(
        "SELECT w.place FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])"
        " WITH ORDINALITY AS w (bot, low, high, place) WHERE NOT EXISTS ("
        f" SELECT FROM {memories_of(shape, 'created_at', 'updated_at')} m"
        " WHERE (w.bot = '*' OR lower(m.bot_id) = lower(w.bot))"
        " AND (m.created_at BETWEEN w.low AND w.high OR m.updated_at BETWEEN w.low AND w.high)) ORDER BY 1",
        [row["bot_id"] for row, _ in merging],
        [_moment(row["started_at"]) - _AROUND for row, _ in merging],
        [_moment(row["finished_at"]) + _AROUND for row, _ in merging],
    )
    chosen = [merging[row["place"] - 1] for row in lost]
    lines = [
        f"{row['bot_id']} ({row['run']}) reports "
        + ", ".join(f"{name} {count}" for name, count in counts.items())
        for row, counts in chosen
    ]
    return len(lines), lines[:limit]


async def unmentioned_messages(connection: Connection, shape: Shape, limit: int) -> Found:
    """Messages of attributes that no memory mentions, where memories mention messages at all."""
    rows = await connection.fetch(
        "WITH mentioned AS MATERIALIZED ("
        " SELECT DISTINCT message FROM"
        f" {memories_of(shape, 'source_message_ids')} m, jsonb_array_elements_text("
        " CASE jsonb_typeof(m.source_message_ids) WHEN 'array'"
        " THEN m.source_message_ids ELSE '[]' END) message)"
        " SELECT min(lower(entity_type::text) || '/' || entity_id || ' ' || key) AS key,"
        " source_message_id AS message, count(*) OVER () AS total FROM entity_profile_attributes"
        " WHERE source_message_id IS NOT NULL AND EXISTS (SELECT FROM mentioned)"
        " AND source_message_id NOT IN (SELECT message FROM mentioned)"
        " GROUP BY source_message_id ORDER BY 1 LIMIT $1",
        limit,
    )
    return (rows[0]["total"] if rows else 0), [f"{row['key']} (message {row['message']})" for row in rows]


async def _results(
    connection: Connection,
) -> AsyncIterator[tuple[Mapping[str, object], Mapping[str, object]]]:
    sql = statement("doctor/finished_results")
    for row in await connection.fetch(sql.text, *sql.bind(limit=RUNS_READ)):
        try:
            result = json.loads(row["result"])
        except (ValueError, RecursionError):
            continue
        if isinstance(result, dict):
            yield dict(row), result


def _counts(result: Mapping[str, object]) -> dict[str, int]:
    """What it counts of merges, by the names it uses; only words of letters, so that no text slips in."""
    return {
        name: value
        for name, value in result.items()
        if isinstance(value, int)
        and not isinstance(value, bool)
        and value > 0
        and name.replace("_", "").isalpha()
        and any(word in name.lower() for word in _MERGE_WORDS)
    }


def _moment(value: object) -> datetime:
    assert isinstance(value, datetime)
    return value

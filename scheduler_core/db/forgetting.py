"""Forgets a person or a bot: removes every trace from the database and proves it by searching all of it.

Runs that may be writing about the entity are stopped first; then one transaction removes and redacts
everything, and what runs recorded that had begun before its end is redacted after them. Nothing brings the
entity back but somebody who tells of it again. What is not reached: backups, files that a host wrote, and,
until the server uses them again, blocks of its files that no query can read any more.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.forgotten_rows import ForgottenRows
from scheduler_core.db.llm_bawt.publication import require_not_given
from scheduler_core.db.profile_store import IMPORT_LOCK
from scheduler_core.db.redaction import Redaction, new_token
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.db.traces import (
    PATIENCE,
    Strings,
    Traces,
    display_name,
    longer_names,
    mention_pattern,
    search,
    strings_of,
)
from scheduler_core.domain import ALL_BOTS, Entity, EntityType, JobType
from scheduler_core.errors import ConfigError, NotFoundError, StateError

__all__ = ["Forgetting", "Forgotten", "Known", "Traces"]

# Seconds: between looks at the runs in hand, and how long they get to stop.
_LOOK_AGAIN = 0.1
STOP_SECONDS = 60.0
# Seconds to wait for a table that is to be written anew, because everybody else waits meanwhile.
_LOCK_SECONDS = 10
_SHORTEST_MENTION = 3
_WRITERS = [str(JobType.PROFILE_MAINTENANCE)]
# Every table that a removal takes rows out of, or rewrites rows of. Not every database has all of them.
TABLES = (
    "entity_profile_attributes",
    "entity_profile_changes",
    "entity_profile_drafts",
    "entity_profile_holds",
    "entity_profile_judgements",
    "entity_profile_scrubs",
    "entity_profile_versions",
    "entity_profiles",
    "job_run_events",
    "job_runs",
    "memories",
    "memory_archive",
    "memory_changes",
    "memory_embeddings",
    "memory_judgements",
    "memory_merges",
    "memory_reprieves",
    "memory_vectors",
    "operator_actions",
    "run_plans",
    "scheduled_jobs",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """How much is known of an entity, or was.

    Attributes:
        counts: rows by what they are: those removed (`attributes`, `versions`, …) and those of which a part
            is taken out (`runs`, `log_lines`, `plans`, `actions`, `jobs_paused`).
        mentions: rows of others that name it: `memories`, `archived`, `attributes`.
        in_hand: runs that may be writing about it now.
    """

    counts: Mapping[str, int]
    mentions: Mapping[str, int] = field(default_factory=dict)
    in_hand: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was done.

    Attributes:
        token: what stands in the places of the name.
        known: what was there; its mentions were deleted where that was asked for, but for attributes.
        cancelled: runs that were asked to stop.
        cleaned: whether old copies of rows left the tables: vacuumed, or written anew.
        traces: what a search of the whole database found afterwards.
    """

    token: str
    known: Known
    cancelled: int
    cleaned: bool
    traces: Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class _Removed:
    known: Known
    strings: Strings
    redaction: Redaction
    since: datetime


class Forgetting:
    """Looks at what would go, and makes it go.

    Args:
        actor: who asks, for the audit, which does not name who was forgotten.
        stop_seconds: how long runs in hand get to stop.
    """

    def __init__(self, database: Database, *, actor: str, stop_seconds: float = STOP_SECONDS) -> None:
        self._database = database
        self._actor = storable(actor)
        self._stop_seconds = stop_seconds

    async def look(self, entity: Entity) -> Known:
        """What would go; changes nothing.

        Raises:
            NotFoundError: nothing is known of it.
            ConfigError: it stands for all bots.
            StateError: its summary was given to an llm-bawt service.
        """
        entity = _one(entity)
        async with self._database.transaction() as connection:
            await connection.execute("SET TRANSACTION READ ONLY")
            await require_not_given(connection, entity)
            redaction = await _redaction(connection, entity, new_token())
            counts = await _owned(connection, entity)
            rows = self._rows(connection, entity, redaction, is_dry=True)
            counts = _sum(counts, await rows.of_runs(), await rows.of_jobs_and_people())
            known = Known(
                counts=counts,
                mentions=await _mentions(connection, entity),
                in_hand=await _in_hand(connection, entity),
            )
        if not any(counts.values()):
            raise _unknown(entity)
        return known

    async def forget(self, entity: Entity, *, mentions: bool = False, rewrite: bool = False) -> Forgotten:
        """Removes every trace and searches for what is left.

        Args:
            mentions: also delete memories of others that name it. Attributes of others stay.
            rewrite: write the tables anew, so that no copy stays in their files; everybody else waits
                meanwhile.

        Raises:
            NotFoundError: nothing is known of it.
            ConfigError: it stands for all bots.
            StateError: its summary was given to an llm-bawt service, or runs in hand did not stop in time;
                nothing was removed.
        """
        entity = _one(entity)
        await self.look(entity)
        cancelled = await self._stop(entity)
        removed = await self._remove(entity, mentions=mentions)
        cancelled += await self._redact_late(entity, removed)
        cleaned = await self._clean(rewrite=rewrite)
        return Forgotten(
            token=removed.redaction.token,
            known=removed.known,
            cancelled=cancelled,
            cleaned=cleaned,
            traces=await self.search(removed.strings),
        )

    async def search(self, strings: Strings) -> Traces:
        """Looks for them in one view of every table."""
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await search(connection, strings)

    async def _stop(self, entity: Entity, only: Sequence[UUID] | None = None) -> int:
        """Cancels what may be writing about it and waits until that is over; how many it asked."""
        asked = 0
        deadline = time.monotonic() + self._stop_seconds
        sql = statement("forget_cancel")
        values = sql.bind(
            actor=self._actor,
            only=None if only is None else list(only),
            job_types=_WRITERS,
            bot=_bot_of(entity),
        )
        while True:
            async with self._database.connection() as connection:
                asked += len(await connection.fetch(sql.text, *values))
                left = await _in_hand(connection, entity, only)
            if not left:
                return asked
            if time.monotonic() > deadline:
                raise _still_at_work(left, is_removed=only is not None)
            await asyncio.sleep(_LOOK_AGAIN)

    async def _remove(self, entity: Entity, *, mentions: bool) -> _Removed:
        async with self._database.transaction() as connection:
            # An import in the middle of it would be half forgotten.
            await connection.execute("SELECT pg_advisory_xact_lock($1)", IMPORT_LOCK)
            since: datetime = await connection.fetchval("SELECT now()")
            await _hold(connection, entity)
            await require_not_given(connection, entity)
            redaction = await _redaction(connection, entity, new_token())
            known = Known(
                counts=await _owned(connection, entity), mentions=await _mentions(connection, entity)
            )
            pattern = await _pattern(connection, entity)
            if mentions and pattern is not None:
                await _execute(connection, "forget_mentioning", pattern=pattern)
            # After those, because what only they had too is the entity's own.
            strings = await strings_of(connection, entity)
            await _delete(connection, entity)
            rows = self._rows(connection, entity, redaction)
            counts = _sum(known.counts, await rows.of_runs(), await rows.of_jobs_and_people())
            known = Known(counts=counts, mentions=known.mentions)
            await _execute(
                connection,
                "forget_record",
                actor=self._actor,
                token=redaction.token,
                details=_details(known, mentions=mentions),
            )
        return _Removed(known=known, strings=strings, redaction=redaction, since=since)

    async def _redact_late(self, entity: Entity, removed: _Removed) -> int:
        """What runs recorded that had read of the entity before it was gone."""
        sql = statement("forget_late")
        async with self._database.connection() as connection:
            late = [row["id"] for row in await connection.fetch(sql.text, *sql.bind(since=removed.since))]
        cancelled = await self._stop(entity, late)
        if late:
            async with self._database.transaction() as connection:
                await self._rows(connection, entity, removed.redaction, only=late).of_runs()
        return cancelled

    def _rows(
        self,
        connection: Connection,
        entity: Entity,
        redaction: Redaction,
        *,
        is_dry: bool = False,
        only: Sequence[UUID] | None = None,
    ) -> ForgottenRows:
        return ForgottenRows(
            connection,
            redaction,
            bot=_bot_of(entity),
            actor=self._actor,
            patience=PATIENCE,
            is_dry=is_dry,
            only=only,
        )

    async def _clean(self, *, rewrite: bool) -> bool:
        """Takes old copies of rows, and what the planner remembers of their values, out of the database."""
        async with self._database.connection() as connection:
            found = "SELECT t FROM unnest($1::text[]) AS t WHERE to_regclass(t) IS NOT NULL"
            tables = ", ".join(row["t"] for row in await connection.fetch(found, list(TABLES)))
            await _clear_statistics(connection)
            if not rewrite:
                await connection.execute(f"VACUUM (ANALYZE) {tables}", timeout=PATIENCE)
                return True
            await connection.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
            try:
                await connection.execute(f"VACUUM (FULL, ANALYZE) {tables}", timeout=PATIENCE)
            except asyncpg.LockNotAvailableError:
                return False
            finally:
                await connection.execute("RESET lock_timeout")
            return True


async def _clear_statistics(connection: Connection) -> None:
    sql = statement("forget_clear_statistics")
    try:
        await connection.execute(sql.text, *sql.bind(tables=list(TABLES)))
    except (asyncpg.UndefinedFunctionError, asyncpg.InsufficientPrivilegeError):
        # An older server, or tables of another role: what stays there, the search says.
        return


async def _hold(connection: Connection, entity: Entity) -> None:
    """Waits for whoever is writing about it, and keeps everybody else from it until the end."""
    await connection.execute(
        "SELECT FROM entity_profiles WHERE entity_type = $1 AND entity_id = $2 FOR UPDATE",
        entity.type.value,
        entity.id,
        timeout=PATIENCE,
    )


async def _delete(connection: Connection, entity: Entity) -> None:
    named = {"entity_type": entity.type.value, "entity_id": entity.id}
    await _execute(connection, "forget_attributes", **named)
    await _execute(connection, "forget_profile", **named)
    bot = _bot_of(entity)
    if bot is not None:
        await _execute(connection, "forget_waiting", bot=bot)
        await _execute(connection, "forget_bot_memories", bot=bot)


async def _redaction(connection: Connection, entity: Entity, token: str) -> Redaction:
    return Redaction(entity, token, others=await longer_names(connection, entity))


async def _owned(connection: Connection, entity: Entity) -> dict[str, int]:
    sql = statement("forget_counts")
    values = sql.bind(entity_type=entity.type.value, entity_id=entity.id, bot=_bot_of(entity))
    row = await connection.fetchrow(sql.text, *values, timeout=PATIENCE)
    return {} if row is None else dict(row)


async def _mentions(connection: Connection, entity: Entity) -> dict[str, int]:
    pattern = await _pattern(connection, entity)
    if pattern is None:
        return {}
    sql = statement("forget_mentions")
    values = sql.bind(
        entity_type=entity.type.value, entity_id=entity.id, bot=_bot_of(entity), pattern=pattern
    )
    row = await connection.fetchrow(sql.text, *values, timeout=PATIENCE)
    return {} if row is None else dict(row)


async def _pattern(connection: Connection, entity: Entity) -> str | None:
    """For texts that name it; None if its names are too short to be told from words."""
    names = [entity.id, await display_name(connection, entity) or ""]
    long = [name for name in names if len(name) >= _SHORTEST_MENTION]
    return mention_pattern(long) if long else None


async def _in_hand(connection: Connection, entity: Entity, only: Sequence[UUID] | None = None) -> int:
    sql = statement("forget_in_hand")
    values = sql.bind(only=None if only is None else list(only), job_types=_WRITERS, bot=_bot_of(entity))
    return int(await connection.fetchval(sql.text, *values))


async def _execute(connection: Connection, name: str, **values: object) -> None:
    sql = statement(name)
    await connection.execute(sql.text, *sql.bind(**values), timeout=PATIENCE)


def _one(entity: Entity) -> Entity:
    entity = Entity(entity.type, entity.id.strip().lower())
    if entity.type is EntityType.BOT and entity.id == ALL_BOTS:
        raise ConfigError("bot/* stands for every bot, and one is forgotten at a time.", "Name one.")
    return entity


def _bot_of(entity: Entity) -> str | None:
    return entity.id if entity.type is EntityType.BOT else None


def _sum(*counts: Mapping[str, int]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in counts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total


def _details(known: Known, *, mentions: bool) -> str:
    deleted = sum(known.mentions.get(name, 0) for name in ("memories", "archived")) if mentions else 0
    return json.dumps({"removed": dict(known.counts), "mentions_removed": deleted})


def _unknown(entity: Entity) -> NotFoundError:
    return NotFoundError(f"Nothing is known of {entity}.", "List profiles with: bawt-console profiles export")


def _still_at_work(left: int, *, is_removed: bool) -> StateError:
    runs = "A run is" if left == 1 else f"{left} runs are"
    if is_removed:
        return StateError(
            f"{runs} still at work that had read of it before it was removed.",
            "What was stored is gone; forget it again when they are over.",
        )
    return StateError(
        f"{runs} still at work and may be writing about it, so nothing was removed.",
        "They were asked to stop; try again when they are over.",
    )

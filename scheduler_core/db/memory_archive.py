"""The archive that memories go to, and the ways back. Nothing leaves `memories` without a copy in it.

Each method is one transaction: all of what it names happens, or nothing. Times are read and written in UTC,
so that a restored memory is byte for byte the one that was archived.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.memory_return import begin, named, put_back, take_apart
from scheduler_core.db.plan_store import mark_applied
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.domain import JobType
from scheduler_core.errors import DatabaseError, NotFoundError, StateError

CAP_SHARE = 0.02
CAP_ROWS = 5_000
BREAKER_SHARE = 0.2
REPRIEVE_DAYS = 90
ARCHIVE_DAYS = 90
PURGE_BATCH = 5_000
# Earlier passes that tell what is usual.
HABIT_PASSES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fading:
    """A memory that decay would archive.

    Attributes:
        state: SHA-256 of the row that was judged.
        score: the value v of the formula.
        numbers: what the score was computed from.
    """

    id: str
    state: bytes
    score: float
    numbers: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayLook:
    """What decay sees in a bot's memories.

    Attributes:
        below: those worth less than the threshold that nothing protects.
        future: those last used more than a day after now.
        unused: those of which no use was ever recorded.
        cap: how many this run may archive.
        earlier: what attempts before it at the same slot archived; the cap is for all of them together.
        chosen: what it would archive, the worst first; empty when too many are below.
        habit: the share of the memories that the latest passes found below, up to `HABIT_PASSES` of them, the
            newest first.
    """

    memories: int
    below: int
    future: int
    unused: int
    cap: int
    chosen: tuple[Fading, ...]
    earlier: int = 0
    habit: tuple[float, ...] = ()

    @property
    def tripped(self) -> bool:
        """Whether so many are below that the numbers are more likely wrong than the memories."""
        return self.below > 0 and self.cap > 0 and not self.chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeGroup:
    """Memories that say the same, by id with the texts they had when that was decided.

    Attributes:
        survivor: one of `hashes`; it stays and takes over what the others counted.
        hashes: id to `text_hash`, the survivor's included.
        states: id to SHA-256 of the row, where nothing in it may have changed; else only the text counts.
        numbers: what the decision rests on, kept with the members; never text.
    """

    survivor: str
    hashes: Mapping[str, bytes]
    states: Mapping[str, bytes] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What merging did: survivors of the groups that were merged, and how many memories went.

    Attributes:
        moved: memories that were not as the groups say, by id; each kept its group from being merged.
    """

    survivors: tuple[str, ...]
    archived: int
    moved: tuple[str, ...] = ()


class MemoryArchive:
    """Decay, merging, restoring and purging."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, bot_id: str) -> DecayLook:
        """What decay would archive now; changes nothing."""
        async with self._transaction(changes=False) as connection:
            return await _look(connection, bot_id, None)

    async def decay(self, bot_id: str, *, run_id: UUID) -> tuple[DecayLook, tuple[str, ...]]:
        """Archives the least relevant memories of a bot; one that changed since the look stays.

        Returns:
            what it saw, and the ids that were archived.
        """
        async with self._transaction() as connection:
            look = await _look(connection, bot_id, run_id)
            return look, await _archive(connection, bot_id, look.chosen, run_id)

    async def archive(
        self, bot_id: str, chosen: Sequence[Fading], *, run_id: UUID, plan_of: UUID
    ) -> tuple[str, ...]:
        """Archives exactly these and takes the dry run's plan.

        Raises:
            StateError: one of them changed since it was judged, or the plan was applied already.
        """
        async with self._transaction() as connection:
            await mark_applied(connection, plan_of, by=run_id)
            gone = await _archive(connection, bot_id, chosen, run_id)
            moved = sorted({one.id for one in chosen} - set(gone))
            if moved:
                raise StateError(
                    f"Memories changed since the dry run: {named(moved)}.", "Make a new dry run."
                )
            return gone

    async def merge(
        self, bot_id: str, groups: Sequence[MergeGroup], *, run_id: UUID, plan_of: UUID | None = None
    ) -> Merged:
        """Merges groups that share no memory. One of which anything moved is left as it is; with `plan_of`,
        the dry run whose plan is applied, that refuses the whole.

        Raises:
            StateError: with `plan_of` only: a group moved, or the plan was applied already.
            DatabaseError: a survivor or a copy would be missing; nothing was changed.
        """
        async with self._transaction() as connection:
            if plan_of is not None:
                await mark_applied(connection, plan_of, by=run_id)
            merged = await _merge(connection, bot_id, groups, run_id)
            if merged.moved and plan_of is not None:
                raise StateError(
                    f"Memories changed since the dry run: {named(merged.moved)}.", "Make a new dry run."
                )
            return merged

    async def restore(self, bot_id: str, memory_id: str, *, actor: str | None = None) -> tuple[str, ...]:
        """Brings the latest archived copy of a memory back; one that was merged brings its whole group.

        Args:
            actor: who asks, for the audit; None leaves no trace there.

        Returns:
            the ids that are back.

        Raises:
            NotFoundError: it is not in the archive.
            StateError: the id is in use again, or the survivor of its merge changed since.
        """
        async with self._transaction() as connection:
            back = await _restore(connection, bot_id, memory_id)
            if actor is not None:
                await connection.execute(
                    "INSERT INTO operator_actions (actor, action, object_type, object_id, details)"
                    " VALUES ($1, 'restore', 'memory', $2, jsonb_build_object('back', to_jsonb($3::text[])))",
                    storable(actor),
                    f"{bot_id}/{memory_id}",
                    list(back),
                )
            return back

    async def restore_run(self, run_id: UUID) -> tuple[str, ...]:
        """Takes back everything that one run archived or merged.

        Returns:
            the ids that are back, as `bot/id`.

        Raises:
            StateError: nothing of it is left, or something newer depends on it, which is named.
        """
        async with self._transaction() as connection:
            back: list[str] = []
            merges = await connection.fetch(
                "SELECT * FROM memory_merges WHERE run_id = $1 ORDER BY id DESC FOR UPDATE", run_id
            )
            for merge in merges:
                # The latest first: a survivor may itself have been merged later in the run.
                ids = await take_apart(connection, merge)
                back += [f"{merge['bot_id']}/{id_}" for id_ in ids]
            rows = await connection.fetch(
                "SELECT number, bot_id FROM memory_archive WHERE run_id = $1 AND merged_into IS NULL"
                " ORDER BY number FOR UPDATE",
                run_id,
            )
            if rows:
                ids = await put_back(connection, [row["number"] for row in rows])
                back += [f"{rows[0]['bot_id']}/{id_}" for id_ in ids]
            if not back:
                raise StateError(
                    f"Nothing that run {run_id} archived is left to bring back.",
                    f"It was undone already, or purged after {ARCHIVE_DAYS} days.",
                )
            return tuple(back)

    async def purge(
        self, *, days: int = ARCHIVE_DAYS, batch: int = PURGE_BATCH, dry_run: bool = False
    ) -> int:
        """Deletes for good what has been in the archive for `days`, at most `batch` at a time.

        Returns:
            how many copies it deleted, or with `dry_run` how many it would.
        """
        name = "memory_purge_count" if dry_run else "memory_purge"
        sql = statement(name)
        values = sql.bind(days=days) if dry_run else sql.bind(days=days, batch=batch)
        async with self._database.connection() as connection:
            return int(await connection.fetchval(sql.text, *values))

    @asynccontextmanager
    async def _transaction(self, *, changes: bool = True) -> AsyncIterator[Connection]:
        async with self._database.transaction() as connection:
            await begin(connection, changes=changes)
            yield connection


async def _look(connection: Connection, bot_id: str, run_id: UUID | None) -> DecayLook:
    sql = statement("decay_memories")
    rows = await connection.fetch(
        sql.text,
        *sql.bind(
            bot=bot_id,
            run=run_id,
            cap_share=CAP_SHARE,
            cap_rows=CAP_ROWS,
            breaker_share=BREAKER_SHARE,
            reprieve_days=REPRIEVE_DAYS,
        ),
    )
    habit = statement("decay_habit")
    passes = await connection.fetch(
        habit.text, *habit.bind(bot=bot_id, job_type=JobType.MEMORY_DECAY, passes=HABIT_PASSES)
    )
    totals = rows[0]
    return DecayLook(
        memories=totals["memories"],
        below=totals["below"],
        future=totals["future"],
        unused=totals["unused"],
        cap=totals["cap"],
        earlier=totals["earlier"],
        chosen=tuple(_fading_of(row) for row in rows if row["id"] is not None),
        habit=tuple(share for row in passes if (share := _share_below(row["result_json"])) is not None),
    )


def _share_below(result: str) -> float | None:
    """What the result of a pass says; None for one without memories, or that somebody changed."""
    try:
        seen = json.loads(result)
        return float(seen["below"] / seen["memories"])
    except (ValueError, TypeError, KeyError, ZeroDivisionError):
        return None


def _fading_of(row: asyncpg.Record) -> Fading:
    return Fading(
        id=row["id"],
        state=row["state"],
        score=row["value"],
        numbers={
            "value": round(row["value"], 6),
            "half_life_days": round(row["life"], 2),
            "days_idle": round(row["idle"], 2),
            "days_old": round(row["old"], 2),
            "importance": round(row["i"], 4),
            "access_count": row["a"],
            "tag": row["tag"],
            "tag_weight": row["weight"],
        },
    )


async def _restore(connection: Connection, bot_id: str, memory_id: str) -> tuple[str, ...]:
    row = await connection.fetchrow(
        "SELECT number, merged_into, run_id FROM memory_archive WHERE bot_id = $1 AND id = $2"
        " ORDER BY number DESC LIMIT 1 FOR UPDATE",
        bot_id,
        memory_id,
    )
    if row is None:
        raise NotFoundError(
            f"There is no archived memory {memory_id} of {bot_id}.",
            "List them with: bawt-console memories list --state archived",
        )
    if row["merged_into"] is None:
        return await put_back(connection, [row["number"]])
    merge = await connection.fetchrow(
        "SELECT * FROM memory_merges WHERE bot_id = $1 AND run_id = $2 AND survivor = $3"
        " AND $4 = ANY (members) ORDER BY id DESC LIMIT 1 FOR UPDATE",
        bot_id,
        row["run_id"],
        row["merged_into"],
        memory_id,
    )
    if merge is None:
        raise StateError(f"How {memory_id} was merged is not known any more.", "Import it instead.")
    return await take_apart(connection, merge)


async def _archive(
    connection: Connection, bot_id: str, chosen: Sequence[Fading], run_id: UUID
) -> tuple[str, ...]:
    if not chosen:
        return ()
    sql = statement("archive_memories")
    row = await connection.fetchrow(
        sql.text,
        *sql.bind(
            bot=bot_id,
            run=run_id,
            reprieve_days=REPRIEVE_DAYS,
            ids=[one.id for one in chosen],
            states=[one.state for one in chosen],
            scores=[one.score for one in chosen],
            numbers=[json.dumps(dict(one.numbers), ensure_ascii=False) for one in chosen],
        ),
    )
    assert row is not None
    gone = tuple(row["gone"] or ())
    if len(gone) != row["kept"]:
        raise DatabaseError("A memory would have been lost, so none was archived.", "Try again.")
    return gone


async def _merge(connection: Connection, bot_id: str, groups: Sequence[MergeGroup], run_id: UUID) -> Merged:
    parts = [
        (id_, group.survivor, hash_, group.states.get(id_))
        for group in groups
        for id_, hash_ in group.hashes.items()
    ]
    if len({id_ for id_, *_ in parts}) != len(parts):
        raise ValueError("groups of memories overlap")
    sql = statement("merge_memories")
    row = await connection.fetchrow(
        sql.text,
        *sql.bind(
            bot=bot_id,
            run=run_id,
            ids=[id_ for id_, *_ in parts],
            survivors=[survivor for _, survivor, *_ in parts],
            hashes=[hash_ for _, _, hash_, _ in parts],
            states=[state for *_, state in parts],
            groups=[group.survivor for group in groups],
            numbers=[json.dumps(dict(group.numbers), ensure_ascii=False) for group in groups],
        ),
    )
    assert row is not None
    if not row["due"] == row["archived"] == row["gone"]:
        raise DatabaseError(
            "A merge would have lost a memory, so nothing was merged.", "Another writer was busy; try again."
        )
    return Merged(survivors=tuple(row["survivors"]), archived=row["archived"], moved=tuple(row["moved"]))

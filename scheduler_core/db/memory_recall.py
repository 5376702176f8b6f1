"""Bringing back many archived memories at once, as a person marked them.

One transaction with one audit row for each memory that was asked for and came back. What cannot come back
is left out and told, and does not keep the others from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.memory_return import begin, put_back, take_apart
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.errors import StateError

# A memory by bot and id.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Recallable:
    """What a question says before memories are brought back.

    Attributes:
        archived: those of the wanted ones that lie in the archive.
        back: how many would come back: of a merge, all.
    """

    archived: int
    back: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was brought back, and a sentence for each that was left out."""

    back: tuple[Key, ...]
    left_out: tuple[str, ...] = ()


class MemoryRecall:
    """Statements over many archived memories.

    Args:
        actor: who asks, for the audit.
    """

    def __init__(self, database: Database, *, actor: str) -> None:
        self._database = database
        self._actor = storable(actor)

    async def recallable(self, wanted: Sequence[Key]) -> Recallable:
        """Counts; changes nothing."""
        sql = statement("memory_recall_count")
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.text, *sql.bind(**_named(wanted)))
        assert row is not None
        return Recallable(row["archived"], row["back"])

    async def recall(self, wanted: Sequence[Key]) -> Recalled:
        """Brings back the latest copy of each; of a merge, all that it took in."""
        latest = statement("memory_recall_latest")
        async with self._database.transaction() as connection:
            await begin(connection)
            rows = await connection.fetch(latest.text, *latest.bind(**_named(wanted)))
            found = {(row["bot_id"], row["id"]) for row in rows}
            left_out = [
                f"{bot}/{id_} is not in the archive." for bot, id_ in wanted if (bot, id_) not in found
            ]
            decayed = [row for row in rows if row["merged_into"] is None]
            left_out += [
                f"{row['bot_id']}/{row['id']} was stored anew since." for row in decayed if row["used"]
            ]
            free = [row for row in decayed if not row["used"]]
            back = {(row["bot_id"], row["id"]) for row in free}
            if free:
                await put_back(connection, [row["number"] for row in free])
            merged = [row["number"] for row in rows if row["merged_into"] is not None]
            apart, why = await _take_all_apart(connection, merged)
            back |= apart
            await self._record(connection, sorted(back & set(wanted)))
        return Recalled(tuple(sorted(back)), tuple(left_out + why))

    async def _record(self, connection: Connection, back: Sequence[Key]) -> None:
        await connection.execute(
            "INSERT INTO operator_actions (actor, action, object_type, object_id, details)"
            " SELECT $1, 'restore', 'memory', bot_id || '/' || id,"
            " jsonb_build_object('back', jsonb_build_array(id))"
            " FROM unnest($2::text[], $3::text[]) AS back (bot_id, id)",
            self._actor,
            [bot for bot, _ in back],
            [id_ for _, id_ in back],
        )


async def _take_all_apart(connection: Connection, numbers: Sequence[int]) -> tuple[set[Key], list[str]]:
    """Undoes the merges of these copies, one by one; the members that are back, and why others are not."""
    if not numbers:
        return set(), []
    sql = statement("memory_recall_merges")
    back: set[Key] = set()
    why: list[str] = []
    merges: list[asyncpg.Record] = await connection.fetch(sql.text, *sql.bind(numbers=list(numbers)))
    for merge in merges:
        try:
            async with connection.transaction():
                members = await take_apart(connection, merge)
        except StateError as error:
            why.append(error.title)
            continue
        back |= {(merge["bot_id"], member) for member in members}
    return back, why


def _named(wanted: Sequence[Key]) -> dict[str, list[str]]:
    distinct = list(dict.fromkeys(wanted))
    return {"bots": [bot for bot, _ in distinct], "ids": [id_ for _, id_ in distinct]}

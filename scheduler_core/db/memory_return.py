"""The ways back out of the archive, inside the caller's transaction.

Whatever depends on what would be taken back is named in the refusal; nothing is taken back by halves.
"""

from collections.abc import Sequence

import asyncpg

from scheduler_core.db.connect import Connection
from scheduler_core.db.statement import statement
from scheduler_core.errors import StateError

MOST_NAMED = 5


async def begin(connection: Connection, *, changes: bool = True) -> None:
    """What every transaction over memories and their archive begins with.

    Args:
        changes: whether listeners are told, once it is over, that memories are different.
    """
    # Rows are compared as text, and a host's own engine may have another zone.
    await connection.execute("SET LOCAL timezone TO 'UTC'")
    if changes:
        await connection.execute("SELECT pg_notify('llm_bawt_change', 'memories')")


async def put_back(connection: Connection, numbers: Sequence[int]) -> tuple[str, ...]:
    """Archived copies become memories again. Their rows are locked by the caller.

    Raises:
        StateError: an id is in use again.
    """
    used = await connection.fetch(
        "SELECT a.id FROM memory_archive a JOIN memories m ON m.bot_id = a.bot_id AND m.id = a.id"
        " WHERE a.number = ANY ($1::bigint[]) ORDER BY a.id",
        list(numbers),
    )
    if used:
        raise StateError(
            f"Memories with the same id were stored since: {named([row['id'] for row in used])}.",
            "Remove or rename those first.",
        )
    sql = statement("memory_restore")
    try:
        rows = await connection.fetch(sql.text, *sql.bind(numbers=list(numbers)))
    except asyncpg.UniqueViolationError:
        raise StateError("A memory with the same id was stored at this moment.", "Try again.") from None
    return tuple(sorted(row["id"] for row in rows))


async def take_apart(connection: Connection, merge: asyncpg.Record) -> tuple[str, ...]:
    """Undoes one merge: the members come back, and the survivor is what it was.

    Raises:
        StateError: the survivor changed since, or a copy is gone.
    """
    bot_id, survivor = merge["bot_id"], merge["survivor"]
    rows = await connection.fetch(
        "SELECT number, id FROM memory_archive WHERE bot_id = $1 AND run_id = $2 AND merged_into = $3"
        " AND id = ANY ($4::text[]) ORDER BY number FOR UPDATE",
        bot_id,
        merge["run_id"],
        survivor,
        merge["members"],
    )
    missing = sorted(set(merge["members"]) - {row["id"] for row in rows})
    if missing:
        raise StateError(f"The archive does not have {named(missing)} any more.", "Import them instead.")
    sql = statement("memory_unmerge")
    if await connection.fetchval(sql.text, *sql.bind(merge=merge["id"])) is None:
        raise await _why_not_apart(connection, merge)
    back = await put_back(connection, [row["number"] for row in rows])
    await connection.execute("DELETE FROM memory_merges WHERE id = $1", merge["id"])
    sql = statement("memory_keep_apart")
    await connection.execute(sql.text, *sql.bind(bot=bot_id, ids=[survivor, *back]))
    return back


async def _why_not_apart(connection: Connection, merge: asyncpg.Record) -> StateError:
    """Names what depends on the merge now."""
    bot_id, survivor = merge["bot_id"], merge["survivor"]
    later = await connection.fetchval(
        "SELECT run_id FROM memory_merges WHERE bot_id = $1 AND survivor = $2 AND id > $3"
        " ORDER BY id DESC LIMIT 1",
        bot_id,
        survivor,
        merge["id"],
    )
    if later is not None:
        return StateError(f"Run {later} merged more into {survivor} since.", "Undo that run first.")
    gone = await connection.fetchrow(
        "SELECT run_id, merged_into FROM memory_archive WHERE bot_id = $1 AND id = $2"
        " ORDER BY number DESC LIMIT 1",
        bot_id,
        survivor,
    )
    if gone is not None:
        what = "archived it" if gone["merged_into"] is None else f"merged it into {gone['merged_into']}"
        return StateError(
            f"{survivor} took the others in, and run {gone['run_id']} {what} since.", "Undo that run first."
        )
    return StateError(
        f"The memory {survivor}, which took the others in, was changed or deleted since.",
        "Restore its former text first, or keep the merge.",
    )


def named(ids: Sequence[str]) -> str:
    """A few ids and how many more, for an error's sentence."""
    more = f" and {len(ids) - MOST_NAMED:,} more" if len(ids) > MOST_NAMED else ""
    return ", ".join(ids[:MOST_NAMED]) + more

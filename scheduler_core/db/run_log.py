"""A run's log, read a page at a time from wherever the reader stands. It writes nothing.

Only the page that is looked at leaves the database, so a log of a hundred thousand lines opens as fast as a
short one.
"""

from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.rows import event_of
from scheduler_core.db.text import storable
from scheduler_core.domain import EventLevel, LogExtent, RunEvent

PAGE = 500


class RunLog:
    """Pages, matches and counts over `job_run_events`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        run_id: UUID,
        *,
        after: int | None = None,
        before: int | None = None,
        least: EventLevel = EventLevel.DEBUG,
        limit: int = PAGE,
    ) -> list[RunEvent]:
        """Up to `limit` lines, oldest first.

        Args:
            after: the first lines with a higher id.
            before: the last lines with a lower id; with neither, the last ones there are.
            least: leaves out what matters less.
        """
        conditions, values = _of(run_id, least)
        order = "DESC" if after is None else "ASC"
        if after is not None:
            values.append(after)
            conditions.append(f"id > ${len(values)}")
        elif before is not None:
            values.append(before)
            conditions.append(f"id < ${len(values)}")
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT * FROM job_run_events WHERE {' AND '.join(conditions)}"
                f" ORDER BY id {order} LIMIT {int(limit)}",
                *values,
            )
        events = [event_of(row) for row in rows]
        return events if after is not None else events[::-1]

    async def find(
        self,
        run_id: UUID,
        text: str,
        *,
        after: int | None = None,
        before: int | None = None,
        least: EventLevel = EventLevel.DEBUG,
    ) -> int | None:
        """The id of the nearest line that holds the text in either case; None when there is none.

        Args:
            after: looks down from there.
            before: looks up from there.
        """
        conditions, values = _of(run_id, least)
        values += [storable(text), before if after is None else after]
        conditions.append(f"strpos(lower(message), lower(${len(values) - 1})) > 0")
        conditions.append(f"id {'<' if after is None else '>'} ${len(values)}::bigint")
        async with self._database.connection() as connection:
            found: int | None = await connection.fetchval(
                f"SELECT id FROM job_run_events WHERE {' AND '.join(conditions)}"
                f" ORDER BY id {'DESC' if after is None else 'ASC'} LIMIT 1",
                *values,
            )
        return found

    async def extent(
        self, run_id: UUID, *, to: int, text: str = "", least: EventLevel = EventLevel.DEBUG
    ) -> LogExtent:
        """How many lines there are, and how many of them up to and with the id `to`.

        Args:
            text: counts only lines that hold it, in either case.
        """
        conditions, values = _of(run_id, least)
        if text:
            values.append(storable(text))
            conditions.append(f"strpos(lower(message), lower(${len(values)})) > 0")
        values.append(to)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT count(*) AS lines, count(*) FILTER (WHERE id <= ${len(values)}) AS place"
                f" FROM job_run_events WHERE {' AND '.join(conditions)}",
                *values,
            )
        assert row is not None
        return LogExtent(lines=row["lines"], place=row["place"])


def _of(run_id: UUID, least: EventLevel) -> tuple[list[str], list[object]]:
    if least is EventLevel.DEBUG:
        return ["run_id = $1"], [run_id]
    levels = list(EventLevel)
    wanted = [str(level) for level in levels[levels.index(least) :]]
    return ["run_id = $1", "level = ANY ($2::text[])"], [run_id, wanted]

"""What consoles and the command line read: jobs, runs, events, nodes. It writes nothing.

History is read in keyset pages, so that page one costs the same with ten million runs behind it.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.rows import RUN_COLUMNS, Row, event_of, job_of, node_of, outcome_of, run_of
from scheduler_core.db.statement import Statement, source_of, statement
from scheduler_core.db.text import storable
from scheduler_core.domain import (
    EVERY_JOB,
    JOBS_SHOWN,
    LATE_AFTER_SECONDS,
    DurationPoint,
    Job,
    JobFilter,
    JobOverview,
    JobPast,
    Node,
    Run,
    RunCursor,
    RunEvent,
    RunFilter,
    RunStatus,
)
from scheduler_core.errors import NotFoundError

# From here on an index lists the runs that took so long.
LONG_MS = 1000
ROWS_AT_ONCE = 100
# What the columns of a job's runs are called in a list of jobs.
_COLUMNS_OF = {run: [f"{run}_{column}" for column in RUN_COLUMNS] for run in ("current_run", "last_run")}
_CURRENT, _LAST = (itemgetter(*names) for names in _COLUMNS_OF.values())

T = TypeVar("T")


class History:
    """Reads over `scheduled_jobs`, `job_runs`, `job_run_events` and `scheduler_nodes`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listed: dict[UUID, tuple[Row, JobOverview]] = {}
        self._page: dict[UUID, tuple[Row, Run]] = {}

    async def jobs(self, wanted: JobFilter = EVERY_JOB, *, limit: int = JOBS_SHOWN) -> list[JobOverview]:
        """Up to `limit` jobs, the next due first and paused ones last."""
        found = await self.jobs_now(wanted, limit=limit)
        pasts = await self.pasts([each.job.id for each in found]) if found else {}
        return [each.with_past(pasts[each.job.id]) for each in found]

    async def jobs_now(self, wanted: JobFilter = EVERY_JOB, *, limit: int = JOBS_SHOWN) -> list[JobOverview]:
        """The same jobs with their current and last run, and without what the runs before tell. What did not
        change since the last call is the same object."""
        if wanted == EVERY_JOB:
            listing = _listing("list_jobs")
            values = listing.bind(limit=limit)
        else:
            listing = _listing("matching_jobs")
            values = listing.bind(
                job=wanted.job_id,
                job_type=None if wanted.job_type is None else _like(wanted.job_type.lower()),
                bot=None if wanted.bot_id is None else _like(wanted.bot_id.lower()),
                states=sorted(wanted.states),
                words=[storable(word.lower()) for word in wanted.words],
                late_after=LATE_AFTER_SECONDS,
                limit=limit,
            )
        async with self._database.connection() as connection:
            rows = await connection.fetch(listing.text, *values)
        listed: dict[UUID, tuple[Row, JobOverview]] = {}
        for first in range(0, len(rows), ROWS_AT_ONCE):
            for row in rows[first : first + ROWS_AT_ONCE]:
                listed[row["id"]] = _kept(self._listed, row, _overview_of)
            # Many rows take long all the same; whoever presses a key meanwhile comes first.
            await asyncio.sleep(0)
        self._listed = listed
        found = [overview for _, overview in listed.values()]
        # Those that fit a filter come from the database as they are due.
        return found if wanted == EVERY_JOB else sorted(found, key=lambda each: not each.job.enabled)

    async def count_jobs(self) -> int:
        """How many jobs there are; reads an entry of an index for each."""
        async with self._database.connection() as connection:
            number: int = await connection.fetchval("SELECT count(*) FROM scheduled_jobs")
        return number

    async def pasts(self, job_ids: Sequence[UUID]) -> dict[UUID, JobPast]:
        """What the runs of these jobs tell."""
        query = statement("pasts_of_jobs")
        async with self._database.connection() as connection:
            rows = await connection.fetch(query.text, *query.bind(jobs=[str(each) for each in job_ids]))
        return {row["id"]: _past_of(row) for row in rows}

    async def job(self, job_id: UUID) -> Job:
        """
        Raises:
            NotFoundError: there is no such job.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow("SELECT * FROM scheduled_jobs WHERE id = $1", job_id)
        if row is None:
            raise NotFoundError(f"There is no job {job_id}.", "List them with: bawt-console jobs list")
        return job_of(row)

    async def now(self) -> datetime:
        """The database's time, which is the only one that schedules."""
        async with self._database.connection() as connection:
            at: datetime = await connection.fetchval("SELECT now()")
        return at

    async def find_jobs(self, name: str) -> list[Job]:
        """The jobs a person means by a job type, by `TYPE:BOT`, or by the first characters of an id."""
        name = storable(name)
        job_type, _, bot = name.partition(":")
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT * FROM scheduled_jobs WHERE (job_type = $1 AND ($2 = '' OR bot_id = $2))"
                " OR (length($3) >= 4 AND starts_with(id::text, $3)) ORDER BY job_type, bot_id, id",
                job_type.lower(),
                bot,
                name.lower(),
            )
        return [job_of(row) for row in rows]

    async def runs(
        self, wanted: RunFilter | None = None, *, before: RunCursor | None = None, limit: int = 300
    ) -> list[Run]:
        """One page, newest first; pass the last run of a page as `before` to get the next one. What did not
        change since the last first page is the same object."""
        wanted = wanted or RunFilter()
        conditions, values = _conditions(wanted, before)
        newest = f"ORDER BY started_at DESC, id DESC LIMIT {int(limit)}"
        parts = " UNION ALL ".join(
            f"(SELECT * FROM job_runs WHERE {' AND '.join([words, *conditions])} {newest})"
            for words in _kinds_of(wanted)
        )
        query = f"SELECT * FROM ({parts}) page {newest}"
        async with self._database.connection() as connection:
            rows = await connection.fetch(query, *values)
        page = {row["id"]: _kept(self._page, row, run_of) for row in rows}
        if before is None:
            self._page = page
        return [run for _, run in page.values()]

    async def run(self, run_id: UUID) -> Run:
        """
        Raises:
            NotFoundError: there is no such run.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow("SELECT * FROM job_runs WHERE id = $1", run_id)
        if row is None:
            raise NotFoundError(f"There is no run {run_id}.", "List them with: bawt-console runs list")
        return run_of(row)

    async def runs_by_id(self, run_ids: Sequence[UUID]) -> list[Run]:
        """The runs of these ids in their order; ids without a run are left out."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT r.* FROM unnest($1::uuid[]) WITH ORDINALITY AS w (id, place)"
                " JOIN job_runs r USING (id) ORDER BY w.place",
                list(run_ids),
            )
        return [run_of(row) for row in rows]

    async def find_runs(self, prefix: str) -> list[Run]:
        """Up to ten runs whose id starts with `prefix` (at least four characters, or none match)."""
        low, high = _id_range(prefix)
        if low is None or high is None:
            return []
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT * FROM job_runs WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT 10", low, high
            )
        return [run_of(row) for row in rows]

    async def attempts(self, run: Run) -> list[Run]:
        """Every attempt at the same slot, the first one first."""
        first = run.first_run_id or run.id
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT * FROM job_runs WHERE id = $1 OR first_run_id = $1 ORDER BY attempt, id", first
            )
        return [run_of(row) for row in rows]

    async def events(self, run_id: UUID, *, after: int = 0, limit: int = 1000) -> list[RunEvent]:
        """Log lines with an id above `after`, oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT * FROM job_run_events WHERE run_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                run_id,
                after,
                limit,
            )
        return [event_of(row) for row in rows]

    async def durations(self, job_id: UUID, *, limit: int = 200) -> list[DurationPoint]:
        """The latest finished runs of a job, skipped ones left out, oldest first."""
        query = statement("durations")
        async with self._database.connection() as connection:
            rows = await connection.fetch(query.text, *query.bind(job=job_id, limit=limit))
        return [
            DurationPoint(
                run_id=row["id"],
                started_at=row["started_at"],
                duration_ms=row["duration_ms"] or 0,
                status=RunStatus(row["status"]),
            )
            for row in rows
        ]

    async def nodes(self) -> list[Node]:
        """Nodes that live, and those that stopped within a day."""
        async with self._database.connection() as connection:
            return [node_of(row) for row in await connection.fetch(statement("list_nodes").text)]


def _kinds_of(wanted: RunFilter) -> Iterator[str]:
    """Different indexes list runs that are over, that run, and that wait; these words name them."""
    statuses = wanted.statuses or frozenset(RunStatus)
    if any(status.is_final for status in statuses):
        yield "status IN ('success', 'failed', 'skipped')"
    for status in (RunStatus.RUNNING, RunStatus.PENDING):
        if status in statuses:
            yield f"status = '{status}'"


def _conditions(wanted: RunFilter, before: RunCursor | None) -> tuple[list[str], list[object]]:
    """Only the conditions that are asked for: `x IS NULL OR …` would keep the planner off the indexes."""
    conditions: list[str] = []
    values: list[object] = []

    def add(condition: str, *given: object) -> None:
        places = [f"${len(values) + number}" for number in range(1, len(given) + 1)]
        conditions.append(condition.format(*places))
        values.extend(given)

    if wanted.statuses:
        add("status = ANY ({}::text[])", sorted(wanted.statuses))
    if wanted.job_id is not None:
        add("job_id = {}", wanted.job_id)
    if wanted.job_type is not None:
        add("job_type LIKE {}", _like(wanted.job_type))
    if wanted.bot_id is not None and "*" in wanted.bot_id:
        add("bot_id LIKE {}", _like(wanted.bot_id))
    elif wanted.bot_id is not None:
        # The words of the index's own condition, without which it would not be used.
        add("bot_id = {} AND bot_id <> '*'", storable(wanted.bot_id))
    if wanted.trigger is not None:
        add("trigger = {}", str(wanted.trigger))
    if wanted.since is not None and before is not None and before.started_at is not None:
        # Behind a run that started there is none that waits; so the index says where to stop.
        add("started_at >= {}", wanted.since)
    elif wanted.since is not None:
        add("(started_at >= {} OR started_at IS NULL)", wanted.since)
    if wanted.min_duration_ms is not None:
        add("duration_ms >= {}", wanted.min_duration_ms)
        if wanted.min_duration_ms >= LONG_MS:
            conditions.append(f"duration_ms >= {LONG_MS}")
    if before is not None and before.started_at is not None:
        add("(started_at, id) < ({}, {})", before.started_at, before.id)
    elif before is not None:
        add("(started_at IS NOT NULL OR id < {})", before.id)
    return conditions, values


def _like(pattern: str) -> str:
    escaped = storable(pattern).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")


def _id_range(prefix: str) -> tuple[UUID | None, UUID | None]:
    digits = prefix.replace("-", "").lower()
    if not 4 <= len(digits) <= 32 or any(digit not in "0123456789abcdef" for digit in digits):
        return None, None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _past_of(row: Row) -> JobPast:
    return JobPast(
        strip=tuple(map(outcome_of, row["strip"] or ())),
        p50_ms=row["p50_ms"],
        p95_ms=row["p95_ms"],
        share_ok=row["share_ok"],
        p95_start_delay=row["p95_start_delay"],
    )


def _overview_of(row: Row) -> JobOverview:
    return JobOverview(
        job=job_of(row),
        current=None if row["current_run_id"] is None else _run_with(_CURRENT(row)),
        last=None if row["last_run_id"] is None else _run_with(_LAST(row)),
        strip=(),
        p50_ms=None,
        p95_ms=None,
        lateness=row["overdue"] if row["enabled"] else 0.0,
    )


def _kept(known: Mapping[UUID, tuple[Row, T]], row: Row, make: Callable[[Row], T]) -> tuple[Row, T]:
    """A row with its value; the same one as before where the row did not change, because making sense of a
    row takes ten times as long as comparing it."""
    before = known.get(row["id"])
    return before if before and before[0] == row else (row, make(row))


@cache
def _listing(name: str) -> Statement:
    """A statement that gives jobs with their runs, column by column: of a row within a row each connection
    first asks the server what it is, and that takes longer than the whole list."""
    text = source_of(name)
    for run, names in _COLUMNS_OF.items():
        columns = ", ".join(
            f"({run}.run).{column} AS {name}" for column, name in zip(RUN_COLUMNS, names, strict=True)
        )
        text = text.replace(f"{run}.run AS {run}", columns)
    return Statement(text)


def _run_with(values: Iterable[Any]) -> Run:
    return run_of(dict(zip(RUN_COLUMNS, values, strict=True)))

"""What happened since a moment, what runs now, and how the database is. It writes nothing.

Each statement reads a bounded number of rows through an index, so that ten million runs behind a short time
cost nothing; of a time with more runs than `MOST_RUNS` only the newest are counted, and the answer says so.
"""

from datetime import datetime

from scheduler_core.db.database import Database
from scheduler_core.db.rows import job_of, run_of
from scheduler_core.db.statement import statement
from scheduler_core.domain import Run, RunStatus
from scheduler_core.oversight import Brief, DatabaseHealth, SlowRun

MOST_RUNS = 100_000
RUNS_SHOWN = 500


class Lookback:
    """Reads over `job_runs`, `scheduled_jobs` and the server's own views."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def brief(
        self, since: datetime, until: datetime | None = None, *, each: int = 10, most: int = MOST_RUNS
    ) -> Brief:
        """What happened from `since` up to, but not at, `until`; the database's present by default.

        Args:
            each: at most so many failures, suspicious runs, slow runs and so on.
            most: at most so many runs are counted.
        """
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if until is None:
                until = await connection.fetchval("SELECT now() + interval '1 second'")
            window = {"since": since, "until": until}
            bounded = window | {"most": most}

            async def rows(name: str, **values: object) -> list[Run]:
                sql = statement(name)
                return [run_of(row) for row in await connection.fetch(sql.text, *sql.bind(**values))]

            counting, slow, paused = (
                statement(name) for name in ("brief_counts", "brief_slowest", "brief_paused")
            )
            counts = await connection.fetchrow(counting.text, *counting.bind(**bounded))
            failures = await rows("brief_failures", **window, limit=each)
            odd = await rows("brief_odd", **bounded, limit=each)
            undoings = await rows("brief_undoings", **window, limit=each)
            slowest = await connection.fetch(slow.text, *slow.bind(**bounded, limit=each))
            jobs = await connection.fetch(paused.text, *paused.bind(limit=each))
        assert counts is not None
        return Brief(
            since=since,
            until=until,
            counts={status: counts[status] for status in RunStatus if status is not RunStatus.PENDING},
            recovered=counts["recovered"],
            suspicious=counts["suspicious"],
            overlapped=counts["overlapped"],
            missed=counts["missed"],
            undone=counts["undone"],
            counted_from=counts["counted_from"],
            failures=tuple(failures),
            odd=tuple(odd),
            undoings=tuple(undoings),
            slowest=tuple(SlowRun(run=run_of(row), p50_ms=row["p50_ms"]) for row in slowest),
            paused=tuple(job_of(row) for row in jobs),
        )

    async def running_runs(self) -> list[Run]:
        """Up to `RUNS_SHOWN` runs that run now, on any node, the oldest first."""
        sql = statement("running_runs")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(limit=RUNS_SHOWN))
        return [run_of(row) for row in rows]

    async def health(self) -> DatabaseHealth:
        """How the database is now. The folder is told for an embedded server only."""
        sql = statement("database_health")
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.text)
        assert row is not None
        return DatabaseHealth(
            version=row["version"],
            schema=row["schema"],
            started_at=row["started_at"],
            size_bytes=row["size_bytes"],
            connections=row["connections"],
            most_connections=row["most_connections"],
            waiting=row["waiting"],
            oldest_transaction_seconds=row["oldest_transaction_seconds"],
            runs=row["runs"],
            runs_bytes=row["runs_bytes"],
            folder=row["folder"] if self._database.address.embedded else None,
        )

"""Runs as they change, for hosts: each state of each run once, from any node.

It starts from hints, so it is idle when nothing happens. A run that went through several states between two
looks shows only the latest one.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.notify import ChangeFeed
from scheduler_core.db.rows import run_of
from scheduler_core.domain import Run, RunStatus

# A run's start is the start of its transaction, which others may see a little later.
_LATE_COMMIT = timedelta(seconds=10)
_MOST_REMEMBERED = 20_000

_NEWS = """
    SELECT * FROM job_runs WHERE status IN ('pending', 'running')
    UNION
    SELECT * FROM job_runs WHERE status IN ('success', 'failed', 'skipped') AND started_at >= $1
    UNION
    SELECT * FROM job_runs WHERE id = ANY ($2)
    ORDER BY created_at, id
"""


class RunWatch:
    """Tells runs apart by what was already said of them.

    Args:
        feed: of `CHANGE_CHANNEL`; somebody else keeps it running.
    """

    def __init__(self, database: Database, feed: ChangeFeed) -> None:
        self._database = database
        self._feed = feed
        self._said: OrderedDict[UUID, RunStatus] = OrderedDict()
        self._active: set[UUID] = set()

    async def changes(self, since: datetime) -> AsyncGenerator[Run, None]:
        """Yields runs whose status is new since `begin`, which returned `since`; it never ends by itself."""
        async with aclosing(self._feed.subscribe(debounce=0.05)) as hints:
            async for kinds in hints:
                if "runs" not in kinds:
                    continue
                found, since = await self._look(since)
                for run in found:
                    yield run

    async def begin(self) -> datetime:
        """From here on changes count; what is there already is no news."""
        async with self._database.connection() as connection:
            since: datetime = await connection.fetchval("SELECT now()")
            rows = await connection.fetch(_NEWS, since - _LATE_COMMIT, [])
        for run in map(run_of, rows):
            self._remember(run)
        return since

    async def _look(self, since: datetime) -> tuple[list[Run], datetime]:
        async with self._database.connection() as connection:
            now: datetime = await connection.fetchval("SELECT now()")
            rows = await connection.fetch(_NEWS, since - _LATE_COMMIT, list(self._active))
        news = [run for run in map(run_of, rows) if self._said.get(run.id) is not run.status]
        for run in news:
            self._remember(run)
        return news, now

    def _remember(self, run: Run) -> None:
        self._said[run.id] = run.status
        self._said.move_to_end(run.id)
        (self._active.discard if run.status.is_final else self._active.add)(run.id)
        while len(self._said) > _MOST_REMEMBERED:
            self._said.popitem(last=False)

"""The source on an llm-bawt service's database: its jobs, its runs, and three things that may be asked of it.

Profiles, memories, edits and undo answer with the one sentence that names `adopt`. Nothing is migrated.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Never

from bawt_console.formatting import ATTACHED
from bawt_console.generations import Generations
from bawt_console.measures import DatabaseMeasures
from bawt_console.model_shelf import ModelShelf
from bawt_console.source import POOL_SIZE, DatabaseSource, Source, listening
from bawt_console.visits import Visits
from bawt_console.work import preview_of
from scheduler_core.db.connect import Address
from scheduler_core.db.history import History
from scheduler_core.db.llm_bawt.asking import ADOPT_FIRST, ADOPT_HINT, ServiceOperations, refused
from scheduler_core.db.llm_bawt.reading import LookingFeed, reading_database
from scheduler_core.db.lookback import Lookback
from scheduler_core.db.operations import Operations
from scheduler_core.db.operator_log import OperatorLog
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.db.run_log import RunLog
from scheduler_core.domain import Change, Job, Run
from scheduler_core.job_settings import JobSettings, SchedulePreview
from scheduler_core.jobs.schedule_edit import edited

CAN = frozenset({"run_now", "pause", "resume"})


async def _refuse(*given: object, **named: object) -> Never:
    raise refused()


class ServiceSource(DatabaseSource):
    """A `DatabaseSource` that knows what a service cannot be asked."""

    def refusal(self, action_id: str) -> str | None:
        return None if action_id in CAN else f"{ADOPT_FIRST} {ADOPT_HINT}"


class ServiceRecords:
    """No profile and no memory of a service is shown; see `Records`."""

    def __init__(self) -> None:
        self.profiles = self.snapshot = self.versions = self.version = self.drafts = _refuse
        self.roll_back = self.pin = self.memories = self.memory_in_use = self.lineage = _refuse
        self.members = self.recallable = self.recall = self.restore = _refuse


class ServiceWork:
    """Looking for jobs and runs; everything else is refused. See `Work`."""

    def __init__(self, history: History) -> None:
        self.find_runs = history.find_runs
        self.find_jobs = history.find_jobs
        self.dry_run = self.apply = self.undo = self.retry = self.edit = _refuse
        self.fit = self.pause_all = self.resume_all = self.force_all = _refuse
        self.edited = edited

    async def changes(self, run: Run) -> Sequence[Change]:
        return ()

    def preview(self, settings: JobSettings, *, job: Job, now: datetime) -> SchedulePreview:
        return preview_of(settings, job=job, now=now)


@asynccontextmanager
async def open_service_source(
    address: Address,
    *,
    actor: str,
    read_only: bool = False,
    models: ModelShelf | None = None,
    visits: Visits | None = None,
) -> AsyncIterator[Source]:
    """Like `open_source`, over connections that only read; what is asked of the service goes by its own.

    Raises:
        DatabaseError: on entering, when the database does not answer or has no jobs.
    """
    application = "bawt-console"
    database = reading_database(address, pool_size=POOL_SIZE, application=application)
    feed = LookingFeed(address, f"{application} look")
    try:
        history = History(database)
        await history.nodes()
        async with listening(feed, address, visits=visits, models=models) as last_visit:
            yield ServiceSource(
                history=history,
                operations=ServiceOperations(address, database),
                profiles=ProfileStore(database),
                lookback=Lookback(database),
                operator_log=OperatorLog(database, Operations(database, actor=actor), actor=actor),
                feed=feed,
                generations=Generations(),
                records=ServiceRecords(),
                measures=DatabaseMeasures(database),
                logs=RunLog(database),
                work=ServiceWork(history),
                label=f"{address.label} (llm-bawt)",
                mode=ATTACHED,
                read_only=read_only,
                models=models,
                last_visit=last_visit,
            )
    finally:
        await database.aclose()

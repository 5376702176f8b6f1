"""All jobs for the screens, with what their runs tell; that is read again only where another run ended last.

What two hundred runs of each of a thousand jobs tell takes a second to find out, and a busy database changes
a few jobs at a time. So the list is there at once, and the past of jobs that were not read yet follows.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from scheduler_core.domain import EVERY_JOB, JOBS_SHOWN, JobFilter, JobOverview, JobPast

MOST_AT_ONCE = 60
# More than the tallest terminal shows. A thousand jobs take ten times as long, and nobody sees them at once.
FIRST_PAGE = 100
# The share of a week moves on even where nothing runs.
OLD_AFTER_SECONDS = 600.0
# Very many jobs take long to count, and nobody misses the last one.
COUNT_AFTER_SECONDS = 15.0


class JobReads(Protocol):
    """The part of the history that is read. Each may raise a SchedulerError."""

    async def jobs_now(
        self, wanted: JobFilter = EVERY_JOB, *, limit: int = JOBS_SHOWN
    ) -> list[JobOverview]: ...

    async def count_jobs(self) -> int: ...

    async def pasts(self, job_ids: Sequence[UUID]) -> Mapping[UUID, JobPast]: ...


@dataclass(slots=True)
class _Known:
    last_run: UUID | None
    at: float
    past: JobPast
    # With and without that past, so that a job which stays the same is the same value.
    bare: JobOverview | None = None
    shown: JobOverview | None = None


class JobList:
    """Keeps the past of each job.

    Args:
        clock: seconds.

    Attributes:
        missing: jobs whose past is not as it should be yet; another call reads more of them.
        total: how many jobs there are, also where not all of them came.
        latest: all jobs as they were last read, for who cannot wait; none before.
    """

    def __init__(self, history: JobReads, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.missing = 0
        self.total = 0
        self.latest: Sequence[JobOverview] = ()
        self._history = history
        self._clock = clock
        self._known: dict[UUID, _Known] = {}
        self._begun = False
        self._counted_at = float("-inf")

    async def jobs(self, wanted: JobFilter = EVERY_JOB, *, first_page: bool = False) -> list[JobOverview]:
        """The jobs that fit, up to `JOBS_SHOWN`, the next due first and paused ones last. The past of up to
        `MOST_AT_ONCE` is read, of the others it is as last read, or empty; the first call reads none if there
        are more.

        Args:
            first_page: gives up to `FIRST_PAGE`, for who would rather see something at once.
        """
        limit = FIRST_PAGE if first_page else JOBS_SHOWN
        found = await self._history.jobs_now(wanted, limit=limit)
        if wanted == EVERY_JOB and len(found) < limit:
            self.total = len(found)
        elif self._clock() - self._counted_at > COUNT_AFTER_SECONDS:
            self.total, self._counted_at = await self._history.count_jobs(), self._clock()
        stale = [each for each in found if not self._is_known(each)]
        # Of a long list that nobody read before, the first page waits for no past.
        most = 0 if not self._begun and len(stale) > MOST_AT_ONCE else MOST_AT_ONCE
        self._begun = True
        some = {each.job.id: each for each in stale[:most]}
        pasts = await self._history.pasts(list(some)) if some else {}
        now = self._clock()
        kept = self._known if first_page else (each.job.id for each in found)
        known = {job_id: self._known[job_id] for job_id in kept if job_id in self._known}
        known.update((job_id, _Known(_last_of(some[job_id]), now, past)) for job_id, past in pasts.items())
        self._known = known
        self.missing = len(stale) - len(some)
        told = [self._with_past(each) for each in found]
        if wanted == EVERY_JOB and (not first_page or len(found) == self.total):
            self.latest = told
        return told

    def _is_known(self, each: JobOverview) -> bool:
        known = self._known.get(each.job.id)
        if known is None:
            # A job without a run has no past.
            return each.last is None
        return known.last_run == _last_of(each) and self._clock() - known.at < OLD_AFTER_SECONDS

    def _with_past(self, each: JobOverview) -> JobOverview:
        known = self._known.get(each.job.id)
        if known is None:
            return each
        if known.shown is None or known.bare is not each:
            known.bare, known.shown = each, each.with_past(known.past)
        return known.shown


def _last_of(each: JobOverview) -> UUID | None:
    return None if each.last is None else each.last.id

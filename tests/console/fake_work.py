"""The part of the fake source that does more than the plainest things to jobs and runs."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from bawt_console.work import preview_of
from scheduler_core.domain import Change, Job, Run, RunMode, RunStatus
from scheduler_core.errors import NotFoundError, SchedulerError, StateError
from scheduler_core.job_settings import BulkAction, Fit, JobSettings, SchedulePreview
from scheduler_core.jobs.schedule_edit import edited

if TYPE_CHECKING:
    from tests.console.fakes import FakeSource


class FakeWork:
    """Acts on the world of its source."""

    def __init__(self, source: "FakeSource") -> None:
        self._source = source
        self.edited = edited

    async def dry_run(self, job_id: UUID) -> list[Run]:
        (run,) = await self._source.force_run(job_id)
        return [self._replace(run, mode=RunMode.DRY_RUN)]

    async def apply(self, run_id: UUID) -> Run:
        return await self._follow(run_id, RunMode.APPLY)

    async def undo(self, run_id: UUID) -> Run:
        return await self._follow(run_id, RunMode.UNDO)

    async def retry(self, run_id: UUID) -> Run:
        source = await self._source.run(run_id)
        if source.status is not RunStatus.FAILED:
            raise StateError(f"The run did not fail: {source.status}.")
        (run,) = await self._source.force_run(self._job_id(source))
        return self._replace(run, attempt=source.attempt + 1, first_run_id=source.first_run_id or source.id)

    async def changes(self, run: Run) -> Sequence[Change]:
        return [
            Change(
                object=str(change.after.entity),
                before=None if change.before is None else [asdict(each) for each in change.before.sentences],
                after=[asdict(each) for each in change.after.sentences],
                why="first version"
                if change.before is None
                else f"version {change.before.version} → {change.after.version}",
            )
            for change in self._source.world.changes.get(run.id, [])
        ]

    async def find_runs(self, prefix: str) -> list[Run]:
        return [run for run in self._source.world.runs if prefix and str(run.id).startswith(prefix)][:10]

    async def find_jobs(self, name: str) -> list[Job]:
        job_type, _, bot = name.partition(":")
        jobs = [each.job for each in self._source.world.jobs]
        return [job for job in jobs if job.job_type == job_type and bot in ("", job.bot_id)]

    async def fit(self, job_ids: Sequence[UUID], action: BulkAction) -> Fit:
        able = frozenset(job_id for job_id in job_ids if self._fits(job_id, action))
        return Fit(able, len(job_ids) - len(able))

    async def pause_all(self, job_ids: Sequence[UUID], *, reason: str | None = None) -> int:
        fitting = [job_id for job_id in job_ids if self._fits(job_id, BulkAction.PAUSE)]
        for job_id in fitting:
            await self._source.pause(job_id, reason=reason)
        return len(fitting)

    async def resume_all(self, job_ids: Sequence[UUID]) -> int:
        fitting = [job_id for job_id in job_ids if self._fits(job_id, BulkAction.RESUME)]
        for job_id in fitting:
            await self._source.resume(job_id)
        return len(fitting)

    async def force_all(self, job_ids: Sequence[UUID], *, dry_run: bool = False) -> list[Run]:
        runs: list[Run] = []
        for job_id in job_ids:
            if self._fits(job_id, BulkAction.FORCE_RUN):
                runs += await (self.dry_run(job_id) if dry_run else self._source.force_run(job_id))
        return runs

    def preview(self, settings: JobSettings, *, job: Job, now: datetime) -> SchedulePreview:
        return preview_of(settings, job=job, now=now)

    async def edit(self, job_id: UUID, settings: JobSettings, *, seen: JobSettings) -> Job:
        place, overview = self._source._job(job_id)
        if JobSettings.of(overview.job) != seen:
            raise StateError("The job's settings were changed meanwhile.", "Look at them again.")
        job = replace(overview.job, **asdict(settings))
        self._source.world.jobs[place] = replace(overview, job=job)
        self._source.tell("jobs")
        return job

    async def _follow(self, run_id: UUID, mode: RunMode) -> Run:
        source = await self._source.run(run_id)
        (run,) = await self._source.force_run(self._job_id(source))
        return self._replace(run, mode=mode, source_run_id=run_id)

    def _fits(self, job_id: UUID, action: BulkAction) -> bool:
        try:
            _, overview = self._source._job(job_id)
        except SchedulerError:
            return False
        if action is BulkAction.PAUSE:
            return overview.job.enabled
        if action is BulkAction.RESUME:
            return not overview.job.enabled
        return overview.current is None or overview.current.status is not RunStatus.PENDING

    def _job_id(self, run: Run) -> UUID:
        if run.job_id is None:
            raise NotFoundError("The job of this run was deleted.")
        return run.job_id

    def _replace(self, run: Run, **changes: object) -> Run:
        runs = self._source.world.runs
        after = replace(run, **changes)  # type: ignore[arg-type]
        runs[runs.index(run)] = after
        for place, overview in enumerate(self._source.world.jobs):
            if overview.current == run:
                self._source.world.jobs[place] = replace(overview, current=after)
        return after

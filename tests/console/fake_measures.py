"""The part of the fake source that counts and foresees, from the world's runs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from bawt_console.widgets.chart import percentile
from scheduler_core.domain import Run, RunStatus, Trigger
from scheduler_core.figures import ActiveRun, Forecast, JobHabit, Outlook, RunChart, RunFigures
from scheduler_core.jobs.forecast import predict
from scheduler_core.jobs.rehearsal import MODEL_TYPES
from tests.console.believable import NOW

if TYPE_CHECKING:
    from tests.console.fakes import FakeSource


class FakeMeasures:
    """Looks at the world of its source."""

    def __init__(self, source: "FakeSource") -> None:
        self._source = source

    async def chart(
        self, *, since: datetime, step: timedelta, steps: int, job_id: UUID | None = None
    ) -> RunChart:
        self._source.ask("chart")
        found: list[list[Run]] = [[] for _ in range(steps)]
        for run in self._source.world.runs:
            if job_id in (None, run.job_id) and run.started_at is not None and run.started_at >= since:
                place = (run.started_at - since) // step
                if place < steps:
                    found[place].append(run)
        return RunChart(
            job_id=job_id,
            since=since,
            step=step,
            steps=tuple(figures_of(each) for each in found),
            whole=figures_of([run for each in found for run in each]),
        )

    async def forecast(self) -> Forecast:
        self._source.ask("forecast")
        world = self._source.world
        habits = [
            JobHabit(
                job=each.job,
                bots=(each.job.bot_id,),
                p50_ms=each.p50_ms,
                p95_ms=each.p95_ms,
                places=MODEL_TYPES.get(each.job.job_type),
            )
            for each in world.jobs
        ]
        active = [
            ActiveRun(
                job_id=run.job_id,
                job_type=run.job_type,
                bot_id=run.bot_id,
                status=run.status,
                since=run.started_at or run.available_at or NOW,
            )
            for run in world.runs
            if not run.status.is_final
        ]
        return predict(Outlook(now=NOW, habits=tuple(habits), active=tuple(active), jobs=world.all_jobs))


def figures_of(runs: Sequence[Run]) -> RunFigures:
    """As the database counts them."""
    good = [run.duration_ms or 0 for run in runs if run.status is RunStatus.SUCCESS]
    tried = [run.duration_ms or 0 for run in runs if run.status in (RunStatus.SUCCESS, RunStatus.FAILED)]
    late = [
        max(0.0, (run.started_at - run.scheduled_for).total_seconds())
        for run in runs
        if run.started_at is not None
        and run.scheduled_for is not None
        and run.status is not RunStatus.SKIPPED
        and run.trigger is Trigger.SCHEDULE
    ]
    return RunFigures(
        success=len(good),
        failed=len(tried) - len(good),
        skipped=sum(run.status is RunStatus.SKIPPED for run in runs),
        running=sum(run.status is RunStatus.RUNNING for run in runs),
        suspicious=sum(bool(run.suspicious) and run.status is RunStatus.SUCCESS for run in runs),
        p50_ms=percentile(good, 0.5) if good else None,
        p95_ms=percentile(good, 0.95) if good else None,
        longest_ms=max(tried, default=None),
        late_p50=percentile(late, 0.5) if late else None,
        late_p95=percentile(late, 0.95) if late else None,
        latest=max(late, default=None),
    )

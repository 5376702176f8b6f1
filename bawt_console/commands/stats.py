"""`bawt-console stats`: how many runs there were, how they ended, how long they took, how late they began."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from bawt_console.commands.jobs import JOB_HELP, find_job
from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import plain, print_json, print_note, print_table

if TYPE_CHECKING:
    from scheduler_core.domain import Job
    from scheduler_core.figures import RunChart


@click.command("stats", short_help="Count runs, successes, lengths and delays.", epilog=JOB_HELP)
@click.option("--job", default="", metavar="JOB", help="Only this job.")
@click.option(
    "--since",
    default="7d",
    show_default=True,
    metavar="WHEN",
    help="Look back to 9h, 2d or 2026-11-22T18:00.",
)
@shared_options
@click.pass_obj
def stats(options: Options, job: str, since: str) -> None:
    """Count the runs of each job that began since then: how they ended, the median (p50) and 95th percentile
    of their lengths, and how late they began. The last line is about all jobs. Dry runs, and runs that apply
    or undo another, are left out.
    """

    async def work(session: Session) -> None:
        from bawt_console.brief import parse_since
        from scheduler_core.db.metrics import Metrics

        now = await session.history.now()
        begin = parse_since(since, now)
        metrics = Metrics(session.database)
        step = max(now - begin, timedelta.resolution)
        if job:
            jobs = [await find_job(session, job)]
        else:
            jobs = [each.job for each in await session.history.jobs_now()]
        charts = await metrics.charts([each.id for each in jobs], since=begin, step=step, steps=1)
        found: list[tuple[Job | None, RunChart]] = [*zip(jobs, charts, strict=True)]
        if not job:
            found.append((None, await metrics.chart(since=begin, step=step, steps=1)))
        if options.json:
            for each, chart in found:
                print_json(_as_object(each, chart))
        else:
            _print(found)

    in_session(options, work)


def _as_object(job: "Job | None", chart: "RunChart") -> dict[str, object]:
    figures = chart.whole
    return {
        "job_id": None if job is None else job.id,
        "job_type": None if job is None else job.job_type,
        "bot_id": None if job is None else job.bot_id,
        "since": chart.since,
        "until": chart.until,
        "estimated": chart.estimated,
        "runs": figures.runs,
        **plain(figures),
        "success_share": figures.success_share,
    }


def _print(found: "list[tuple[Job | None, RunChart]]") -> None:
    head = ("JOB", "BOT", "RUNS", "SUCCESS", "FAILED", "SUSPICIOUS", "SKIPPED")
    print_table(
        (*head, "P50", "P95", "LONGEST", "LATE P95", "LATEST"), [_row(job, chart) for job, chart in found]
    )
    if any(chart.estimated for _, chart in found):
        print_note("Counts are estimates where there were very many runs.")


def _row(job: "Job | None", chart: "RunChart") -> tuple[str, ...]:
    from bawt_console.formatting import duration, percent

    figures = chart.whole

    def late(seconds: float | None) -> str:
        return duration(None if seconds is None else seconds * 1000)

    return (
        "all jobs" if job is None else job.job_type,
        "" if job is None else job.bot_id,
        f"{figures.runs:,}",
        percent(figures.success_share),
        *(f"{number:,}" for number in (figures.failed, figures.suspicious, figures.skipped)),
        *(duration(each) for each in (figures.p50_ms, figures.p95_ms, figures.longest_ms)),
        late(figures.late_p95),
        late(figures.latest),
    )

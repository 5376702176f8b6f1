"""`bawt-console jobs`: list, run, pause, resume, edit."""

import asyncio
from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import print_json, print_line, print_note, print_table
from scheduler_core.domain import JOB_STATES, Job, JobFilter, NodeState, Run, RunMode, RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from scheduler_core.db.llm_bawt.asking import ServiceOperations
    from scheduler_core.job_settings import JobSettings

wait_option = click.option("--wait", is_flag=True, help="Wait until it is over; exit with 1 if it failed.")
JOB_HELP = "JOB is a job type, TYPE:BOT, or the first characters of a job's id."


@click.group(short_help="List, run, pause, resume and edit jobs.")
def jobs() -> None:
    """Jobs: what runs, for whom, how often and when next."""


@jobs.command("list")
@click.option("--job", metavar="TYPE", help="Only this job type; * stands for anything.")
@click.option("--bot", metavar="BOT", help="Only this bot; * stands for anything.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(JOB_STATES), help="Only jobs in it. Repeatable."
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True)
@shared_options
@click.pass_obj
def list_jobs(
    options: Options, job: str | None, bot: str | None, states: tuple[str, ...], limit: int
) -> None:
    """Jobs, the next due first and paused ones last."""
    wanted = JobFilter(job_type=job, bot_id=bot, states=frozenset(states))

    async def work(session: Session) -> None:
        overviews = await session.history.jobs_now(wanted, limit=limit + 1)
        if len(overviews) > limit:
            overviews = overviews[:limit]
            print_note(f"There are more than these {limit:,}; --limit says how many to show.")
        if options.json:
            for overview in overviews:
                print_json(overview.job)
            return
        from bawt_console.formatting import ago, countdown, interval, job_state, utc_now

        now = utc_now()
        print_table(
            ("ID", "STATE", "JOB", "BOT", "EVERY", "LAST RUN", "NEXT RUN"),
            [
                (
                    str(o.job.id)[:8],
                    job_state(o, now).word,
                    o.job.job_type,
                    o.job.bot_id,
                    o.job.cron or interval(o.job.interval_minutes),
                    ago(o.job.last_run_at, now),
                    countdown(o.job.next_run_at, now) if o.job.enabled else "–",
                )
                for o in overviews
            ],
        )

    in_session(options, work, of_service=True)


@jobs.command("run", epilog=JOB_HELP)
@click.argument("job")
@click.option("--dry-run", is_flag=True, help="Only say what it would change; `runs apply` then does it.")
@wait_option
@shared_options
@click.pass_obj
@click.pass_context
def run_job(context: click.Context, options: Options, job: str, dry_run: bool, wait: bool) -> None:
    """Run JOB now; the schedule stays as it is."""

    async def work(session: Session) -> bool:
        found = await find_job(session, job)
        if session.service is not None:
            return await _ask_service(options, session.service, found, dry_run=dry_run, wait=wait)
        return await report(
            options, session, await session.operations.force_run(found.id, dry_run=dry_run), wait=wait
        )

    if in_session(options, work, of_service=True):
        context.exit(1)


@jobs.command("pause", epilog=JOB_HELP)
@click.argument("job")
@click.option("--reason", metavar="TEXT", help="Shown beside the paused job.")
@shared_options
@click.pass_obj
def pause_job(options: Options, job: str, reason: str | None) -> None:
    """Stop JOB's schedule at once; a running run goes on."""

    async def work(session: Session) -> None:
        found = await find_job(session, job)
        doer = session.service or session.operations
        _print_job(options, await doer.pause(found.id, reason=reason), "paused")

    in_session(options, work, of_service=True)


@jobs.command("resume", epilog=JOB_HELP)
@click.argument("job")
@shared_options
@click.pass_obj
def resume_job(options: Options, job: str) -> None:
    """Let JOB's schedule go on."""

    async def work(session: Session) -> None:
        found = await find_job(session, job)
        doer = session.service or session.operations
        _print_job(options, await doer.resume(found.id), "resumed")

    in_session(options, work, of_service=True)


@jobs.command("edit", epilog=JOB_HELP)
@click.argument("job")
@click.option("--every", metavar="TIME", help="Run it every TIME: 90 min, 1 h 30 min, 2 d.")
@click.option("--cron", metavar="EXPRESSION", help="Run it as five fields say, such as '30 3 * * 1-5'.")
@click.option("--time-zone", metavar="ZONE", help="What the expression is read in, such as Europe/Berlin.")
@click.option("--config", metavar="JSON", help="Its settings, such as '{\"timeout_seconds\": 600}'.")
@click.option("--preview", "only_preview", is_flag=True, help="Only say what it would mean.")
@shared_options
@click.pass_obj
def edit_job(
    options: Options,
    job: str,
    every: str | None,
    cron: str | None,
    time_zone: str | None,
    config: str | None,
    only_preview: bool,
) -> None:
    """Edit when JOB runs, and its settings; says the next five times."""

    async def work(session: Session) -> None:
        from scheduler_core.job_settings import JobSettings
        from scheduler_core.jobs.schedule_edit import edited

        found = await find_job(session, job)
        seen = JobSettings.of(found)
        wanted = edited(
            seen, job_type=found.job_type, every=every, cron=cron, time_zone=time_zone, config=config
        )
        if not only_preview:
            found = await session.operations.edit(found.id, wanted, seen=seen)
        await _print_schedule(options, session, found, wanted, "would be" if only_preview else "is now")

    if every is None and cron is None and time_zone is None and config is None:
        raise click.UsageError("Say what to change: --every, --cron, --time-zone or --config.")
    in_session(options, work)


async def _print_schedule(
    options: Options, session: Session, job: Job, settings: "JobSettings", verb: str
) -> None:
    from bawt_console.formatting import full_time
    from bawt_console.output import plain
    from bawt_console.work import preview_of

    shown = preview_of(settings, job=job, now=await session.history.now())
    if options.json:
        print_json(plain(job) | plain(settings) | {"words": shown.words, "next_times": plain(shown.times)})
        return
    print_line(f"{job.job_type} {job.bot_id} {verb} {shown.words} ({job.id})")
    for at in shown.times:
        print_line(f"  {full_time(at)}")


async def report(options: Options, session: Session, runs: "Sequence[Run]", *, wait: bool) -> bool:
    """Prints runs that were just asked for, or what came of them.

    Returns:
        Whether one of them failed.
    """
    await _warn_without_nodes(session)
    if wait:
        runs = await _until_over(session, [run.id for run in runs])
    for run in runs:
        _print_run(options, run)
    return any(run.status is RunStatus.FAILED for run in runs)


async def _ask_service(
    options: Options, service: "ServiceOperations", job: Job, *, dry_run: bool, wait: bool
) -> bool:
    """The service makes the run when it looks next; there is none to report or wait for yet."""
    if wait:
        raise click.UsageError("An llm-bawt service makes its run itself, so --wait has nothing to wait for.")
    await service.force_run(job.id, dry_run=dry_run)
    if options.json:
        print_json(job)
    else:
        print_line(f"asked the service to run {job.job_type} {job.bot_id} ({job.id}) when it looks next")
    return False


async def find_job(session: Session, name: str) -> Job:
    """The one job a person means.

    Raises:
        NotFoundError: none or several match.
    """
    from scheduler_core.errors import NotFoundError

    found = await session.history.find_jobs(name)
    if not found:
        raise NotFoundError(f"There is no job {name!r}.", "List them with: bawt-console jobs list")
    if len(found) > 1:
        ids = ", ".join(f"{job.job_type}:{job.bot_id} ({str(job.id)[:8]})" for job in found)
        raise NotFoundError(f"{name!r} means {len(found)} jobs: {ids}.", "Name one of them by its id.")
    return found[0]


def _print_job(options: Options, job: Job, done: str) -> None:
    if options.json:
        print_json(job)
    else:
        print_line(f"{done} {job.job_type} {job.bot_id} ({job.id})")


def _print_run(options: Options, run: Run) -> None:
    if options.json:
        print_json(run)
    else:
        mode = "" if run.mode is RunMode.RUN else f"{str(run.mode).replace('_', ' ')} of "
        print_line(f"{run.status} {mode}{run.job_type} {run.bot_id} ({run.id})")


async def _warn_without_nodes(session: Session) -> None:
    if not any(node.state is NodeState.ACTIVE for node in await session.history.nodes()):
        print_note("No scheduler is running on this database; the run waits until one starts.")


async def _until_over(session: Session, run_ids: "Sequence[UUID]") -> list[Run]:
    from scheduler_core.db.notify import ChangeFeed

    feed = ChangeFeed(session.address, "bawt-console command listen")
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(feed.run(), name="change feed")
        async for _ in feed.subscribe():
            runs = [await session.history.run(run_id) for run_id in run_ids]
            if all(run.status.is_final for run in runs):
                listening.cancel()
                return runs
    raise AssertionError("a change feed never ends by itself")

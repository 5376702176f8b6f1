"""`bawt-console runs`: list, show, diff, apply, undo, cancel, retry."""

from typing import TYPE_CHECKING
from uuid import UUID

import click

from bawt_console.commands.changes import print_changes
from bawt_console.commands.jobs import report, wait_option
from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import plain, print_json, print_line, print_table
from scheduler_core.domain import Run, RunFilter, RunStatus, short_run_id

if TYPE_CHECKING:
    from scheduler_core.domain import RunEvent


ID_HELP = "ID may be the first characters of a run's id (at least four)."


@click.group(short_help="List, show, compare, apply, undo, cancel and retry runs.")
def runs() -> None:
    """Runs: the history of every job, newest first."""


@runs.command("list")
@click.option("--job", metavar="TYPE", help="Only this job type; * stands for anything.")
@click.option("--bot", metavar="BOT", help="Only this bot; * stands for anything.")
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice([str(s) for s in RunStatus]), help="Repeatable."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@shared_options
@click.pass_obj
def list_runs(
    options: Options, job: str | None, bot: str | None, statuses: tuple[str, ...], limit: int
) -> None:
    """Runs, newest first; waiting ones before all others."""
    wanted = RunFilter(statuses=frozenset(map(RunStatus, statuses)), job_type=job, bot_id=bot)

    async def work(session: Session) -> None:
        found = await session.history.runs(wanted, limit=limit)
        if options.json:
            for run in found:
                print_json(run)
            return
        from bawt_console.formatting import duration, full_time, run_mode, run_state

        print_table(
            ("ID", "STATE", "JOB", "BOT", "STARTED", "TOOK", "SAYS"),
            [
                (
                    short_run_id(run.id),
                    run_state(run).word,
                    run.job_type,
                    run.bot_id,
                    full_time(run.started_at),
                    duration(run.duration_ms),
                    " · ".join(
                        filter(None, (run_mode(run), run.error_message or run.reason or run.progress))
                    )[:80],
                )
                for run in found
            ],
        )

    in_session(options, work, of_service=True)


@runs.command("show")
@click.argument("run_id", metavar="ID")
@shared_options
@click.pass_obj
def show_run(options: Options, run_id: str) -> None:
    """One run with its result and log. ID may be its first characters (at least four)."""

    async def work(session: Session) -> None:
        run = await _find_run(session, run_id)
        events = await _all_events(session, run.id)
        if options.json:
            print_json(plain(run) | {"events": plain(events)})
        else:
            _print(run, events)

    in_session(options, work, of_service=True)


async def _all_events(session: Session, run_id: UUID) -> "list[RunEvent]":
    events: list[RunEvent] = []
    while True:
        found = await session.history.events(run_id, after=events[-1].id if events else 0)
        events += found
        if not found:
            return events


@runs.command("apply", epilog=ID_HELP)
@click.argument("run_id", metavar="ID")
@wait_option
@shared_options
@click.pass_obj
@click.pass_context
def apply_run(context: click.Context, options: Options, run_id: str, wait: bool) -> None:
    """Do exactly what the dry run ID planned; refused if its source changed since."""

    async def work(session: Session) -> bool:
        source = await _find_run(session, run_id)
        return await report(options, session, [await session.operations.apply(source.id)], wait=wait)

    if in_session(options, work):
        context.exit(1)


@runs.command("undo", epilog=ID_HELP)
@click.argument("run_id", metavar="ID")
@wait_option
@shared_options
@click.pass_obj
@click.pass_context
def undo_run(context: click.Context, options: Options, run_id: str, wait: bool) -> None:
    """Take back everything the run ID changed; refused if something newer rests on it.

    Maintenance does not do it again by itself until an attribute changes; undoing the undo does it again.
    """

    async def work(session: Session) -> bool:
        source = await _find_run(session, run_id)
        return await report(options, session, [await session.operations.undo(source.id)], wait=wait)

    if in_session(options, work):
        context.exit(1)


@runs.command("cancel", epilog=ID_HELP)
@click.argument("run_id", metavar="ID")
@shared_options
@click.pass_obj
def cancel_run(options: Options, run_id: str) -> None:
    """Stop the run ID: a waiting one at once, a running one as soon as its handler lets go."""

    async def work(session: Session) -> None:
        found = await _find_run(session, run_id)
        run = await session.operations.cancel(found.id)
        if options.json:
            print_json(run)
        elif run.status.is_final:
            print_line(f"Cancelled {run.job_type} {run.bot_id} before it started ({run.id}).")
        else:
            print_line(f"Asked {run.job_type} {run.bot_id} to stop ({run.id}).")

    in_session(options, work)


@runs.command("retry", epilog=ID_HELP)
@click.argument("run_id", metavar="ID")
@wait_option
@shared_options
@click.pass_obj
@click.pass_context
def retry_run(context: click.Context, options: Options, run_id: str, wait: bool) -> None:
    """Try the failed run ID once more, now; an attempt that waits already is brought forward."""

    async def work(session: Session) -> bool:
        source = await _find_run(session, run_id)
        return await report(options, session, [await session.operations.retry(source.id)], wait=wait)

    if in_session(options, work):
        context.exit(1)


@runs.command("diff", epilog=ID_HELP)
@click.argument("run_id", metavar="ID")
@shared_options
@click.pass_obj
def diff_run(options: Options, run_id: str) -> None:
    """What the run ID changed or, for a dry run, would change."""

    async def work(session: Session) -> None:
        from scheduler_core.db.run_changes import run_changes

        run = await _find_run(session, run_id)
        print_changes(await run_changes(session.database).of(run), as_json=options.json)

    in_session(options, work)


async def _find_run(session: Session, text: str) -> Run:
    from scheduler_core.errors import NotFoundError

    found = await session.history.find_runs(text)
    if not found:
        raise NotFoundError(f"There is no run {text!r}.", "List them with: bawt-console runs list")
    if len(found) > 1:
        some = ", ".join(f"{run.id} ({run.job_type}:{run.bot_id})" for run in found[:4])
        raise NotFoundError(
            f"{text!r} is the beginning of several runs' ids.", f"Say which, by its whole id: {some}"
        )
    return found[0]


def _print(run: Run, events: "list[RunEvent]") -> None:
    from bawt_console.formatting import full_time

    for name, value in plain(run).items():
        if value not in (None, [], ""):
            print_line(f"{name:20} {value}")
    for event in events:
        print_line(f"{full_time(event.at)}  {event.level:7}  {event.message}")

"""`bawt-console why JOB`: why it did or did not run, and when it will."""

import click

from bawt_console.commands.jobs import JOB_HELP, find_job
from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import print_json, print_line
from scheduler_core.domain import JobFilter, RunFilter


@click.command("why", short_help="Say why a job did or did not run.", epilog=JOB_HELP)
@click.argument("job")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Decisions to show."
)
@shared_options
@click.pass_obj
def why(options: Options, job: str, limit: int) -> None:
    """Say why JOB did or did not run lately, and when it will."""

    async def work(session: Session) -> None:
        from scheduler_core.jobs.explanation import explain

        found = await find_job(session, job)
        overviews = await session.history.jobs_now(JobFilter(job_id=found.id))
        history = await session.history.runs(RunFilter(job_id=found.id), limit=limit + 2)
        sentences = explain(
            found,
            current=overviews[0].current if overviews else None,
            history=[run for run in history if run.status.is_final][:limit],
            nodes=await session.history.nodes(),
            now=await session.history.now(),
        )
        if options.json:
            print_json({"job_id": found.id, "job_type": found.job_type, "why": sentences})
        else:
            for sentence in sentences:
                print_line(sentence)

    in_session(options, work)

"""`bawt-console forecast`: what the next 24 hours will bring."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import plain, print_json, print_line, print_table

if TYPE_CHECKING:
    from scheduler_core.domain import Job
    from scheduler_core.figures import Forecast, Lane


@click.command("forecast", short_help="Say what the next 24 hours will bring.")
@shared_options
@click.pass_obj
def forecast(options: Options) -> None:
    """Say what the next 24 hours will bring: when each job runs next, how long it usually takes (p50), how
    busy the model is, and which jobs will wait for each other. With --json also if every run takes long
    (p95).
    """

    async def work(session: Session) -> None:
        from bawt_console.measures import DatabaseMeasures

        found = await DatabaseMeasures(session.database, bots=session.settings.bots).forecast()
        if options.json:
            print_json(_as_object(found))
        else:
            _print(found)

    in_session(options, work)


def _as_object(found: "Forecast") -> dict[str, object]:
    model = found.model
    return {
        "now": found.now,
        "until": found.until,
        "is_cut": found.is_cut,
        "paused": found.paused,
        "jobs": found.jobs,
        "covered": found.covered,
        "model": {
            "share": model.share,
            "long_share": model.long_share,
            "together_seconds": model.together,
            "together_at": model.together_at,
        },
        "lanes": [
            _named(lane.job)
            | {
                "is_guess": lane.is_guess,
                "skipped": lane.skipped,
                "worst_wait": lane.worst_wait,
                "long_wait": lane.long_wait,
                "runs": plain(lane.runs),
                "long_runs": plain(lane.long_runs),
            }
            for lane in found.lanes
        ],
        "collisions": [
            _named(each.job)
            | {
                "at": each.at,
                "other": _named(each.other),
                "wait": each.wait,
                "long_wait": each.long_wait,
                "times": each.times,
            }
            for each in found.collisions
        ],
    }


def _named(job: "Job") -> dict[str, object]:
    return {"job_id": job.id, "job_type": job.job_type, "bot_id": job.bot_id}


def _print(found: "Forecast") -> None:
    from bawt_console.foresight import collision, remarks, together
    from bawt_console.formatting import counted

    if not found.lanes:
        number = counted(found.paused, "job is", plural="jobs are")
        print_line(f"Nothing is to come: {f'{number} paused' if found.paused else 'there are no jobs'}.")
        return
    print_line(" · ".join(each.plain for each in remarks(found)))
    print_table(
        ("JOB", "BOT", "NEXT", "RUNS", "TAKES", "WAITS", "IF RUNS TAKE LONG"),
        [_row(lane, found.now) for lane in sorted(found.lanes, key=_next)],
    )
    for each in found.collisions:
        print_line(collision(each, found.now).plain)
    if shared := together(found):
        print_line(shared.plain)


def _next(lane: "Lane") -> datetime:
    return lane.runs[0].due if lane.runs else lane.job.next_run_at


def _row(lane: "Lane", now: datetime) -> tuple[str, ...]:
    from bawt_console.foresight import LEAST_WAIT_SECONDS, at_time, lane_length, usual_length
    from bawt_console.formatting import elapsed

    def wait(seconds: float) -> str:
        return elapsed(seconds) if seconds >= LEAST_WAIT_SECONDS else "–"

    return (
        lane.job.job_type,
        lane.job.bot_id,
        at_time(_next(lane), now, None),
        f"{len(lane.runs):,}",
        lane_length(lane, usual_length(lane)),
        wait(lane.worst_wait),
        wait(lane.long_wait),
    )

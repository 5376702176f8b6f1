"""What can be done to jobs: run, dry-run, pause, resume, edit; to one, or to all that are marked.

One job is acted on at once where that can be taken back. Several are counted by the server first, and the
question names that number.
"""

from collections.abc import Awaitable, Callable, Sequence

from bawt_console.formatting import Phrase, Tone, counted, interval, phrase
from bawt_console.screens.dialogs import ConfirmScreen, ReasonScreen
from bawt_console.screens.live import LiveScreen
from bawt_console.screens.run_actions import dry_run_job, force_job, with_warning
from bawt_console.screens.schedule import ScheduleScreen
from scheduler_core.domain import Job
from scheduler_core.job_settings import BulkAction, Fit

NAMES_SHOWN = 6


def name_of(job: Job) -> str:
    return f"{job.job_type} {job.bot_id}"


def schedule_of(job: Job) -> str:
    """How often, in a few words."""
    return f"cron {job.cron} {job.time_zone}" if job.cron else f"every {interval(job.interval_minutes)}"


def run_jobs(screen: LiveScreen, jobs: Sequence[Job], *, dry_run: bool = False) -> None:
    """Adds runs now; the schedules stay as they are."""
    if len(jobs) == 1:
        (dry_run_job if dry_run else force_job)(screen, jobs[0].id, name_of(jobs[0]))
        return
    source, ids = screen.source, [job.id for job in jobs]
    word = "dry run" if dry_run else "run"

    async def force() -> str:
        runs = await source.work.force_all(ids, dry_run=dry_run)
        done = f"Added {counted(len(runs), word)} for {counted(len({run.job_id for run in runs}), 'job')}."
        return await with_warning(screen, done)

    effect = "A dry run changes nothing." if dry_run else "One run each, now; the schedules stay."
    deed = "Dry-run them" if dry_run else "Run them"
    _ask_about_many(screen, jobs, BulkAction.FORCE_RUN, f"{deed[:-5]} {{}} now?", effect, deed, force)


def pause_jobs(screen: LiveScreen, jobs: Sequence[Job], *, reason: str = "") -> None:
    """Asks for a reason, then pauses."""
    source, ids = screen.source, [job.id for job in jobs]

    def answered(reason: str | None) -> None:
        async def pause() -> str:
            if len(jobs) == 1:
                await source.pause(ids[0], reason=reason or None)
                return f"Paused 1 job: {name_of(jobs[0])}."
            number = await source.work.pause_all(ids, reason=reason or None)
            return f"Paused {counted(number, 'job')}{_rest(len(jobs) - number)}."

        if reason is not None:
            screen.act(pause)

    async def ask() -> str:
        if len(jobs) == 1:
            what = phrase(jobs[0].job_type, Tone.STRONG)
            what += phrase(f" {jobs[0].bot_id}, {schedule_of(jobs[0])}")
            title = "Pause this job?"
        else:
            fit = await source.work.fit(ids, BulkAction.PAUSE)
            title = f"Pause {counted(len(fit.able), 'job')}?"
            what = _listed(jobs, fit)
        effect = phrase("No new run starts until it is resumed. A running one goes on.", Tone.MUTED)
        screen.app.push_screen(ReasonScreen(title=title, lines=[what, effect], value=reason), answered)
        return ""

    screen.act(ask)


def resume_jobs(screen: LiveScreen, jobs: Sequence[Job]) -> None:
    """One at once; several after asking."""
    source, ids = screen.source, [job.id for job in jobs]

    async def resume() -> str:
        if len(jobs) == 1:
            await source.resume(ids[0])
            return f"Resumed 1 job: {name_of(jobs[0])}."
        number = await source.work.resume_all(ids)
        return f"Resumed {counted(number, 'job')}{_rest(len(jobs) - number)}."

    if len(jobs) == 1:
        screen.act(resume)
        return
    effect = "Slots missed meanwhile become one run each."
    _ask_about_many(screen, jobs, BulkAction.RESUME, "Resume {}?", effect, "Resume them", resume)


def edit_job(screen: LiveScreen, job: Job) -> None:
    """Opens the editor; what it brings back was stored already."""

    def left(done: str | None) -> None:
        if done:
            screen.tell(done)

    screen.app.push_screen(ScheduleScreen(screen.desk, job), left)


def _ask_about_many(
    screen: LiveScreen,
    jobs: Sequence[Job],
    action: BulkAction,
    title: str,
    effect: str,
    deed: str,
    work: Callable[[], Awaitable[str]],
) -> None:
    source, ids = screen.source, [job.id for job in jobs]

    def answered(yes: bool | None) -> None:
        if yes:
            screen.act(work)

    async def ask() -> str:
        fit = await source.work.fit(ids, action)
        screen.app.push_screen(
            ConfirmScreen(
                title=title.format(counted(len(fit.able), "job")),
                lines=[_listed(jobs, fit), phrase(effect, Tone.MUTED)],
                deed=deed,
                refusal="Leave them",
            ),
            answered,
        )
        return ""

    screen.act(ask)


def _listed(jobs: Sequence[Job], fit: Fit) -> Phrase:
    """Only those it will be done to by name, and how many it leaves out."""
    able = [name_of(job) for job in jobs if job.id in fit.able]
    more = f" and {len(able) - NAMES_SHOWN} more" if len(able) > NAMES_SHOWN else ""
    return phrase(", ".join(able[:NAMES_SHOWN]) + more) + phrase(_rest(fit.unable), Tone.MUTED)


def _rest(number: int) -> str:
    return f"; left out {number} that it does not fit now" if number > 0 else ""

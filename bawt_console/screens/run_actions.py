"""What can be done to a run, the same wherever one is shown: cancel, retry, undo, apply, run again."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from bawt_console.formatting import Phrase, Tone, counted, phrase, run_state
from bawt_console.screens.dialogs import ConfirmScreen
from bawt_console.screens.live import LiveScreen
from bawt_console.widgets.header import is_scheduled
from bawt_console.widgets.run_table import run_title
from scheduler_core.domain import Run, RunMode, RunStatus
from scheduler_core.errors import SchedulerError
from scheduler_core.oversight import APPLIED_NOTHING, applied_nothing

NOBODY_STARTS_IT = "No scheduler is running; the run waits until one starts."


class RunActions(LiveScreen):
    """A screen with a run that actions are about."""

    @property
    def chosen_run(self) -> Run | None:
        """The run that actions are about."""
        raise NotImplementedError

    def reason_against_run(self, action_id: str) -> str | None:
        """Why the chosen run cannot be acted on now; None when it can, or when the action is another."""
        run = self.chosen_run
        if run is None:
            return "No run is selected."
        match action_id:
            case "cancel":
                if run.status.is_final:
                    return f"The run is over: {run.status}."
                return "The run was asked to stop already." if run.cancel_requested_at is not None else None
            case "run_now" | "dry_run":
                return "The job of this run was deleted." if run.job_id is None else None
            case "retry":
                return _why_not_retried(run)
            case "apply":
                return _why_not_applied(run)
            case "undo":
                return _why_not_undone(run)
        return None

    def action_run_now(self) -> None:
        run = self.chosen_run
        if run is not None and run.job_id is not None:
            force_job(self, run.job_id, run.job_type)

    def action_dry_run(self) -> None:
        run = self.chosen_run
        if run is not None and run.job_id is not None:
            dry_run_job(self, run.job_id, run.job_type)

    def action_cancel(self) -> None:
        if self.chosen_run is not None:
            confirm_cancel(self, self.chosen_run)

    def action_retry(self) -> None:
        run = self.chosen_run
        if run is None:
            return
        source = self.source

        async def retry() -> str:
            added = await source.work.retry(run.id)
            return await with_warning(self, f"Added attempt {added.attempt} of {named(run)}.")

        effect = f"Attempt {run.attempt + 1} is added and starts as soon as there is room."
        self._confirm("Try this run again?", run, effect, "Retry", retry)

    def action_apply(self) -> None:
        run = self.chosen_run
        if run is None:
            return
        source = self.source

        async def apply() -> str:
            show_added(self, await source.work.apply(run.id))
            return await with_warning(self, f"Added 1 run that applies the dry run of {named(run)}.")

        effect = "It does exactly what the diff shows, or nothing if the source changed since."
        self._confirm("Apply this dry run?", run, effect, "Apply", apply)

    def action_undo(self) -> None:
        run = self.chosen_run
        if run is None:
            return
        source = self.source

        async def undo() -> str:
            show_added(self, await source.work.undo(run.id))
            return await with_warning(self, f"Added 1 run that takes back a run of {named(run)}.")

        async def ask() -> str:
            changes = await source.work.changes(run)
            if not changes:
                self.refuse("This run changed nothing.")
                return ""
            number = counted(len(changes), "object")
            effect = f"It changed {number}. Each gets back what it had, unless something newer rests on it."
            self._confirm("Undo this run?", run, effect, "Undo", undo)
            return ""

        self.act(ask)

    def _confirm(
        self, title: str, run: Run, effect: str, deed: str, work: Callable[[], Awaitable[str]]
    ) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.act(work)

        self.app.push_screen(
            ConfirmScreen(
                title=title,
                lines=[_described(self, run), phrase(effect, Tone.MUTED)],
                deed=deed,
                refusal="Leave it",
            ),
            answered,
        )


def _why_not_retried(run: Run) -> str | None:
    if run.status is not RunStatus.FAILED:
        return f"Only failed runs are retried; this one is {run_state(run).word}."
    return "The job of this run was deleted." if run.job_id is None else None


def _why_not_applied(run: Run) -> str | None:
    if run.mode is not RunMode.DRY_RUN:
        return "This is not a dry run; D makes one."
    if run.status is RunStatus.SUCCESS:
        return None
    return "The dry run is not over." if not run.status.is_final else f"The dry run is {run.status}."


def _why_not_undone(run: Run) -> str | None:
    if run.mode is RunMode.DRY_RUN:
        return "A dry run changed nothing."
    if not run.status.is_final:
        return "The run is not over; X cancels it."
    if applied_nothing(run.mode, run.status, run.job_type):
        return APPLIED_NOTHING
    return "The run was skipped, so it changed nothing." if run.status is RunStatus.SKIPPED else None


def named(run: Run) -> str:
    return f"{run.job_type} {run.bot_id}"


def _described(screen: LiveScreen, run: Run) -> Phrase:
    what = Phrase()
    for each in run_title(run, screen.desk.now()):
        what += each + phrase("   ")
    return what


async def with_warning(screen: LiveScreen, done: str) -> str:
    """What was done, and that nobody is there to start it if so."""
    try:
        alone = not is_scheduled(await screen.source.nodes())
    except SchedulerError:
        # The run is added; who will start it is not worth an error.
        alone = False
    return f"{done} {NOBODY_STARTS_IT}" if alone else done


def force_job(screen: LiveScreen, job_id: UUID, name: str) -> None:
    """Adds a run of a job, and says so when nobody is there to start it."""
    source = screen.source

    async def force() -> str:
        runs = await source.force_run(job_id)
        # A service is only asked, and makes its run itself.
        done = (
            f"Added {counted(len(runs), 'run')} of {name}." if runs else f"Asked the service to run {name}."
        )
        return await with_warning(screen, done)

    screen.act(force)


def dry_run_job(screen: LiveScreen, job_id: UUID, name: str) -> None:
    """Adds a dry run of a job and shows its diff, which fills itself when the run is over."""
    source = screen.source

    async def dry_run() -> str:
        runs = await source.work.dry_run(job_id)
        told = f"Added {counted(len(runs), 'dry run')} of {name}."
        if len(runs) == 1 and show_added(screen, runs[0], pane="Diff"):
            told += " When it is over, A applies it."
        return await with_warning(screen, told)

    screen.act(dry_run)


def show_added(screen: LiveScreen, run: Run, *, pane: str = "Summary") -> bool:
    """Opens a run that was just added, so that its outcome is seen, unless the person went on."""
    from bawt_console.screens.run import RunScreen

    if not screen.is_shown or screen.is_asking:
        return False
    screen.app.push_screen(RunScreen(screen.desk, run, pane=pane))
    return True


def confirm_cancel(screen: LiveScreen, run: Run) -> None:
    """Asks, then cancels."""
    source = screen.source
    waiting = run.status is RunStatus.PENDING
    effect = (
        "It has not started; it will not."
        if waiting
        else "Its node is asked to stop it, and it ends as failed. What it has published already stays."
    )

    def answered(yes: bool | None) -> None:
        async def cancel() -> str:
            after = await source.cancel(run.id)
            if after.status.is_final:
                return f"Cancelled 1 waiting run of {run.job_type} {run.bot_id}."
            return f"Asked 1 run of {run.job_type} {run.bot_id} to stop."

        if yes:
            screen.act(cancel)

    dialog = ConfirmScreen(
        title="Cancel this run?",
        lines=[_described(screen, run), phrase(effect, Tone.MUTED)],
        deed="Cancel the run" if waiting else "Stop the run",
        refusal="Keep it" if waiting else "Keep it running",
    )
    screen.app.push_screen(dialog, answered)

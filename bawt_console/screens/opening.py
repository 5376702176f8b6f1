"""From a row that names a run or a job to the screen that shows it."""

from uuid import UUID

from bawt_console.screens.live import LiveScreen
from bawt_console.screens.run import RunScreen


def open_run(screen: LiveScreen, run_id: UUID, *, pane: str = "Summary") -> None:
    """Shows a run on top; a toast says so if it is gone meanwhile."""
    source = screen.source

    async def find() -> str:
        run = await source.run(run_id)
        if screen.is_shown and not screen.is_asking:
            screen.app.push_screen(RunScreen(screen.desk, run, pane=pane))
        return ""

    screen.act(find)


def open_job(screen: LiveScreen, job_id: UUID) -> None:
    """Goes to the list of jobs, with the cursor on this one."""

    async def go() -> str:
        app = screen.app
        await app.run_action("app.show('jobs')", screen)
        shown = app.screen
        if isinstance(shown, LiveScreen):
            shown.look_for(job_id)
        return ""

    screen.act(go)

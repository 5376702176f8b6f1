"""What stands below the list of jobs: runs, log, chart and settings of the selected one, a pane at a time."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from bawt_console.formatting import Tone, phrase
from bawt_console.screens.desk import Desk
from bawt_console.widgets.chart import DurationChart
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.run_lines import event_lines, job_fields, log_note
from bawt_console.widgets.run_table import RunList, run_table
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import JobOverview, Run, RunEvent, RunFilter, RunStatus

if TYPE_CHECKING:
    from bawt_console.source import Source

PANES = ("Runs", "Log", "Chart", "Config")
RUNS_SHOWN = 100


class JobDetail(Vertical):
    """See the module. The screen says which job it is about and when to load."""

    def __init__(self, desk: Desk, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._desk = desk
        self._log_of: UUID | None = None
        self._events: list[RunEvent] = []

    def compose(self) -> ComposeResult:
        now, zone = self._desk.now, self._desk.zone
        yield PaneTabs(PANES, id="panes")
        yield run_table(RunList.OF_JOB, now=now, zone=zone, id="pane-runs")
        yield LinesPane(follow=True, id="pane-log")
        yield DurationChart(zone=zone, id="pane-chart")
        yield LinesPane(id="pane-config")

    @property
    def runs(self) -> LiveTable[Run]:
        return self.query_one("#pane-runs", LiveTable)

    @property
    def panes(self) -> PaneTabs:
        return self.query_one(PaneTabs)

    @property
    def pane(self) -> Widget:
        """The pane that is shown."""
        return self.query_one(f"#pane-{self.panes.chosen.lower()}")

    def on_mount(self) -> None:
        self.show_pane()

    def show_pane(self) -> None:
        """Shows the chosen pane and hides the others."""
        for name in PANES:
            self.query_one(f"#pane-{name.lower()}").display = name == self.panes.chosen

    async def load(self, chosen: JobOverview, source: "Source", *, moved: bool) -> None:
        """Fetches and shows the chosen pane of a job.

        Args:
            moved: whether more than log lines may be different.
        """
        self.panes.entitle([phrase(f"{chosen.job.job_type} {chosen.job.bot_id}", Tone.STRONG)])
        pane = self.panes.chosen
        if pane == "Config":
            lines = job_fields(chosen, self._now(), self._desk.zone)
            self.query_one("#pane-config", LinesPane).show(lines)
        elif pane == "Log":
            await self._load_log(chosen, source)
        elif moved and pane == "Runs":
            self.runs.show(await source.runs(RunFilter(job_id=chosen.job.id), limit=RUNS_SHOWN))
            if not self.runs.has_focus:
                self.runs.move_to(0)
        elif moved and pane == "Chart":
            skipped = bool(chosen.strip) and all(each.status is RunStatus.SKIPPED for each in chosen.strip)
            points = await source.durations(chosen.job.id)
            await self.query_one(DurationChart).show(points, skipped=skipped)

    async def _load_log(self, chosen: JobOverview, source: "Source") -> None:
        run = chosen.current or chosen.last
        if run is None or run.id != self._log_of:
            self._log_of = None if run is None else run.id
            self._events = []
        if run is not None:
            after = self._events[-1].id if self._events else 0
            self._events += await source.events(run.id, after=after)
        lines = event_lines(self._events, self._now(), self._desk.zone)
        self.query_one("#pane-log", LinesPane).show(lines or [log_note(run)])

    def _now(self) -> datetime:
        return self._desk.now()

    def tick(self) -> None:
        """Repaints what depends on the clock."""
        if self.panes.chosen == "Runs":
            self.runs.tick()

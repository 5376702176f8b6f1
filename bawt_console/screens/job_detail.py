"""What stands below the list of jobs: runs, log, chart and settings of the selected one, a pane at a time."""

from datetime import datetime
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from bawt_console.formatting import NOTHING, Tone, phrase
from bawt_console.screens.desk import Desk
from bawt_console.widgets.chart import DurationChart
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.live_lines import live_parts
from bawt_console.widgets.log_pane import LogPane
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.run_lines import job_fields
from bawt_console.widgets.run_table import RunList, run_table
from bawt_console.widgets.search_line import SearchLine
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import JobOverview, Run, RunFilter, RunStatus

if TYPE_CHECKING:
    from bawt_console.source import Source

PANES = ("Runs", "Log", "Chart", "Config")
RUNS_SHOWN = 100


class JobDetail(Vertical):
    """See the module. The screen says which job it is about and when to load."""

    def __init__(self, desk: Desk, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._desk = desk
        self._heading = NOTHING
        self._current: Run | None = None

    def compose(self) -> ComposeResult:
        now, zone = self._desk.now, self._desk.zone
        yield PaneTabs(PANES, id="panes")
        yield PartsLine(gap=" · ", id="writing")
        yield run_table(RunList.OF_JOB, now=now, zone=zone, id="pane-runs")
        yield LogPane(now=now, zone=zone, id="pane-log")
        yield DurationChart(zone=zone, id="pane-chart")
        yield LinesPane(id="pane-config")
        yield SearchLine(id="search")

    @property
    def runs(self) -> LiveTable[Run]:
        return self.query_one("#pane-runs", LiveTable)

    @property
    def log_pane(self) -> LogPane:
        return self.query_one(LogPane)

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
        self._heading = phrase(f"{chosen.job.job_type} {chosen.job.bot_id}", Tone.STRONG)
        self._current = chosen.current
        self.show_generation()
        self.entitle()
        pane = self.panes.chosen
        if pane == "Config":
            lines = job_fields(chosen, self._now(), self._desk.zone)
            self.query_one("#pane-config", LinesPane).show(lines)
        elif pane == "Log":
            await self.log_pane.load(source.logs, chosen.current or chosen.last)
        elif moved and pane == "Runs":
            self.runs.show(await source.runs(RunFilter(job_id=chosen.job.id), limit=RUNS_SHOWN))
            if not self.runs.has_focus:
                self.runs.move_to(0)
        elif moved and pane == "Chart":
            skipped = bool(chosen.strip) and all(each.status is RunStatus.SKIPPED for each in chosen.strip)
            points = await source.durations(chosen.job.id)
            await self.query_one(DurationChart).show(points, skipped=skipped)

    def show_generation(self) -> None:
        """Says what the running run does, and how far the model is with it."""
        run, source = self._current, self._desk.source
        if run is not None and run.status is not RunStatus.RUNNING:
            run = None
        generation = None if source is None or run is None else source.generations.of(run.id)
        parts = [] if generation is None else list(live_parts(generation))
        if run is not None and run.progress:
            parts.append(Part(phrase=phrase(run.progress, Tone.RUNNING), keep=85, least=10))
        writing = self.query_one("#writing", PartsLine)
        writing.display = bool(parts)
        writing.show(parts)

    def entitle(self) -> None:
        """Says whose panes these are, and where in the log."""
        self.panes.entitle([self._heading, *(self.log_pane.status if self.panes.chosen == "Log" else ())])

    def _now(self) -> datetime:
        return self._desk.now()

    def tick(self) -> None:
        """Repaints what depends on the clock."""
        self.show_generation()
        if self.panes.chosen == "Runs":
            self.runs.tick()

"""Shows how long runs took, how many there were, how many succeeded and how late they began.

Of one job or of all, over one of five windows, with the numbers of the step under the cursor.
"""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.formatting import NOTHING, Tone, counted, one_line, phrase
from bawt_console.output import plain
from bawt_console.screens.desk import Desk
from bawt_console.screens.live import LiveScreen, bindings_of
from bawt_console.views import View
from bawt_console.widgets.chart_jobs import ALL_JOBS, Charted, ChartedJobs
from bawt_console.widgets.figures_table import FiguresRow, FiguresTable
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.run_plots import Measure, plot_of
from bawt_console.widgets.step_plots import StepPlots
from bawt_console.widgets.table import LiveTable
from bawt_console.windows import FIRST, WINDOWS, Window, window_named
from scheduler_core.domain import JobOverview
from scheduler_core.errors import StateError
from scheduler_core.figures import NO_RUNS, RunChart, RunFigures

if TYPE_CHECKING:
    from textual import events

    from bawt_console.source import Source

# Narrower than this there is no room for the jobs beside the plots.
ROOMY = 110
JOBS_WIDTH = 40
# Cells beside the jobs that the finer steps want, so that each bar gets two and a gap.
FINE = 160


class ChartsScreen(LiveScreen):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "charts.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.CHARTS)
    place = Place.CHARTS
    # Hours and days change slowly, and where rows change all the time, each look at them is a heavy one.
    least_rest_seconds = 1.0

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._chart: RunChart | None = None
        self._wanted_job = ""
        # None follows the newest step.
        self._at: datetime | None = None
        self._coarse = False

    def compose_body(self) -> ComposeResult:
        yield PaneTabs([each.title for each in WINDOWS], id="windows")
        yield PaneTabs([str(each) for each in Measure], id="measures")
        with Horizontal(id="split"):
            yield ChartedJobs(id="chart-jobs")
            yield StepPlots(zone=self.desk.zone, id="plots")
            yield Notice(id="empty")
        yield FiguresTable(id="figures")

    @property
    def windows(self) -> PaneTabs:
        return self.query_one("#windows", PaneTabs)

    @property
    def measures(self) -> PaneTabs:
        return self.query_one("#measures", PaneTabs)

    @property
    def jobs(self) -> LiveTable[Charted]:
        return self.query_one(ChartedJobs)

    @property
    def plots(self) -> StepPlots:
        return self.query_one(StepPlots)

    @property
    def chart(self) -> RunChart | None:
        """What is shown; None until it came."""
        return self._chart

    @property
    def window(self) -> Window:
        found = window_named(self.windows.chosen)
        assert found is not None, "the tabs are made of the windows"
        return found

    @property
    def measure(self) -> Measure:
        return Measure(self.measures.chosen)

    @property
    def charted(self) -> Charted:
        return self.jobs.selected or Charted()

    @property
    def step(self) -> int:
        """The step under the cursor."""
        chart = self._chart
        if chart is None or self._at is None:
            return 0 if chart is None else len(chart.steps) - 1
        return max(0, min((self._at - chart.since) // chart.step, len(chart.steps) - 1))

    @property
    def pointed(self) -> RunFigures:
        """The figures of the step under the cursor."""
        return NO_RUNS if self._chart is None else self._chart.steps[self.step]

    def on_mount(self) -> None:
        self.windows.choose(FIRST.title)

    def focus_list(self) -> None:
        self.set_focus(None)

    def on_resize(self, event: "events.Resize") -> None:
        roomy = event.size.width >= ROOMY
        self.query_one("#split").set_class(roomy, "-roomy")
        if self._coarse != (event.size.width - (JOBS_WIDTH if roomy else 0) < FINE):
            self._coarse = not self._coarse
            self.moved()
        self.call_after_refresh(self._show)

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        if not self.jobs.rows and source.jobs_known and not self._wanted_job:
            # The chart is asked for before anything is drawn: the answer comes meanwhile. Jobs are shown as
            # another screen last saw them, so that the first picture does not wait for all of them.
            chart: RunChart | None = await self._read_chart(source)
            self._show_jobs(source.jobs_known)
            # And then at once as they are now.
            self.changed(frozenset({"jobs"}))
            self.moved()
        else:
            chart = await self._load_both(kinds, source)
        if chart is None or chart.job_id != self.charted.job_id:
            chart = await self._read_chart(source)
        self._chart = chart
        self._show()

    async def _load_both(self, kinds: frozenset[str], source: "Source") -> RunChart | None:
        """The jobs, and beside them the chart of the one under the cursor."""
        reading = None if self._wanted_job else asyncio.create_task(self._read_chart(source))
        try:
            if not self.jobs.rows or kinds & {"jobs", "runs"}:
                await self._load_jobs(source)
            if self._wanted_job:
                self._choose_wanted()
            return None if reading is None else await reading
        finally:
            if reading is not None:
                reading.cancel()

    async def _load_jobs(self, source: "Source") -> None:
        self._show_jobs(await source.jobs())
        if source.jobs_missing:
            self.changed(frozenset({"jobs"}))

    def _show_jobs(self, found: Sequence[JobOverview]) -> None:
        ordered = sorted(found, key=lambda each: (each.job.job_type, each.job.bot_id))
        self.jobs.show([Charted(), *map(Charted, ordered)])

    async def _read_chart(self, source: "Source") -> RunChart:
        grid = self.window.grid(self.desk.now(), self.desk.zone, coarse=self._coarse)
        return await source.measures.chart(
            since=grid.since, step=grid.step, steps=grid.steps, job_id=self.charted.job_id
        )

    def _show(self) -> None:
        chart = self._chart
        if chart is None:
            return
        some = chart.whole.runs > 0
        self.plots.display = self.query_one("#figures").display = some
        self.query_one("#empty").display = not some
        self._explain_nothing()
        self._show_titles(chart)
        self.plots.show(
            [plot_of(each, chart) for each in Measure],
            chosen=list(Measure).index(self.measure),
            starts=[chart.start_of(number) for number in range(len(chart.steps))],
            step=chart.step,
        )
        self._show_figures()

    def _explain_nothing(self) -> None:
        empty = self.query_one("#empty", Notice)
        longer = self.desk.way("next_window", "shows another window")
        who = "" if self.charted.overview is None else f" of {self.charted.words}"
        if len(self.jobs.rows) <= 1:
            who, longer = "", phrase("Charts begin with the first run.", Tone.MUTED)
        empty.say(phrase(f"No run{who} began in the last {self.window.title}.", Tone.STRONG), [longer])

    def _show_titles(self, chart: RunChart) -> None:
        about = "about " if chart.estimated else ""
        number = counted(chart.whole.runs, "run")
        self.windows.entitle(
            [phrase(self.charted.words, Tone.STRONG), phrase(f"{about}{number}", Tone.MUTED)]
        )
        legend = (
            NOTHING if self.plots.are_all_shown or not chart.whole.runs else plot_of(self.measure, chart).key
        )
        self.measures.entitle([legend] if legend else [])

    def _show_figures(self) -> None:
        chart = self._chart
        if chart is None:
            return
        self.plots.point_at(self.step)
        when = self.window.words_for(chart.start_of(self.step), chart.step, self.desk.zone)
        table = self.query_one(FiguresTable)
        table.favour(self.measure)
        table.show_figures(
            FiguresRow(f"last {self.window.title}", chart.whole), FiguresRow(when, self.pointed)
        )

    # Showing

    def tick(self) -> None:
        if self._chart is not None and self.desk.now() >= self._chart.until:
            self.moved()

    def on_pane_tabs_chosen(self, event: PaneTabs.Chosen) -> None:
        if event.tabs is self.windows:
            self.moved()
        else:
            self._show()

    def on_live_table_moved(self, event: LiveTable.Moved) -> None:
        if event.table is self.jobs:
            self.moved()

    def on_step_plots_pointed(self, event: StepPlots.Pointed) -> None:
        self._point_at(event.step)

    def _point_at(self, step: int) -> None:
        chart = self._chart
        if chart is not None:
            last = len(chart.steps) - 1
            place = max(0, min(step, last))
            self._at = None if place == last else chart.start_of(place)
            self._show_figures()

    def _choose_wanted(self) -> None:
        """What was asked for before there were any jobs."""
        try:
            self._choose_job(self._wanted_job)
        except StateError as error:
            self.complain(error)

    def _choose_job(self, name: str) -> None:
        self._wanted_job = ""
        wanted = name.lower()
        for number, each in enumerate(self.jobs.rows):
            if wanted in (each.name.lower(), each.words.lower(), each.name.lower().partition(":")[0]):
                self.jobs.move_to(number)
                return
        raise StateError(f"There is no job “{name[:60]}”.", "Write a job type, or TYPE:BOT.")

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        match action_id:
            case "freeze" | "next_window" | "next_measure":
                return None
            case "step_back" | "first_step":
                return None if self._chart is not None and self.step > 0 else "This is the first step."
            case "step_on" | "last_step":
                newest = self._chart is None or self.step == len(self._chart.steps) - 1
                return "This is the newest step." if newest else None
            case "previous_job":
                return None if self.jobs.cursor else "All jobs are shown."
            case "next_job":
                return None if self.jobs.cursor < len(self.jobs.rows) - 1 else "This is the last job."
            case "open":
                return None if self._chart is not None else "There is nothing to open here."
        return super().reason_against(action_id)

    def action_step_back(self) -> None:
        self._point_at(self.step - 1)

    def action_step_on(self) -> None:
        self._point_at(self.step + 1)

    def action_first_step(self) -> None:
        self._point_at(0)

    def action_last_step(self) -> None:
        if self._chart is not None:
            self._point_at(len(self._chart.steps) - 1)

    def action_previous_job(self) -> None:
        self.jobs.action_move(-1)

    def action_next_job(self) -> None:
        self.jobs.action_move(1)

    def action_next_window(self) -> None:
        names = [each.title for each in WINDOWS]
        self.windows.choose(names[(names.index(self.windows.chosen) + 1) % len(names)])

    def action_next_measure(self) -> None:
        names = list(Measure)
        self.measures.choose(names[(names.index(self.measure) + 1) % len(names)])

    def action_open(self) -> None:
        words = self._filter_of_step()

        async def show_runs() -> str:
            await self.app.run_action("app.show('runs')", self)
            shown = self.app.screen
            if isinstance(shown, LiveScreen):
                shown.narrow(words)
            return ""

        self.act(show_runs)

    def _filter_of_step(self) -> str:
        """What the Runs screen calls the runs of the step under the cursor."""
        assert self._chart is not None, "opening is greyed until there is a chart"
        start = self._chart.start_of(self.step)
        minute, now = timedelta(minutes=1), self.desk.now()
        words = [f"since:{-((start - now) // minute)}min"]
        if start + self._chart.step <= now:
            words.append(f"!since:{-((start + self._chart.step - now) // minute)}min")
        if self.charted.overview is not None:
            job = self.charted.overview.job
            words += [
                f"{field}:{_as_pattern(value)}"
                for field, value in (("job", job.job_type), ("bot", job.bot_id))
            ]
        return " ".join(words)

    # For commands

    def narrow(self, text: str) -> None:
        """Reads `JOB`, `24h` and a measure, in any order; nothing is all jobs."""
        job = ""
        for word in text.split():
            measure = next((each for each in Measure if each.lower() == word.lower()), None)
            if (window := window_named(word)) is not None:
                self.windows.choose(window.title)
            elif measure is not None:
                self.measures.choose(str(measure))
            else:
                job = f"{job} {word}".strip()
        if not text or job:
            if self.jobs.rows:
                self._choose_job(job or ALL_JOBS)
            else:
                self._wanted_job = job or ALL_JOBS

    @property
    def view(self) -> View:
        return View(self.place, f"{self.charted.name} {self.window.word} {self.measure.lower()}")

    def known_names(self) -> tuple[list[str], list[str]]:
        jobs = [each.overview.job for each in self.jobs.rows if each.overview is not None]
        return sorted({f"{job.job_type}:{job.bot_id}" for job in jobs}), sorted({job.bot_id for job in jobs})

    def exported(self) -> Rows:
        chart = self._chart
        if chart is None:
            raise StateError("There is no chart yet.", "Wait until it is shown.")
        return [
            {
                "job": self.charted.name,
                "since": chart.start_of(number),
                "until": chart.start_of(number) + chart.step,
                **plain(figures),
                "success_share": figures.success_share,
            }
            for number, figures in enumerate(chart.steps)
        ]

    def copied(self) -> str:
        if self._chart is None:
            return ""
        return self.query_one(FiguresTable).plain


def _as_pattern(name: str) -> str:
    """A name as a word of a filter; what has a meaning there stands for any letter."""
    return '"' + re.sub(r'["\[\]?!]', "?", one_line(name)) + '"'

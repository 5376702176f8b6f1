"""Every job, live, and below it the selected one: its runs, its log, its chart, its settings."""

from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from bawt_console.actions import Place
from bawt_console.formatting import (
    Phrase,
    State,
    Tone,
    countdown,
    counted,
    interval,
    job_state,
    phrase,
)
from bawt_console.screens.desk import Desk
from bawt_console.screens.dialogs import ReasonScreen
from bawt_console.screens.live import VIEW, LiveScreen, bindings_of
from bawt_console.screens.run import RunScreen, confirm_cancel, force_job
from bawt_console.widgets.chart import DurationChart
from bawt_console.widgets.filter_line import FilterLine
from bawt_console.widgets.header import without_model
from bawt_console.widgets.job_table import job_table
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.run_lines import event_lines, job_fields, log_note
from bawt_console.widgets.run_table import RunList, run_table
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import JobOverview, Run, RunEvent, RunFilter, RunStatus

if TYPE_CHECKING:
    from bawt_console.source import Source

PANES = ("Runs", "Log", "Chart", "Config")
RUNS_SHOWN = 100
_WITHOUT_MODEL = (
    Part(phrase=phrase("! No model: summaries come from a template.", Tone.SUSPICIOUS)),
    Part(
        phrase=phrase("bawt-console models list", Tone.ACCENT) + phrase(" shows what would do.", Tone.MUTED),
        keep=20,
    ),
)


class JobsScreen(LiveScreen):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "jobs.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.JOBS)
    place = Place.JOBS
    kinds = frozenset({"jobs", "runs", "events"})

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._overviews: tuple[JobOverview, ...] = ()
        self._loaded = False
        self._log_of: UUID | None = None
        self._events: list[RunEvent] = []

    def compose_body(self) -> ComposeResult:
        now, zone = self.desk.now, self.desk.zone
        yield PartsLine(id="banner")
        yield PartsLine(gap=" · ", filling="─", id="list-title")
        yield FilterLine(id="filter")
        yield job_table(now=now, id="jobs")
        yield Notice(id="empty")
        with Vertical(id="detail"):
            yield PaneTabs(PANES, id="panes")
            yield run_table(RunList.OF_JOB, now=now, zone=zone, id="pane-runs")
            yield LinesPane(follow=True, id="pane-log")
            yield DurationChart(zone=zone, id="pane-chart")
            yield LinesPane(id="pane-config")

    @property
    def table(self) -> LiveTable[JobOverview]:
        return self.query_one("#jobs", LiveTable)

    @property
    def runs(self) -> LiveTable[Run]:
        return self.query_one("#pane-runs", LiveTable)

    @property
    def panes(self) -> PaneTabs:
        return self.query_one(PaneTabs)

    @property
    def is_loaded(self) -> bool:
        """Whether rows have come from the database."""
        return self._loaded

    @property
    def filter_line(self) -> FilterLine:
        return self.query_one(FilterLine)

    @property
    def selected(self) -> JobOverview | None:
        return self.table.selected

    def on_mount(self) -> None:
        self._show_pane()
        self.table.focus()

    def focus_list(self) -> None:
        # A list without rows is hidden and cannot have the focus, but no other widget should keep it.
        self.set_focus(self.table if self.table.display else None)

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        if not self._loaded or kinds & {"jobs", "runs"}:
            # A paused job is not due, whatever its slot says.
            self._overviews = tuple(sorted(await source.jobs(), key=lambda each: not each.job.enabled))
            self._loaded = True
            self.filter_line.know(
                (each.job.job_type for each in self._overviews), (each.job.bot_id for each in self._overviews)
            )
            self._show_jobs()
        await self._load_pane(kinds, source)

    def _show_jobs(self) -> None:
        now = self.desk.now()
        wanted = self.filter_line.wanted
        shown = [each for each in self._overviews if wanted.matches_job(each, now)]
        self.table.show(shown)
        self._explain_nothing(bool(shown))
        self._show_title()

    def _explain_nothing(self, some: bool) -> None:
        empty = self.query_one("#empty", Notice)
        empty.display = self._loaded and not some
        self.table.display = some
        self.query_one("#detail").display = some
        if self.focused is None:
            self.focus_list()
        if self._overviews:
            empty.say(phrase("No job matches the filter.", Tone.STRONG), [_key("esc", "shows all of them")])
        else:
            empty.say(
                phrase("There are no jobs yet.", Tone.STRONG),
                [
                    phrase("A scheduler makes the default jobs when it starts on a new database:"),
                    phrase("bawt-console", Tone.ACCENT),
                    phrase("Or add one: INSERT INTO scheduled_jobs (job_type, interval_minutes)", Tone.MUTED),
                ],
            )

    async def _load_pane(self, kinds: frozenset[str], source: "Source") -> None:
        chosen = self.selected
        if chosen is None:
            return
        now, zone = self.desk.now(), self.desk.zone
        self.panes.entitle([phrase(f"{chosen.job.job_type} {chosen.job.bot_id}", Tone.STRONG)])
        pane = self.panes.chosen
        if pane == "Config":
            self.query_one("#pane-config", LinesPane).show(job_fields(chosen, now, zone))
        elif pane == "Log":
            await self._load_log(chosen, source)
        elif kinds & {VIEW, "jobs", "runs"} and pane == "Runs":
            self.runs.show(await source.runs(RunFilter(job_id=chosen.job.id), limit=RUNS_SHOWN))
            if not self.runs.has_focus:
                self.runs.move_to(0)
        elif kinds & {VIEW, "jobs", "runs"} and pane == "Chart":
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
        lines = event_lines(self._events, self.desk.now(), self.desk.zone)
        self.query_one("#pane-log", LinesPane).show(lines or [log_note(run)])

    # Showing

    def tick(self) -> None:
        self.table.tick()
        if self.panes.chosen == "Runs":
            self.runs.tick()

    def paint_chrome(self) -> None:
        super().paint_chrome()
        source = self.desk.source
        missing = source is not None and not source.model and without_model(self.desk.nodes)
        banner = self.query_one("#banner", PartsLine)
        banner.display = missing
        banner.show(_WITHOUT_MODEL if missing else ())

    def mode_remarks(self) -> list[Part]:
        if not self._loaded:
            return []
        now = self.desk.now()
        states = [job_state(each, now) for each in self._overviews]
        parts = []
        for state in (State.RUNNING, State.PENDING, State.LATE, State.FAILED, State.SUSPICIOUS, State.PAUSED):
            number = states.count(state)
            if number:
                told = phrase(f"{state.glyph} {number} {state.word}", state.tone)
                parts.append(Part(phrase=told, right=True, keep=80))
        due = [each.job.next_run_at for each in self._overviews if each.job.enabled]
        if due and min(due) > now:
            told = phrase("next ", Tone.MUTED) + phrase(countdown(min(due), now))
            parts.append(Part(phrase=told, right=True, keep=50))
        return parts

    def _show_title(self) -> None:
        total, shown = len(self._overviews), len(self.table.rows)
        number = counted(total, "job") if shown == total else f"{shown} of {counted(total, 'job')}"
        parts = [Part(phrase=phrase(number, Tone.STRONG), keep=100)]
        parts.append(Part(phrase=phrase("next due first", Tone.MUTED), keep=50))
        if self.filter_line.wanted:
            parts.append(Part(phrase=phrase(self.filter_line.wanted.text, Tone.LATE), keep=90, least=10))
        self.query_one("#list-title", PartsLine).show(parts)

    def _show_pane(self) -> None:
        for name in PANES:
            self.query_one(f"#pane-{name.lower()}").display = name == self.panes.chosen

    def on_pane_tabs_chosen(self) -> None:
        inside = self.focused is not None and self.query_one("#detail") in self.focused.ancestors
        self._show_pane()
        if inside:
            self._focus_pane()
        self.moved()

    def _focus_pane(self) -> None:
        pane = self.query_one(f"#pane-{self.panes.chosen.lower()}")
        (pane if pane.can_focus else self.table).focus()

    def on_live_table_moved(self, event: LiveTable.Moved) -> None:
        if event.table is self.table:
            self.moved()
        self.refresh_chrome()

    def on_live_table_opened(self) -> None:
        self.action_open()

    def on_filter_line_changed(self) -> None:
        self._show_jobs()
        self.moved()

    def on_filter_line_left(self) -> None:
        self._show_title()
        self.focus_list()

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        chosen = self.selected
        match action_id:
            case "filter" | "freeze":
                return None
            case "back":
                inside = self.focused is not None and self.focused is not self.table
                return None if inside or self.filter_line.is_used else "There is nothing to go back to."
            case "previous_pane":
                return "This is the first pane." if self.panes.is_first else None
            case "next_pane":
                return "This is the last pane." if self.panes.is_last else None
        if chosen is None:
            return "No job is selected."
        current = chosen.current
        match action_id:
            case "open" | "diff":
                return None if self._run_to_open() else "This job has not run yet."
            case "pause":
                return None if chosen.job.enabled else "The job is paused already."
            case "resume":
                return None if not chosen.job.enabled else "The job is not paused."
            case "run_now" if current is not None and current.status is RunStatus.PENDING:
                return "A run of this job already waits to start."
            case "cancel":
                return None if current is not None else "No run of this job is waiting or running."
        return None

    def _run_to_open(self) -> Run | None:
        if self.runs.has_focus and self.runs.selected is not None:
            return self.runs.selected
        chosen = self.selected
        return None if chosen is None else chosen.current or chosen.last

    def action_previous_pane(self) -> None:
        self.panes.step(-1)

    def action_next_pane(self) -> None:
        self.panes.step(1)

    def action_filter(self) -> None:
        self.filter_line.open()

    def action_back(self) -> None:
        if not self.filter_line.clear():
            self.table.focus()

    def action_open(self, pane: str = "Summary") -> None:
        run = self._run_to_open()
        if run is not None:
            self.app.push_screen(RunScreen(self.desk, run, pane=pane))

    def action_diff(self) -> None:
        self.action_open("Diff")

    def action_run_now(self) -> None:
        chosen = self.selected
        assert chosen is not None
        force_job(self, chosen.job.id, f"{chosen.job.job_type} {chosen.job.bot_id}")

    def action_pause(self) -> None:
        chosen = self.selected
        assert chosen is not None
        source, job = self.source, chosen.job

        def paused(reason: str | None) -> None:
            async def pause() -> str:
                await source.pause(job.id, reason=reason or None)
                return f"Paused 1 job: {job.job_type} {job.bot_id}."

            if reason is not None:
                self.act(pause)

        what = phrase(job.job_type, Tone.STRONG) + phrase(
            f" {job.bot_id}, every {interval(job.interval_minutes)}"
        )
        effect = phrase("No new run starts until it is resumed. A running one goes on.", Tone.MUTED)
        self.app.push_screen(ReasonScreen(title="Pause this job?", lines=[what, effect]), paused)

    def action_resume(self) -> None:
        chosen = self.selected
        assert chosen is not None
        source, job = self.source, chosen.job

        async def resume() -> str:
            await source.resume(job.id)
            return f"Resumed 1 job: {job.job_type} {job.bot_id}."

        self.act(resume)

    def action_cancel(self) -> None:
        chosen = self.selected
        if chosen is not None and chosen.current is not None:
            confirm_cancel(self, chosen.current)

    def copied(self) -> str:
        if self.focused is not None and isinstance(self.focused, LinesPane):
            return self.focused.plain
        run = self.runs.selected if self.runs.has_focus else None
        if run is not None:
            return str(run.id)
        return "" if self.selected is None else str(self.selected.job.id)


def _key(key: str, text: str) -> Phrase:
    return phrase(key, Tone.ACCENT) + phrase(f" {text}", Tone.MUTED)

"""Every job, live, and below it the selected one: its runs, its log, its chart, its settings."""

from collections.abc import Hashable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.filters import Field
from bawt_console.formatting import State, Tone, countdown, counted, job_state, phrase
from bawt_console.job_orders import ORDERS
from bawt_console.screens.desk import Desk
from bawt_console.screens.filtered_list import FilteredList
from bawt_console.screens.job_actions import edit_job, pause_jobs, resume_jobs, run_jobs
from bawt_console.screens.job_detail import JobDetail
from bawt_console.screens.live import VIEW, bindings_of
from bawt_console.screens.log_actions import OF_LOG, LogActions
from bawt_console.screens.run import RunScreen
from bawt_console.screens.run_actions import confirm_cancel
from bawt_console.views import View
from bawt_console.widgets.filter_line import FilterLine
from bawt_console.widgets.header import without_model
from bawt_console.widgets.job_table import job_row, job_table
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import EVERY_JOB, JOBS_SHOWN, Job, JobFilter, JobOverview, Run, RunStatus
from scheduler_core.errors import StateError

if TYPE_CHECKING:
    from bawt_console.source import Source


# With several jobs marked these would not know which one is meant.
_OF_ONE = frozenset({"edit", "cancel"})


class JobsScreen(LogActions, FilteredList):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "jobs.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.JOBS)
    place = Place.JOBS
    kinds = frozenset({"jobs", "runs", "events"})

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._overviews: tuple[JobOverview, ...] = ()
        self._total = 0
        self._asked = EVERY_JOB
        # As last seen, where there are more jobs than the list holds and the filter asked for others since.
        self._marked_elsewhere: tuple[JobOverview, ...] = ()
        self._loaded = False
        # More is being asked for.
        self._is_first_page = False
        self._order = ORDERS[0]
        self._wanted_row: Hashable = None

    def compose_body(self) -> ComposeResult:
        yield PartsLine(id="banner")
        yield PartsLine(gap=" · ", filling="─", id="list-title")
        yield FilterLine(id="filter")
        yield job_table(now=self.desk.now, id="jobs")
        yield Notice(id="empty")
        yield JobDetail(self.desk, id="detail")

    @property
    def table(self) -> LiveTable[JobOverview]:
        return self.query_one("#jobs", LiveTable)

    @property
    def detail(self) -> JobDetail:
        return self.query_one(JobDetail)

    @property
    def runs(self) -> LiveTable[Run]:
        return self.detail.runs

    @property
    def panes(self) -> PaneTabs:
        return self.detail.panes

    @property
    def is_loaded(self) -> bool:
        """Whether rows have come from the database."""
        return self._loaded

    @property
    def selected(self) -> JobOverview | None:
        return self.table.selected

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        asked = self._to_ask()
        if not self._loaded or self._is_first_page or kinds & {"jobs", "runs"} or asked != self._asked:
            first_page = not self._loaded and self._is_as_opened()
            self._take(await source.jobs(asked, first_page=first_page), asked, source.jobs_total)
            self._is_first_page = first_page and not self.shows_all
            self.filter_line.know_names(
                {
                    Field.JOB: (each.job.job_type for each in self._overviews),
                    Field.BOT: (each.job.bot_id for each in self._overviews),
                    Field.NODE: self.desk.node_names.values(),
                }
            )
            self._show_jobs()
            if self._is_first_page:
                # The others follow, also while frozen.
                self.moved()
            elif source.jobs_missing:
                self.changed(frozenset({"jobs"}))
        chosen = self.selected
        if chosen is not None:
            await self.detail.load(chosen, source, moved=bool(kinds & {VIEW, "jobs", "runs"}))

    def _take(self, found: Sequence[JobOverview], asked: JobFilter, total: int) -> None:
        came = {each.job.id for each in found}
        marks = self.table.marks if total > len(found) else ()
        before = (*self._overviews, *self._marked_elsewhere)
        self._marked_elsewhere = tuple(
            each for each in before if each.job.id in marks and each.job.id not in came
        )
        self._overviews, self._asked, self._total = tuple(found), asked, total
        self._loaded = True

    def _is_as_opened(self) -> bool:
        """Whether the jobs that the database gives first are those that stand first here."""
        return not self.filter_line.wanted and self._order == ORDERS[0] and self._wanted_row is None

    def _to_ask(self) -> JobFilter:
        """Where the list has every job, what to show of them is decided here, and at once."""
        return self.filter_line.wanted.job_filter() if self._total > JOBS_SHOWN else EVERY_JOB

    def _show_jobs(self) -> None:
        now = self.desk.now()
        wanted = self.filter_line.wanted
        nodes = self.desk.node_names
        ordered = sorted(self._overviews, key=lambda each: self._order.key(each, now))
        shown = [each for each in ordered if wanted.matches_job(each, now, nodes)]
        self.table.show(shown)
        if self._wanted_row is not None and (self.table.find(self._wanted_row) or self._is_far()):
            self._wanted_row = None
        self._explain_nothing(bool(shown))
        self._show_title()

    def _is_far(self) -> bool:
        """Whether the wanted job is not among those that came; then the filter asks for it."""
        is_far = not self._is_first_page and not self.shows_all and self._asked == EVERY_JOB
        if is_far:
            self.narrow(f'"{self._wanted_row}"')
        return is_far

    def _explain_nothing(self, some: bool) -> None:
        empty = self.query_one("#empty", Notice)
        empty.display = self._loaded and not some
        self.table.display = some
        self.query_one("#detail").display = some
        if self.focused is None:
            self.focus_list()
        if self._is_first_page:
            empty.say(phrase("Nothing so far; the other jobs are being read.", Tone.STRONG))
        elif self._overviews:
            empty.say(
                phrase("No job matches the filter.", Tone.STRONG),
                [self.desk.way("back", "shows all of them")],
            )
        else:
            empty.say(
                phrase("There are no jobs yet.", Tone.STRONG),
                [
                    phrase("A scheduler makes the default jobs when it starts on a new database:"),
                    phrase("bawt-console", Tone.ACCENT),
                    phrase("Or add one: INSERT INTO scheduled_jobs (job_type, interval_minutes)", Tone.MUTED),
                ],
            )

    # Showing

    def tick(self) -> None:
        self.table.tick()
        self.detail.tick()

    def show_generation(self) -> None:
        self.detail.show_generation()

    def paint_chrome(self) -> None:
        super().paint_chrome()
        source = self.desk.source
        missing = source is not None and not source.model and without_model(self.desk.nodes)
        banner = self.query_one("#banner", PartsLine)
        banner.display = missing
        banner.show(self._without_model() if missing else ())

    def _without_model(self) -> tuple[Part, ...]:
        key = phrase(self.desk.key("show_models"), Tone.ACCENT)
        return (
            Part(phrase=phrase("! No model: summaries come from a template.", Tone.SUSPICIOUS), keep=90),
            Part(phrase=key + phrase(" shows models and fetches one", Tone.MUTED), keep=80),
        )

    def mode_remarks(self) -> list[Part]:
        if not self._loaded:
            return []
        now = self.desk.now()
        # Of very many jobs not all states are known here, and a number of some of them would mislead.
        known = self._overviews if len(self._overviews) == self._total else ()
        states = [job_state(each, now) for each in known]
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
        total, shown = self._total, len(self.table.rows)
        number = counted(total, "job") if shown == total else f"{shown:,} of {counted(total, 'job')}"
        parts = [Part(phrase=phrase(number, Tone.STRONG), keep=100)]
        parts.append(Part(phrase=phrase(self._order.words, Tone.MUTED), keep=50))
        if self.table.marks:
            marked = f"▪ {len(self.table.marks)} marked"
            parts.append(Part(phrase=phrase(marked, Tone.ACCENT), keep=95))
        if self.filter_line.wanted:
            parts.append(Part(phrase=phrase(self.filter_line.wanted.text, Tone.LATE), keep=90, least=10))
        self.query_one("#list-title", PartsLine).show(parts)

    def on_pane_tabs_chosen(self) -> None:
        inside = self.focused is not None and self.detail in self.focused.ancestors
        self.detail.show_pane()
        if inside:
            (self.detail.pane if self.detail.pane.can_focus else self.table).focus()
        self.moved()

    def on_live_table_moved(self, event: LiveTable.Moved) -> None:
        if event.table is self.table:
            self.moved()
        self.refresh_chrome()

    def on_live_table_head_clicked(self, event: LiveTable.HeadClicked) -> None:
        order = next((each for each in ORDERS if each.column == event.title), None)
        if event.table is self.table and order is not None:
            self._set_order(order.name)

    def on_live_table_marked(self) -> None:
        self._show_title()
        self.refresh_chrome()

    def on_live_table_opened(self) -> None:
        self.action_open()

    def on_filter_line_changed(self) -> None:
        self._show_jobs()
        self.moved()

    def on_filter_line_left(self) -> None:
        self._show_title()

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        if action_id in OF_LOG:
            return self.reason_against_log(action_id)
        match action_id:
            case "filter" | "freeze" | "sort":
                return None
            case "outside":
                return None if self.text_pane() else "Show the pane Log or Config first; they can be opened."
            case "back":
                inside = self.focused is not None and self.focused is not self.table
                used = inside or self.filter_line.is_used or self.table.marks
                return None if used else "There is nothing to go back to."
            case "previous_pane":
                return "This is the first pane." if self.panes.is_first else None
            case "next_pane":
                return "This is the last pane." if self.panes.is_last else None
        chosen = self.selected
        if chosen is None:
            return "No job is selected."
        return self._reason_against_job(action_id, chosen)

    def _reason_against_job(self, action_id: str, chosen: JobOverview) -> str | None:
        marked = self._marked()
        if action_id in ("open", "diff"):
            return None if self._run_to_open() else "This job has not run yet."
        if len(marked) > 1:
            # The server says how many of them it fits.
            return "Take the marks away first: this is about one job." if action_id in _OF_ONE else None
        chosen = marked[0] if marked else chosen
        current = chosen.current
        match action_id:
            case "pause":
                return None if chosen.job.enabled else "The job is paused already."
            case "resume":
                return None if not chosen.job.enabled else "The job is not paused."
            case "run_now" | "dry_run" if current is not None and current.status is RunStatus.PENDING:
                return "A run of this job already waits to start."
            case "cancel":
                return None if current is not None else "No run of this job is waiting or running."
        return None

    def _marked(self) -> list[JobOverview]:
        """All marked jobs, also those that the filter hides by now."""
        marks = self.table.marks
        known = (*self._overviews, *self._marked_elsewhere)
        return [each for each in known if each.job.id in marks] if marks else []

    def _meant(self) -> list[Job]:
        """The jobs an action is about: the marked ones, else the one under the cursor."""
        marked = [each.job for each in self._marked()]
        return marked or ([] if self.selected is None else [self.selected.job])

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
        if self.is_in_log:
            self.action_search()
        else:
            self.filter_line.open()

    def entitle(self) -> None:
        self.detail.entitle()

    def action_back(self) -> None:
        if self.table.marks:
            self.table.unmark_all()
        elif not self.filter_line.clear():
            self.table.focus()

    def action_open(self, pane: str = "Summary") -> None:
        run = self._run_to_open()
        if run is not None:
            self.app.push_screen(RunScreen(self.desk, run, pane=pane))

    def action_diff(self) -> None:
        self.action_open("Diff")

    def action_sort(self) -> None:
        self._set_order(ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)].name)

    def _set_order(self, name: str) -> None:
        self._order = next(each for each in ORDERS if each.name == name)
        self._show_jobs()
        self.moved()

    def action_mark(self) -> None:
        self.table.mark()

    def action_mark_all(self) -> None:
        self.table.mark_all()

    def action_run_now(self) -> None:
        run_jobs(self, self._meant())

    def action_dry_run(self) -> None:
        run_jobs(self, self._meant(), dry_run=True)

    def action_pause(self) -> None:
        pause_jobs(self, self._meant())

    def action_resume(self) -> None:
        resume_jobs(self, self._meant())

    def action_edit(self) -> None:
        jobs = self._meant()
        if len(jobs) == 1:
            edit_job(self, jobs[0])

    def action_cancel(self) -> None:
        marked = self._marked()
        chosen = marked[0] if marked else self.selected
        if chosen is not None and chosen.current is not None:
            confirm_cancel(self, chosen.current)

    # For commands

    def order_by(self, name: str) -> None:
        known = [each.name for each in ORDERS]
        if name and name not in known:
            raise StateError(f"There is no order “{name[:40]}”.", f"There are: {', '.join(known)}.")
        self._set_order(name or known[0])

    @property
    def view(self) -> View:
        return View(self.place, self.filter_line.wanted.text, self._order.name)

    def known_names(self) -> tuple[list[str], list[str]]:
        jobs = sorted({f"{each.job.job_type}:{each.job.bot_id}" for each in self._overviews})
        return jobs, sorted({each.job.bot_id for each in self._overviews})

    def look_for(self, key: Hashable) -> None:
        self._wanted_row = key
        if self._loaded:
            self._show_jobs()

    @property
    def shows_all(self) -> bool:
        return len(self._overviews) == self._total

    def exported(self) -> Rows:
        now = self.desk.now()
        return [job_row(each, now) for each in self.table.rows]

    def text_pane(self) -> LinesPane | None:
        pane = self.detail.pane
        return pane if isinstance(pane, LinesPane) else self.shown_lines()

    def copied(self) -> str:
        if (lines := self.shown_lines()) is not None:
            return lines.plain
        run = self.runs.selected if self.runs.has_focus else None
        if run is not None:
            return str(run.id)
        return "" if self.selected is None else str(self.selected.job.id)

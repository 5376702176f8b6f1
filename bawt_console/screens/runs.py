"""All history, newest first, a page at a time, narrowed by a filter."""

from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.filters import Field
from bawt_console.formatting import Tone, counted, phrase
from bawt_console.output import plain
from bawt_console.screens.desk import Desk
from bawt_console.screens.filtered_list import FilteredList
from bawt_console.screens.live import bindings_of
from bawt_console.screens.run import RunScreen
from bawt_console.screens.run_actions import RunActions
from bawt_console.views import View
from bawt_console.widgets.filter_line import FilterLine
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.run_table import RunList, run_table
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import Run, RunCursor

if TYPE_CHECKING:
    from bawt_console.source import Source

PAGE = 300
# A filter that the database can only half decide reads on until it has this many rows, or this many pages.
ENOUGH_ROWS = 100
PAGES_AT_ONCE = 5
LONGEST_LIST = 10_000


class RunsScreen(RunActions, FilteredList):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "runs.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.RUNS)
    place = Place.RUNS
    kinds = frozenset({"runs"})

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._read: tuple[Run, ...] = ()
        self._complete = False
        self._loaded = False
        self._more_wanted = False
        self._restart = False

    def compose_body(self) -> ComposeResult:
        yield PartsLine(gap=" · ", filling="─", id="list-title")
        yield FilterLine(id="filter")
        yield run_table(RunList.HISTORY, now=self.desk.now, zone=self.desk.zone, id="runs")
        yield Notice(id="empty")

    @property
    def table(self) -> LiveTable[Run]:
        return self.query_one("#runs", LiveTable)

    @property
    def is_loaded(self) -> bool:
        """Whether rows have come from the database."""
        return self._loaded

    @property
    def selected(self) -> Run | None:
        return self.table.selected

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        if self._restart or not self._loaded or "runs" in kinds:
            await self._load_newest(source)
        elif self._more_wanted and not self._complete:
            await self._load_more(source)
        self._more_wanted = False

    async def _load_newest(self, source: "Source") -> None:
        wanted = self.filter_line.wanted
        known = () if self._restart else self._read
        self._restart = False
        page = tuple(await source.runs(wanted.run_filter(self.desk.now()), limit=PAGE))
        fresh = {run.id for run in page}
        older = tuple(run for run in known if run.id not in fresh and _is_older(run, page))
        if len(older) == len(known) or len(page) < PAGE:
            # Nothing in common, or all there is: what was read before is gone or too far behind.
            older = ()
            self._complete = len(page) < PAGE
        # Where new ones come without end the oldest go, or a list left open for days grows for days.
        self._complete = self._complete and len(page) + len(older) <= LONGEST_LIST
        self._read = (page + older)[:LONGEST_LIST]
        self._loaded = True
        self._show()
        if len(self.table.rows) < min(ENOUGH_ROWS, PAGE) and not self._complete:
            await self._load_more(source)

    async def _load_more(self, source: "Source") -> None:
        wanted = self.filter_line.wanted
        for _ in range(PAGES_AT_ONCE):
            if self._complete or self._restart or len(self._read) >= LONGEST_LIST:
                break
            before = len(self.table.rows)
            last = self._read[-1]
            cursor = RunCursor(last.started_at, last.id)
            page = await source.runs(wanted.run_filter(self.desk.now()), before=cursor, limit=PAGE)
            self._complete = len(page) < PAGE
            known = {run.id for run in self._read}
            self._read += tuple(run for run in page if run.id not in known)
            self._show()
            if len(self.table.rows) - before >= ENOUGH_ROWS:
                break

    def _show(self) -> None:
        now = self.desk.now()
        wanted = self.filter_line.wanted
        nodes = self.desk.node_names
        shown = [run for run in self._read if wanted.matches_run(run, now, nodes)]
        self.table.show(shown)
        self.filter_line.know_names(
            {
                Field.JOB: (run.job_type for run in self._read),
                Field.BOT: (run.bot_id for run in self._read),
                Field.NODE: nodes.values(),
            }
        )
        self.table.display = bool(shown)
        if self.focused is None:
            self.focus_list()
        self._explain_nothing(bool(shown))
        self._show_title(len(shown))

    def _explain_nothing(self, some: bool) -> None:
        empty = self.query_one("#empty", Notice)
        empty.display = self._loaded and not some
        if self.filter_line.wanted:
            hint = self.desk.way("back", "shows all of them")
            empty.say(phrase("No run matches the filter.", Tone.STRONG), [hint])
        else:
            empty.say(
                phrase("Nothing has run yet.", Tone.STRONG),
                [
                    self.desk.way("show_jobs", "shows the jobs, ")
                    + self.desk.way("run_now", "there runs one now."),
                    phrase("Profile maintenance wants data first:", Tone.MUTED),
                    phrase("bawt-console profiles import FILE.jsonl"),
                ],
            )

    # Showing

    def _show_title(self, shown: int) -> None:
        number = counted(shown, "run") + ("" if self._complete else " so far")
        parts = [Part(phrase=phrase(number, Tone.STRONG), keep=100)]
        parts.append(Part(phrase=phrase("newest first", Tone.MUTED), keep=50))
        if self.filter_line.wanted:
            parts.append(Part(phrase=phrase(self.filter_line.wanted.text, Tone.LATE), keep=90, least=10))
            if shown < len(self._read):
                parts.append(Part(phrase=phrase(f"{len(self._read):,} searched", Tone.MUTED), keep=60))
        if len(self._read) >= LONGEST_LIST:
            parts.append(Part(phrase=phrase("narrow it with a filter to see older ones", Tone.LATE), keep=70))
        self.query_one("#list-title", PartsLine).show(parts)

    def tick(self) -> None:
        self.table.tick()

    def on_live_table_moved(self) -> None:
        self.refresh_chrome()

    def on_live_table_opened(self) -> None:
        self.action_open()

    def on_live_table_near_end(self) -> None:
        if not self._complete and self._loaded:
            self._more_wanted = True
            self.moved()

    def on_filter_line_changed(self) -> None:
        self._restart = True
        self.moved()

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        if action_id in ("filter", "freeze"):
            return None
        if action_id == "back":
            return None if self.filter_line.is_used else "There is nothing to go back to."
        return self.reason_against_run(action_id)

    @property
    def chosen_run(self) -> Run | None:
        return self.selected

    def action_back(self) -> None:
        self.filter_line.clear()
        self.table.focus()

    def action_open(self, pane: str = "Summary") -> None:
        if self.selected is not None:
            self.app.push_screen(RunScreen(self.desk, self.selected, pane=pane))

    def action_diff(self) -> None:
        self.action_open("Diff")

    # For commands

    @property
    def view(self) -> View:
        return View(self.place, self.filter_line.wanted.text)

    def known_names(self) -> tuple[list[str], list[str]]:
        jobs = sorted({f"{run.job_type}:{run.bot_id}" for run in self._read})
        return jobs, sorted({run.bot_id for run in self._read})

    @property
    def shows_all(self) -> bool:
        return self._complete

    def exported(self) -> Rows:
        return [plain(run) for run in self.table.rows]

    def copied(self) -> str:
        return "" if self.selected is None else str(self.selected.id)


def _is_older(run: Run, page: tuple[Run, ...]) -> bool:
    """Whether a run belongs behind a page; waiting runs stand before all others."""
    last = page[-1] if page else None
    if last is None or run.started_at is None:
        return False
    return last.started_at is None or (run.started_at, run.id) < (last.started_at, last.id)

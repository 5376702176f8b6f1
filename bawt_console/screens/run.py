"""One run in full: its fields, result, error, log, what it changed, and the other attempts at its slot."""

from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.formatting import Tone, phrase
from bawt_console.output import plain
from bawt_console.screens.desk import Desk
from bawt_console.screens.live import VIEW, LiveScreen, bindings_of
from bawt_console.screens.log_actions import OF_LOG, LogActions
from bawt_console.screens.run_actions import RunActions
from bawt_console.widgets.change_lines import cited, difference_lines, source_lines
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import Line, LinesPane
from bawt_console.widgets.live_lines import live_lines, live_parts
from bawt_console.widgets.log_pane import LogPane
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.run_lines import (
    error_lines,
    json_lines,
    run_fields,
    sentence,
)
from bawt_console.widgets.run_table import RunList, run_table, run_title
from bawt_console.widgets.search_line import SearchLine
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import Run, RunMode, RunStatus
from scheduler_core.errors import NotFoundError, StateError

if TYPE_CHECKING:
    from bawt_console.source import Source

_MODES = {RunMode.DRY_RUN: "dry run", RunMode.APPLY: "applies the dry run", RunMode.UNDO: "takes back"}
PANES = ("Summary", "Result", "Error", "Log", "Live", "Diff", "Attempts")


class RunScreen(RunActions, LogActions):
    """See the module.

    Args:
        run: as it was in the list it was opened from.
        pane: which pane to show first.
    """

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "run.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.RUN)
    place = Place.RUN
    kinds = frozenset({"runs", "events", "profiles"})

    def __init__(self, desk: Desk, run: Run, *, pane: str = "Summary") -> None:
        super().__init__(desk)
        self._run = run
        self._first_pane = pane

    def compose_body(self) -> ComposeResult:
        yield PartsLine(id="run-title")
        yield PartsLine(gap=" · ", id="writing")
        yield PaneTabs(PANES, id="panes")
        for name in PANES[:-1]:
            if name == "Log":
                yield LogPane(now=self.desk.now, zone=self.desk.zone, id="pane-log")
            else:
                yield LinesPane(follow=name == "Live", id=f"pane-{name.lower()}")
        yield run_table(RunList.HISTORY, now=self.desk.now, zone=self.desk.zone, id="pane-attempts")
        yield SearchLine(id="search")

    @property
    def run(self) -> Run:
        """The run as last loaded."""
        return self._run

    @property
    def run_id(self) -> UUID:
        return self._run.id

    @property
    def panes(self) -> PaneTabs:
        return self.query_one(PaneTabs)

    @property
    def attempts(self) -> LiveTable[Run]:
        return self.query_one("#pane-attempts", LiveTable)

    def lines(self, pane: str) -> LinesPane:
        """A pane of lines by its name."""
        return self.query_one(f"#pane-{pane.lower()}", LinesPane)

    def on_mount(self) -> None:
        self.panes.choose(self._first_pane)
        self._show_pane()
        self._show_run()

    def focus_list(self) -> None:
        self.query_one(f"#pane-{self.panes.chosen.lower()}").focus()

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        if kinds & {VIEW, "runs"}:
            self._run = await source.run(self.run_id)
            self._show_run()
        pane = self.panes.chosen
        if pane == "Log":
            await self.log_pane.load(source.logs, self._run)
        elif pane == "Diff" and kinds & {VIEW, "runs", "profiles"}:
            await self._load_diff(source)
        elif pane == "Attempts" and kinds & {VIEW, "runs"}:
            self.attempts.show(await source.attempts(self._run))

    def _show_run(self) -> None:
        now, zone = self.desk.now(), self.desk.zone
        title = run_title(self._run, now)
        self.query_one("#run-title", PartsLine).show(
            [Part(phrase=each, keep=100 - number) for number, each in enumerate(title)]
        )
        self.show_generation()
        self.lines("Summary").show(run_fields(self._run, self.desk.nodes, now, zone))
        empty = (
            "This run left no result." if self._run.status.is_final else "The result comes when the run ends."
        )
        self.lines("Result").show(json_lines(self._run.result_json, empty=empty))
        self.lines("Error").show(error_lines(self._run))

    def show_generation(self) -> None:
        source, run = self.desk.source, self._run
        generation = None
        if source is not None and not run.status.is_final:
            generation = source.generations.of(run.id)
        writing = self.query_one("#writing", PartsLine)
        writing.display = generation is not None
        writing.show(() if generation is None else live_parts(generation))
        self.lines("Live").rewrite(live_lines(generation, is_over=run.status.is_final))

    async def _load_diff(self, source: "Source") -> None:
        run, pane = self._run, self.lines("Diff")
        heading = _mode_lines(run, self.desk)
        if not run.status.is_final:
            pane.show([*heading, sentence("What it changes is known when it is over.")])
            return
        try:
            changes = await source.work.changes(run)
        except (NotFoundError, StateError) as error:
            pane.show([*heading, sentence(error.title), sentence(error.hint)])
            return
        planned = run.mode is RunMode.DRY_RUN
        if not changes:
            text = "This run would change nothing." if planned else "This run changed nothing."
            pane.show([*heading, sentence(text)])
            return
        lines = [*heading, *difference_lines(changes, planned=planned)]
        for entity, ids in cited(changes).items():
            known = await source.attributes(entity)
            lines += source_lines(entity, [each for each in known if each.id in ids])
        pane.show(lines)

    # Showing

    def tick(self) -> None:
        if not self._run.status.is_final:
            self._show_run()
        if self.panes.chosen == "Attempts":
            self.attempts.tick()

    def mode_remarks(self) -> list[Part]:
        if self._run.status.is_final or not self._run.progress:
            return []
        return [Part(phrase=phrase(self._run.progress, Tone.RUNNING), right=True, least=10)]

    def entitle(self) -> None:
        self.panes.entitle(self.log_pane.status if self.panes.chosen == "Log" else ())

    def _show_pane(self) -> None:
        for name in PANES:
            self.query_one(f"#pane-{name.lower()}").display = name == self.panes.chosen
        self.focus_list()

    def on_pane_tabs_chosen(self) -> None:
        self._show_pane()
        self.entitle()
        self.moved()

    def on_live_table_opened(self) -> None:
        self.action_open()

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        if action_id in OF_LOG:
            return self.reason_against_log(action_id)
        match action_id:
            case "outside":
                return None if self.text_pane() else "Only a pane of text can be opened there."
            case "previous_pane":
                return "This is the first pane." if self.panes.is_first else None
            case "next_pane":
                return "This is the last pane." if self.panes.is_last else None
            case "open":
                return None if self._other_attempt() else "Choose another attempt in the pane Attempts first."
            case "diff":
                return None if self.panes.chosen != "Diff" else "This is the diff."
            case "back" | "copy" | "freeze":
                return None
        return self.reason_against_run(action_id)

    @property
    def chosen_run(self) -> Run:
        return self._run

    def _other_attempt(self) -> Run | None:
        chosen = self.attempts.selected if self.panes.chosen == "Attempts" else None
        return chosen if chosen is not None and chosen.id != self.run_id else None

    def action_previous_pane(self) -> None:
        self.panes.step(-1)

    def action_next_pane(self) -> None:
        self.panes.step(1)

    def action_open(self) -> None:
        other = self._other_attempt()
        if other is not None:
            self.app.switch_screen(RunScreen(self.desk, other))

    def action_diff(self) -> None:
        self.panes.choose("Diff")

    def action_back(self) -> None:
        self.app.pop_screen()

    def copied(self) -> str:
        if self.panes.chosen == "Attempts":
            return "" if self.attempts.selected is None else str(self.attempts.selected.id)
        return self.lines(self.panes.chosen).plain

    def exported(self) -> Rows:
        return [plain(self._run)]


def open_run(screen: LiveScreen, run_id: UUID, *, pane: str = "Summary") -> None:
    """Opens a run that is known by its id only, on top of a screen."""
    source = screen.source

    async def fetch() -> str:
        run = await source.run(run_id)
        if screen.is_shown and not screen.is_asking:
            screen.app.push_screen(RunScreen(screen.desk, run, pane=pane))
        return ""

    screen.act(fetch)


def _mode_lines(run: Run, desk: Desk) -> list[Line]:
    """What kind of run it was, where that is not the usual one, and what it came from."""
    if run.mode is RunMode.RUN:
        return []
    about = f" of run {str(run.source_run_id)[:8]}" if run.source_run_id is not None else ""
    keys = ""
    if run.mode is RunMode.DRY_RUN and run.status is RunStatus.SUCCESS:
        keys = f"   it changed nothing; {desk.key('apply')} applies exactly this"
    words = phrase(_MODES[run.mode] + about, Tone.ACCENT) + phrase(keys, Tone.MUTED)
    return [Line(body=words), Line()]

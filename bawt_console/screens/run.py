"""One run in full: its fields, result, error, log, what it changed, and the other attempts at its slot."""

from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.formatting import Phrase, Tone, counted, phrase
from bawt_console.screens.desk import Desk
from bawt_console.screens.dialogs import ConfirmScreen
from bawt_console.screens.live import VIEW, LiveScreen, bindings_of
from bawt_console.widgets.diff import change_lines
from bawt_console.widgets.header import is_scheduled
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import Line, LinesPane
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.run_lines import (
    error_lines,
    event_lines,
    json_lines,
    log_note,
    run_fields,
    sentence,
)
from bawt_console.widgets.run_table import RunList, run_table, run_title
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import Attribute, Entity, ProfileChange, Run, RunEvent, RunStatus
from scheduler_core.errors import SchedulerError

if TYPE_CHECKING:
    from bawt_console.source import Source

NOBODY_STARTS_IT = "No scheduler is running; the run waits until one starts."
PANES = ("Summary", "Result", "Error", "Log", "Diff", "Attempts")


class RunScreen(LiveScreen):
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
        self._events: list[RunEvent] = []

    def compose_body(self) -> ComposeResult:
        yield PartsLine(id="run-title")
        yield PaneTabs(PANES, id="panes")
        for name in PANES[:-1]:
            yield LinesPane(follow=name == "Log", id=f"pane-{name.lower()}")
        yield run_table(RunList.HISTORY, now=self.desk.now, zone=self.desk.zone, id="pane-attempts")

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
            await self._load_log(source)
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
        self.lines("Summary").show(run_fields(self._run, self.desk.nodes, now, zone))
        empty = (
            "This run left no result." if self._run.status.is_final else "The result comes when the run ends."
        )
        self.lines("Result").show(json_lines(self._run.result_json, empty=empty))
        self.lines("Error").show(error_lines(self._run))

    async def _load_log(self, source: "Source") -> None:
        while True:
            after = self._events[-1].id if self._events else 0
            more = await source.events(self.run_id, after=after)
            self._events += more
            lines = event_lines(self._events, self.desk.now(), self.desk.zone)
            self.lines("Log").show(lines or [log_note(self._run)])
            if not more:
                return

    async def _load_diff(self, source: "Source") -> None:
        changes = await source.changes_of_run(self.run_id)
        if not changes:
            over = self._run.status.is_final
            text = "This run changed no summary." if over else "No summary was changed so far."
            self.lines("Diff").show([sentence(text)])
            return
        sources: dict[Entity, tuple[Attribute, ...]] = {}
        for change in changes:
            sources[change.after.entity] = await source.attributes(change.after.entity)
        self.lines("Diff").show([*change_lines(changes), *_source_lines(changes, sources)])

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

    def _show_pane(self) -> None:
        for name in PANES:
            self.query_one(f"#pane-{name.lower()}").display = name == self.panes.chosen
        self.focus_list()

    def on_pane_tabs_chosen(self) -> None:
        self._show_pane()
        self.moved()

    def on_live_table_opened(self) -> None:
        self.action_open()

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        match action_id:
            case "previous_pane":
                return "This is the first pane." if self.panes.is_first else None
            case "next_pane":
                return "This is the last pane." if self.panes.is_last else None
            case "open":
                return None if self._other_attempt() else "Choose another attempt in the pane Attempts first."
            case "diff":
                return None if self.panes.chosen != "Diff" else "This is the diff."
            case "cancel" if self._run.status.is_final:
                return f"The run is over: {self._run.status}."
            case "cancel" if self._run.cancel_requested_at is not None:
                return "The run was asked to stop already."
            case "run_now" if self._run.job_id is None:
                return "The job of this run was deleted."
        return None

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

    def action_run_now(self) -> None:
        force_job_of(self, self._run)

    def action_cancel(self) -> None:
        confirm_cancel(self, self._run)

    def copied(self) -> str:
        if self.panes.chosen == "Attempts":
            return "" if self.attempts.selected is None else str(self.attempts.selected.id)
        return self.lines(self.panes.chosen).plain


def force_job_of(screen: LiveScreen, run: Run) -> None:
    """Adds a run of the job that a run belongs to."""
    assert run.job_id is not None, "greyed for runs of deleted jobs"
    force_job(screen, run.job_id, run.job_type)


def force_job(screen: LiveScreen, job_id: UUID, name: str) -> None:
    """Adds a run of a job, and says so when nobody is there to start it."""
    source = screen.source

    async def force() -> str:
        runs = await source.force_run(job_id)
        added = f"Added {counted(len(runs), 'run')} of {name}."
        try:
            alone = not is_scheduled(await source.nodes())
        except SchedulerError:
            # The run is added; who will start it is not worth an error.
            alone = False
        return f"{added} {NOBODY_STARTS_IT}" if alone else added

    screen.act(force)


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

    what: Phrase = Phrase()
    for each in run_title(run, screen.desk.now()):
        what += each + phrase("   ")
    dialog = ConfirmScreen(
        title="Cancel this run?",
        lines=[what, phrase(effect, Tone.MUTED)],
        deed="Cancel the run" if waiting else "Stop the run",
        refusal="Keep it" if waiting else "Keep it running",
    )
    screen.app.push_screen(dialog, answered)


def _source_lines(changes: list[ProfileChange], sources: dict[Entity, tuple[Attribute, ...]]) -> list[Line]:
    """The attributes that the sentences rest on, so that a diff can be judged without another screen."""
    lines = []
    for change in changes:
        versions = [change.after] if change.before is None else [change.after, change.before]
        cited = {each for version in versions for line in version.sentences for each in line.attribute_ids}
        known = [each for each in sources.get(change.after.entity, ()) if each.id in cited]
        if known:
            lines += [Line(), Line(body=phrase(f"sources of {change.after.entity}", Tone.MUTED))]
        for each in known:
            value = each.value if isinstance(each.value, str) else repr(each.value)
            origin = phrase(f"{each.source}, {each.confidence:.2f}, {each.updated_at:%Y-%m-%d}", Tone.FAINT)
            body = phrase(f"{each.category}.{each.key} = ", Tone.MUTED) + phrase(value)
            lines.append(Line(phrase(f"[{each.id}] ", Tone.FAINT), body, origin))
    return lines

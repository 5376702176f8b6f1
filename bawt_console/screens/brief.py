"""What happened since the last visit: the morning's page, the worst first, each line a way to look closer.

It lies on top of whatever was shown, because nobody stays on it.
"""

from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.brief import BriefItem, begin_of, headline, items_of, parse_since, remarks
from bawt_console.export import Rows
from bawt_console.formatting import Tone, ago, full_time, phrase
from bawt_console.screens.desk import Desk
from bawt_console.screens.job_actions import resume_jobs
from bawt_console.screens.live import bindings_of
from bawt_console.screens.opening import open_job
from bawt_console.screens.run import RunScreen
from bawt_console.screens.run_actions import RunActions
from bawt_console.widgets.brief_table import brief_row, brief_table
from bawt_console.widgets.lines import Line, LinesPane
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.run_lines import field
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import Run, RunStatus
from scheduler_core.oversight import Brief

if TYPE_CHECKING:
    from bawt_console.source import Source

LOOK_EVERY = timedelta(seconds=30)


class BriefScreen(RunActions):
    """See the module.

    Args:
        since: how far to look back, as `brief --since` has it; empty for the last visit.
    """

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "brief.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.BRIEF)
    place = Place.BRIEF
    # It is a look back and not a live list; counting is too dear for every run that ends.
    kinds = frozenset()

    def __init__(self, desk: Desk, *, since: str = "") -> None:
        super().__init__(desk)
        self._since = parse_since(since, desk.now()) if since else None
        self._brief: Brief | None = None
        self._looked_at: datetime | None = None

    def compose_body(self) -> ComposeResult:
        yield Notice(id="headline")
        yield brief_table(now=self.desk.now, zone=self.desk.zone, id="items")
        yield Notice(id="empty")
        yield LinesPane(id="says")

    @property
    def table(self) -> LiveTable[BriefItem]:
        return self.query_one("#items", LiveTable)

    @property
    def is_loaded(self) -> bool:
        return self._brief is not None

    @property
    def selected(self) -> BriefItem | None:
        return self.table.selected

    def on_mount(self) -> None:
        self.table.focus()

    def focus_list(self) -> None:
        self.set_focus(self.table if self.table.display else None)

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        now = self.desk.now()
        self._looked_at = now
        begin = self._since or begin_of(source.last_visit, now)
        self._brief = brief = await source.brief(begin)
        # What was asked for is no visit.
        last = begin if self._since is not None else source.last_visit
        told = remarks(brief, now, last_visit=last, zone=self.desk.zone)
        shown_as = None if self._since is not None else last
        self.query_one("#headline", Notice).say(
            headline(brief, last_visit=shown_as, zone=self.desk.zone),
            [phrase(each, Tone.MUTED) for each in told],
        )
        items = items_of(brief)
        self.table.show(items)
        self._explain_nothing(brief, bool(items))
        self._show_selected()

    def _explain_nothing(self, brief: Brief, some: bool) -> None:
        empty = self.query_one("#empty", Notice)
        self.table.display, empty.display = some, not some
        self.query_one("#says").display = some
        if brief.total:
            empty.say(phrase("✓ Nothing needs you.", Tone.OK), [self.desk.way("back", "goes back")])
        else:
            empty.say(
                phrase("Nothing ran in that time.", Tone.STRONG),
                [
                    phrase(":brief 2d", Tone.ACCENT) + phrase(" looks further back", Tone.MUTED),
                    self.desk.way("back", "goes back"),
                ],
            )
        if self.focused is None:
            self.focus_list()

    # Showing

    def _show_selected(self) -> None:
        chosen = self.selected
        if chosen is not None:
            self.query_one("#says", LinesPane).show(_item_lines(chosen, self.desk))

    def tick(self) -> None:
        if self._looked_at is not None and self.desk.now() - self._looked_at >= LOOK_EVERY:
            self.moved()

    def on_live_table_moved(self) -> None:
        self._show_selected()
        self.refresh_chrome()

    def on_live_table_opened(self) -> None:
        self.action_open()

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        if action_id in ("back", "freeze"):
            return None
        chosen = self.selected
        if chosen is None:
            return "There is nothing to look at here."
        if action_id in ("open", "copy"):
            return None
        if action_id == "resume":
            return None if chosen.job is not None else "This line is about a run; R runs its job."
        if chosen.run is None:
            return "This line is about a job; enter shows it."
        return self.reason_against_run(action_id)

    @property
    def chosen_run(self) -> Run | None:
        return None if self.selected is None else self.selected.run

    def action_open(self, pane: str = "Summary") -> None:
        chosen = self.selected
        if chosen is None:
            return
        if chosen.run is not None:
            self.app.push_screen(RunScreen(self.desk, chosen.run, pane=pane))
        elif chosen.job is not None:
            open_job(self, chosen.job.id)

    def action_diff(self) -> None:
        self.action_open("Diff")

    def action_resume(self) -> None:
        if self.selected is not None and self.selected.job is not None:
            resume_jobs(self, [self.selected.job])
            self.moved()

    # For commands

    def exported(self) -> Rows:
        return [brief_row(item) for item in self.table.rows]

    def copied(self) -> str:
        chosen = self.selected
        if isinstance(self.focused, LinesPane):
            return self.focused.plain
        if chosen is None:
            return ""
        return str(chosen.run.id) if chosen.run is not None else f"{chosen.name}:{chosen.bot}"


def _item_lines(item: BriefItem, desk: Desk) -> list[Line]:
    """The whole of what a line says, and where it leads."""
    now = desk.now()
    lines = [
        field("what", item.mark + phrase("  ") + phrase(item.name, Tone.STRONG) + phrase(f" {item.bot}")),
        field("says", item.says),
    ]
    if item.at is not None:
        when = phrase(full_time(item.at, desk.zone)) + phrase(f"  {ago(item.at, now)}", Tone.MUTED)
        lines.append(field("when", when))
    if item.run is not None:
        ways = desk.way("open", "the run    ") + desk.way("diff", "what it changed    ")
        if item.run.status is RunStatus.FAILED:
            ways += desk.way("retry", "try again")
    else:
        ways = desk.way("open", "the job    ") + desk.way("resume", "let it run again")
    lines.append(field("", ways))
    return lines

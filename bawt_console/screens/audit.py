"""Who did what, to which job or run, from where and why, a page at a time; and taking it back.

Words are searched in the rows that have been read, which is why a filter reads on until it has enough.
"""

from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.filters import OF_ACTIONS, Field
from bawt_console.formatting import Tone, counted, phrase
from bawt_console.output import plain
from bawt_console.screens.desk import Desk
from bawt_console.screens.dialogs import ConfirmScreen
from bawt_console.screens.filtered_list import FilteredList
from bawt_console.screens.live import bindings_of
from bawt_console.screens.opening import open_job, open_run
from bawt_console.views import View
from bawt_console.widgets.action_table import action_fields, action_table, actor_of, object_of, word
from bawt_console.widgets.filter_line import FilterLine
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.table import LiveTable
from scheduler_core.oversight import OperatorAction

if TYPE_CHECKING:
    from bawt_console.source import Source

PAGE = 300
# A filter reads on until it has this many rows, or this many pages.
ENOUGH_ROWS = 100
PAGES_AT_ONCE = 5
LONGEST_LIST = 10_000


class AuditScreen(FilteredList):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "audit.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.AUDIT)
    place = Place.AUDIT
    # Whatever a person does changes one of these; the rows themselves tell nobody.
    kinds = frozenset({"jobs", "runs", "profiles"})

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._read: tuple[OperatorAction, ...] = ()
        self._complete = False
        self._loaded = False
        self._more_wanted = False

    def compose_body(self) -> ComposeResult:
        yield PartsLine(gap=" · ", filling="─", id="list-title")
        yield FilterLine(grammar=OF_ACTIONS, id="filter")
        yield action_table(now=self.desk.now, zone=self.desk.zone, id="actions")
        yield Notice(id="empty")
        yield PartsLine(gap=" · ", filling="─", id="detail-title")
        yield LinesPane(id="detail")

    @property
    def table(self) -> LiveTable[OperatorAction]:
        return self.query_one("#actions", LiveTable)

    @property
    def is_loaded(self) -> bool:
        """Whether rows have come from the database."""
        return self._loaded

    @property
    def selected(self) -> OperatorAction | None:
        return self.table.selected

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        if not self._loaded or kinds & self.kinds:
            await self._load_newest(source)
        if self._more_wanted or len(self.table.rows) < ENOUGH_ROWS:
            self._more_wanted = False
            await self._load_more(source)

    async def _load_newest(self, source: "Source") -> None:
        page = tuple(await source.actions(limit=PAGE))
        older: tuple[OperatorAction, ...] = ()
        if len(page) < PAGE:
            self._complete = True
        elif any(each.id == page[-1].id for each in self._read):
            older = tuple(each for each in self._read if each.id < page[-1].id)
        else:
            # Nothing in common: what was read before is too far behind.
            self._complete = False
        self._complete = self._complete and len(page) + len(older) <= LONGEST_LIST
        self._read = (page + older)[:LONGEST_LIST]
        self._loaded = True
        self._show()

    async def _load_more(self, source: "Source") -> None:
        before = len(self.table.rows)
        for _ in range(PAGES_AT_ONCE):
            if self._complete or len(self._read) >= LONGEST_LIST:
                break
            page = await source.actions(before=self._read[-1].id, limit=PAGE)
            self._complete = len(page) < PAGE
            self._read += tuple(page)
            self._show()
            if len(self.table.rows) - before >= ENOUGH_ROWS:
                break

    def _show(self) -> None:
        now, wanted = self.desk.now(), self.filter_line.wanted
        shown = [action for action in self._read if wanted.matches_action(action, now)]
        self.table.show(shown)
        self.filter_line.know_names(
            {
                Field.WHO: (actor_of(action)[0] for action in self._read),
                Field.DID: (action.action for action in self._read),
            }
        )
        self.table.display = bool(shown)
        if self.focused is None:
            self.focus_list()
        self._explain_nothing(bool(shown))
        self._show_title(len(shown))
        self._show_detail()

    def _explain_nothing(self, some: bool) -> None:
        empty = self.query_one("#empty", Notice)
        empty.display = self._loaded and not some
        if self.filter_line.wanted:
            hint = self.desk.way("back", "shows all of them")
            empty.say(phrase("Nothing that was done matches the filter.", Tone.STRONG), [hint])
        else:
            empty.say(
                phrase("Nobody has done anything yet.", Tone.STRONG),
                [
                    phrase(
                        "What people do stands here, with the way to take it back.",
                        Tone.MUTED,
                    ),
                    phrase("What the schedule does stands on the Runs screen.", Tone.MUTED),
                ],
            )

    # Showing

    def _show_title(self, shown: int) -> None:
        number = counted(shown, "action") + ("" if self._complete else " so far")
        parts = [Part(phrase=phrase(number, Tone.STRONG), keep=100)]
        if shown:
            parts.append(Part(phrase=phrase("newest first", Tone.MUTED), keep=50))
        if self.filter_line.wanted:
            parts.append(Part(phrase=phrase(self.filter_line.wanted.text, Tone.LATE), keep=90, least=10))
            if shown < len(self._read):
                parts.append(Part(phrase=phrase(f"{len(self._read):,} searched", Tone.MUTED), keep=60))
        if len(self._read) >= LONGEST_LIST:
            parts.append(Part(phrase=phrase("older ones are not shown", Tone.LATE), keep=70))
        self.query_one("#list-title", PartsLine).show(parts)

    def _show_detail(self) -> None:
        chosen, some = self.selected, bool(self.table.rows)
        title, pane = self.query_one("#detail-title", PartsLine), self.query_one("#detail", LinesPane)
        title.display = pane.display = some
        if chosen is None:
            return
        title.show(
            [
                Part(phrase=phrase(f"action {chosen.id}", Tone.STRONG)),
                Part(phrase=object_of(chosen), least=10),
            ]
        )
        pane.show(action_fields(chosen, self.desk.key("undo"), self.desk.now(), self.desk.zone))

    def tick(self) -> None:
        self.table.tick()

    def on_live_table_moved(self) -> None:
        self._show_detail()
        self.refresh_chrome()

    def on_live_table_opened(self) -> None:
        self.action_open()

    def on_live_table_near_end(self) -> None:
        if not self._complete and self._loaded:
            self._more_wanted = True
            self.moved()

    def on_filter_line_changed(self) -> None:
        self._show()
        self.moved()

    def on_filter_line_left(self) -> None:
        self._show_title(len(self.table.rows))

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        match action_id:
            case "filter" | "freeze":
                return None
            case "back":
                inside = self.focused is self.query_one("#detail")
                return None if inside or self.filter_line.is_used else "There is nothing to go back to."
        chosen = self.selected
        if chosen is None:
            return "No action is selected."
        match action_id:
            case "open":
                known = chosen.run_id or chosen.job_id
                return None if known else f"The {chosen.object_type} cannot be shown; it may be gone."
            case "undo":
                return chosen.obstacle
        return super().reason_against(action_id)

    def action_back(self) -> None:
        if self.focused is not self.query_one("#detail"):
            self.filter_line.clear()
        self.focus_list()

    def action_open(self) -> None:
        chosen = self.selected
        if chosen is None:
            return
        if chosen.run_id is not None:
            open_run(self, chosen.run_id)
        elif chosen.job_id is not None:
            open_job(self, chosen.job_id)

    def action_undo(self) -> None:
        chosen = self.selected
        if chosen is None or chosen.obstacle is not None:
            return
        source = self.source

        def answered(yes: bool | None) -> None:
            async def undo() -> str:
                return await source.undo_action(chosen.id)

            if yes:
                self.act(undo)

        who, where = actor_of(chosen)
        done = phrase(word(chosen), Tone.STRONG) + phrase("  ") + object_of(chosen)
        by = f"by {who}{f' from {where}' if where else ''}"
        self.app.push_screen(
            ConfirmScreen(
                title=f"Take back action {chosen.id}?",
                lines=[done + phrase(f"  {by}", Tone.MUTED), phrase(chosen.undoing, Tone.MUTED)],
                deed="Take it back",
                refusal="Leave it",
            ),
            answered,
        )

    # For commands

    @property
    def view(self) -> View:
        return View(self.place, self.filter_line.wanted.text)

    @property
    def shows_all(self) -> bool:
        return self._complete

    def exported(self) -> Rows:
        return [plain(action) for action in self.table.rows]

    def copied(self) -> str:
        if isinstance(self.focused, LinesPane):
            return self.focused.plain
        return "" if self.selected is None else str(_id_of(self.selected))


def _id_of(action: OperatorAction) -> UUID | str:
    return action.run_id or action.job_id or action.object_id

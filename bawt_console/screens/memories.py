"""Memories of bots in three lists: in use, merged into others, archived by decay; below, all about one."""

from collections.abc import Hashable
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.filters import OF_MEMORIES, Field
from bawt_console.formatting import Tone, counted, phrase
from bawt_console.output import plain
from bawt_console.paging import Pages
from bawt_console.screens.desk import Desk
from bawt_console.screens.filtered_list import FilteredList
from bawt_console.screens.live import BREAKPOINTS, bindings_of
from bawt_console.screens.memory_actions import ask_restore, ask_restore_all
from bawt_console.screens.memory_detail import MemoryDetail
from bawt_console.screens.run import open_run
from bawt_console.views import View
from bawt_console.widgets.filter_line import FilterLine
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.memory_table import memory_key, memory_table
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.table import LiveTable
from scheduler_core.errors import StateError

if TYPE_CHECKING:
    from bawt_console.records import Key, MemoryRow
    from bawt_console.source import Source

# The words of `MemoryState`, and what people call them.
LISTS = {"active": "In use", "merged": "Merged", "archived": "Archived"}
STATES = {title: state for state, title in LISTS.items()}
ORDERS = {"active": "by bot and id", "merged": "latest first", "archived": "latest first"}


class MemoriesScreen(FilteredList):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "memories.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.MEMORIES)
    place = Place.MEMORIES
    kinds = frozenset({"memories"})

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.HORIZONTAL_BREAKPOINTS = list(BREAKPOINTS)
        self._pages: dict[str, Pages[MemoryRow]] = {state: Pages(memory_key) for state in LISTS}
        self._stale = set(LISTS)
        self._restart = False
        self._more_wanted = False
        self._names: dict[Field, set[str]] = {Field.BOT: set(), Field.TAG: set()}

    def compose_body(self) -> ComposeResult:
        yield PaneTabs(tuple(LISTS.values()), id="lists")
        yield FilterLine(grammar=OF_MEMORIES, id="filter")
        with Container(id="both"):
            with Container(id="tables"):
                for state in LISTS:
                    yield memory_table(state, now=self.desk.now, zone=self.desk.zone, id=f"list-{state}")
            yield MemoryDetail(self.desk, id="side")
        yield Notice(id="empty")

    @property
    def lists(self) -> PaneTabs:
        return self.query_one(PaneTabs)

    @property
    def state(self) -> str:
        """Which list is shown: the word of a `MemoryState`."""
        return STATES[self.lists.chosen]

    @property
    def table(self) -> "LiveTable[MemoryRow]":
        """The list that is shown."""
        return self.query_one(f"#list-{self.state}", LiveTable)

    @property
    def detail(self) -> MemoryDetail:
        return self.query_one(MemoryDetail)

    @property
    def about(self) -> LinesPane:
        return self.detail.lines

    @property
    def is_loaded(self) -> bool:
        """Whether rows of this list have come from the database."""
        return self.pages.is_loaded

    @property
    def pages(self) -> "Pages[MemoryRow]":
        return self._pages[self.state]

    @property
    def selected(self) -> "MemoryRow | None":
        return self.table.selected

    def on_mount(self) -> None:
        self._show_list()

    def focus_list(self) -> None:
        # A list without rows is hidden and cannot have the focus, but no other widget should keep it.
        self.set_focus(self.table if self.query_one("#both").display else None)

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        state, wanted = self.state, self.filter_line.wanted.memory_filter()

        async def fetch(after: "MemoryRow | None", limit: int) -> "list[MemoryRow]":
            return await source.records.memories(state, wanted, after=after, limit=limit)

        if kinds & self.kinds:
            self._stale |= set(LISTS)
        if self._restart:
            self._stale |= set(LISTS)
        if state in self._stale:
            keep, self._restart = not self._restart, False
            await self._pages[state].read_anew(fetch, keep=keep)
            self._stale.discard(state)
        elif self._more_wanted:
            await self._pages[state].read_on(fetch)
        self._more_wanted = False
        self._show(state)
        if self.selected is not None:
            await self.detail.load(self.selected, source, anew=bool(kinds & self.kinds))

    # Showing

    def _show(self, state: str) -> None:
        rows = self._pages[state].rows
        self.query_one(f"#list-{state}", LiveTable).show(rows)
        self._names[Field.BOT] |= {row.memory.bot_id for row in rows}
        self._names[Field.TAG] |= {tag for row in rows for tag in row.memory.tags}
        self.filter_line.know_names(self._names)
        some = bool(self.table.rows)
        self.query_one("#both").display = some
        if self.focused is None:
            self.focus_list()
        self._explain_nothing(some)
        self._show_title()

    def _explain_nothing(self, some: bool) -> None:
        empty = self.query_one("#empty", Notice)
        empty.display = self.is_loaded and not some
        if self.filter_line.wanted:
            hint = self.desk.way("back", "shows all of them")
            empty.say(phrase("No memory matches the filter.", Tone.STRONG), [hint])
        elif self.state == "active":
            empty.say(
                phrase("No bot remembers anything yet.", Tone.STRONG),
                [
                    phrase("A host stores memories as people talk; a file brings them in too:", Tone.MUTED),
                    phrase("bawt-console memories import FILE.jsonl", Tone.ACCENT),
                ],
            )
        else:
            job = "memory_consolidation" if self.state == "merged" else "memory_decay"
            word = "merged" if self.state == "merged" else "archived"
            empty.say(
                phrase(f"No memory was {word}.", Tone.STRONG),
                [
                    phrase(
                        f"The job {job} does that; what it takes away can be brought back here.", Tone.MUTED
                    )
                ],
            )

    def _show_title(self) -> None:
        pages = self.pages
        number = counted(len(pages.rows), "memory", plural="memories") + (
            "" if pages.is_complete else " so far"
        )
        title = [phrase(number, Tone.STRONG)]
        if pages.is_full:
            title.append(phrase(f"{self.desk.key('filter')} finds the others", Tone.LATE))
        if self.table.marks:
            title.append(phrase(f"▪ {len(self.table.marks)} marked", Tone.ACCENT))
        if self.filter_line.wanted:
            title.append(phrase(self.filter_line.wanted.text, Tone.LATE))
        title.append(phrase(ORDERS[self.state], Tone.MUTED))
        self.lists.entitle(title if self.is_loaded else [])

    def _show_list(self) -> None:
        for state in LISTS:
            self.query_one(f"#list-{state}").display = state == self.state
        self._show(self.state)
        self.focus_list()

    def tick(self) -> None:
        self.table.tick()

    def on_pane_tabs_chosen(self) -> None:
        self._show_list()
        self.refresh_chrome()
        self.moved()

    def on_live_table_moved(self, event: LiveTable.Moved) -> None:
        if event.table is self.table:
            self.moved()
        self.refresh_chrome()

    def on_live_table_marked(self) -> None:
        self._show_title()
        self.refresh_chrome()

    def on_live_table_opened(self) -> None:
        self.action_open()

    def on_live_table_near_end(self, event: LiveTable.NearEnd) -> None:
        pages = self.pages
        if event.table is self.table and pages.is_loaded and not pages.is_complete and not pages.is_full:
            self._more_wanted = True
            self.moved()

    def on_filter_line_changed(self) -> None:
        self._restart = True
        self.moved()

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        match action_id:
            case "filter" | "freeze":
                return None
            case "back":
                used = self._is_opened or self.filter_line.is_used or self.table.marks
                return None if used else "There is nothing to go back to."
            case "previous_pane":
                return "This is the first list." if self.lists.is_first else None
            case "next_pane":
                return "This is the last list." if self.lists.is_last else None
            case "open":
                return "It is open already." if self._is_opened else self._why_nothing()
            case "restore":
                return (
                    "It is in use. Merged and archived ones can come back."
                    if self.state == "active"
                    else self._why_nothing()
                )
            case "open_run":
                return self._why_nothing() or (None if self._run_id else "No run did anything to it.")
            case "mark" | "mark_all":
                return (
                    "Only what can be brought back is marked."
                    if self.state == "active"
                    else self._why_nothing()
                )
        return self._why_nothing()

    def _why_nothing(self) -> str | None:
        return None if self.selected is not None else "No memory is selected."

    @property
    def _is_opened(self) -> bool:
        """Whether one memory has all the room."""
        return self.query_one("#both").has_class("-opened")

    @property
    def _run_id(self) -> UUID | None:
        return None if self.selected is None else self.detail.run_of(self.selected)

    def action_previous_pane(self) -> None:
        self.lists.step(-1)

    def action_next_pane(self) -> None:
        self.lists.step(1)

    def action_filter(self) -> None:
        self._open(False)
        self.filter_line.open()

    def action_back(self) -> None:
        if self._is_opened:
            self._open(False)
        elif self.table.marks:
            self.table.unmark_all()
        else:
            self.filter_line.clear()
        self.focus_list()

    def action_open(self) -> None:
        self._open(True)

    def _open(self, opened: bool) -> None:
        self.query_one("#both").set_class(opened, "-opened")
        if opened:
            self.about.focus()
        self.refresh_chrome()

    def action_mark(self) -> None:
        self.table.mark()

    def action_mark_all(self) -> None:
        self.table.mark_all()

    def action_open_run(self) -> None:
        if self._run_id is not None:
            open_run(self, self._run_id)

    def action_restore(self) -> None:
        wanted = self._marked()
        if wanted:
            quotes = {(row.memory.bot_id, row.memory.id): row.memory.content for row in self.table.rows}
            ask_restore_all(self, wanted, quotes, self.table.unmark_all)
        elif self.selected is not None:
            ask_restore(self, self.selected)

    def _marked(self) -> "list[Key]":
        """All marked memories, also those that the filter hides by now."""
        return sorted({key[:2] for key in self.table.marks if isinstance(key, tuple)})

    # For commands

    def order_by(self, name: str) -> None:
        if name and name not in LISTS:
            raise StateError(f"There is no list “{name[:40]}”.", f"There are: {', '.join(LISTS)}.")
        self.lists.choose(LISTS[name or "active"])

    @property
    def view(self) -> View:
        return View(self.place, self.filter_line.wanted.text, self.state)

    def known_names(self) -> tuple[list[str], list[str]]:
        return [], sorted(self._names[Field.BOT])

    def known_things(self) -> list[str]:
        return [f"memory:{row.memory.bot_id}/{row.memory.id}" for row in self.table.rows]

    def look_for(self, key: Hashable) -> None:
        self.table.find(key)

    @property
    def shows_all(self) -> bool:
        return self.pages.is_complete

    def exported(self) -> Rows:
        return [
            plain(row.memory)
            | {
                "state": str(row.state),
                "at": plain(row.at),
                "worth": row.score,
                "shield": None if row.shield is None else str(row.shield),
                "merged_into": row.merged_into,
                "run_id": plain(row.run_id),
                "numbers": plain(row.numbers),
            }
            for row in self.table.rows
        ]

    def copied(self) -> str:
        if self.focused is self.about:
            return self.about.plain
        return "" if self.selected is None else self.selected.memory.content

"""Everybody of whom something is known, and below the list the summary of the chosen one."""

from collections.abc import Hashable
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.filters import OF_PROFILES, Field
from bawt_console.formatting import Tone, counted, phrase
from bawt_console.output import plain
from bawt_console.paging import Pages
from bawt_console.screens.desk import Desk
from bawt_console.screens.filtered_list import FilteredList
from bawt_console.screens.live import bindings_of
from bawt_console.screens.profile import ProfileScreen
from bawt_console.views import View
from bawt_console.widgets.filter_line import FilterLine
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import Line, LinesPane
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.profile_table import profile_state, profile_table
from bawt_console.widgets.run_lines import sentence
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import EntityType

if TYPE_CHECKING:
    from bawt_console.records import ProfileRow
    from bawt_console.source import Source


class ProfilesScreen(FilteredList):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "profiles.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.PROFILES)
    place = Place.PROFILES
    kinds = frozenset({"profiles", "runs"})

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._pages: Pages[ProfileRow] = Pages(lambda row: row.profile.entity)
        self._restart = False
        self._more_wanted = False
        self._wanted_row: Hashable = None

    def compose_body(self) -> ComposeResult:
        yield PartsLine(gap=" · ", filling="─", id="list-title")
        yield FilterLine(grammar=OF_PROFILES, id="filter")
        yield profile_table(now=self.desk.now, id="profiles")
        yield Notice(id="empty")
        yield PartsLine(gap=" · ", filling="─", id="about-title")
        yield LinesPane(id="about")

    @property
    def table(self) -> "LiveTable[ProfileRow]":
        return self.query_one("#profiles", LiveTable)

    @property
    def is_loaded(self) -> bool:
        """Whether rows have come from the database."""
        return self._pages.is_loaded

    @property
    def selected(self) -> "ProfileRow | None":
        return self.table.selected

    def on_mount(self) -> None:
        self.filter_line.know_names({Field.TYPE: EntityType})

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        wanted = self.filter_line.wanted.profile_filter()

        async def fetch(after: "ProfileRow | None", limit: int) -> "list[ProfileRow]":
            return await source.records.profiles(wanted, after=after, limit=limit)

        if self._restart or not self.is_loaded or kinds & self.kinds:
            keep, self._restart = not self._restart, False
            await self._pages.read_anew(fetch, keep=keep)
        elif self._more_wanted:
            await self._pages.read_on(fetch)
        self._more_wanted = False
        self._show()

    def _show(self) -> None:
        rows = self._pages.rows
        self.table.show(rows)
        if self._wanted_row is not None and self.table.find(self._wanted_row):
            self._wanted_row = None
        for name in ("#profiles", "#about", "#about-title"):
            self.query_one(name).display = bool(rows)
        if self.focused is None:
            self.focus_list()
        self._explain_nothing(bool(rows))
        self._show_title()
        self._show_about()

    def _explain_nothing(self, some: bool) -> None:
        empty = self.query_one("#empty", Notice)
        empty.display = self.is_loaded and not some
        if self.filter_line.wanted:
            hint = self.desk.way("back", "shows all of them")
            empty.say(phrase("No profile matches the filter.", Tone.STRONG), [hint])
        else:
            empty.say(
                phrase("Nothing is known of anybody yet.", Tone.STRONG),
                [
                    phrase("A host writes attributes as people talk; a file brings them in too:", Tone.MUTED),
                    phrase("bawt-console profiles import FILE.jsonl", Tone.ACCENT),
                    phrase("The job profile_maintenance then writes the summaries.", Tone.MUTED),
                ],
            )

    # Showing

    def _show_title(self) -> None:
        number = counted(len(self._pages.rows), "profile") + ("" if self._pages.is_complete else " so far")
        parts = [Part(phrase=phrase(number, Tone.STRONG), keep=100)]
        parts.append(Part(phrase=phrase("by name", Tone.MUTED), keep=50))
        if self.filter_line.wanted:
            parts.append(Part(phrase=phrase(self.filter_line.wanted.text, Tone.LATE), keep=90, least=10))
        if self._pages.is_full:
            parts.append(
                Part(phrase=phrase(f"{self.desk.key('filter')} finds the others", Tone.LATE), keep=70)
            )
        self.query_one("#list-title", PartsLine).show(parts)

    def _show_about(self) -> None:
        row = self.selected
        if row is None:
            return
        profile = row.profile
        title = [
            Part(phrase=phrase(str(profile.entity), Tone.STRONG), keep=100, least=10),
            Part(phrase=profile_state(row.state), keep=90),
        ]
        if row.version is not None:
            title.append(Part(phrase=phrase(f"version {row.version}", Tone.MUTED), keep=80))
        self.query_one("#about-title", PartsLine).show(title)
        lines = [
            Line(phrase("≈ ", Tone.SUSPICIOUS), phrase(each, Tone.SUSPICIOUS)) for each in row.suspicious
        ]
        if profile.summary:
            lines += [Line(body=phrase(each)) for each in profile.summary.splitlines() if each.strip()]
        else:
            told = f"No summary yet; profile_maintenance makes one of {counted(row.attributes, 'attribute')}."
            lines.append(sentence(told))
        self.query_one("#about", LinesPane).show(lines)

    def tick(self) -> None:
        self.table.tick()

    def on_live_table_moved(self) -> None:
        self._show_about()
        self.refresh_chrome()

    def on_live_table_opened(self) -> None:
        self.action_open()

    def on_live_table_near_end(self) -> None:
        if self.is_loaded and not self._pages.is_complete and not self._pages.is_full:
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
                return None if self.filter_line.is_used else "There is nothing to go back to."
        return None if self.selected is not None else "No profile is selected."

    def action_back(self) -> None:
        self.filter_line.clear()
        self.table.focus()

    def action_open(self) -> None:
        if self.selected is not None:
            self.app.push_screen(ProfileScreen(self.desk, self.selected.profile.entity))

    # For commands

    @property
    def view(self) -> View:
        return View(self.place, self.filter_line.wanted.text)

    def look_for(self, key: Hashable) -> None:
        self._wanted_row = None if self.table.find(key) else key

    def known_things(self) -> list[str]:
        return [f"profile:{row.profile.entity}" for row in self._pages.rows]

    @property
    def shows_all(self) -> bool:
        return self._pages.is_complete

    def exported(self) -> Rows:
        return [
            plain(row.profile)
            | {
                "entity": str(row.profile.entity),
                "state": str(row.state),
                "attributes": row.attributes,
                "version": row.version,
                "suspicious": "; ".join(row.suspicious),
            }
            for row in self.table.rows
        ]

    def copied(self) -> str:
        if self.focused is not None and isinstance(self.focused, LinesPane):
            return self.focused.plain
        return "" if self.selected is None else str(self.selected.profile.entity)

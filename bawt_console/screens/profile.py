"""One profile: its summary with the sources of each sentence, versions, attributes, refused drafts."""

from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.formatting import Tone, ago, counted, phrase
from bawt_console.output import plain
from bawt_console.screens.desk import Desk
from bawt_console.screens.live import BREAKPOINTS, LiveScreen, bindings_of
from bawt_console.screens.profile_actions import ask_roll_back, set_pin
from bawt_console.screens.profile_panes import ProfilePanes
from bawt_console.screens.run import open_run
from bawt_console.widgets.diff import sentences_of
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.profile_lines import draft_lines, live_lines
from bawt_console.widgets.profile_table import (
    VersionRow,
    attribute_text,
    profile_state,
    state_word,
    version_rows,
)
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import Attribute, Entity, ProfileVersion
from scheduler_core.errors import NotFoundError

if TYPE_CHECKING:
    from bawt_console.records import Draft, FoundVersion, ProfileSnapshot
    from bawt_console.source import Source

VERSIONS_AT_ONCE = 100
MOST_VERSIONS = 10_000


class ProfileScreen(LiveScreen):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "profile.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.PROFILE)
    place = Place.PROFILE
    kinds = frozenset({"profiles", "runs"})

    def __init__(self, desk: Desk, entity: Entity) -> None:
        super().__init__(desk)
        self.HORIZONTAL_BREAKPOINTS = list(BREAKPOINTS)
        self.entity = entity
        self._snapshot: ProfileSnapshot | None = None
        self._attributes: dict[int, Attribute] = {}
        self._cited: frozenset[int] = frozenset()
        self._suspicious: tuple[str, ...] = ()
        self._drafts: tuple[Draft, ...] = ()
        self._found: FoundVersion | None = None
        self._versions_wanted = VERSIONS_AT_ONCE

    def compose_body(self) -> ComposeResult:
        yield PartsLine(id="profile-title")
        yield ProfilePanes(self.desk, cites=self._cites, id="profile")

    @property
    def panes(self) -> ProfilePanes:
        return self.query_one(ProfilePanes)

    @property
    def versions(self) -> LiveTable[VersionRow]:
        return self.panes.versions

    @property
    def attributes(self) -> LiveTable[Attribute]:
        return self.panes.attributes

    @property
    def is_loaded(self) -> bool:
        """Whether the profile has come from the database."""
        return self._snapshot is not None

    def on_mount(self) -> None:
        self._show_pane()

    def focus_list(self) -> None:
        self.panes.list.focus()

    def _cites(self, attribute_id: int) -> bool:
        return attribute_id in self._cited

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        if self._snapshot is None or kinds & self.kinds:
            await self._load_profile(source)
        pane = self.panes.chosen
        if pane == "Versions":
            await self._load_versions(source)
        elif pane == "Drafts":
            self._drafts = await source.records.drafts(self.entity)
            lines = draft_lines(self._drafts, self.desk.now(), self.desk.zone)
            self.panes.text("drafts").show(lines)
        self._show_sources()

    async def _load_profile(self, source: "Source") -> None:
        found = await source.records.snapshot(self.entity)
        if found is None:
            raise NotFoundError(f"Nothing is known of {self.entity}.", "Check how it is spelt.")
        self._suspicious = await self._doubts(source, found.version)
        self._snapshot = found
        self._attributes = {each.id: each for each in found.attributes}
        live = self._live
        sentences = () if live is None else sentences_of(live)
        self._cited = frozenset(number for each in sentences for number in each.attribute_ids)
        self.attributes.show(sorted(found.attributes, key=lambda each: (not self._cites(each.id), each.id)))
        self.panes.text("summary").show(live_lines(found, live, self._suspicious))
        self._show_title()

    async def _doubts(self, source: "Source", version: ProfileVersion | None) -> tuple[str, ...]:
        """What was odd about this profile in the run that made its latest version."""
        if version is None or version.run_id is None:
            return ()
        try:
            run = await source.run(version.run_id)
        except NotFoundError:
            # The run was deleted; its versions stay.
            return ()
        prefix = f"{self.entity}: "
        return tuple(each.removeprefix(prefix) for each in run.suspicious if each.startswith(prefix))

    async def _load_versions(self, source: "Source") -> None:
        found = await source.records.versions(self.entity, page=self._versions_wanted)
        self.versions.show(version_rows(found, self._live))
        chosen = self.versions.selected
        self._found = None
        if chosen is not None:
            self._found = await source.records.version(self.entity, chosen.version.version)
        self.panes.show_difference(self._live)

    @property
    def _live(self) -> ProfileVersion | None:
        """The version that is live; None without one, or when the live summary came from elsewhere."""
        found = self._snapshot
        if found is None or found.version is None or found.version.summary != (found.profile.summary or ""):
            return None
        return found.version

    # Showing

    def _show_title(self) -> None:
        found = self._snapshot
        if found is None:
            return
        profile, now = found.profile, self.desk.now()
        parts = [
            Part(phrase=phrase(str(self.entity), Tone.STRONG), keep=100, least=10),
            Part(phrase=phrase(profile.display_name or ""), keep=60, least=8),
            Part(phrase=profile_state(state_word(found, self._suspicious)), keep=95),
        ]
        if found.version is not None:
            parts.append(Part(phrase=phrase(f"version {found.version.version}"), keep=90))
        if profile.summary_updated_at is not None:
            parts.append(
                Part(phrase=phrase(f"written {ago(profile.summary_updated_at, now)}", Tone.MUTED), keep=70)
            )
        known = len(self._cited & self._attributes.keys())
        told = f"rests on {known} of {counted(len(self._attributes), 'attribute')}"
        parts.append(Part(phrase=phrase(told, Tone.MUTED), keep=80))
        self.query_one("#profile-title", PartsLine).show(parts)

    def _show_sources(self) -> None:
        changed = () if self._found is None else self._found.changed
        self.panes.show_sources(self._attributes, changed=changed)

    def _show_pane(self) -> None:
        self.panes.show_pane()
        self.panes.show_difference(self._live)

    def tick(self) -> None:
        self._show_title()

    def on_pane_tabs_chosen(self) -> None:
        self._show_pane()
        self.refresh_chrome()
        self.moved()

    def on_live_table_moved(self, event: LiveTable.Moved) -> None:
        if event.table is self.versions:
            self.moved()
        self.refresh_chrome()

    def on_live_table_near_end(self, event: LiveTable.NearEnd) -> None:
        if event.table is self.versions and len(self.versions.rows) >= self._versions_wanted < MOST_VERSIONS:
            self._versions_wanted = min(MOST_VERSIONS, self._versions_wanted * 3)
            self.moved()

    def on_live_table_opened(self) -> None:
        if self.why_not("open") is None:
            self.action_open()

    def on_cited_pane_moved(self) -> None:
        self._show_sources()

    def on_descendant_focus(self) -> None:
        if self.is_composed:
            self._show_sources()

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        match action_id:
            case "back" | "freeze":
                return None
            case "previous_pane":
                return "This is the first pane." if self.panes.tabs.is_first else None
            case "next_pane":
                return "This is the last pane." if self.panes.tabs.is_last else None
            case "copy":
                return None if self.copied() else "There is nothing to copy here."
            case "compare":
                return (
                    None
                    if self.panes.chosen == "Versions"
                    else "Choose a version in the pane Versions first."
                )
            case "open_run":
                return None if self._run_id is not None else "Nothing here was made by a run."
            case "roll_back":
                return self._why_not_back()
            case "pin" | "unpin":
                return self._why_not_pinned(pin=action_id == "pin")
            case "open":
                return self._why_not_opened()
        return None

    def _why_not_opened(self) -> str | None:
        match self.panes.chosen:
            case "Versions":
                return None if self._run_id is not None else "This version was not made by a run."
            case "Attributes":
                return "There is nothing behind an attribute."
        line = self.panes.reading.selected
        known = line is not None and any(number in self._attributes for number in line.ids)
        return None if known else "There is nothing behind this line."

    def _why_not_back(self) -> str | None:
        row = self.versions.selected
        if self.panes.chosen != "Versions" or row is None:
            return "Choose a version in the pane Versions first."
        if row.is_live:
            return f"Version {row.version.version} is live."
        found = self._found
        if found is None or found.version.version != row.version.version:
            return "The version is still being read."
        if found.deleted:
            return f"It rests on attributes that were deleted: {_some(found.deleted)}."
        if found.changed:
            return f"It rests on attributes that read differently now: {_some(found.changed)}."
        return None

    def _why_not_pinned(self, *, pin: bool) -> str | None:
        chosen = self.attributes.selected
        if self.panes.chosen != "Attributes" or chosen is None:
            return "Choose an attribute in the pane Attributes first."
        if chosen.pinned is pin:
            return "The attribute is pinned already." if pin else "The attribute is not pinned."
        return None

    @property
    def _run_id(self) -> UUID | None:
        match self.panes.chosen:
            case "Versions":
                row = self.versions.selected
                return None if row is None else row.version.run_id
            case "Drafts":
                line = self.panes.text("drafts").selected
                texts = {each.text: each.run_id for each in self._drafts}
                return None if line is None else texts.get(line.body.plain)
        return None if self._live is None else self._live.run_id

    def action_previous_pane(self) -> None:
        self.panes.tabs.step(-1)

    def action_next_pane(self) -> None:
        self.panes.tabs.step(1)

    def action_back(self) -> None:
        if self.focused is None or self.focused is self.panes.list:
            self.app.pop_screen()
        else:
            self.focus_list()

    def action_open(self) -> None:
        if self.panes.chosen == "Versions":
            self.action_open_run()
            return
        line = self.panes.reading.selected
        if line is not None:
            self.panes.tabs.choose("Attributes")
            self.attributes.find(next(number for number in line.ids if number in self._attributes))

    def action_open_run(self) -> None:
        if self._run_id is not None:
            open_run(self, self._run_id, pane="Diff")

    def action_compare(self) -> None:
        self.panes.step_comparison()
        self._show_pane()
        self._show_sources()

    def action_roll_back(self) -> None:
        found, snapshot = self._found, self._snapshot
        if found is not None and snapshot is not None:
            ask_roll_back(self, found, snapshot, self._live)

    def action_pin(self) -> None:
        if self.attributes.selected is not None:
            set_pin(self, self.entity, self.attributes.selected, pinned=True)

    def action_unpin(self) -> None:
        if self.attributes.selected is not None:
            set_pin(self, self.entity, self.attributes.selected, pinned=False)

    # For commands

    def known_things(self) -> list[str]:
        return [f"profile:{self.entity}"]

    def exported(self) -> Rows:
        match self.panes.chosen:
            case "Versions":
                return [plain(row.version) | {"entity": str(self.entity)} for row in self.versions.rows]
            case "Attributes":
                cited = [{"cited": self._cites(each.id)} for each in self.attributes.rows]
                return [plain(row) | more for row, more in zip(self.attributes.rows, cited, strict=True)]
            case "Drafts":
                return [plain(draft) for draft in self._drafts]
        live = self._live
        return [] if live is None else [plain(each) for each in sentences_of(live)]

    def copied(self) -> str:
        if self.focused is not None and isinstance(self.focused, LinesPane):
            return self.focused.plain
        if self.panes.chosen == "Attributes":
            chosen = self.attributes.selected
            return "" if chosen is None else attribute_text(chosen)
        if self.panes.chosen == "Versions":
            row = self.versions.selected
            return "" if row is None else row.version.summary
        return self.panes.reading.plain


def _some(ids: tuple[int, ...]) -> str:
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return "".join(f"[{each}]" for each in ids[:5]) + more

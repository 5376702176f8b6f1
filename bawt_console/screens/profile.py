"""One profile: its summary with the sources of each sentence, versions, attributes, refused drafts."""

from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.widget import Widget

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.formatting import Tone, ago, counted, phrase
from bawt_console.output import plain
from bawt_console.screens.desk import Desk
from bawt_console.screens.live import BREAKPOINTS, LiveScreen, bindings_of
from bawt_console.screens.profile_actions import ask_roll_back, set_pin
from bawt_console.screens.run import open_run
from bawt_console.widgets.cited_lines import CitedLine, CitedPane
from bawt_console.widgets.diff import change_lines, sentences_of
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import Line, LinesPane
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.profile_lines import draft_lines, source_lines, summary_lines
from bawt_console.widgets.profile_table import (
    VersionRow,
    attribute_table,
    attribute_text,
    profile_state,
    version_rows,
    version_table,
)
from bawt_console.widgets.run_lines import sentence
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import Attribute, Entity, ProfileChange, ProfileVersion
from scheduler_core.errors import NotFoundError

if TYPE_CHECKING:
    from bawt_console.records import Draft, FoundVersion, ProfileSnapshot
    from bawt_console.source import Source

PANES = ("Summary", "Versions", "Attributes", "Drafts")
VERSIONS_AT_ONCE = 100
MOST_VERSIONS = 10_000


class Comparison(StrEnum):
    """What the pane of versions shows of the chosen one."""

    CHANGED = "what it changed"
    TO_LIVE = "from it to the live one"
    BESIDE = "beside the live one"


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
        self._comparison = Comparison.CHANGED
        self._versions_wanted = VERSIONS_AT_ONCE

    def compose_body(self) -> ComposeResult:
        now, zone = self.desk.now, self.desk.zone
        yield PartsLine(id="profile-title")
        yield PaneTabs(PANES, id="panes")
        with Container(id="pane"):
            yield version_table(now=now, zone=zone, id="versions")
            yield attribute_table(now=now, cited=self._cites, zone=zone, id="attributes")
            with Container(id="reading"):
                with Horizontal(id="texts"):
                    yield CitedPane(id="summary")
                    yield CitedPane(id="difference")
                    yield CitedPane(id="live")
                    yield CitedPane(id="drafts")
                with Vertical(id="cited"):
                    yield PartsLine(filling="─", id="sources-title")
                    yield LinesPane(id="sources")

    @property
    def panes(self) -> PaneTabs:
        return self.query_one(PaneTabs)

    @property
    def versions(self) -> LiveTable[VersionRow]:
        return self.query_one("#versions", LiveTable)

    @property
    def attributes(self) -> LiveTable[Attribute]:
        return self.query_one("#attributes", LiveTable)

    def text(self, name: str) -> CitedPane:
        """A pane of lines: `summary`, `difference`, `live` or `drafts`."""
        return self.query_one(f"#{name}", CitedPane)

    @property
    def sources(self) -> LinesPane:
        return self.query_one("#sources", LinesPane)

    @property
    def is_loaded(self) -> bool:
        """Whether the profile has come from the database."""
        return self._snapshot is not None

    def on_mount(self) -> None:
        self._show_pane()

    def focus_list(self) -> None:
        self._list.focus()

    @property
    def _list(self) -> Widget:
        match self.panes.chosen:
            case "Versions":
                return self.versions
            case "Attributes":
                return self.attributes
            case "Drafts":
                return self.text("drafts")
        return self.text("summary")

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
            self.text("drafts").show(lines)
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
        self.text("summary").show(self._summary())
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
        if chosen is None:
            self._found = None
        elif self._found is None or self._found.version != chosen.version or not self.frozen:
            self._found = await source.records.version(self.entity, chosen.version.version)
        self._show_difference()

    @property
    def _live(self) -> ProfileVersion | None:
        """The version that is live; None without one, or when the live summary came from elsewhere."""
        found = self._snapshot
        if found is None or found.version is None or found.version.summary != (found.profile.summary or ""):
            return None
        return found.version

    # Showing

    def _summary(self) -> list[Line]:
        found = self._snapshot
        assert found is not None
        lines: list[Line] = [
            Line(phrase("≈ ", Tone.SUSPICIOUS), phrase(each, Tone.SUSPICIOUS)) for each in self._suspicious
        ]
        lines += [Line()] if lines else []
        live, summary = self._live, found.profile.summary
        if live is not None and live.summary:
            return [*lines, *summary_lines(live)]
        if summary:
            lines.append(
                sentence("This summary came from elsewhere; what it rests on is not known.", Tone.LATE)
            )
            return [
                *lines,
                *(CitedLine(phrase("  "), phrase(each)) for each in summary.splitlines() if each.strip()),
            ]
        number = counted(len(found.attributes), "attribute")
        return [*lines, sentence(f"No summary yet; profile_maintenance makes one of {number}.")]

    def _show_title(self) -> None:
        found = self._snapshot
        if found is None:
            return
        profile, now = found.profile, self.desk.now()
        parts = [
            Part(phrase=phrase(str(self.entity), Tone.STRONG), keep=100, least=10),
            Part(phrase=phrase(profile.display_name or ""), keep=60, least=8),
            Part(phrase=profile_state(self._state), keep=95),
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

    @property
    def _state(self) -> str:
        found = self._snapshot
        assert found is not None
        if self._suspicious:
            return "suspicious"
        if found.held:
            return "held"
        if found.profile.summarised_revision == found.profile.revision:
            return "unchanged"
        return "new" if found.profile.summary is None and found.version is None else "changed"

    def _show_difference(self) -> None:
        row, live = self.versions.selected, self._live
        left, right = self.text("difference"), self.text("live")
        beside = self._comparison is Comparison.BESIDE and live is not None and row is not None
        right.display = beside and self.panes.chosen == "Versions"
        if row is None:
            left.show([sentence("No version was published yet.")])
        elif beside and live is not None:
            left.show([_heading(f"version {row.version.version}"), *summary_lines(row.version)])
            right.show([_heading(f"version {live.version}, live"), *summary_lines(live)])
        elif self._comparison is Comparison.TO_LIVE and live is not None:
            left.show(_compared(row.version, live))
        else:
            left.show(_compared(row.before, row.version))

    def _show_sources(self) -> None:
        if self.panes.chosen == "Attributes":
            return
        pane = self._reading
        line = pane.selected
        changed = self._found.changed if self.panes.chosen == "Versions" and self._found is not None else ()
        self._entitle_sources(line)
        if line is None:
            self.sources.show([])
        elif not line.ids:
            text = (
                "What a model was shown for it is not known."
                if pane.id == "drafts"
                else "Its sources are not known."
            )
            self.sources.show([sentence(text)])
        else:
            lines = source_lines(line.ids, self._attributes, changed=changed, zone=self.desk.zone)
            self.sources.show(lines)

    def _entitle_sources(self, line: CitedLine | None) -> None:
        what = "what the model was shown" if self.panes.chosen == "Drafts" else "what the sentence rests on"
        parts = [Part(phrase=phrase(what, Tone.MUTED), keep=90, least=10)]
        if line is not None and line.ids:
            number = phrase(counted(len(line.ids), "attribute"), Tone.MUTED)
            parts.append(Part(phrase=number, right=True, keep=50))
        self.query_one("#sources-title", PartsLine).show(parts)

    @property
    def _reading(self) -> CitedPane:
        """The pane of lines whose cursor says what the sources are of."""
        match self.panes.chosen:
            case "Versions":
                return self.text("live" if self.text("live").has_focus else "difference")
            case "Drafts":
                return self.text("drafts")
        return self.text("summary")

    def _show_pane(self) -> None:
        chosen = self.panes.chosen
        shown = {"Summary": "summary", "Versions": "difference", "Drafts": "drafts"}.get(chosen)
        for name in ("summary", "difference", "live", "drafts"):
            self.text(name).display = name == shown
        self.versions.display = chosen == "Versions"
        self.attributes.display = chosen == "Attributes"
        self.query_one("#reading").display = shown is not None
        self.query_one("#pane").set_class(chosen == "Versions", "-versions")
        self.panes.entitle([phrase(str(self._comparison), Tone.MUTED)] if chosen == "Versions" else [])
        if chosen == "Versions":
            self._show_difference()
        self.focus_list()

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
                return "This is the first pane." if self.panes.is_first else None
            case "next_pane":
                return "This is the last pane." if self.panes.is_last else None
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
        line = self._reading.selected
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
                line = self.text("drafts").selected
                texts = {each.text: each.run_id for each in self._drafts}
                return None if line is None else texts.get(line.body.plain)
        return None if self._live is None else self._live.run_id

    def action_previous_pane(self) -> None:
        self.panes.step(-1)

    def action_next_pane(self) -> None:
        self.panes.step(1)

    def action_back(self) -> None:
        if self.focused is None or self.focused is self._list:
            self.app.pop_screen()
        else:
            self.focus_list()

    def action_open(self) -> None:
        if self.panes.chosen == "Versions":
            self.action_open_run()
            return
        line = self._reading.selected
        if line is not None:
            self.panes.choose("Attributes")
            self.attributes.find(next(number for number in line.ids if number in self._attributes))

    def action_open_run(self) -> None:
        if self._run_id is not None:
            open_run(self, self._run_id, pane="Diff")

    def action_compare(self) -> None:
        known = list(Comparison)
        self._comparison = known[(known.index(self._comparison) + 1) % len(known)]
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
        return self._reading.plain


def _heading(text: str) -> Line:
    return Line(body=phrase(text, Tone.STRONG))


def _compared(before: ProfileVersion | None, after: ProfileVersion) -> list[Line]:
    if before is not None and before.version == after.version:
        return [sentence("This is the live version.")]
    # Its own title says which versions; the count of summaries above it says nothing here.
    _, _, title, *lines = change_lines([ProfileChange(before=before, after=after)])
    return [title, *lines]


def _some(ids: tuple[int, ...]) -> str:
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return "".join(f"[{each}]" for each in ids[:5]) + more

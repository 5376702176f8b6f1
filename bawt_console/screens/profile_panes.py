"""The panes of one profile and what they show; which keys do what is the screen's business."""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.widget import Widget

from bawt_console.formatting import Tone, counted, phrase
from bawt_console.screens.desk import Desk
from bawt_console.widgets.cited_lines import CitedLine, CitedPane
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import Line, LinesPane
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.profile_lines import compared_lines, source_lines, summary_lines
from bawt_console.widgets.profile_table import VersionRow, attribute_table, version_table
from bawt_console.widgets.run_lines import sentence
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import Attribute, ProfileVersion

PANES = ("Summary", "Versions", "Attributes", "Drafts")
# Which lines each pane shows; beside the versions a second one may stand.
_TEXTS = {"Summary": "summary", "Versions": "difference", "Drafts": "drafts"}


class Comparison(StrEnum):
    """What the pane of versions shows of the chosen one."""

    CHANGED = "what it changed"
    TO_LIVE = "from it to the live one"
    BESIDE = "beside the live one"


class ProfilePanes(Vertical):
    """See the module.

    Args:
        cites: whether the live summary rests on an attribute.
    """

    def __init__(self, desk: Desk, *, cites: Callable[[int], bool], id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._desk = desk
        self._cites = cites
        self.comparison = Comparison.CHANGED

    def compose(self) -> ComposeResult:
        now, zone = self._desk.now, self._desk.zone
        yield PaneTabs(PANES, id="panes")
        with Container(id="pane"):
            yield version_table(now=now, zone=zone, id="versions")
            yield attribute_table(now=now, cited=self._cites, zone=zone, id="attributes")
            with Container(id="reading"):
                with Horizontal(id="texts"):
                    for name in ("summary", "difference", "live", "drafts"):
                        yield CitedPane(id=name)
                with Vertical(id="cited"):
                    yield PartsLine(filling="─", id="sources-title")
                    yield LinesPane(id="sources")

    @property
    def tabs(self) -> PaneTabs:
        return self.query_one(PaneTabs)

    @property
    def chosen(self) -> str:
        return self.tabs.chosen

    @property
    def versions(self) -> LiveTable[VersionRow]:
        return self.query_one("#versions", LiveTable)

    @property
    def attributes(self) -> LiveTable[Attribute]:
        return self.query_one("#attributes", LiveTable)

    @property
    def sources(self) -> LinesPane:
        return self.query_one("#sources", LinesPane)

    def text(self, name: str) -> CitedPane:
        """A pane of lines: `summary`, `difference`, `live` or `drafts`."""
        return self.query_one(f"#{name}", CitedPane)

    @property
    def list(self) -> Widget:
        """What the arrow keys are wanted for."""
        match self.chosen:
            case "Versions":
                return self.versions
            case "Attributes":
                return self.attributes
        return self.text(_TEXTS[self.chosen])

    @property
    def reading(self) -> CitedPane:
        """The lines whose cursor says what the sources are of."""
        if self.chosen == "Versions" and self.text("live").has_focus:
            return self.text("live")
        return self.text(_TEXTS.get(self.chosen, "summary"))

    def show_pane(self) -> None:
        """Shows the chosen pane and hides the others."""
        chosen = self.chosen
        shown = _TEXTS.get(chosen)
        for name in ("summary", "difference", "live", "drafts"):
            self.text(name).display = name == shown
        self.versions.display = chosen == "Versions"
        self.attributes.display = chosen == "Attributes"
        self.query_one("#reading").display = shown is not None
        self.query_one("#pane").set_class(chosen == "Versions", "-versions")
        self.tabs.entitle([phrase(str(self.comparison), Tone.MUTED)] if chosen == "Versions" else [])
        self.list.focus()

    def step_comparison(self) -> None:
        known = [*Comparison]
        self.comparison = known[(known.index(self.comparison) + 1) % len(known)]

    def show_difference(self, live: ProfileVersion | None) -> None:
        """Compares the chosen version with the one before, or with the live one."""
        row = self.versions.selected
        left, right = self.text("difference"), self.text("live")
        beside = self.comparison is Comparison.BESIDE and live is not None and row is not None
        right.display = beside and self.chosen == "Versions"
        if row is None:
            left.show([sentence("No version was published yet.")])
        elif beside and live is not None:
            left.show([_heading(f"version {row.version.version}"), *summary_lines(row.version)])
            right.show([_heading(f"version {live.version}, live"), *summary_lines(live)])
        elif self.comparison is Comparison.TO_LIVE and live is not None:
            left.show(compared_lines(row.version, live))
        else:
            left.show(compared_lines(row.before, row.version))

    def show_sources(self, attributes: Mapping[int, Attribute], *, changed: Collection[int]) -> None:
        """Shows what the line under the cursor rests on.

        Args:
            changed: attributes that read differently now than when the chosen version was written.
        """
        line = self.reading.selected
        self._entitle_sources(line)
        lines: Sequence[Line] = []
        if line is not None and line.ids:
            changed = changed if self.chosen == "Versions" else ()
            lines = source_lines(line.ids, attributes, changed=changed, zone=self._desk.zone)
        elif line is not None:
            drafts = self.chosen == "Drafts"
            told = "What the model was shown is not known." if drafts else "Its sources are not known."
            lines = [sentence(told)]
        self.sources.show(lines)

    def _entitle_sources(self, line: CitedLine | None) -> None:
        what = "what the model was shown" if self.chosen == "Drafts" else "what the sentence rests on"
        parts = [Part(phrase=phrase(what, Tone.MUTED), keep=90, least=10)]
        if line is not None and line.ids:
            number = phrase(counted(len(line.ids), "attribute"), Tone.MUTED)
            parts.append(Part(phrase=number, right=True, keep=50))
        self.query_one("#sources-title", PartsLine).show(parts)


def _heading(text: str) -> Line:
    return Line(body=phrase(text, Tone.STRONG))

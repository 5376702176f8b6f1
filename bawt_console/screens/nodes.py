"""Who runs jobs, what each of them does right now, and how the database is that they share.

A heartbeat tells nobody anything and a node that dies says nothing, so this screen also looks by itself.
"""

import asyncio
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.formatting import Tone, counted, phrase
from bawt_console.screens.desk import Desk
from bawt_console.screens.live import LiveScreen, bindings_of
from bawt_console.screens.run import RunScreen
from bawt_console.widgets.header import SCHEDULER_COMMAND
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.node_table import (
    NodeRow,
    health_lines,
    health_parts,
    node_fields,
    node_row,
    node_rows,
    node_table,
)
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.run_table import RunList, run_table
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import NodeState, Run
from scheduler_core.oversight import DatabaseHealth

if TYPE_CHECKING:
    from bawt_console.source import Source

PANES = ("Runs", "Node", "Database")
LOOK_EVERY = timedelta(seconds=5)


class NodesScreen(LiveScreen):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "nodes.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.NODES)
    place = Place.NODES
    kinds = frozenset({"nodes", "runs"})

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._rows: tuple[NodeRow, ...] = ()
        self._health: DatabaseHealth | None = None
        self._looked_at: datetime | None = None

    def compose_body(self) -> ComposeResult:
        yield PartsLine(gap=" · ", filling="─", id="list-title")
        yield node_table(now=self.desk.now, id="nodes")
        yield Notice(id="empty")
        yield PartsLine(gap="   ", id="health")
        yield PaneTabs(PANES, id="panes")
        yield run_table(RunList.HISTORY, now=self.desk.now, zone=self.desk.zone, id="pane-runs")
        yield Notice(id="idle")
        yield LinesPane(id="pane-node")
        yield LinesPane(id="pane-database")

    @property
    def table(self) -> LiveTable[NodeRow]:
        return self.query_one("#nodes", LiveTable)

    @property
    def runs(self) -> LiveTable[Run]:
        return self.query_one("#pane-runs", LiveTable)

    @property
    def panes(self) -> PaneTabs:
        return self.query_one(PaneTabs)

    @property
    def is_loaded(self) -> bool:
        """Whether rows have come from the database."""
        return self._looked_at is not None

    @property
    def selected(self) -> NodeRow | None:
        return self.table.selected

    def on_mount(self) -> None:
        self._show_pane()
        self.table.focus()

    def focus_list(self) -> None:
        self.set_focus(self.table if self.table.display else None)

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        # Noted before, so that a database that does not answer is not asked every second.
        self._looked_at = self.desk.now()
        nodes, running, health = await asyncio.gather(source.nodes(), source.running_runs(), source.health())
        self._rows, self._health = tuple(node_rows(nodes, running)), health
        self.table.show(self._rows)
        self._explain_nothing()
        self._show_title()
        self.query_one("#health", PartsLine).show(health_parts(health, self.desk.now()))
        self._show_details()

    def _explain_nothing(self) -> None:
        some = bool(self._rows)
        empty = self.query_one("#empty", Notice)
        self.table.display, empty.display = some, not some
        empty.say(
            phrase("No scheduler has run on this database for a day.", Tone.STRONG),
            [
                phrase(SCHEDULER_COMMAND, Tone.ACCENT) + phrase(" starts one without a screen,", Tone.MUTED),
                phrase("bawt-console", Tone.ACCENT) + phrase(" one inside the console.", Tone.MUTED),
            ],
        )
        if self.focused is None:
            self.focus_list()

    # Showing

    def _show_title(self) -> None:
        states = [row.node.state for row in self._rows]
        parts = [Part(phrase=phrase(counted(len(states), "node"), Tone.STRONG), keep=100)]
        told = (
            (NodeState.ACTIVE, "active", Tone.RUNNING),
            (NodeState.DRAINING, "stopping", Tone.PAUSED),
            (NodeState.LOST, "lost", Tone.FAILED),
            (NodeState.STOPPED, "stopped", Tone.MUTED),
        )
        for state, word, tone in told:
            if number := states.count(state):
                parts.append(Part(phrase=phrase(f"{number} {word}", tone), keep=90))
        running = sum(len(row.runs) for row in self._rows)
        parts.append(Part(phrase=phrase(f"{counted(running, 'run')} going on", Tone.MUTED), keep=70))
        self.query_one("#list-title", PartsLine).show(parts)

    def _show_details(self) -> None:
        chosen, now, zone = self.selected, self.desk.now(), self.desk.zone
        pane = self.panes.chosen
        about = "" if chosen is None else chosen.node.name
        if pane == "Database" and self.desk.source is not None:
            about = self.desk.source.label
        self.panes.entitle([phrase(about, Tone.STRONG)] if about else [])
        idle = self.query_one("#idle", Notice)
        idle.display = pane == "Runs" and not (chosen and chosen.runs)
        self.runs.display = pane == "Runs" and not idle.display
        if pane == "Runs":
            self.runs.show(() if chosen is None else chosen.runs)
            idle.say(phrase("Nothing runs here now." if chosen else "Nothing runs.", Tone.MUTED))
        elif pane == "Node":
            lines = [] if chosen is None else node_fields(chosen, now, zone)
            self.query_one("#pane-node", LinesPane).show(lines)
        elif self._health is not None and self.desk.source is not None:
            lines = health_lines(self._health, self.desk.source.label, now, zone)
            self.query_one("#pane-database", LinesPane).show(lines)
        if self.focused is None:
            self.focus_list()

    def _show_pane(self) -> None:
        for name in PANES:
            self.query_one(f"#pane-{name.lower()}").display = name == self.panes.chosen

    def tick(self) -> None:
        self.table.tick()
        self.runs.tick()
        if self._looked_at is not None and self.desk.now() - self._looked_at >= LOOK_EVERY:
            self.changed(frozenset({"nodes"}))

    def on_live_table_moved(self, event: LiveTable.Moved) -> None:
        if event.table is self.table:
            self._show_details()
        self.refresh_chrome()

    def on_live_table_opened(self) -> None:
        self.action_open()

    def on_pane_tabs_chosen(self) -> None:
        inside = self.focused is not None and self.focused is not self.table
        self._show_pane()
        self._show_details()
        if inside:
            self.query_one(f"#pane-{self.panes.chosen.lower()}").focus()
        self.refresh_chrome()

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        match action_id:
            case "freeze":
                return None
            case "open":
                return None if self._run_to_open() is not None else "This node runs nothing now."
            case "back":
                inside = self.focused is not None and self.focused is not self.table
                return None if inside else "There is nothing to go back to."
            case "previous_pane":
                return "This is the first pane." if self.panes.is_first else None
            case "next_pane":
                return "This is the last pane." if self.panes.is_last else None
        return super().reason_against(action_id)

    def _run_to_open(self) -> Run | None:
        if self.runs.has_focus:
            return self.runs.selected
        chosen = self.selected
        return chosen.runs[0] if chosen is not None and chosen.runs else None

    def action_previous_pane(self) -> None:
        self.panes.step(-1)

    def action_next_pane(self) -> None:
        self.panes.step(1)

    def action_open(self) -> None:
        run = self._run_to_open()
        if run is not None:
            self.app.push_screen(RunScreen(self.desk, run))

    def action_back(self) -> None:
        self.focus_list()

    # For commands

    def exported(self) -> Rows:
        return [node_row(row) for row in self.table.rows]

    def copied(self) -> str:
        if isinstance(self.focused, LinesPane):
            return self.focused.plain
        if self.runs.has_focus and self.runs.selected is not None:
            return str(self.runs.selected.id)
        return "" if self.selected is None else f"{self.selected.node.name} {self.selected.node.id}"

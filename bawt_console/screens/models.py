"""The models of this machine: what there is and what would be taken, fetching more, and trying one.

The rows come from files and not from the database, so they are read when the screen is shown and when
something was fetched, and not when the database tells of a change.
"""

from asyncio import CancelledError
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.worker import Worker

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.formatting import Tone, counted, phrase, size
from bawt_console.output import plain
from bawt_console.screens.desk import Desk
from bawt_console.screens.live import bindings_of
from bawt_console.screens.model_fetching import ModelFetching
from bawt_console.screens.model_offers import OffersPane
from bawt_console.screens.model_try import End, TryPane
from bawt_console.shelf import ShelfList, ShelfModel
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.model_table import model_fields, model_row, model_table, ranked
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.pane_tabs import PaneTabs
from bawt_console.widgets.table import LiveTable
from scheduler_core.errors import SchedulerError

if TYPE_CHECKING:
    from bawt_console.source import Source

PANES = ("Model", "Try", "Catalogue")


class ModelsScreen(ModelFetching):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "models.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.MODELS)
    place = Place.MODELS
    kinds = frozenset()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._list: ShelfList | None = None
        self._look_again = True
        self._answering: Worker[None] | None = None

    def compose_body(self) -> ComposeResult:
        yield PartsLine(id="banner")
        yield PartsLine(gap=" · ", filling="─", id="list-title")
        yield model_table(now=self.desk.now, id="models")
        yield Notice(id="empty")
        yield PartsLine(gap="  ", id="transfer")
        yield PaneTabs(PANES, id="panes")
        yield LinesPane(id="pane-model")
        yield TryPane(id="pane-try")
        yield OffersPane(self.desk, id="pane-catalogue")

    @property
    def table(self) -> LiveTable[ShelfModel]:
        return self.query_one("#models", LiveTable)

    @property
    def panes(self) -> PaneTabs:
        return self.query_one(PaneTabs)

    @property
    def trial(self) -> TryPane:
        return self.query_one(TryPane)

    @property
    def is_loaded(self) -> bool:
        """Whether the folders have been read."""
        return self._list is not None

    @property
    def selected(self) -> ShelfModel | None:
        return self.table.selected

    def on_mount(self) -> None:
        self._show_pane()
        self.table.focus()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        self._look_again = True
        self.moved()

    def focus_list(self) -> None:
        self.set_focus(self.table if self.table.display else self.offers.table)

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        if not self._look_again:
            return
        self._look_again = False
        shelf, first = self.shelf, self._list is None
        self._list = found = await shelf.models()
        if first and not found.models:
            # There is nothing to tell of or to try, only something to fetch.
            self.show_catalogue()
        self.table.show(ranked(found.models))
        self.offers.know(found, shelf.catalogue_host)
        self._explain_nothing(found)
        self._show_title(found)
        self._show_model()

    def _explain_nothing(self, found: ShelfList) -> None:
        some = bool(found.models)
        empty = self.query_one("#empty", Notice)
        self.table.display, empty.display = some, not some
        banner = self.query_one("#banner", PartsLine)
        untaken = not any(model.taken_for == "text" for model in found.models)
        banner.display = some and untaken
        banner.show(
            (
                Part(phrase=phrase("! No model for text: summaries come from a template.", Tone.SUSPICIOUS)),
                Part(phrase=phrase(found.trouble, Tone.MUTED), keep=20, least=20),
            )
        )
        empty.say(
            phrase("There is no model on this machine.", Tone.STRONG),
            [
                phrase("Jobs run without one: summaries then come from a template.", Tone.MUTED),
                phrase("Fetch one below, or put a .gguf file into", Tone.MUTED),
                phrase(found.folders[0] if found.folders else "a folder of models"),
            ],
        )
        if self.focused is None:
            self.focus_list()

    # Showing

    def _show_title(self, found: ShelfList) -> None:
        rejected = sum(not each.is_usable for each in found.models)
        large = sum(each.is_usable and not each.fits_memory for each in found.models)
        parts = [Part(phrase=phrase(counted(len(found.models), "model"), Tone.STRONG), keep=100)]
        if rejected:
            parts.append(Part(phrase=phrase(f"{rejected} rejected", Tone.FAILED), keep=80))
        if large:
            parts.append(Part(phrase=phrase(f"{large} too large", Tone.LATE), keep=80))
        parts.append(Part(phrase=phrase(f"{size(found.free_bytes)} of memory free", Tone.MUTED), keep=90))
        if found.parts:
            begun = counted(len(found.parts), "download")
            parts.append(Part(phrase=phrase(f"{begun} begun", Tone.PAUSED), keep=70))
        self.query_one("#list-title", PartsLine).show(parts)

    def _show_model(self) -> None:
        chosen = self.selected
        self._entitle()
        if chosen is not None and self._list is not None:
            self.query_one("#pane-model", LinesPane).show(model_fields(chosen, self._list))
        else:
            self.query_one("#pane-model", LinesPane).show([])

    def _entitle(self) -> None:
        """Whom the pane is about: the model under the cursor, or whoever gives the catalogue."""
        about = "" if self.selected is None else self.selected.name
        if self.panes.chosen == "Catalogue" and self.desk.source is not None:
            about = self.shelf.catalogue_host
        self.panes.entitle([phrase(about, Tone.STRONG)] if about else [])

    def _show_pane(self) -> None:
        if self.is_loaded:
            self._entitle()
        for name in PANES:
            self.query_one(f"#pane-{name.lower()}").display = name == self.panes.chosen

    def tick(self) -> None:
        if self.trial.goes_on:
            self.trial.repaint()

    def on_live_table_moved(self, event: LiveTable.Moved) -> None:
        if event.table is self.table:
            self._show_model()
        self.refresh_chrome()

    def on_live_table_opened(self) -> None:
        self.action_open()

    def on_pane_tabs_chosen(self) -> None:
        inside = self.focused is not None and self.focused is not self.table
        self._show_pane()
        if inside:
            self._focus_pane()
        self.refresh_chrome()

    def _focus_pane(self) -> None:
        match self.panes.chosen:
            case "Model":
                self.query_one("#pane-model").focus()
            case "Try":
                self.trial.input.focus()
            case _ if self.offers.table.display:
                self.offers.table.focus()
            case _:
                self.focus_list()

    def on_descendant_focus(self) -> None:
        # What enter opens depends on where the focus is.
        self.refresh_chrome()

    # Actions

    def why_not_act(self) -> str | None:
        # A lost database hinders no download.
        if self.desk.source is None:
            return "The database is not open yet."
        return "This console is read-only." if self.desk.source.read_only else None

    def reason_against(self, action_id: str) -> str | None:
        match action_id:
            case "freeze" | "rescan" | "download_from" | "catalogue":
                return None
            case "open":
                return self._why_not_opened()
            case "back":
                inside = self.focused is not None and self.focused is not self.table
                return None if inside or self.trial.goes_on else "There is nothing to go back to."
            case "previous_pane":
                return "This is the first pane." if self.panes.is_first else None
            case "next_pane":
                return "This is the last pane." if self.panes.is_last else None
            case "try_model":
                return self._why_not_tried()
            case "download":
                return "A download goes on already." if self.is_fetching and self.offer else None
            case "stop":
                busy = self.is_fetching or self.trial.goes_on
                return None if busy else "Nothing goes on that could be stopped."
        return super().reason_against(action_id)

    def _why_not_opened(self) -> str | None:
        if self.offer is not None:
            return "A download goes on already." if self.is_fetching else None
        return self._why_not_tried()

    def _why_not_tried(self) -> str | None:
        chosen = self.selected
        if chosen is None:
            return "There is no model to try."
        if not chosen.is_usable:
            return f"It cannot be used. {chosen.reason}"
        return "It makes embeddings, and cannot answer." if chosen.is_embedding else None

    def action_previous_pane(self) -> None:
        self.panes.step(-1)

    def action_next_pane(self) -> None:
        self.panes.step(1)

    def action_back(self) -> None:
        if not self._cancel():
            self.focus_list()

    def action_open(self) -> None:
        if self.offer is not None:
            self.confirm_download(self.offer)
        elif self._why_not_tried() is None:
            self.action_try_model()

    def action_stop(self) -> None:
        if not self._cancel():
            self.stop_fetching()

    # Trying

    def action_try_model(self) -> None:
        self.panes.choose("Try")
        self._show_pane()
        self._focus_pane()

    def on_try_pane_asked(self, event: TryPane.Asked) -> None:
        reason = self._why_not_tried()
        if self.trial.goes_on:
            reason = "An answer is being written already; esc stops it."
        if reason is not None or self.selected is None:
            self.refuse(reason or "There is no model to try.")
        else:
            self._ask(self.selected, event.prompt)

    def on_try_pane_left(self) -> None:
        self.action_back()

    def _ask(self, model: ShelfModel, prompt: str) -> None:
        pane, shelf = self.trial, self.shelf
        attempt = pane.begin(model, prompt)

        async def ask() -> str:
            try:
                outcome = await shelf.ask(
                    model.wanted, prompt, on_token=lambda piece: pane.hear(attempt, piece)
                )
            except CancelledError:
                pane.give_up(attempt, End.CANCELLED)
                raise
            except SchedulerError as error:
                pane.give_up(attempt, End.ERROR, error)
            else:
                pane.finish(attempt, outcome)
            self.refresh_chrome()
            return ""

        self._answering = self.act(ask)
        self.refresh_chrome()

    def _cancel(self) -> bool:
        """Stops the answer that is being written; False if there is none."""
        if not self.trial.goes_on or self._answering is None:
            return False
        self._answering.cancel()
        return True

    # Fetching

    def show_catalogue(self) -> None:
        self.panes.choose("Catalogue")
        self._show_pane()

    def action_rescan(self) -> None:
        self._look_again = True
        self.moved()

    # For commands

    def exported(self) -> Rows:
        if self.panes.chosen == "Catalogue" and self.offers.table.rows:
            return [plain(each) for each in self.offers.table.rows]
        return [model_row(each) for each in self.table.rows]

    def copied(self) -> str:
        if isinstance(self.focused, LinesPane):
            return self.focused.plain
        if self.offer is not None:
            return self.offer.name
        return "" if self.selected is None else self.selected.wanted

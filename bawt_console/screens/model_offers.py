"""What can be fetched: the catalogue, which is asked for only when a person wants it, and what was begun."""

from textual.app import ComposeResult
from textual.containers import Vertical

from bawt_console.formatting import Tone, phrase
from bawt_console.screens.desk import Desk
from bawt_console.shelf import CatalogueModel, ShelfList
from bawt_console.widgets.model_table import Offer, offer_table, offers_of
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.table import LiveTable
from scheduler_core.errors import SchedulerError


class OffersPane(Vertical):
    """See the module. The screen fetches; this shows."""

    DEFAULT_CSS = """
    OffersPane {
        height: 1fr;
        & > LiveTable { height: 1fr; }
        & > Notice { height: 1fr; }
    }
    """

    def __init__(self, desk: Desk, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._desk = desk
        self._catalogue: tuple[CatalogueModel, ...] | None = None
        self._asking = False
        self._host = ""
        self._shelf: ShelfList | None = None

    @property
    def table(self) -> LiveTable[Offer]:
        return self.query_one("#offers", LiveTable)

    @property
    def selected(self) -> Offer | None:
        return self.table.selected if self.table.display else None

    @property
    def is_fetched(self) -> bool:
        """Whether the catalogue is here."""
        return self._catalogue is not None

    def compose(self) -> ComposeResult:
        yield offer_table(now=self._desk.now, id="offers")
        yield Notice(id="offers-notice")

    def on_mount(self) -> None:
        self._show()

    def know(self, shelf: ShelfList, host: str) -> None:
        """What is here already, and who is asked for the catalogue."""
        self._shelf, self._host = shelf, host
        self._show()

    def ask(self) -> None:
        """The catalogue is being fetched."""
        self._asking = True
        self._show()

    def give(self, catalogue: tuple[CatalogueModel, ...]) -> None:
        """The catalogue came."""
        self._asking = False
        self._catalogue = catalogue
        self._show()

    def fail(self, error: SchedulerError) -> None:
        """The catalogue cannot be fetched."""
        self._asking = False
        self._show(error)

    def _show(self, error: SchedulerError | None = None) -> None:
        shelf, way = self._shelf, self._desk.way
        parts = shelf.parts if shelf is not None else ()
        models = shelf.models if shelf is not None else ()
        here = frozenset(_file_name(each.wanted) for each in models if not each.is_server)
        offers = offers_of(self._catalogue or (), parts, here)
        self.table.show(offers)
        self.table.display = bool(offers)
        notice = self.query_one("#offers-notice", Notice)
        notice.display = not self.table.display
        if error is not None:
            ways = way("catalogue", "tries again    ") + way("download_from", "takes a file's address")
            notice.say_error(error, ways)
        elif self._asking:
            notice.say(phrase(f"Asking {self._host} for its catalogue…", Tone.STRONG))
        else:
            notice.say(
                phrase("Nothing is fetched, and nobody asked, before you say so.", Tone.STRONG),
                [
                    way("catalogue", f"asks {self._host or 'the catalogue'} what there is"),
                    way("download_from", "fetches a .gguf file from an address of your own"),
                ],
            )


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]

"""Shows how long runs took, how many there were, and how late they began."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.formatting import phrase
from bawt_console.screens.live import LiveScreen, bindings_of
from bawt_console.widgets.notice import Notice

if TYPE_CHECKING:
    from bawt_console.source import Source


class ChartsScreen(LiveScreen):
    """See the module."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.CHARTS)
    place = Place.CHARTS

    def compose_body(self) -> ComposeResult:
        yield Notice(id="empty")

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        self.query_one("#empty", Notice).say(phrase("Nothing is shown here yet."))

"""A line of tabs, one of them chosen, with a title behind them."""

from collections.abc import Sequence

from textual.message import Message

from bawt_console.formatting import Phrase, Tone, phrase
from bawt_console.widgets.line import Part, PartsLine


class PaneTabs(PartsLine):
    """Shows the names of the panes; says so when another one is chosen by mouse or by `step`."""

    class Chosen(Message):
        """Another pane was chosen."""

        def __init__(self, tabs: "PaneTabs", name: str) -> None:
            super().__init__()
            self.tabs = tabs
            self.name = name

        @property
        def control(self) -> "PaneTabs":
            return self.tabs

    def __init__(self, names: Sequence[str], *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(gap=" ", filling="─", id=id)
        self._names = tuple(names)
        self._chosen = self._names[0]
        self._title: tuple[Part, ...] = ()
        self._redraw()

    @property
    def chosen(self) -> str:
        return self._chosen

    @property
    def is_first(self) -> bool:
        return self._chosen == self._names[0]

    @property
    def is_last(self) -> bool:
        return self._chosen == self._names[-1]

    def choose(self, name: str) -> None:
        """Chooses a pane by its name."""
        if name != self._chosen:
            self._chosen = name
            self._redraw()
            self.post_message(self.Chosen(self, name))

    def step(self, by: int) -> None:
        """Chooses a neighbour; stays at the ends."""
        place = self._names.index(self._chosen) + by
        self.choose(self._names[max(0, min(place, len(self._names) - 1))])

    def entitle(self, title: Sequence[Phrase]) -> None:
        """What stands at the right end, most important first."""
        self._title = tuple(
            Part(phrase=each + phrase(" "), right=True, keep=80 - number, least=10 if number == 0 else None)
            for number, each in enumerate(title)
        )
        self._redraw()

    def _redraw(self) -> None:
        tabs = []
        for name in self._names:
            chosen = name == self._chosen
            look = phrase(f" {name} ", Tone.CHOSEN if chosen else Tone.MUTED)
            tabs.append(Part(phrase=look, keep=100 if chosen else 90, name=name))
        self.show([*tabs, *self._title])

    def on_parts_line_clicked(self, event: PartsLine.Clicked) -> None:
        event.stop()
        self.choose(event.name)

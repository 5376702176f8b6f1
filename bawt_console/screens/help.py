"""The keys of the screen one came from, made from the registry."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from bawt_console.actions import Group, Place, actions_at
from bawt_console.filters import HELP
from bawt_console.formatting import Phrase, State, Tone, joined, phrase
from bawt_console.widgets.lines import Line, LinesPane

KEY_WIDTH = 10


def help_lines(place: Place) -> list[Line]:
    """Every action of a place under its heading, then how to read states and write filters."""
    lines: list[Line] = []
    for group in Group:
        actions = [each for each in actions_at(place) if each.group is group]
        if actions:
            lines.append(Line(body=phrase(group, Tone.ACCENT)))
            lines.extend(_row(each.key, each.help) for each in actions)
            lines.append(Line())
    lines.append(Line(body=phrase("Lists and panes", Tone.ACCENT)))
    lines.append(_row("↑ ↓", "Moves; j and k do too. Page up and down, home and end as usual."))
    lines.append(_row("tab", "Goes between the list and the pane below it."))
    lines += [Line(), Line(body=phrase("States", Tone.ACCENT))]
    lines.append(Line(phrase("  "), joined((state.phrase for state in State), "   ")))
    lines += [Line(), Line(body=phrase("Filter", Tone.ACCENT)), Line(phrase("  "), phrase(HELP))]
    lines.append(
        Line(
            phrase("  "),
            phrase("Words of one field are alternatives; different fields must all hold.", Tone.MUTED),
        )
    )
    return lines


def _row(key: str, text: str) -> Line:
    head: Phrase = phrase("  ") + phrase(key.ljust(KEY_WIDTH), Tone.STRONG)
    return Line(head, phrase(text))


class HelpScreen(ModalScreen[None]):
    """Shows the keys; escape, `q` and `?` leave it."""

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "LinesPane"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "leave", show=False)]

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            yield LinesPane()

    def on_mount(self) -> None:
        self.query_one(LinesPane).show(help_lines(self._place))

    def action_leave(self) -> None:
        self.dismiss()

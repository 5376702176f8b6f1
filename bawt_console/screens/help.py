"""The keys of the screen one came from, made from the registry."""

from types import MappingProxyType

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from bawt_console.actions import Group, Keys, Place, actions_at
from bawt_console.command_words import EXAMPLES, MEANINGS, Verb
from bawt_console.filters import HELP
from bawt_console.formatting import Phrase, State, Tone, joined, phrase
from bawt_console.key_names import written
from bawt_console.widgets.lines import Line, LinesPane

KEY_WIDTH = 10
_LEAVING = frozenset({"help", "back", "quit"})
COMMAND_WIDTH = 22


def help_lines(place: Place, keys: Keys = MappingProxyType({})) -> list[Line]:
    """Every action of a place under its heading, then commands, states and filters."""
    lines: list[Line] = []
    for group in Group:
        actions = [each for each in actions_at(place, keys) if each.group is group]
        if actions:
            lines.append(Line(body=phrase(group, Tone.ACCENT)))
            lines.extend(_row(" ".join(map(written, each.keys)), each.help) for each in actions)
            lines.append(Line())
    lines.append(Line(body=phrase("Lists and panes", Tone.ACCENT)))
    lines.append(_row("↑ ↓", "Moves; j and k do too. Page up and down, home and end as usual."))
    lines.append(_row("tab", "Goes between the list and the pane below it."))
    lines += [Line(), Line(body=phrase("Commands", Tone.ACCENT))]
    lines.extend(_row(f":{EXAMPLES[verb]}", MEANINGS[verb], COMMAND_WIDTH) for verb in Verb)
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


def _row(key: str, text: str, width: int = KEY_WIDTH) -> Line:
    head: Phrase = phrase("  ") + phrase(f"{key} ".ljust(width), Tone.STRONG)
    return Line(head, phrase(text))


class HelpScreen(ModalScreen[None]):
    """Shows the keys; those of help, of going back and of leaving leave it."""

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "LinesPane"

    def __init__(self, place: Place, keys: Keys) -> None:
        super().__init__()
        self._place = place
        self._keymap = keys

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            yield LinesPane()

    def on_mount(self) -> None:
        self.query_one(LinesPane).show(help_lines(self._place, self._keymap))

    def on_key(self, event: events.Key) -> None:
        for each in actions_at(self._place, self._keymap):
            if each.id in _LEAVING and event.key in each.keys:
                event.stop()
                self.dismiss()
                return

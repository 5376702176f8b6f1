"""Questions before something is done: they name the object and the effect, and nothing happens by default."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from bawt_console.formatting import Phrase, Tone, phrase
from bawt_console.widgets.paint import ink, text_of
from bawt_console.widgets.text_input import TextInput

# Lines. On a lower terminal nothing stands between the lines of a dialog, so that all of it is seen.
HEIGHTS: list[tuple[int, str]] = [(0, "-low"), (16, "-high")]


class ConfirmScreen(ModalScreen[bool]):
    """Asks once. Escape, `n` and the focused button mean no.

    Args:
        title: the question.
        lines: the object, then what will happen.
        deed: the words on the button that does it.
        refusal: the words on the button that leaves things as they are.
    """

    CSS_PATH = "dialogs.tcss"
    AUTO_FOCUS = "#no"
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", show=False),
        Binding("y", "answer(True)", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]

    def __init__(self, *, title: str, lines: Sequence[Phrase], deed: str, refusal: str) -> None:
        super().__init__()
        self._title = title
        self._lines = tuple(lines)
        self._deed = deed
        self._refusal = refusal

    def compose(self) -> ComposeResult:
        styles = ink(self.app)
        with Vertical(id="dialog"):
            yield Static(text_of(phrase(self._title, Tone.STRONG), styles), markup=False, id="title")
            with Vertical(id="lines"):
                for line in self._lines:
                    yield Static(text_of(line, styles), markup=False, classes="line")
            with Horizontal(id="answers"):
                yield Button(Content(f"{self._refusal}  (n)"), id="no", compact=True)
                yield Button(Content(f"{self._deed}  (y)"), id="yes", compact=True, variant="error")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class ReasonScreen(ModalScreen[str | None]):
    """Asks for a line of text, by default for an optional reason.

    None means the person changed their mind, empty text means no reason.

    Args:
        value: what stands there already.
        deed: what enter does.
        longest: characters.
    """

    CSS_PATH = "dialogs.tcss"
    AUTO_FOCUS = "Input"
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(
        self,
        *,
        title: str,
        lines: Sequence[Phrase],
        value: str = "",
        deed: str = "pause",
        placeholder: str = "reason, may stay empty",
        longest: int = 200,
    ) -> None:
        super().__init__()
        self._title = title
        self._lines = tuple(lines)
        self._value = value
        self._deed = deed
        self._placeholder = placeholder
        self._longest = longest

    def compose(self) -> ComposeResult:
        styles = ink(self.app)
        keys = phrase("enter", Tone.ACCENT) + phrase(f" {self._deed}    ", Tone.MUTED)
        with Vertical(id="dialog"):
            yield Static(text_of(phrase(self._title, Tone.STRONG), styles), markup=False, id="title")
            with Vertical(id="lines"):
                for line in self._lines:
                    yield Static(text_of(line, styles), markup=False, classes="line")
            yield TextInput(
                self._value, placeholder=self._placeholder, max_length=self._longest, select_on_focus=True
            )
            text = keys + phrase("esc", Tone.ACCENT) + phrase(" cancel", Tone.MUTED)
            yield Static(text_of(text, styles), markup=False, id="hints")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss(None)

"""The line behind `/` in a text: what to look for. Finding it is for whoever opened the line."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from bawt_console.widgets.text_input import TextInput

LONGEST_SEARCH = 200


class SearchLine(Horizontal):
    """Hidden until it is opened; enter gives the words away, escape does not."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    DEFAULT_CSS = """
    SearchLine {
        height: 1;
        display: none;
        background: $bar;
        &.-open { display: block; }
        & > Static { width: 2; padding-left: 1; }
        & > Input { width: 1fr; height: 1; border: none; background: $bar; padding: 0; }
        & > Input:focus { border: none; }
    }
    """

    class Given(Message):
        """Words were given; none ends the search."""

        def __init__(self, line: "SearchLine", text: str) -> None:
            super().__init__()
            self.line = line
            self.text = text

        @property
        def control(self) -> "SearchLine":
            return self.line

    class Left(Message):
        """The person is done; the text wants the focus."""

    @property
    def input(self) -> Input:
        return self.query_one(Input)

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def compose(self) -> ComposeResult:
        yield Static("/", markup=False)
        yield TextInput(
            placeholder="search the log; n and N go on", select_on_focus=True, max_length=LONGEST_SEARCH
        )

    def open(self, text: str = "") -> None:
        """Shows the line with what was looked for before."""
        self.add_class("-open")
        self.input.value = text
        # At once: a key that follows close behind is meant for the text.
        self.screen.set_focus(self.input)

    def close(self) -> None:
        self.remove_class("-open")
        self.post_message(self.Left())

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        self.post_message(self.Given(self, event.value.strip()))

    def action_leave(self) -> None:
        self.close()

"""The line behind `:`: one command, completed while it is typed. What a command does is not its business."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from bawt_console.formatting import Tone, one_line
from bawt_console.widgets.line import PartsLine, words
from bawt_console.widgets.text_input import TextInput

MOST_REMEMBERED = 50
LONGEST_COMMAND = 500


class _Completion(Suggester):
    """Completes the whole line with the commands there are."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.commands: Sequence[str] = ()

    async def get_suggestion(self, value: str) -> str | None:
        if not value:
            return None
        return next((each for each in self.commands if each.startswith(value) and each != value), None)


class CommandLine(Horizontal):
    """Hidden until it is opened; enter gives the command away, escape does not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("up", "earlier(-1)", show=False),
        Binding("down", "earlier(1)", show=False),
        Binding("tab", "complete", show=False),
    ]
    DEFAULT_CSS = """
    CommandLine {
        height: 1;
        display: none;
        background: $bar;
        &.-open { display: block; }
        & > Static { width: 2; padding-left: 1; }
        & > Input { width: 2fr; height: 1; border: none; background: $bar; padding: 0; }
        & > Input:focus { border: none; }
        & > PartsLine { width: 3fr; }
    }
    """

    class Given(Message):
        """A command was given."""

        def __init__(self, line: "CommandLine", command: str) -> None:
            super().__init__()
            self.line = line
            self.command = command

        @property
        def control(self) -> "CommandLine":
            return self.line

    class Left(Message):
        """The person is done; the list wants the focus."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._completion = _Completion()
        self._given: list[str] = []
        self._place = 0

    @property
    def input(self) -> Input:
        return self.query_one(Input)

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def compose(self) -> ComposeResult:
        yield Static(":", markup=False)
        yield TextInput(suggester=self._completion, max_length=LONGEST_COMMAND)
        yield PartsLine(gap="   ")

    def open(self, commands: Sequence[str], examples: Sequence[str], *, text: str = "") -> None:
        """Shows the line.

        Args:
            commands: what is completed, the likeliest first.
            examples: shown beside the line as far as there is room.
        """
        self._completion.commands = tuple(one_line(each) for each in commands)
        self._place = len(self._given)
        shown = [words(each, Tone.FAINT, keep=90 - n) for n, each in enumerate(examples)]
        self.query_one(PartsLine).show(shown)
        self.add_class("-open")
        self.input.value = text
        self.input.cursor_position = len(text)
        # At once: a key that follows close behind is meant for the text.
        self.screen.set_focus(self.input)

    def close(self) -> None:
        self.remove_class("-open")
        self.input.value = ""
        self.post_message(self.Left())

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        command = event.value.strip()
        self.close()
        if command:
            self._given = [*(each for each in self._given if each != command), command][-MOST_REMEMBERED:]
            self.post_message(self.Given(self, command))

    def action_leave(self) -> None:
        self.close()

    def action_complete(self) -> None:
        self.input.action_cursor_right()
        self.input.cursor_position = len(self.input.value)

    def action_earlier(self, by: int) -> None:
        self._place = max(0, min(self._place + by, len(self._given)))
        text = self._given[self._place] if self._place < len(self._given) else ""
        self.input.value = text
        self.input.cursor_position = len(text)

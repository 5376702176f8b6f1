"""The line that a person types into, wherever there is one: of what is pasted it takes one plain line.

The library inserts nothing at all of what is too long, and shows characters that turn the reading direction.
"""

from textual import events
from textual.suggester import Suggester
from textual.widgets import Input

from bawt_console.formatting import one_line

LONGEST_LINE = 1_000
"""Characters, where nothing else was asked for."""


class TextInput(Input):
    """An input that is never longer than its `max_length`, which there always is."""

    def __init__(
        self,
        value: str = "",
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        placeholder: str = "",
        suggester: Suggester | None = None,
        select_on_focus: bool = False,
        max_length: int = LONGEST_LINE,
    ) -> None:
        super().__init__(
            value,
            id=id,
            placeholder=placeholder,
            suggester=suggester,
            select_on_focus=select_on_focus,
            max_length=max_length,
            compact=True,
        )

    def _on_paste(self, event: events.Paste) -> None:
        # The first line with something in it, as far as there is room.
        pasted = next((line for line in event.text.splitlines() if line.strip()), "")
        room = (self.max_length or LONGEST_LINE) - len(self.value) + len(self.selected_text)
        line = one_line(pasted, limit=len(pasted))[: max(0, room)]
        self.replace(line, *self.selection)
        event.prevent_default()
        event.stop()

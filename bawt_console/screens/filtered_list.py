"""What screens with a list and a filter above it share. It loads nothing and shows no row."""

from typing import Any

from bawt_console.screens.live import LiveScreen
from bawt_console.widgets.filter_line import FilterLine
from bawt_console.widgets.table import LiveTable


class FilteredList(LiveScreen):
    """Subclasses say which `table` the list is, and what a changed filter means."""

    @property
    def table(self) -> LiveTable[Any]:
        """The list."""
        raise NotImplementedError

    @property
    def filter_line(self) -> FilterLine:
        return self.query_one(FilterLine)

    def on_mount(self) -> None:
        self.table.focus()

    def focus_list(self) -> None:
        # A list without rows is hidden and cannot have the focus, but no other widget should keep it.
        self.set_focus(self.table if self.table.display else None)

    def on_filter_line_left(self) -> None:
        self.focus_list()

    def action_filter(self) -> None:
        self.filter_line.open()

    def narrow(self, text: str) -> None:
        self.filter_line.set(text)

"""What can be done to a log, wherever one is shown: follow, search, level, wrap, copy, open outside."""

from textual.widgets import Input

from bawt_console.formatting import clean
from bawt_console.screens.live import LiveScreen
from bawt_console.screens.outside import show_outside
from bawt_console.widgets.lines import LinesPane
from bawt_console.widgets.log_pane import LogPane
from bawt_console.widgets.search_line import SearchLine

# What takes longer than this is said to be coming.
SOON_SECONDS = 0.3
OF_LOG = frozenset({"search", "next_match", "previous_match", "level", "wrap"})


class LogActions(LiveScreen):
    """A screen with a log among its panes."""

    @property
    def log_pane(self) -> LogPane:
        return self.query_one(LogPane)

    @property
    def search_line(self) -> SearchLine:
        return self.query_one(SearchLine)

    @property
    def shows_log(self) -> bool:
        """Whether the log is the pane that is shown."""
        return self.is_composed and self.log_pane.display

    @property
    def is_in_log(self) -> bool:
        """Whether keys that lists have too are meant for the log."""
        return self.shows_log and self.log_pane.has_focus

    def entitle(self) -> None:
        """Says again where in the log this is."""

    def reason_against_log(self, action_id: str) -> str | None:
        """Why the log cannot be acted on now; None when it can."""
        if not self.shows_log:
            return "The log is not shown."
        if action_id in ("next_match", "previous_match") and not self.log_pane.sought:
            return f"Nothing was searched for: {self.desk.key('search')} does that."
        return None

    def on_log_pane_wanted(self) -> None:
        self.moved()

    def on_log_pane_told(self, event: LogPane.Told) -> None:
        if event.text:
            self.refuse(clean(event.text, limit=300))
        self.entitle()

    def on_search_line_given(self, event: SearchLine.Given) -> None:
        self.log_pane.seek(event.text)

    def on_search_line_left(self) -> None:
        self.log_pane.focus()

    def action_search(self) -> None:
        self.search_line.open(self.log_pane.sought)

    def action_next_match(self) -> None:
        self.log_pane.seek_again(down=True)

    def action_previous_match(self) -> None:
        self.log_pane.seek_again(down=False)

    def action_level(self) -> None:
        self.log_pane.step_level()

    def action_wrap(self) -> None:
        self.log_pane.toggle_wrap()

    def action_freeze(self) -> None:
        if self.is_in_log:
            self.log_pane.toggle_follow()
        else:
            super().action_freeze()

    def shown_lines(self) -> LinesPane | None:
        """The pane of lines that copying is about; None when it is a list."""
        if isinstance(self.focused, Input):
            return None
        return self.focused if isinstance(self.focused, LinesPane) else None

    def text_pane(self) -> LinesPane | None:
        """The pane of lines that opening outside is about, also beside a list; None when none is shown."""
        return self.shown_lines()

    async def whole_text(self) -> str:
        if self.shown_lines() is self.log_pane:
            return await self.log_pane.text(self.source.logs)
        return await super().whole_text()

    async def text_outside(self) -> str:
        """All of the text that is opened outside."""
        pane = self.text_pane()
        if pane is self.log_pane:
            return await self.log_pane.text(self.source.logs)
        return "" if pane is None else pane.plain

    def action_outside(self) -> None:
        async def show() -> str:
            slow = self.set_timer(SOON_SECONDS, lambda: self.tell("Reading the text for the other program…"))
            try:
                return await show_outside(self.app, self.text_outside, copy_key=self.desk.key("copy"))
            finally:
                slow.stop()

        self.act(show)

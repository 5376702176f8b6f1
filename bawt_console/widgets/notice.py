"""A calm panel in the middle: what is going on, what is missing, or what went wrong and what to do."""

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Static

from bawt_console.formatting import Phrase, Tone, phrase
from bawt_console.widgets.paint import ink, text_of
from scheduler_core.errors import SchedulerError


class Notice(Static):
    """Shows a title and some lines below it."""

    DEFAULT_CSS = """
    Notice {
        width: 100%;
        height: 1fr;
        content-align: center middle;
        text-align: center;
        padding: 0 4;
    }
    """

    def __init__(self, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(markup=False, id=id)
        self._title = Phrase()
        self._body: tuple[Phrase, ...] = ()

    @property
    def plain(self) -> str:
        return "\n".join(each.plain for each in (self._title, *self._body))

    def say(self, title: Phrase, body: Sequence[Phrase] = ()) -> None:
        """Replaces what the panel says."""
        if (title, tuple(body)) != (self._title, self._body):
            self._title, self._body = title, tuple(body)
            self.refresh(layout=True)

    def say_error(self, error: SchedulerError, keys: Phrase) -> None:
        """The panel of an error: title, hint, its id where a log tells more, and the keys that help."""
        where = f"error {error.error_id} in the log" if error.has_more_in_log else ""
        self.say(
            phrase("✗ ", Tone.FAILED) + phrase(error.title, Tone.FAILED),
            (phrase(error.hint), phrase(where, Tone.MUTED), phrase(""), keys),
        )

    def render(self) -> Text:
        styles = ink(self.app)
        text = text_of(self._title, styles)
        for each in self._body:
            text.append("\n")
            text.append_text(text_of(each, styles))
        return text

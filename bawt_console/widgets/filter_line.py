"""The line behind `/`: reads a filter while it is typed and says in a sentence what it cannot read."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from bawt_console.filters import OF_RUNS, Field, Filter, FilterError, Grammar, parse_filter
from bawt_console.formatting import State, Tone, one_line, phrase
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.text_input import TextInput
from scheduler_core.domain import Trigger

_WORDS = (
    *(f"state:{state.word}" for state in State if state is not State.NEW),
    *(f"trigger:{trigger}" for trigger in Trigger),
    "dur>30s",
    "since:1d",
    "late",
)


class _FromData(Suggester):
    """Completes the last word with fields, states and the names there are."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.words = words

    async def get_suggestion(self, value: str) -> str | None:
        head, _, word = value.rpartition(" ")
        bare = word.removeprefix("!")
        if not bare:
            return None
        found = next((each for each in self.words if each.startswith(bare) and each != bare), None)
        if found is None:
            return None
        return value + found[len(bare) :] if head or word else found


class FilterLine(Horizontal):
    """An input that is shown while it is used or holds a filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("down", "keep", show=False),
    ]
    DEFAULT_CSS = """
    FilterLine {
        height: 1;
        display: none;
        background: $bar;
        &.-open { display: block; }
        & > Input { width: 2fr; height: 1; border: none; margin-left: 1; background: $bar; }
        & > Input:focus { border: none; }
        & > #filter-remark { width: 3fr; }
        & > Notice { display: none; }
        &.-wrong { layout: vertical; height: auto; }
        &.-wrong > Input { width: 1fr; }
        &.-wrong > #filter-remark { display: none; }
        &.-wrong > Notice {
            display: block;
            height: auto;
            content-align: left top;
            text-align: left;
            padding: 0 1;
        }
    }
    """

    class Changed(Message):
        """Another filter holds now."""

        def __init__(self, line: "FilterLine", wanted: Filter) -> None:
            super().__init__()
            self.line = line
            self.wanted = wanted

        @property
        def control(self) -> "FilterLine":
            return self.line

    class Left(Message):
        """The person is done typing; the list wants the focus."""

    def __init__(
        self,
        *,
        grammar: Grammar = OF_RUNS,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id)
        self._grammar = grammar
        self._fixed = _WORDS
        if grammar is not OF_RUNS:
            self._fixed = tuple(f"state:{word}" for word in grammar.states)
        self._wanted = Filter()
        self._suggester = _FromData((*self._fixed, *self._fields()))

    @property
    def wanted(self) -> Filter:
        return self._wanted

    @property
    def is_used(self) -> bool:
        return self.has_class("-open") or bool(self._wanted)

    @property
    def input(self) -> Input:
        return self.query_one(Input)

    @property
    def remark(self) -> PartsLine:
        return self.query_one("#filter-remark", PartsLine)

    def compose(self) -> ComposeResult:
        yield TextInput(placeholder="filter", suggester=self._suggester)
        yield PartsLine(gap="  ", id="filter-remark")
        yield Notice(id="filter-mistake")

    def know(self, job_types: Iterable[str], bots: Iterable[str]) -> None:
        """Names to suggest."""
        self.know_names({Field.JOB: job_types, Field.BOT: bots})

    def know_names(self, names: Mapping[Field, Iterable[str]]) -> None:
        """Names to suggest behind each field."""
        known = (f"{field}:{one_line(name)}" for field, some in names.items() for name in sorted(set(some)))
        self._suggester.words = (*self._fixed, *known, *self._fields())

    def _fields(self) -> Iterable[str]:
        return (f"{field}:" for field in Field if field in self._grammar.fields)

    def open(self) -> None:
        """Shows the input and puts the cursor into it."""
        self.add_class("-open")
        self.input.cursor_position = len(self.input.value)
        # At once: a key that follows close behind is meant for the text.
        self.screen.set_focus(self.input)

    def set(self, text: str) -> None:
        """Filters as if it had been typed.

        Raises:
            FilterError: it cannot be read; the filter stays.
        """
        wanted = parse_filter(text, self._grammar)
        self.input.value = text
        self.set_class(bool(text.strip()), "-open")
        self._remark()
        self._set(wanted)

    def clear(self) -> bool:
        """Removes the filter and hides the line; False when there was nothing to remove."""
        had = bool(self.input.value) or self.has_class("-open")
        self.input.value = ""
        self.remove_class("-open")
        self._remark()
        self._set(Filter())
        return had

    def on_mount(self) -> None:
        # Examples that do not fit are left out whole, the last ones first.
        examples = self._grammar.help.split("  ")
        self.remark.show(
            [Part(phrase=phrase(each, Tone.FAINT), keep=90 - n) for n, each in enumerate(examples)]
        )

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        # A word that may still become a field is not a search for its letters; enter settles it.
        if self._unfinished(event.value):
            self._remark()
        else:
            self._apply(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._apply(event.value):
            self.action_keep()

    def action_leave(self) -> None:
        self.clear()
        self.post_message(self.Left())

    def action_keep(self) -> None:
        if not self.input.value.strip():
            self.remove_class("-open")
        # What stays is read from its beginning.
        self.input.cursor_position = 0
        self.post_message(self.Left())

    def _unfinished(self, value: str) -> bool:
        word = value.rpartition(" ")[2].removeprefix("!").partition(",")[0]
        return bool(word) and any(each.startswith(word) and each != word for each in self._suggester.words)

    def _apply(self, value: str) -> bool:
        try:
            wanted = parse_filter(value, self._grammar)
        except FilterError as error:
            whole = _longest_whole(value, self._grammar)
            self._remark(error, whole)
            self._set(whole)
            return False
        self._remark()
        self._set(wanted)
        return True

    def _set(self, wanted: Filter) -> None:
        if wanted.terms != self._wanted.terms:
            self._wanted = wanted
            self.post_message(self.Changed(self, wanted))
        self._wanted = wanted

    def _remark(self, error: FilterError | None = None, whole: Filter | None = None) -> None:
        self.set_class(error is not None, "-wrong")
        if error is None:
            return
        shown = f"Shown is what {whole.text} finds." if whole else "The list is not filtered."
        told = phrase(f"{error.title} ", Tone.LATE) + phrase(f"{shown} ", Tone.STRONG) + phrase(error.hint)
        self.query_one("#filter-mistake", Notice).say(told)


def _longest_whole(value: str, grammar: Grammar) -> Filter:
    """As many of the first words as can be read, without the last one; the empty filter when none can.

    A filter with a mistake in it must not go on with half of the word that was just typed.
    """
    while value := value.rpartition(" ")[0]:
        with contextlib.suppress(FilterError):
            return parse_filter(value, grammar)
    return Filter()

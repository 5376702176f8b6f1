"""A prompt to one model: its answer as it comes, how fast that is, a way to stop it. Nothing is stored."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from bawt_console.formatting import Phrase, Tone, elapsed, phrase
from bawt_console.shelf import ShelfModel, Trial
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import Line, LinesPane
from bawt_console.widgets.text_input import TextInput
from scheduler_core.errors import SchedulerError

REPAINT_SECONDS = 0.1
LONGEST_PROMPT = 8_000


class End(StrEnum):
    """How an answer ended, beside the ends that a model tells of."""

    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(slots=True)
class Attempt:
    """One prompt and what has come of it.

    Attributes:
        first: seconds until the first piece came, the model's loading included; None before it.
        outcome: None while the answer is being written, and where it was cut off.
        end: set where there is no outcome any more.
    """

    model: ShelfModel
    prompt: str
    started: float
    pieces: list[str] = field(default_factory=list)
    first: float | None = None
    outcome: Trial | None = None
    end: End | None = None
    says: str = ""

    @property
    def goes_on(self) -> bool:
        return self.outcome is None and self.end is None


class TryPane(Vertical):
    """See the module. The screen asks the model; this takes the prompt and shows what comes.

    Args:
        clock: seconds, for the speed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("down", "to_answer", show=False),
    ]
    DEFAULT_CSS = """
    TryPane {
        height: 1fr;
        & > Input { height: 1; border: none; background: $bar; margin: 0 1; }
        & > Input:focus { border: none; }
        & > #figures { height: 1; }
        & > #answer { height: 1fr; }
    }
    """

    class Asked(Message):
        """A prompt was given."""

        def __init__(self, pane: "TryPane", prompt: str) -> None:
            super().__init__()
            self.pane = pane
            self.prompt = prompt

        @property
        def control(self) -> "TryPane":
            return self.pane

    class Left(Message):
        """The person wants out of the prompt: what goes on stops, else the list gets the focus."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._attempt: Attempt | None = None
        self._repainting: Timer | None = None

    @property
    def attempt(self) -> Attempt | None:
        """The latest one."""
        return self._attempt

    @property
    def goes_on(self) -> bool:
        return self._attempt is not None and self._attempt.goes_on

    @property
    def input(self) -> Input:
        return self.query_one(Input)

    @property
    def answer(self) -> LinesPane:
        return self.query_one("#answer", LinesPane)

    def compose(self) -> ComposeResult:
        yield TextInput(placeholder="a prompt for this model; enter sends it", max_length=LONGEST_PROMPT)
        yield PartsLine(gap="   ", id="figures")
        yield LinesPane(follow=True, id="answer")

    def on_mount(self) -> None:
        self.repaint()

    # What the screen tells

    def begin(self, model: ShelfModel, prompt: str) -> Attempt:
        """A prompt is on its way."""
        self._attempt = Attempt(model, prompt, self._clock())
        self.repaint()
        return self._attempt

    def hear(self, attempt: Attempt, piece: str) -> None:
        """A piece of the answer came; it is painted soon, together with those that follow at once."""
        if attempt.first is None:
            attempt.first = self._clock() - attempt.started
        attempt.pieces.append(piece)
        if attempt is self._attempt and self._repainting is None:
            self._repainting = self.set_timer(REPAINT_SECONDS, self.repaint)

    def finish(self, attempt: Attempt, outcome: Trial) -> None:
        attempt.outcome = outcome
        self.repaint()

    def give_up(self, attempt: Attempt, end: End, error: SchedulerError | None = None) -> None:
        """There will be no more; what came stays to be read."""
        attempt.end = end
        if error is not None:
            attempt.says = f"{error.title} {error.hint}".strip()
        self.repaint()

    # Showing

    def repaint(self) -> None:
        """Shows what there is now."""
        self._repainting = None
        attempt = self._attempt
        if attempt is None:
            hint = phrase("The answer comes here, with its speed. Nothing of it is stored.", Tone.MUTED)
            self.query_one("#figures", PartsLine).show([Part(phrase=hint)])
            return
        self.query_one("#figures", PartsLine).show(_figures(attempt, self._clock()))
        text = attempt.outcome.text if attempt.outcome is not None else "".join(attempt.pieces)
        lines = [Line(phrase("▸ ", Tone.ACCENT), phrase(attempt.prompt, Tone.MUTED)), Line()]
        if text:
            lines.append(Line(body=phrase(text)))
        if attempt.says or (attempt.outcome is not None and attempt.outcome.detail):
            detail = attempt.says or (attempt.outcome.detail if attempt.outcome is not None else "")
            lines += [Line(), Line(body=phrase(detail, Tone.LATE))]
        self.answer.show(lines)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        prompt = event.value.strip()
        if prompt:
            self.post_message(self.Asked(self, prompt))

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def action_to_answer(self) -> None:
        self.answer.focus()


def _figures(attempt: Attempt, now: float) -> list[Part]:
    """How it stands and how fast it is, most important first."""
    name = Part(phrase=phrase(attempt.model.name, Tone.STRONG), keep=60, least=10, right=True)
    outcome = attempt.outcome
    if outcome is not None:
        parts = [
            Part(phrase=_ending(outcome), keep=100),
            _part(f"{outcome.tokens_out} tokens", 90),
            _part(_speed(outcome.tokens_per_second), 95),
            _part(_first(outcome.seconds_to_first_token), 92),
            _part(f"loaded in {outcome.seconds_loading:.2f} s" if outcome.seconds_loading else "", 70),
            _part(f"{outcome.tokens_in} tokens read", 65),
        ]
        return [*parts, name]
    count = len(attempt.pieces)
    if attempt.end is End.CANCELLED:
        return [
            Part(phrase=phrase("– cancelled", Tone.SKIPPED), keep=100),
            _part(f"after {count} tokens", 90),
            name,
        ]
    if attempt.end is End.ERROR:
        return [Part(phrase=phrase("✗ no answer", Tone.FAILED), keep=100), name]
    since = now - attempt.started
    if attempt.first is None:
        waiting = phrase("● loading and reading", Tone.RUNNING)
        return [Part(phrase=waiting, keep=100), _part(elapsed(since), 90), _stop(), name]
    writing = since - attempt.first
    speed = (count - 1) / writing if count > 1 and writing > 0 else None
    return [
        Part(phrase=phrase("● writing", Tone.RUNNING), keep=100),
        _part(f"{count} tokens", 90),
        _part(_speed(speed), 95),
        _part(f"first after {attempt.first:.2f} s", 80),
        _stop(),
        name,
    ]


def _stop() -> Part:
    return Part(phrase=phrase("esc", Tone.ACCENT) + phrase(" stops it", Tone.MUTED), keep=85)


def _part(text: str, keep: int) -> Part:
    return Part(phrase=phrase(text), keep=keep)


def _speed(tokens_per_second: float | None) -> str:
    return "" if tokens_per_second is None else f"{tokens_per_second:,.1f} tokens/s"


def _first(seconds: float | None) -> str:
    return "" if seconds is None else f"first token after {seconds:.2f} s"


def _ending(outcome: Trial) -> Phrase:
    match outcome.finish:
        case "stop":
            return phrase("✓ complete", Tone.OK)
        case "length":
            return phrase("! cut off", Tone.LATE)
        case "cancelled":
            return phrase("– cancelled", Tone.SKIPPED)
    return phrase(f"✗ {outcome.finish}", Tone.FAILED)

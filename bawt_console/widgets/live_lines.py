"""What a model is writing for a run: how much and how fast in one line, and the words where they are told."""

from collections.abc import Sequence

from bawt_console.formatting import Phrase, Tone, clean, duration, phrase
from bawt_console.widgets.line import Part
from bawt_console.widgets.lines import Line
from scheduler_core.domain import Generation

_KEPT = (
    "The words stay with the node that runs this job.",
    "LLM_BAWT_LIVE_GENERATION=true on that node lets consoles read along; no table keeps them.",
)


def live_parts(generation: Generation) -> Sequence[Part]:
    """One line about a generation, most important first."""
    parts: list[Phrase] = []
    if generation.repeats:
        parts.append(phrase("≈ repeats itself", Tone.SUSPICIOUS) + phrase(", X stops it", Tone.MUTED))
    if generation.first_token_seconds is None:
        parts.append(
            phrase("● reads the question ", Tone.RUNNING) + phrase(_seconds(generation.seconds), Tone.STRONG)
        )
    else:
        written = f"{generation.tokens:,} of {generation.max_tokens:,} tokens"
        parts.append(phrase("● writes ", Tone.RUNNING) + phrase(written, Tone.STRONG))
        if generation.tokens_per_second is not None:
            parts.append(phrase(f"{generation.tokens_per_second:.1f} tokens/s", Tone.ACCENT))
        if generation.seconds_left is not None:
            parts.append(phrase(f"{_seconds(generation.seconds_left)} left at most", Tone.PLAIN))
        parts.append(phrase(f"first token {_seconds(generation.first_token_seconds)}", Tone.MUTED))
        parts.append(phrase(f"{_seconds(generation.seconds)} so far", Tone.MUTED))
    return [Part(phrase=each, keep=100 - 10 * number) for number, each in enumerate(parts)]


def live_lines(generation: Generation | None, *, is_over: bool) -> list[Line]:
    """The words so far, or why there are none."""
    if generation is None:
        told = "The run is over." if is_over else "No model writes for this run right now."
        return [Line(body=phrase(told, Tone.MUTED))]
    if generation.text is None:
        return [Line(body=phrase(each, Tone.MUTED)) for each in _KEPT]
    lines = [Line(body=phrase(each)) for each in clean(generation.text).split("\n")]
    if generation.start:
        missed = f"… {generation.start:,} characters were written before this console listened"
        lines.insert(0, Line(body=phrase(missed, Tone.FAINT)))
    return lines


def _seconds(seconds: float) -> str:
    return duration(round(seconds * 1000))

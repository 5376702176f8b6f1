"""What runs did, as plots: how long they took, how many there were, how many succeeded, how late."""

from collections.abc import Sequence
from enum import StrEnum

from bawt_console.formatting import State, Tone, duration, percent
from bawt_console.widgets.bars import FULL, SHADE, Piece, Plot
from bawt_console.widgets.scale import round_up, unit_of
from scheduler_core.figures import RunChart, RunFigures


class Measure(StrEnum):
    """What can be seen of runs, in the order of the tabs."""

    DURATION = "Duration"
    RUNS = "Runs"
    SUCCESS = "Success"
    LATENESS = "Lateness"


def plot_of(measure: Measure, chart: RunChart) -> Plot:
    match measure:
        case Measure.DURATION:
            return _spread(
                measure,
                [(each.p50_ms, each.p95_ms) for each in chart.steps],
                whole=(chart.whole.p50_ms, chart.whole.p95_ms),
                tone=Tone.RUNNING,
            )
        case Measure.RUNS:
            return _counts(chart)
        case Measure.SUCCESS:
            return _shares(chart)
        case Measure.LATENESS:
            return _spread(
                measure,
                [(_ms(each.late_p50), _ms(each.late_p95)) for each in chart.steps],
                whole=(_ms(chart.whole.late_p50), _ms(chart.whole.late_p95)),
                tone=Tone.LATE,
            )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


Pair = tuple[float | None, float | None]


def _spread(measure: Measure, steps: Sequence[Pair], *, whole: Pair, tone: Tone) -> Plot:
    """The median of each step, and above it what lies between that and the 95th percentile."""
    highest = max((p95 for _, p95 in steps if p95 is not None), default=0.0)
    size, unit = unit_of(highest)
    top = round_up(highest / size) * size if highest > 0 else float(size)
    levels = [(value, name) for name, value in zip(("p50", "p95"), whole, strict=True) if value]
    return Plot(
        title=str(measure),
        legend=((FULL, "p50", tone), (SHADE, "up to p95", Tone.MUTED), ("┈", "of the whole", Tone.FAINT)),
        bars=tuple(
            (Piece(p50 or 0.0, FULL, tone, 1), Piece((p95 or 0.0) - (p50 or 0.0), SHADE, Tone.MUTED))
            for p50, p95 in steps
        ),
        top=top,
        marks=tuple((top * n / 2, f"{top * n / 2 / size:g} {unit}") for n in range(3)),
        levels=tuple((value, f"{name} {duration(value)}") for value, name in levels),
    )


_FATES = (State.OK, State.SKIPPED, State.RUNNING, State.SUSPICIOUS, State.FAILED)
# The letters of a bar are those of the states, but for what is normal.
_LETTERS = {State.OK: FULL, State.SKIPPED: SHADE}


def _letter(state: State) -> str:
    return _LETTERS.get(state, state.glyph)


def _numbers(figures: RunFigures) -> dict[State, int]:
    return {
        State.OK: figures.success - figures.suspicious,
        State.SKIPPED: figures.skipped,
        State.RUNNING: figures.running,
        State.SUSPICIOUS: figures.suspicious,
        State.FAILED: figures.failed,
    }


def _counts(chart: RunChart) -> Plot:
    most = max((each.runs for each in chart.steps), default=0)
    top = max(2.0, round_up(most)) if most else 2.0
    whole = _numbers(chart.whole)
    return Plot(
        title=str(Measure.RUNS),
        legend=tuple((_letter(state), state.word, state.tone) for state in _FATES if whole[state]),
        bars=tuple(
            tuple(
                # A failure among hundreds must not vanish.
                Piece(number, _letter(state), state.tone, int(state is not State.SKIPPED))
                for state, number in _numbers(each).items()
            )
            for each in chart.steps
        ),
        top=top,
        marks=tuple((top * n / 2, f"{top * n / 2:g}") for n in range(3)),
    )


def _shares(chart: RunChart) -> Plot:
    def bar(figures: RunFigures) -> tuple[Piece, ...]:
        share = figures.success_share
        if share is None:
            return ()
        return (
            Piece(share, FULL, State.OK.tone),
            Piece(1 - share, State.FAILED.glyph, State.FAILED.tone, 1),
        )

    whole = chart.whole.success_share
    return Plot(
        title=str(Measure.SUCCESS),
        legend=((FULL, "ok", State.OK.tone), (State.FAILED.glyph, "failed", State.FAILED.tone)),
        bars=tuple(bar(each) for each in chart.steps),
        top=1.0,
        marks=((0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")),
        levels=() if whole is None else ((whole, percent(whole)),),
    )

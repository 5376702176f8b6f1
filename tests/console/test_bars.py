"""Bars made of letters: what must hold of all of them, and some that can be followed by hand."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bawt_console.formatting import Tone
from bawt_console.widgets.bars import FULL, SHADE, Piece, cells_of, edges, row_of
from bawt_console.widgets.run_plots import Measure, plot_of
from bawt_console.windows import WINDOWS, window_named
from scheduler_core.figures import NO_RUNS, RunChart, RunFigures

HEIGHTS = st.floats(0, 1e9, allow_nan=False)
PIECES = st.lists(
    st.builds(Piece, HEIGHTS, st.sampled_from([FULL, SHADE, "✗"]), st.just(Tone.OK), st.integers(0, 1)),
    max_size=5,
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(PIECES, st.integers(1, 40), st.floats(1e-3, 1e9))
def test_a_bar_never_leaves_its_plot_and_each_cell_is_one_letter(
    bar: list[Piece], rows: int, top: float
) -> None:
    cells = cells_of(bar, rows=rows, top=top)
    assert len(cells) <= rows
    assert all(len(letter) == 1 for letter, _ in cells)


@given(st.floats(1e-6, 1.0), st.integers(1, 40))
def test_the_smallest_solid_bar_is_still_seen(share: float, rows: int) -> None:
    assert cells_of([Piece(share, FULL, Tone.OK)], rows=rows, top=1.0)


@given(st.integers(1, 300), st.integers(1, 300))
def test_steps_lie_side_by_side_within_the_width(steps: int, width: int) -> None:
    places = edges(steps, width)
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] <= width
    widths = {right - left for left, right in pairwise(places)}
    assert max(widths) - min(widths) <= 1


def test_a_solid_bar_is_exact_to_an_eighth() -> None:
    cells = cells_of([Piece(2.5, FULL, Tone.OK)], rows=4, top=4.0)
    assert "".join(letter for letter, _ in cells) == "██▄"


def test_a_failure_among_hundreds_keeps_a_cell() -> None:
    cells = cells_of([Piece(500, FULL, Tone.OK), Piece(1, "✗", Tone.FAILED, 1)], rows=10, top=501)
    assert "".join(letter for letter, _ in cells) == "█" * 9 + "✗"


def test_a_value_at_the_upper_edge_lies_in_the_uppermost_row() -> None:
    assert [row_of(value, rows=4, top=1.0) for value in (0.0, 0.5, 1.0, 7.0)] == [0, 2, 3, 3]


FIGURES = st.builds(
    RunFigures,
    success=st.integers(0, 1_000_000),
    failed=st.integers(0, 1_000_000),
    skipped=st.integers(0, 1000),
    running=st.integers(0, 3),
    p50_ms=st.none() | HEIGHTS,
    p95_ms=st.none() | HEIGHTS,
    late_p50=st.none() | HEIGHTS,
    late_p95=st.none() | HEIGHTS,
)


@given(st.lists(FIGURES, min_size=1, max_size=60), FIGURES, st.integers(1, 30))
def test_whatever_was_counted_can_be_drawn(steps: list[RunFigures], whole: RunFigures, rows: int) -> None:
    chart = RunChart(job_id=None, since=NOON, step=timedelta(minutes=30), steps=tuple(steps), whole=whole)
    for measure in Measure:
        plot = plot_of(measure, chart)
        assert plot.top > 0
        assert len(plot.bars) == len(steps)
        for bar in plot.bars:
            assert len(cells_of(bar, rows=rows, top=plot.top)) <= rows
        for value, words in (*plot.marks, *plot.levels):
            assert 0 <= row_of(value, rows=rows, top=plot.top) < rows
            assert "nan" not in words


def test_where_nothing_ran_nothing_is_drawn() -> None:
    chart = RunChart(
        job_id=None, since=NOON, step=timedelta(minutes=30), steps=(NO_RUNS,) * 48, whole=NO_RUNS
    )
    for measure in Measure:
        plot = plot_of(measure, chart)
        assert not any(cells_of(bar, rows=9, top=plot.top) for bar in plot.bars)


# Windows


@pytest.mark.parametrize("window", WINDOWS, ids=lambda each: each.word)
@pytest.mark.parametrize("coarse", [False, True])
@given(now=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 - the zone follows
def test_the_last_step_of_a_window_holds_now(window: object, coarse: bool, now: datetime) -> None:
    for zone in ("UTC", "Asia/Kathmandu", "America/St_Johns"):
        at = now.replace(tzinfo=UTC)
        each = window_named(window.word)  # type: ignore[attr-defined]
        assert each is not None
        grid = each.grid(at, ZoneInfo(zone), coarse=coarse)
        assert grid.step * grid.steps == each.length
        assert grid.since + each.length - grid.step <= at < grid.since + each.length


def test_steps_begin_at_round_local_times() -> None:
    week = window_named("7D")
    assert week is not None
    grid = week.grid(datetime(2026, 11, 22, 3, 14, tzinfo=UTC), ZoneInfo("Asia/Kathmandu"))
    local = grid.since.astimezone(ZoneInfo("Asia/Kathmandu"))
    assert (local.hour % 3, local.minute) == (0, 0)


def test_a_window_has_few_enough_steps_for_a_small_screen() -> None:
    for each in WINDOWS:
        assert 18 <= each.length // each.coarse <= 30
        assert 36 <= each.length // each.step <= 60

"""The hours to come as lanes: the model first, then a lane a job."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from uuid import UUID

from textual.geometry import Region

from bawt_console.foresight import LEAST_WAIT_SECONDS, at_time, lane_length, part, usual_length
from bawt_console.formatting import Phrase, State, Tone, elapsed, one_line, phrase
from bawt_console.widgets.columns import Column
from bawt_console.widgets.table import LiveTable
from scheduler_core.figures import Forecast, Lane, PredictedRun

Span = tuple[datetime, datetime]

IDLE = "·"
NEXT_WIDTH = 9
_LEVELS = "▁▂▃▄▅▆▇█"
_HOUR = timedelta(hours=1)
_WIDEST = 4 * _HOUR
_UNITS = tuple(_HOUR * each for each in (1, 2, 3, 4, 6, 12, 24))


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """One row.

    Attributes:
        lane: None for the model.
        spans: when something runs here.
        waits: when something waits for a place.
        share: of the time ahead in which something runs.
        is_long: whether runs take long, rather than as long as usual.
    """

    now: datetime
    until: datetime
    lane: Lane | None
    spans: tuple[Span, ...]
    waits: tuple[Span, ...] = ()
    share: float = 0.0
    worst_wait: float = 0.0
    is_long: bool = False

    @property
    def key(self) -> UUID | None:
        return None if self.lane is None else self.lane.job.id

    @property
    def runs(self) -> tuple[PredictedRun, ...]:
        if self.lane is None:
            return ()
        return self.lane.long_runs if self.is_long else self.lane.runs

    @property
    def next(self) -> datetime | None:
        return next((run.start for run in self.runs if run.start >= self.now), None)


def lane_rows(forecast: Forecast, *, is_long: bool = False) -> list[LaneRow]:
    """The model, then the lanes, those that are next first."""
    model = forecast.model
    rows = [_of_lane(forecast, lane, is_long=is_long) for lane in forecast.lanes]
    rows.sort(key=lambda row: (row.next or forecast.until, row.runs == (), row.key))
    whole = LaneRow(
        now=forecast.now,
        until=forecast.until,
        lane=None,
        spans=model.long_spans if is_long else model.spans,
        share=model.long_share if is_long else model.share,
        worst_wait=max((row.worst_wait for row in rows), default=0.0),
        is_long=is_long,
    )
    return [whole, *rows]


def _of_lane(forecast: Forecast, lane: Lane, *, is_long: bool) -> LaneRow:
    runs = lane.long_runs if is_long else lane.runs
    return LaneRow(
        now=forecast.now,
        until=forecast.until,
        lane=lane,
        spans=tuple((run.start, run.end) for run in runs),
        waits=tuple((run.due, run.start) for run in runs if run.wait >= LEAST_WAIT_SECONDS),
        worst_wait=lane.long_wait if is_long else lane.worst_wait,
        is_long=is_long,
    )


class LaneTable(LiveTable[LaneRow]):
    """A table with one row a lane, whose head is the axis."""

    def __init__(self, *, now: Callable[[], datetime], zone: tzinfo | None, id: str) -> None:  # noqa: A002 - Textual's own name
        def axis(width: int) -> Phrase:
            return hours(self.rows[0], width, zone) if self.rows else Phrase()

        super().__init__(_columns(zone, axis), key=lambda row: row.key, now=now, id=id)

    def show(self, rows: Sequence[LaneRow]) -> None:
        """Replaces all rows, and the axis with them."""
        super().show(rows)
        self.refresh(Region(0, 0, self.size.width, 1))


# Drawing


def drawn(row: LaneRow, width: int) -> Phrase:
    """The lane in so many cells: how busy it is in each, `!` where somebody waits, `·` where nothing is."""
    if width <= 0 or row.until <= row.now:
        return Phrase()
    busy = _shares(row, row.spans, width)
    waiting = _shares(row, row.waits, width)
    pieces: list[tuple[str, Tone]] = []
    tone = Tone.STRONG if row.lane is None else Tone.RUNNING
    for number in range(width):
        letter, look = _cell(busy.get(number), number in waiting, tone)
        if pieces and pieces[-1][1] is look:
            pieces[-1] = (pieces[-1][0] + letter, look)
        else:
            pieces.append((letter, look))
    return Phrase(tuple(pieces))


def _cell(share: float | None, waits: bool, tone: Tone) -> tuple[str, Tone]:
    if waits:
        return State.LATE.glyph, Tone.LATE
    if share is None:
        return IDLE, Tone.FAINT
    return _LEVELS[max(1, min(7, round(share * 8) - 1))], tone


def _shares(row: LaneRow, spans: tuple[Span, ...], width: int) -> dict[int, float]:
    """How much of each cell is taken; cells nothing falls into are missing."""
    cell = (row.until - row.now) / width
    taken: dict[int, float] = {}
    for start, end in spans:
        first = max(0, int((start - row.now) / cell))
        last = max(first, min(width - 1, int((end - row.now) / cell)))
        for number in range(first, min(last + 1, width)):
            left, right = row.now + cell * number, row.now + cell * (number + 1)
            share = max(0.0, (min(end, right) - max(start, left)) / cell)
            if share > 0 or number == first:
                taken[number] = min(1.0, taken.get(number, 0.0) + share)
    return taken


def hours(row: LaneRow | None, width: int, zone: tzinfo | None) -> Phrase:
    """The axis: local hours, each beginning where it stands."""
    if row is None or width < 12 or row.until <= row.now:
        return Phrase()
    per_hour = width * (_HOUR / (row.until - row.now))
    unit = next((each for each in _UNITS if (each / _HOUR) * per_hour >= 7), _UNITS[-1])
    form = "%H:%M"
    if unit > _WIDEST:
        # Where that leaves but a few times, hours alone are more.
        unit, form = next((each for each in _UNITS if (each / _HOUR) * per_hour >= 4), unit), "%H"
    pieces: list[tuple[str, Tone]] = [("", Tone.FAINT)]
    used = 0
    for at in _round_hours(row.now, row.until, unit, zone):
        place = int((at - row.now) / _HOUR * per_hour)
        words = f"{at.astimezone(zone):{form}}"
        if place < used or place + len(words) > width:
            continue
        pieces += [(" " * (place - used), Tone.FAINT), (words, Tone.MUTED)]
        used = place + len(words)
    return Phrase(tuple(pieces))


def _round_hours(now: datetime, until: datetime, unit: timedelta, zone: tzinfo | None) -> Iterator[datetime]:
    """Full hours that are a multiple of the unit on the clocks there."""
    local = now.astimezone(zone)
    at = now - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond) + _HOUR
    while at < until:
        if at.astimezone(zone).hour % (unit // _HOUR) == 0:
            yield at
        at += _HOUR


# Cells


def _name(row: LaneRow, now: datetime) -> Phrase:
    return phrase("model", Tone.STRONG) if row.lane is None else phrase(row.lane.job.job_type)


def _bot(row: LaneRow, now: datetime) -> Phrase:
    return Phrase() if row.lane is None else phrase(row.lane.job.bot_id, Tone.MUTED)


def _next(row: LaneRow, zone: tzinfo | None) -> Phrase:
    if row.lane is None:
        share = part(row.share)
        fits = len(share) + len(" busy") <= NEXT_WIDTH
        return phrase(f"{share} busy" if fits else share, Tone.STRONG)
    running = next((run for run in row.runs if run.start < row.now < run.end), None)
    if running is not None:
        return State.RUNNING.phrase
    return phrase("–", Tone.FAINT) if row.next is None else phrase(at_time(row.next, row.now, zone))


def _takes(row: LaneRow, now: datetime) -> Phrase:
    if row.lane is None:
        return Phrase()
    takes = lane_length(row.lane, usual_length(row.lane, is_long=row.is_long))
    return phrase(takes, Tone.MUTED if row.lane.is_guess or not row.runs else Tone.PLAIN)


def _wait(row: LaneRow, now: datetime) -> Phrase:
    if row.worst_wait >= LEAST_WAIT_SECONDS:
        return phrase(f"{State.LATE.glyph} {elapsed(row.worst_wait)}", Tone.LATE)
    return phrase("–", Tone.FAINT)


def _runs(row: LaneRow, now: datetime) -> Phrase:
    return Phrase() if row.lane is None else phrase(f"{len(row.runs):,}")


def _name_room(row: LaneRow) -> str:
    return "" if row.lane is None else one_line(row.lane.job.job_type)


def _bot_room(row: LaneRow) -> str:
    return "" if row.lane is None else one_line(row.lane.job.bot_id)


def _columns(zone: tzinfo | None, axis: Callable[[int], Phrase]) -> tuple[Column[LaneRow], ...]:
    return (
        Column(title="lane", cell=_name, width=14, most=24, natural=_name_room, keep=100),
        Column(title="bot", cell=_bot, width=5, most=12, natural=_bot_room, keep=90),
        Column(title="", cell=_name, drawn=drawn, drawn_title=axis, width=24, most=1_000, keep=99),
        Column(title="next", cell=lambda row, _: _next(row, zone), width=NEXT_WIDTH, keep=95, right=True),
        Column(title="takes", cell=_takes, width=10, keep=60, right=True),
        Column(title="runs", cell=_runs, width=5, keep=50, right=True),
        Column(title="waits", cell=_wait, width=8, keep=96, right=True),
    )

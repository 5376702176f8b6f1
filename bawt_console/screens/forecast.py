"""Shows what the next 24 hours will bring, and where jobs will wait for each other.

A lane a job, the model's above them; below, the selected lane in words. It is computed anew when jobs change
and as time passes.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from bawt_console.actions import Place
from bawt_console.export import Rows
from bawt_console.foresight import (
    at_time,
    collision,
    name_of,
    remarks,
    skipped,
    start,
    together,
)
from bawt_console.formatting import Tone, countdown, counted, phrase
from bawt_console.screens.desk import Desk
from bawt_console.screens.live import LiveScreen, bindings_of
from bawt_console.widgets.lane_table import LaneRow, LaneTable, lane_rows
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.lines import Line, LinesPane
from bawt_console.widgets.notice import Notice
from bawt_console.widgets.table import LiveTable
from scheduler_core.errors import StateError
from scheduler_core.figures import Forecast, Lane, PredictedRun

if TYPE_CHECKING:
    from bawt_console.source import Source

EVERY = timedelta(minutes=1)
STARTS_SHOWN = 100
# The longest waits come first; of those of one job its own lane tells.
COLLISIONS_SHOWN = 50


class ForecastScreen(LiveScreen):
    """See the module."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["live.tcss", "forecast.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Place.FORECAST)
    place = Place.FORECAST
    # Hours and days change slowly, and where rows change all the time, each look at them is a heavy one.
    least_rest_seconds = 1.0

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._forecast: Forecast | None = None
        self._computed_at: datetime | None = None
        self._is_long = False

    def compose_body(self) -> ComposeResult:
        yield PartsLine(gap=" · ", filling="─", id="list-title")
        yield LaneTable(now=self.desk.now, zone=self.desk.zone, id="lanes")
        yield Notice(id="empty")
        yield PartsLine(gap=" · ", filling="─", id="told-title")
        yield LinesPane(id="told")

    @property
    def lanes(self) -> LiveTable[LaneRow]:
        return self.query_one(LaneTable)

    @property
    def told(self) -> LinesPane:
        """The selected lane in words."""
        return self.query_one("#told", LinesPane)

    @property
    def forecast(self) -> Forecast | None:
        """What is shown; None until it came."""
        return self._forecast

    @property
    def selected(self) -> Lane | None:
        """The lane under the cursor; None on the model's."""
        row = self.lanes.selected
        return None if row is None else row.lane

    def on_mount(self) -> None:
        self.lanes.focus()

    def focus_list(self) -> None:
        self.set_focus(self.lanes if self.lanes.display else None)

    # Loading

    async def load(self, kinds: frozenset[str], source: "Source") -> None:
        self._forecast = await source.measures.forecast()
        self._computed_at = self.desk.now()
        self._show()

    def tick(self) -> None:
        if self._computed_at is not None and self.desk.now() - self._computed_at >= EVERY:
            self._computed_at = None
            self.moved()

    # Showing

    def _show(self) -> None:
        forecast = self._forecast
        if forecast is None:
            return
        some = bool(forecast.lanes)
        self.lanes.show(lane_rows(forecast, is_long=self._is_long) if some else [])
        for each in (self.lanes, self.told, self.query_one("#told-title")):
            each.display = some
        self.query_one("#empty").display = not some
        self._explain_nothing(forecast)
        if self.focused is None:
            self.focus_list()
        self._show_title(forecast)
        self._show_told()

    def _explain_nothing(self, forecast: Forecast) -> None:
        empty = self.query_one("#empty", Notice)
        if forecast.paused:
            keys = self.desk.way("show_jobs", "shows the jobs, ") + self.desk.way(
                "resume", "there lets one go on."
            )
            number = counted(forecast.paused, "job is", plural="jobs are")
            empty.say(phrase(f"Nothing is to come: {number} paused.", Tone.STRONG), [keys])
        else:
            empty.say(
                phrase("Nothing is to come: there are no jobs yet.", Tone.STRONG),
                [phrase("A scheduler makes the default jobs when it starts on a new database.", Tone.MUTED)],
            )

    def _show_title(self, forecast: Forecast) -> None:
        hours = round((forecast.until - forecast.now) / timedelta(hours=1))
        length = "if every run takes long (p95)" if self._is_long else "if runs take as long as usual (p50)"
        parts = [Part(phrase=phrase(f"next {hours} h", Tone.STRONG), keep=100)]
        parts += [
            Part(phrase=each, keep=95 - number)
            for number, each in enumerate(remarks(forecast, self.desk.zone))
        ]
        parts.append(Part(phrase=phrase(length, Tone.LATE if self._is_long else Tone.MUTED), keep=40))
        self.query_one("#list-title", PartsLine).show(parts)

    def _show_told(self) -> None:
        forecast, lane = self._forecast, self.selected
        if forecast is None:
            return
        title = self.query_one("#told-title", PartsLine)
        if lane is None:
            number = counted(len(forecast.collisions), "collision")
            title.show(
                [Part(phrase=phrase("model", Tone.STRONG), keep=100), Part(phrase=phrase(number), keep=90)]
            )
            self.told.show([*self._model_lines(forecast)])
        else:
            runs = counted(len(self._runs(lane)), "run")
            title.show(
                [
                    Part(phrase=phrase(name_of(lane.job), Tone.STRONG), keep=100, least=10),
                    Part(phrase=phrase(f"{runs} to come", Tone.MUTED), keep=90),
                    Part(phrase=skipped(lane), keep=80),
                ]
            )
            self.told.show([*self._lane_lines(forecast, lane)])

    def _runs(self, lane: Lane) -> tuple[PredictedRun, ...]:
        return lane.long_runs if self._is_long else lane.runs

    def _model_lines(self, forecast: Forecast) -> Iterator[Line]:
        zone = self.desk.zone
        for each in forecast.collisions[:COLLISIONS_SHOWN]:
            yield Line(body=collision(each, forecast.now, zone))
        if (more := len(forecast.collisions) - COLLISIONS_SHOWN) > 0:
            yield Line(body=phrase(f"… and {more:,} more, none of which waits longer", Tone.MUTED))
        if shared := together(forecast, zone):
            yield Line(body=shared)
        if not forecast.collisions:
            yield Line(body=phrase("No job will wait for another one.", Tone.MUTED))
        ahead = [(run.due, n, run, lane) for n, lane in enumerate(forecast.lanes) for run in self._runs(lane)]
        ahead.sort(key=lambda each: each[:2])
        for _, _, run, lane in ahead[:STARTS_SHOWN]:
            if run.end >= forecast.now:
                yield self._start_line(forecast, run, lane, named=True)

    def _lane_lines(self, forecast: Forecast, lane: Lane) -> Iterator[Line]:
        now, zone = forecast.now, self.desk.zone
        for each in forecast.collisions:
            if each.job.id == lane.job.id:
                yield Line(body=collision(each, now, zone, subject=False))
            elif each.other.id == lane.job.id:
                yield Line(body=collision(each, now, zone))
        runs = self._runs(lane)
        for run in runs[:STARTS_SHOWN]:
            yield self._start_line(forecast, run, lane)
        if not runs:
            due = at_time(lane.job.next_run_at, now, zone)
            yield Line(body=phrase(f"Not within this time; its next slot is {due}.", Tone.MUTED))

    def _start_line(self, forecast: Forecast, run: PredictedRun, lane: Lane, *, named: bool = False) -> Line:
        now, zone = forecast.now, self.desk.zone
        at = phrase(f"{at_time(run.due, now, zone):<9}  ", Tone.STRONG)
        due = phrase(f"{countdown(run.due, now) if run.due > now else '':<10}  ", Tone.FAINT)
        bot = "" if run.bot_id == lane.job.bot_id else f"for {run.bot_id}  "
        who = phrase(f"{name_of(lane.job)}  " if named else "") + phrase(bot, Tone.MUTED)
        return Line(head=at + due, body=who + start(run, lane, now, zone))

    def on_live_table_moved(self, event: LiveTable.Moved) -> None:
        self._show_told()
        self.refresh_chrome()

    def on_live_table_opened(self) -> None:
        self.action_open()

    # Actions

    def reason_against(self, action_id: str) -> str | None:
        match action_id:
            case "freeze":
                return None
            case "long_runs":
                return None if self._forecast is not None else "There is no forecast yet."
            case "open":
                return None if self.selected is not None else "The model's lane has no job to open."
        return super().reason_against(action_id)

    def action_long_runs(self) -> None:
        self._is_long = not self._is_long
        self._show()

    def action_open(self) -> None:
        lane = self.selected
        if lane is None:
            return
        job_id = lane.job.id

        async def show_job() -> str:
            await self.app.run_action("app.show('jobs')", self)
            shown = self.app.screen
            if isinstance(shown, LiveScreen):
                shown.look_for(job_id)
            return ""

        self.act(show_job)

    # For commands

    def known_names(self) -> tuple[list[str], list[str]]:
        jobs = [row.lane.job for row in self.lanes.rows if row.lane is not None]
        return sorted({f"{job.job_type}:{job.bot_id}" for job in jobs}), sorted({job.bot_id for job in jobs})

    def exported(self) -> Rows:
        if self._forecast is None:
            raise StateError("There is no forecast yet.", "Wait until it is shown.")
        return [
            {
                "job_id": row.lane.job.id,
                "job_type": row.lane.job.job_type,
                "bot_id": run.bot_id,
                "due": run.due,
                "start": run.start,
                "end": run.end,
                "wait_seconds": run.wait,
                "is_guess": row.lane.is_guess,
                "is_long": row.is_long,
            }
            for row in self.lanes.rows
            if row.lane is not None
            for run in row.runs
        ]

    def copied(self) -> str:
        return self.told.plain if self._forecast is not None else ""

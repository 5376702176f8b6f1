"""How long a job's runs took, over time. Drawing stalls the screen for tens of milliseconds, so it happens
only for new data or a new size; the plotting library is loaded with the first chart."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from bawt_console.formatting import Tone, counted, duration, joined, phrase
from bawt_console.widgets.line import Part, PartsLine
from bawt_console.widgets.scale import round_up, unit_of
from bawt_console.widgets.themes import TONE_PREFIX
from scheduler_core.domain import DurationPoint, RunStatus

if TYPE_CHECKING:
    from textual_plotext import PlotextPlot

NO_RUN = "No finished run yet: the chart starts with the first one."
ONLY_SKIPPED = "All runs so far were skipped, and a skipped run has no duration."


def downsampled(points: Sequence[DurationPoint], buckets: int) -> list[DurationPoint]:
    """At most `buckets` points: of each group the longest, so that peaks stay, failures before successes."""
    if len(points) <= buckets:
        return list(points)
    kept = []
    for number in range(buckets):
        start, end = number * len(points) // buckets, (number + 1) * len(points) // buckets
        group = points[start:end]
        kept.append(max(group, key=lambda point: (point.status is RunStatus.FAILED, point.duration_ms)))
    return kept


def percentile(values: Sequence[float], share: float) -> float:
    """With linear interpolation between the two nearest ranks, as PostgreSQL's percentile_cont."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


class DurationChart(Vertical):
    """A line of figures and a plot below it."""

    DEFAULT_CSS = """
    DurationChart { height: 1fr; }
    DurationChart PlotextPlot { height: 1fr; }
    """

    def __init__(self, *, zone: tzinfo | None, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._zone = zone
        self._points: tuple[DurationPoint, ...] | None = None
        self._skipped = False
        self._drawn: tuple[object, ...] = ()
        self._plot: PlotextPlot | None = None

    def compose(self) -> ComposeResult:
        yield PartsLine(id="chart-figures")
        yield PartsLine(id="chart-times")

    @property
    def points(self) -> tuple[DurationPoint, ...]:
        return self._points or ()

    async def show(self, points: Sequence[DurationPoint], *, skipped: bool = False) -> None:
        """Draws the points, oldest first, if they are others than before.

        Args:
            skipped: whether all runs there are were skipped, which explains that there are no points.
        """
        if (self._points, self._skipped) == (tuple(points), skipped):
            return
        self._points, self._skipped = tuple(points), skipped
        self.query_one("#chart-figures", PartsLine).show(self._figures())
        self.query_one("#chart-times", PartsLine).show(self._times())
        if self._points and self._plot is None:
            from textual_plotext import PlotextPlot

            self._plot = PlotextPlot()
            await self.mount(self._plot, before="#chart-times")
        if self._plot is not None:
            self._plot.display = bool(self._points)
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._draw()

    def _figures(self) -> list[Part]:
        if not self._points:
            text = ONLY_SKIPPED if self._skipped else NO_RUN
            return [Part(phrase=phrase(text, Tone.MUTED))]
        good = [point.duration_ms for point in self._points if point.status is RunStatus.SUCCESS]
        failed = sum(point.status is RunStatus.FAILED for point in self._points)
        parts = [Part(phrase=phrase(counted(len(self._points), "latest run"), Tone.MUTED), keep=90)]
        for name, share, keep in (("p50", 0.5, 80), ("p95", 0.95, 81)):
            if good:
                figure = joined((phrase(f"{name} ", Tone.MUTED), phrase(duration(percentile(good, share)))))
                parts.append(Part(phrase=figure, keep=keep))
        longest = max(point.duration_ms for point in self._points)
        parts.append(Part(phrase=phrase("longest ", Tone.MUTED) + phrase(duration(longest)), keep=60))
        if failed:
            parts.append(Part(phrase=phrase(f"✗ {failed} failed", Tone.FAILED), keep=85))
        return parts

    def _draw(self) -> None:
        plot = self._plot
        wanted = (self._points, self.size, self.app.theme)
        if plot is None or not self._points or self.size.width < 20 or wanted == self._drawn:
            return
        self._drawn = wanted
        points = downsampled(self._points, max(10, self.size.width - 12))
        scale, unit = unit_of(max(point.duration_ms for point in points))
        plt = plot.plt
        plt.clear_figure()
        colour = self.app.theme_variables
        places = list(range(len(points)))
        heights = [point.duration_ms / scale for point in points]
        good = [
            (x, y) for x, y, p in zip(places, heights, points, strict=True) if p.status is RunStatus.SUCCESS
        ]
        bad = [
            (x, y) for x, y, p in zip(places, heights, points, strict=True) if p.status is RunStatus.FAILED
        ]
        for pairs, tone, marker in ((good, Tone.RUNNING, "braille"), (bad, Tone.FAILED, "x")):
            if pairs:
                xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
                draw = plt.plot if tone is Tone.RUNNING else plt.scatter
                draw(xs, ys, marker=marker, color=_rgb(colour[TONE_PREFIX + tone]))
        plt.xticks([], [])
        if good:
            values = [float(y) for _, y in good]
            for share in (0.5, 0.95):
                plt.hline(percentile(values, share), color=_rgb(colour[TONE_PREFIX + Tone.FAINT]))
        top = round_up(max(heights) or 1)
        plt.ylim(0, top)
        steps = 4 if self.size.height > 14 else 2
        marks = [top * n / steps for n in range(steps + 1)]
        plt.yticks(marks, [f"{mark:g} {unit}" for mark in marks])
        plt.xaxes(True, False)
        plt.yaxes(True, False)
        plot.refresh()

    def _times(self) -> list[Part]:
        """When the first and the last of the points were; the ones between stand evenly."""
        points = self._points or ()
        if len(points) < 2:
            return []
        days = (points[-1].started_at - points[0].started_at).total_seconds() / 86_400
        form = "%H:%M" if days < 0.5 else "%d %b %H:%M" if days < 7 else "%d %b %Y"
        first, last = (
            f"{point.started_at.astimezone(self._zone):{form}}" for point in (points[0], points[-1])
        )
        return [
            Part(phrase=phrase(f"{first}, oldest", Tone.FAINT), keep=80),
            Part(phrase=phrase(f"newest, {last}", Tone.FAINT), keep=90, right=True),
        ]


def _rgb(colour: str) -> tuple[int, int, int]:
    return (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))

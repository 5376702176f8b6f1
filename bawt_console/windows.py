"""How far back a chart looks, and in what steps. Steps begin at round local times, the last one holds now."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Steps of equal length, the first of which begins at `since`."""

    since: datetime
    step: timedelta
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One choice.

    Attributes:
        word: as people write it, such as `24h`.
        step: divides the length.
        coarse: the step where there is no room for so many.
    """

    word: str
    length: timedelta
    step: timedelta
    coarse: timedelta

    @property
    def title(self) -> str:
        """`24 h`"""
        return f"{self.word[:-1]} {self.word[-1]}"

    def grid(self, now: datetime, zone: tzinfo | None, *, coarse: bool = False) -> Grid:
        """The steps that end with the one `now` lies in.

        Args:
            zone: whose midnight steps are counted from, as its clocks go now; None for this machine's.
        """
        step = self.coarse if coarse else self.step
        offset = now.astimezone(zone).utcoffset() or timedelta(0)
        until = _EPOCH + ((now - _EPOCH + offset) // step + 1) * step - offset
        return Grid(since=until - self.length, step=step, steps=self.length // step)

    def words_for(self, start: datetime, step: timedelta, zone: tzinfo | None) -> str:
        """A step: `02:30–03:00`, with its day in windows of several, and whole days as `Sun 22 Nov`."""
        begin, end = start.astimezone(zone), (start + step).astimezone(zone)
        if step == _DAY and begin.hour == 0:
            return f"{begin:%a %d %b}"
        day = (
            "" if self.length <= _DAY else f"{begin:%a %d} " if self.length < 10 * _DAY else f"{begin:%d %b} "
        )
        return f"{day}{begin:%H:%M}–{end:%H:%M}"


WINDOWS = (
    Window(word="1h", length=_HOUR, step=_MINUTE, coarse=3 * _MINUTE),
    Window(word="6h", length=6 * _HOUR, step=10 * _MINUTE, coarse=20 * _MINUTE),
    Window(word="24h", length=_DAY, step=30 * _MINUTE, coarse=_HOUR),
    Window(word="7d", length=7 * _DAY, step=3 * _HOUR, coarse=8 * _HOUR),
    Window(word="30d", length=30 * _DAY, step=12 * _HOUR, coarse=_DAY),
)
FIRST = WINDOWS[2]


def window_named(word: str) -> Window | None:
    """The window of `24h`, `24 h` or `24H`; None if there is none."""
    wanted = word.replace(" ", "").lower()
    return next((each for each in WINDOWS if each.word == wanted), None)

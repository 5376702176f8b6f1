"""A forecast in words, for the screen and for plain output alike. It asks nobody and draws nothing."""

from datetime import datetime, timedelta, tzinfo

from bawt_console.formatting import NOTHING, Phrase, State, Tone, counted, duration, elapsed, joined, phrase
from scheduler_core.domain import Job
from scheduler_core.figures import Collision, Forecast, Lane, PredictedRun

# Places are given on within a moment; what waits less is not said to wait.
LEAST_WAIT_SECONDS = 1.0
_DAY = timedelta(days=1)
_WEEK, _YEAR = timedelta(days=7), timedelta(days=365)


def name_of(job: Job) -> str:
    return f"{job.job_type} {job.bot_id}"


def at_time(at: datetime, now: datetime, zone: tzinfo | None) -> str:
    """`06:00`, with its day from midnight on, and `06 Mar` or `Mar 2999` where a day alone would mislead."""
    there, today = at.astimezone(zone), now.astimezone(zone).date()
    if there.date() == today:
        return f"{there:%H:%M}"
    if there.date() - today < _WEEK:
        return f"{there:%a %H:%M}"
    return f"{there:%d %b}" if there.date() - today < _YEAR else f"{there:%b %Y}"


def length(delta: timedelta) -> str:
    return duration(delta.total_seconds() * 1000)


def part(share: float) -> str:
    """Whole per cents; what is not nothing is never told as nothing."""
    whole = round(share * 100)
    return "under 1 %" if share > 0 and not whole else f"{whole} %"


def remarks(forecast: Forecast, zone: tzinfo | None = None) -> list[Phrase]:
    """The whole forecast in a few words, the most important first."""
    model = forecast.model
    said = [
        phrase("model ", Tone.MUTED) + phrase(f"{part(model.share)} busy", Tone.STRONG),
        _worst_wait(forecast, zone),
    ]
    if forecast.covered < forecast.jobs:
        # All that follows is about these only, which are the ones due next.
        said.insert(0, phrase(f"{forecast.covered:,} of {counted(forecast.jobs, 'job')}", Tone.LATE))
    if forecast.paused:
        said.append(phrase(f"{State.PAUSED.glyph} {forecast.paused} paused", Tone.PAUSED))
    if forecast.is_cut:
        until = at_time(forecast.until, forecast.now, zone)
        said.append(phrase(f"only until {until}: too many runs", Tone.LATE))
    if part(model.long_share) != part(model.share):
        said.append(phrase(f"{part(model.long_share)} busy if runs take long", Tone.MUTED))
    return said


def _worst_wait(forecast: Forecast, zone: tzinfo | None) -> Phrase:
    worst = next((each for each in forecast.collisions if each.wait >= LEAST_WAIT_SECONDS), None)
    if worst is not None:
        at = at_time(worst.at, forecast.now, zone)
        return phrase("worst wait ", Tone.MUTED) + phrase(f"{elapsed(worst.wait)} at {at}", Tone.LATE)
    longest = max((each.long_wait for each in forecast.lanes), default=0.0)
    if longest >= LEAST_WAIT_SECONDS:
        return phrase(f"nothing waits, up to {elapsed(longest)} if runs take long", Tone.MUTED)
    return phrase("nothing waits", Tone.MUTED)


def collision(each: Collision, now: datetime, zone: tzinfo | None = None, *, subject: bool = True) -> Phrase:
    """`06:00 memory_consolidation nova collides with profile_maintenance * → predicted 11 min late`

    Args:
        subject: whether to name the job that waits.
    """
    when = phrase(f"{at_time(each.at, now, zone)} ", Tone.STRONG)
    who = phrase(f"{name_of(each.job)} ") if subject else NOTHING
    if each.job.id == each.other.id:
        meets = phrase("waits for another bot's run of the same job")
    else:
        verb = "collides with" if each.wait >= LEAST_WAIT_SECONDS else "may collide with"
        meets = phrase(f"{verb} ", Tone.MUTED) + phrase(name_of(each.other))
    return when + who + meets + phrase(" → ", Tone.FAINT) + _lateness(each)


def _lateness(each: Collision) -> Phrase:
    if each.wait < LEAST_WAIT_SECONDS:
        most = elapsed(max(LEAST_WAIT_SECONDS, each.long_wait))
        return phrase(f"up to {most} late if runs take long", Tone.MUTED)
    said = [phrase(f"predicted {elapsed(each.wait)} late", Tone.LATE)]
    if each.long_wait >= each.wait + LEAST_WAIT_SECONDS:
        said.append(phrase(f"{elapsed(each.long_wait)} if runs take long", Tone.MUTED))
    if each.times > 1:
        said.append(phrase(f"{each.times} times", Tone.MUTED))
    return joined(said, ", ")


def together(forecast: Forecast, zone: tzinfo | None = None) -> Phrase:
    """That two jobs use the model at once; nothing if none do."""
    model = forecast.model
    if model.together_at is None or model.together < LEAST_WAIT_SECONDS:
        return NOTHING
    at = at_time(model.together_at, forecast.now, zone)
    shared = f"two jobs ask the model at once, for {elapsed(model.together)} in all: both take longer then"
    return phrase(f"{at} ", Tone.STRONG) + phrase(shared)


def start(run: PredictedRun, lane: Lane, now: datetime, zone: tzinfo | None = None) -> Phrase:
    """A run to come: `starts 06:11, 11 min late, takes 9 s`, or that it runs already."""
    takes = phrase("takes ", Tone.MUTED) + phrase(lane_length(lane, run.end - run.start))
    guess = _guess(lane) if lane.is_guess else NOTHING
    if run.start < now:
        return (
            State.RUNNING.phrase + phrase(f", ends about {at_time(run.end, now, zone)}", Tone.MUTED) + guess
        )
    if run.wait < LEAST_WAIT_SECONDS:
        return takes + guess
    late = f"{State.LATE.glyph} starts {at_time(run.start, now, zone)}, {elapsed(run.wait)} late"
    return phrase(late, Tone.LATE) + phrase(", ", Tone.MUTED) + takes + guess


def _guess(lane: Lane) -> Phrase:
    if not usual_length(lane):
        return phrase(": no run of its type ended yet", Tone.MUTED)
    return phrase(", a guess: as long as others of its type", Tone.MUTED)


def lane_length(lane: Lane, takes: timedelta | None) -> str:
    """`41 s`, `~ 41 s` for a guess, `~ unknown` where there is nothing to guess from, or a dash for None."""
    if lane.is_guess:
        return f"~ {length(takes)}" if takes else "~ unknown"
    return "–" if takes is None else length(takes)


def usual_length(lane: Lane, *, is_long: bool = False) -> timedelta | None:
    """How long a run of this lane is taken to be; None without one ahead."""
    runs = lane.long_runs if is_long else lane.runs
    return runs[-1].end - runs[-1].start if runs else None


def skipped(lane: Lane) -> Phrase:
    """How many slots come to nothing."""
    if not lane.skipped:
        return NOTHING
    number = counted(lane.skipped, "slot")
    return phrase(f"{State.SKIPPED.glyph} {number} skipped: the run before is still there", Tone.SKIPPED)

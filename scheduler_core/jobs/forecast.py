"""What the next hours will bring: pure arithmetic over an `Outlook`, without clock or database.

The schedule is played through twice: with usual lengths (the p50 of each job), and with every run taking
long (p95).

What it does not know: how many runs a node has room for in all, what people will start or change, retries,
and that runs which share the model slow each other down. A type whose limit nobody has seen has none.
"""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from scheduler_core.figures import Collision, Forecast, JobHabit, Lane, ModelUse, Outlook, PredictedRun
from scheduler_core.jobs.rehearsal import Rehearsal, Wait, all_slots, slots_ahead

__all__ = ["predict"]

HORIZON = timedelta(hours=24)
# More than anybody reads, and played twice in half a second.
MOST_RUNS = 10_000

Span = tuple[datetime, datetime]


def predict(outlook: Outlook, *, horizon: timedelta = HORIZON, most_runs: int = MOST_RUNS) -> Forecast:
    """The forecast from the outlook's moment on.

    Args:
        most_runs: predicts less far rather than more runs than this.
    """
    until = _within(outlook, outlook.now + horizon, most_runs)
    slots = all_slots(outlook.habits, now=outlook.now, until=until)
    usual = Rehearsal(outlook, slots, until, is_long=False).run()
    long = Rehearsal(outlook, slots, until, is_long=True).run()
    worst, longest = _worst_waits(usual), _worst_waits(long)
    lanes = tuple(
        _lane(habit, usual, long, worst.get(habit.job.id, 0.0), longest.get(habit.job.id, 0.0))
        for habit in outlook.habits
        if habit.job.enabled
    )
    return Forecast(
        now=outlook.now,
        until=until,
        lanes=lanes,
        collisions=_collisions(outlook, usual, long),
        model=_model_use(outlook.now, until, usual, long),
        paused=sum(not habit.job.enabled for habit in outlook.habits),
        is_cut=until < outlook.now + horizon,
        jobs=len(outlook.habits) if outlook.jobs is None else outlook.jobs,
        covered=len(outlook.habits),
    )


def _within(outlook: Outlook, until: datetime, most_runs: int) -> datetime:
    """The end of what can be predicted with at most so many runs."""
    length = until - outlook.now
    if sum(_most_slots(habit, length) * len(habit.bots) for habit in outlook.habits) <= most_runs:
        return until

    def starts(habit: JobHabit) -> Iterator[tuple[datetime, int]]:
        for slot in slots_ahead(habit.job, now=outlook.now, until=until):
            yield slot, len(habit.bots)

    ahead = [starts(habit) for habit in outlook.habits]
    runs = 0
    for slot, bots in heapq.merge(*ahead, key=lambda each: each[0]):
        runs += bots
        if runs > most_runs:
            return slot
    return until


def _most_slots(habit: JobHabit, ahead: timedelta) -> int:
    """No fewer than there are: a cron expression may name every minute."""
    every = 1 if habit.job.cron is not None else habit.job.interval_minutes
    return 2 + ahead // timedelta(minutes=every)


def _worst_waits(play: Rehearsal) -> dict[UUID, float]:
    worst: dict[UUID, float] = {}
    for (who, _), wait in play.waits.items():
        worst[who] = max(wait.longest, worst.get(who, 0.0))
    return worst


def _lane(habit: JobHabit, usual: Rehearsal, long: Rehearsal, worst: float, longest: float) -> Lane:
    job = habit.job

    def runs(play: Rehearsal) -> tuple[PredictedRun, ...]:
        found = play.runs.get(job.id, ())
        return tuple(found if len(found) < 2 else sorted(found, key=lambda run: (run.start, run.bot_id)))

    return Lane(
        job=job,
        runs=runs(usual),
        long_runs=runs(long),
        skipped=usual.skipped.get(job.id, 0),
        worst_wait=worst,
        long_wait=max(worst, longest),
        is_guess=habit.p50_ms is None,
    )


def _collisions(outlook: Outlook, usual: Rehearsal, long: Rehearsal) -> tuple[Collision, ...]:
    """The longest waits first."""
    jobs = {habit.job.id: habit.job for habit in outlook.habits}
    found = []
    for who, other in {**usual.waits, **long.waits}:
        now, then = usual.waits.get((who, other), Wait()), long.waits.get((who, other), Wait())
        at = now.at or then.at
        if who in jobs and other in jobs and at is not None:
            found.append(
                Collision(
                    at=at,
                    job=jobs[who],
                    other=jobs[other],
                    wait=now.longest,
                    long_wait=max(now.longest, then.longest),
                    times=now.times,
                )
            )
    return tuple(sorted(found, key=lambda each: (-each.wait, -each.long_wait, each.at, each.job.id)))


def _model_use(now: datetime, until: datetime, usual: Rehearsal, long: Rehearsal) -> ModelUse:
    whole = (until - now) / timedelta(seconds=1)

    def spans_of(play: Rehearsal) -> tuple[list[Span], list[Span]]:
        asking = [
            (max(run.start, now), min(run.end, until), job)
            for job, runs in play.runs.items()
            for run in runs
            if job in play.asks_model and min(run.end, until) > max(run.start, now)
        ]
        return _united(asking)

    spans, shared = spans_of(usual)
    long_spans, _ = spans_of(long)
    return ModelUse(
        spans=tuple(spans),
        long_spans=tuple(long_spans),
        share=_seconds(spans) / whole if whole else 0.0,
        long_share=_seconds(long_spans) / whole if whole else 0.0,
        together=_seconds(shared),
        together_at=shared[0][0] if shared else None,
    )


def _united(spans: Sequence[tuple[datetime, datetime, UUID]]) -> tuple[list[Span], list[Span]]:
    """When at least one of them is, and when at least two are."""
    edges = sorted([(start, 1) for start, _, _ in spans] + [(end, -1) for _, end, _ in spans])
    one: list[Span] = []
    two: list[Span] = []
    depth = 0
    begun: dict[int, datetime] = {}
    for at, change in edges:
        depth += change
        for level, found in ((1, one), (2, two)):
            if change == 1 and depth == level:
                begun[level] = at
            elif change == -1 and depth == level - 1 and at > begun[level]:
                if found and found[-1][1] == begun[level]:
                    found[-1] = (found[-1][0], at)
                else:
                    found.append((begun[level], at))
    return one, two


def _seconds(spans: Sequence[Span]) -> float:
    return sum((end - start).total_seconds() for start, end in spans)

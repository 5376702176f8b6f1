"""Plays a schedule forward as the scheduler would carry it out, on paper: no clock, no database.

Slots come as `due.py` and `cron.py` give them; runs of a limited type wait for one of its places in the order
they came; a job and bot have one run at a time.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from statistics import median
from uuid import UUID

from scheduler_core.domain import Job, JobType, RunStatus
from scheduler_core.errors import ConfigError
from scheduler_core.figures import ActiveRun, JobHabit, Outlook, PredictedRun
from scheduler_core.jobs.cron_slot import slots_of
from scheduler_core.jobs.due import next_slot

__all__ = ["MODEL_TYPES", "Rehearsal", "Slot", "Wait", "all_slots", "slots_ahead"]

# The built-in types that ask the model, with their places until a run has shown them.
MODEL_TYPES: Mapping[str, int] = {JobType.PROFILE_MAINTENANCE: 1, JobType.MEMORY_CONSOLIDATION: 1}

Chain = tuple[UUID, str]  # a job and a bot: at most one run of these at a time


def slots_ahead(job: Job, *, now: datetime, until: datetime) -> Iterator[datetime]:
    """When the job is claimed: a slot that is due already at once, and each later one before `until`.

    Ends early for a cron expression that cannot be read or names no further time.
    """
    slot = max(job.next_run_at, now)
    if not job.enabled or slot >= until:
        return
    try:
        if job.cron is None:
            yield slot
            every = timedelta(minutes=job.interval_minutes)
            # A slot long past stands for those missed since, and the grid goes on after now.
            slot = next_slot(job.next_run_at, every=every, now=slot)[0]
            while slot < until:
                yield slot
                slot += every
        else:
            after = slots_of(job.cron, job.time_zone, job_id=job.id, config_json=job.config_json)
            while slot < until:
                yield slot
                slot = after(slot)
    except (ConfigError, OverflowError):
        return


def all_slots(habits: Sequence[JobHabit], *, now: datetime, until: datetime) -> list["Slot"]:
    """The slots of all jobs in the order in which they come; at one moment in the order of the habits, which
    is as good as any: the claim promises none."""
    return sorted(
        (slot, _SLOT, number, habit)
        for number, habit in enumerate(habits)
        for slot in slots_ahead(habit.job, now=now, until=until)
    )


@dataclass(slots=True)
class _Waiting:
    chain: Chain
    due: datetime
    held_by: UUID | None = None


@dataclass(slots=True)
class _Type:
    """A job type: its places, who waits for one, and who holds one since when."""

    places: int | None
    waiting: deque[_Waiting] = field(default_factory=deque)
    holding: dict[Chain, datetime] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        return self.places is not None and len(self.holding) >= self.places


# At one moment an end comes before a slot: a place that is given back is free.
_END, _ARRIVAL, _SLOT = range(3)
Slot = tuple[datetime, int, int, JobHabit]
# When, which of the three, a number that no other one of its kind has at that moment, and what.
_Event = tuple[datetime, int, int, JobHabit | tuple[_Type, Chain] | tuple[_Type, _Waiting]]


@dataclass(slots=True)
class Wait:
    """All waits of one job for another."""

    longest: float = 0.0
    at: datetime | None = None
    times: int = 0


class Rehearsal:
    """One pass over the events until the end: a run ends, a slot comes, a waiting run may start.

    Args:
        slots: those of `all_slots`.
    """

    def __init__(self, outlook: Outlook, slots: Sequence[Slot], until: datetime, *, is_long: bool) -> None:
        self._until = until
        self._now = outlook.now
        self._lengths = _lengths(outlook.habits, is_long=is_long)
        self._longer = self._lengths if is_long else _lengths(outlook.habits, is_long=True)
        self.asks_model = {habit.job.id for habit in outlook.habits if habit.job.job_type in MODEL_TYPES}
        self._types: defaultdict[str, _Type] = defaultdict(lambda: _Type(None))
        for job_type, most in _places(outlook.habits).items():
            self._types[job_type] = _Type(most)
        self._order = count()
        # What is sorted is a heap.
        self._events: list[_Event] = [*slots]
        self._busy: set[Chain] = set()
        self._queued: set[Chain] = set()
        self.runs: defaultdict[UUID, list[PredictedRun]] = defaultdict(list)
        self.skipped: defaultdict[UUID, int] = defaultdict(int)
        self.waits: defaultdict[tuple[UUID, UUID], Wait] = defaultdict(Wait)
        for active in outlook.active:
            self._take_up(active)

    def run(self) -> "Rehearsal":
        """Plays all events; what it found stands in `runs`, `skipped` and `waits`."""
        events, until = self._events, self._until
        while events and events[0][0] < until:
            at, _, _, what = heapq.heappop(events)
            if isinstance(what, JobHabit):
                kind = self._types[what.job.job_type]
                self._claim(what, kind, at)
            else:
                kind, who = what
                if isinstance(who, _Waiting):
                    kind.waiting.append(who)
                else:
                    self._busy.discard(who)
                    del kind.holding[who]
            if kind.waiting:
                self._start(kind, at)
        return self

    def _at(self, moment: datetime, rank: int, what: tuple[_Type, Chain] | tuple[_Type, _Waiting]) -> None:
        heapq.heappush(self._events, (moment, rank, next(self._order), what))

    def _take_up(self, active: ActiveRun) -> None:
        """A run that is there already. One whose job is gone still holds its place."""
        job = active.job_id or UUID(int=next(self._order))
        chain, kind = (job, active.bot_id), self._types[active.job_type]
        if active.status is RunStatus.RUNNING:
            self._hold(chain, kind, due=active.since, start=active.since, end=self._end(active))
        else:
            self._queued.add(chain)
            due = max(active.since, self._now)
            self._at(due, _ARRIVAL, (kind, _Waiting(chain, due)))

    def _end(self, active: ActiveRun) -> datetime:
        """When it ends as usual; later than that, when it ends if it takes long; later still, now."""
        none = timedelta(0)
        ends = [
            active.since + (lengths.get(active.job_id, none) if active.job_id else none)
            for lengths in (self._lengths, self._longer)
        ]
        return next((end for end in ends if end > self._now), self._now)

    def _claim(self, habit: JobHabit, kind: _Type, due: datetime) -> None:
        job = habit.job
        backs_off = job.backoff_until is not None and due < job.backoff_until
        for bot in habit.bots:
            chain = (job.id, bot)
            if backs_off or chain in self._queued or (chain in self._busy and not habit.queues):
                self.skipped[job.id] += 1
                continue
            self._queued.add(chain)
            kind.waiting.append(_Waiting(chain, due))

    def _start(self, kind: _Type, at: datetime) -> None:
        """Starts what may start now; whoever finds no place remembers who held it."""
        passed: list[_Waiting] = []
        while kind.waiting and not kind.is_full:
            first = kind.waiting.popleft()
            if first.chain in self._busy:
                passed.append(first)
                continue
            self._note_wait(first, at)
            self._queued.discard(first.chain)
            length = self._lengths.get(first.chain[0], timedelta(0))
            self._hold(first.chain, kind, due=first.due, start=at, end=at + length)
        kind.waiting.extendleft(reversed(passed))
        if kind.waiting and kind.is_full:
            holder = min(kind.holding, key=kind.holding.__getitem__)[0]
            for each in reversed(kind.waiting):
                if each.held_by is not None:
                    break
                each.held_by = holder

    def _hold(self, chain: Chain, kind: _Type, *, due: datetime, start: datetime, end: datetime) -> None:
        self._busy.add(chain)
        kind.holding[chain] = start
        self.runs[chain[0]].append(PredictedRun(bot_id=chain[1], due=due, start=start, end=end))
        self._at(end, _END, (kind, chain))

    def _note_wait(self, waited: _Waiting, at: datetime) -> None:
        seconds = (at - waited.due).total_seconds()
        if waited.held_by is None or seconds <= 0:
            return
        wait = self.waits[waited.chain[0], waited.held_by]
        wait.times += 1
        if seconds > wait.longest:
            wait.longest, wait.at = seconds, waited.due


def _lengths(habits: Sequence[JobHabit], *, is_long: bool) -> dict[UUID, timedelta]:
    """How long each job's runs take; a job without a past takes as long as others of its type."""
    found: dict[UUID, timedelta] = {}
    known: defaultdict[str, list[float]] = defaultdict(list)
    for habit in habits:
        took = habit.p95_ms if is_long else habit.p50_ms
        if took is not None:
            found[habit.job.id] = timedelta(milliseconds=took)
            known[habit.job.job_type].append(took)
    if len(found) < len(habits):
        usual = {job_type: median(lengths) for job_type, lengths in known.items()}
        for habit in habits:
            if habit.job.id not in found:
                found[habit.job.id] = timedelta(milliseconds=usual.get(habit.job.job_type, 0.0))
    return found


def _places(habits: Sequence[JobHabit]) -> dict[str, int]:
    """The places of each limited type: those its runs have held, else those it is made with."""
    seen: dict[str, int] = {}
    for habit in habits:
        if habit.places is not None:
            seen[habit.job.job_type] = max(habit.places, seen.get(habit.job.job_type, 1))
    return {**MODEL_TYPES, **seen}

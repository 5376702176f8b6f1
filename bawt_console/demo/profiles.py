"""What people told the assistants in the month, and what profile maintenance made of it.

Nothing of it is invented here: for each run the attributes that were new by then are stored, and the real
maintenance works on them with the scripted model in no time. Then the clock of what it wrote is put back to
when the run was.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from bawt_console.demo.jobs import DAYS
from bawt_console.demo.model import FIRST_TOKEN_SECONDS, TOKENS_PER_SECOND, ScriptedModel
from bawt_console.demo.month import mishap
from bawt_console.demo.people import FIGURES, Figure
from bawt_console.demo.runs import PastRun, follow_up, fresh_id
from scheduler_core.db.database import Database
from scheduler_core.db.profile_history import ProfileHistory
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import EventLevel
from scheduler_core.llm.provider import TokenSink
from scheduler_core.maintenance.profile_maintenance import ProfileMaintenanceService

# The latest hours, in which most of what the screens show first happened.
_LATELY = timedelta(hours=30)
_TALKS_LATELY = 44
_TALKS_BEFORE = 38
_AT_ONCE = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One attribute as somebody said it."""

    figure: Figure
    at: datetime
    category: str
    key: str
    value: str
    source: str = "explicit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A run that maintains what was said since the one before it, or takes a run back."""

    run: PastRun
    said: tuple[Said, ...] = ()
    undoes: PastRun | None = None


@dataclass(slots=True)
class Notes:
    """A task's context that remembers what the log said."""

    run_id: UUID
    lines: list[tuple[str, str]] = field(default_factory=list)

    async def log(self, level: EventLevel, message: str) -> None:
        self.lines.append((str(level), message))

    async def progress(self, text: str) -> None:
        """Nobody watches the past."""

    def writing(self, max_tokens: int) -> AbstractContextManager[TokenSink | None]:
        return nullcontext()


def all_said(now: datetime, luck: Random) -> list[Said]:
    """A month of talk, oldest first: facts on their day, and habits in talks that get more frequent."""
    said = [
        Said(
            figure=figure,
            at=now - timedelta(days=DAYS - fact.day - 0.2),
            category=fact.category,
            key=fact.key,
            value=fact.value,
            source=fact.source,
        )
        for figure in FIGURES
        for fact in figure.facts
    ]
    early = timedelta(days=DAYS - 1) - _LATELY
    talks = [now - _LATELY - early * luck.random() for _ in range(_TALKS_BEFORE)]
    talks += [now - timedelta(minutes=5) - _LATELY * luck.random() for _ in range(_TALKS_LATELY)]
    # These wait for the first run that is watched.
    talks += [now - timedelta(minutes=minutes) for minutes in (19, 11, 4)]
    waiting = [_habits(figure) for figure in FIGURES]
    for at in sorted(talks):
        place = luck.randrange(len(FIGURES))
        for _ in range(luck.choice((1, 1, 2))):
            if waiting[place]:
                key, value = waiting[place].pop(0)
                said.append(Said(figure=FIGURES[place], at=at, category="context", key=key, value=value))
    return sorted(said, key=lambda one: one.at)


def _habits(figure: Figure) -> list[tuple[str, str]]:
    """Key after key, so that each habit changes now and then."""
    longest = max((len(values) for _, values in figure.habits), default=0)
    return [
        (key, values[turn]) for turn in range(longest) for key, values in figure.habits if turn < len(values)
    ]


def the_steps(runs: Sequence[PastRun], said: Sequence[Said], luck: Random) -> list[Step]:
    """Which runs of the hourly job had something to do; `runs` are its slots, oldest first. Attempts and the
    undoing are steps whose runs are new."""
    steps: list[Step] = []
    left = list(said)
    for run in runs:
        heard = tuple(one for one in left if one.at < run.started_at)
        if not heard:
            continue
        left = left[len(heard) :]
        if len(steps) % 13 == 7:
            run.seconds = luck.uniform(4.0, 20.0)
            mishap(run, luck)
            run = follow_up(run, luck, after=luck.uniform(30, 40))
            run.node_id = runs[0].node_id if run.node_id is None else run.node_id
        steps.append(Step(run=run, said=heard))
        if len(steps) == _TALKS_BEFORE - 4:
            steps.append(Step(run=_undoing(run, luck), undoes=run))
    return steps


def _undoing(run: PastRun, luck: Random) -> PastRun:
    start = run.started_at + timedelta(minutes=19)
    return PastRun(
        id=fresh_id(luck, start),
        job=run.job,
        bot=run.bot,
        scheduled_for=start,
        started_at=start + timedelta(seconds=0.05),
        trigger="manual",
        mode="undo",
        source_run_id=run.id,
        node_id=run.node_id,
    )


async def do_steps(database: Database, steps: Sequence[Step]) -> None:
    """Works through the month; the rows of the runs are there. Fills in what came of each."""
    store, history = ProfileStore(database), ProfileHistory(database)
    model = ScriptedModel(tokens_per_second=_AT_ONCE, first_token=0.0)
    service = ProfileMaintenanceService(store=store, model=model)
    for step in steps:
        await say(database, step.said)
        if step.undoes is not None:
            undone = await history.undo(step.undoes.id, run_id=step.run.id)
            names = [str(entity) for entity in undone.entities]
            step.run.succeed({"undone": str(step.undoes.id), "entities": names}, seconds=0.06)
            step.run.lines = [(0.05, "info", f"{len(names)} profiles are as they were before.")]
        else:
            notes = Notes(step.run.id)
            outcome = await service.maintain_changed(run_id=step.run.id, reporter=notes)
            _record(step.run, dict(outcome.as_json()), notes, outcome.suspicious)
        await _put_clock_back(database, step.run)


def _record(run: PastRun, result: dict[str, object], notes: Notes, suspicious: tuple[str, ...]) -> None:
    """Gives the run the time that the model would have taken at its pace."""
    model = result["model"]
    assert isinstance(model, dict)
    seconds = model["calls"] * FIRST_TOKEN_SECONDS + model["tokens_out"] / TOKENS_PER_SECOND
    spent = round(seconds + 0.05 * len(notes.lines), 3)
    result["seconds"] = spent
    result["model"] = model | {
        "seconds": round(seconds, 3),
        "tokens_per_second": round(model["tokens_out"] / seconds, 1) if seconds else None,
    }
    run.succeed(result, seconds=spent)
    run.suspicious = suspicious
    last = max(len(notes.lines), 1)
    run.lines = [
        (spent * (number + 1) / (last + 0.2), level, message)
        for number, (level, message) in enumerate(notes.lines)
    ]


async def say(database: Database, said: Sequence[Said]) -> None:
    """Stores attributes as a host does, with the time at which they were said."""
    if not said:
        return
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO entity_profile_attributes (entity_type, entity_id, category, key, value, confidence,"
            " source, source_message_id, created_at, updated_at)"
            " SELECT t, i, c, k, to_json(v), CASE s WHEN 'explicit' THEN 0.95 ELSE 0.7 END, s,"
            " 'msg-' || left(md5(i || k || v), 8), a, a"
            " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"
            " $7::timestamptz[]) AS n (t, i, c, k, v, s, a)",
            [one.figure.type for one in said],
            [one.figure.id for one in said],
            [one.category for one in said],
            [one.key for one in said],
            [one.value for one in said],
            [one.source for one in said],
            [one.at for one in said],
        )
        await connection.executemany(
            "UPDATE entity_profiles SET updated_at = $3 WHERE entity_type = $1 AND entity_id = $2",
            [(one.figure.type, one.figure.id, one.at) for one in said],
        )


_CLOCK = """
WITH touched AS (
    UPDATE entity_profiles p
    SET summary_updated_at = CASE WHEN p.summary_updated_at >= $3 THEN $2 ELSE p.summary_updated_at END,
        updated_at = CASE WHEN p.updated_at >= $3 THEN $2 ELSE p.updated_at END,
        created_at = least(p.created_at, $2)
    FROM entity_profile_changes c WHERE c.run_id = $1 AND c.profile_id = p.id
    RETURNING p.id
),
versions AS (
    UPDATE entity_profile_versions SET created_at = $2 WHERE run_id = $1
),
judged AS (
    UPDATE entity_profile_judgements SET judged_at = $2 WHERE judged_at >= $3
)
UPDATE entity_profile_drafts SET created_at = $2 WHERE run_id = $1
"""


async def _put_clock_back(database: Database, run: PastRun) -> None:
    """Everything that the run wrote just now was written when it ended."""
    async with database.transaction() as connection:
        begun = await connection.fetchval("SELECT now() - interval '1 hour'")
        await connection.execute(_CLOCK, run.id, run.ended_at, begun)
        # What undo compares with.
        await connection.execute(
            "UPDATE entity_profile_changes SET after = bawt_profile_state(profile_id) WHERE run_id = $1",
            run.id,
        )

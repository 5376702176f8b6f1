"""Some assistants at a quiet moment of the night: jobs, runs, log lines and summaries, all fixed."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from scheduler_core.domain import (
    Attribute,
    DurationPoint,
    Entity,
    EntityType,
    EventLevel,
    Job,
    JobOverview,
    Node,
    NodeState,
    Outcome,
    ProfileChange,
    ProfileVersion,
    Run,
    RunEvent,
    RunMode,
    RunStatus,
    Sentence,
    Trigger,
)
from scheduler_core.oversight import DatabaseHealth, OperatorAction
from tests.console.believable_actions import NOW as NOW
from tests.console.believable_actions import believable_actions
from tests.console.believable_people import People, believable_people
from tests.console.fake_shelf import ModelWorld, believable_models

ADA = Entity(EntityType.USER, "ada")


HEALTHY = DatabaseHealth(
    version="17.5",
    schema="0012",
    started_at=NOW - timedelta(days=9),
    size_bytes=48_300_000,
    connections=9,
    most_connections=100,
    waiting=0,
    oldest_transaction_seconds=0.1,
    runs=3_214,
    runs_bytes=2_900_000,
    folder="/home/ada/.local/share/llm-bawt/postgres",
)


@dataclass(slots=True)
class World:
    """Everything a console could ask for."""

    jobs: list[JobOverview] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    events: dict[UUID, list[RunEvent]] = field(default_factory=dict)
    # How many jobs there are, where those above are only the ones due next.
    all_jobs: int | None = None
    nodes: list[Node] = field(default_factory=list)
    changes: dict[UUID, list[ProfileChange]] = field(default_factory=dict)
    attributes: dict[Entity, tuple[Attribute, ...]] = field(default_factory=dict)
    actions: list[OperatorAction] = field(default_factory=list)
    people: People = field(default_factory=People)
    health: DatabaseHealth = field(default_factory=lambda: HEALTHY)
    shelf: ModelWorld = field(default_factory=ModelWorld)

    def runs_of(self, job_id: UUID) -> list[Run]:
        return [run for run in self.runs if run.job_id == job_id]

    def durations(self, job_id: UUID) -> list[DurationPoint]:
        """As `History.durations` gives them."""
        done = [run for run in self.runs_of(job_id) if run.status in (RunStatus.SUCCESS, RunStatus.FAILED)]
        return [
            DurationPoint(
                run_id=run.id, started_at=run.started_at, duration_ms=run.duration_ms or 0, status=run.status
            )
            for run in reversed(done)
            if run.started_at is not None
        ]


def ids(seed: int) -> Iterator[UUID]:
    numbers = random.Random(seed)
    while True:
        yield UUID(int=numbers.getrandbits(128), version=4)


def a_job(job_id: UUID, job_type: str = "profile_maintenance", bot: str = "*", **changes: object) -> Job:
    base = Job(
        id=job_id,
        job_type=job_type,
        bot_id=bot,
        enabled=True,
        interval_minutes=60,
        last_run_at=NOW - timedelta(minutes=48),
        next_run_at=NOW + timedelta(minutes=11, seconds=53),
        config_json="{}",
        claim_seq=412,
        created_at=NOW - timedelta(days=31),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def a_run(run_id: UUID, job: Job, **changes: object) -> Run:
    """A success of 41 seconds that ended 47 minutes ago."""
    started = NOW - timedelta(minutes=48)
    base = Run(
        id=run_id,
        job_id=job.id,
        job_type=job.job_type,
        bot_id=job.bot_id,
        status=RunStatus.SUCCESS,
        trigger=Trigger.SCHEDULE,
        scheduled_for=started,
        claim_seq=job.claim_seq,
        coalesced=0,
        attempt=1,
        first_run_id=None,
        node_id=UUID(int=1),
        created_at=started,
        available_at=started,
        started_at=started,
        finished_at=started + timedelta(seconds=41),
        duration_ms=41_000,
        result_json=None,
        error_message=None,
        reason=None,
        progress=None,
        suspicious=(),
        cancel_requested_at=None,
        cancel_requested_by=None,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def an_overview(job: Job, runs: list[Run]) -> JobOverview:
    """What `History.jobs` makes of a job and its runs, newest first."""
    current = next((run for run in runs if not run.status.is_final), None)
    done = [run for run in runs if run.status.is_final and run.mode is RunMode.RUN]
    good = sorted(run.duration_ms or 0 for run in done if run.status is RunStatus.SUCCESS)
    recent = [run for run in done if run.started_at is not None and run.started_at > NOW - timedelta(days=7)]
    tried = [run for run in recent if run.status in (RunStatus.SUCCESS, RunStatus.FAILED)]
    overdue = (NOW - job.next_run_at).total_seconds()
    return JobOverview(
        job=job,
        current=current,
        last=done[0] if done else None,
        strip=tuple(Outcome(run.status, bool(run.suspicious)) for run in reversed(done[:30])),
        p50_ms=float(good[len(good) // 2]) if good else None,
        p95_ms=float(good[int(len(good) * 0.95)]) if good else None,
        lateness=max(0.0, overdue) if job.enabled else 0.0,
        share_ok=sum(run.status is RunStatus.SUCCESS for run in tried) / len(tried) if tried else None,
        p95_start_delay=0.02 if tried else None,
    )


_RESULT = {
    "entities": {"changed": 3, "unchanged": 8, "failed": 0},
    "attributes": {"read": 214, "duplicates": 31, "noise": 12, "set_aside": 1},
    "sentences": {"model": 22, "template": 4, "rejected": 1},
    "model": {"name": "Llama-3.2-3B-Instruct-Q4_0", "provider": "gpt4all", "locality": "local"},
    "tokens": {"in": 6120, "out": 911},
}
_ERRORS = (
    "The model process died twice while loading; it was set aside by its checksum.",
    "The node running this was lost.",
    "Timed out after 600 s.",
)
# job type, bot, minutes, typical seconds, seconds until the next slot
_SHAPES = (
    ("profile_maintenance", "*", 60, 41.0, 713),
    ("memory_consolidation", "nova", 360, 9.0, 2 * 3600 + 711),
    ("memory_consolidation", "mira", 360, 12.5, 3 * 3600 + 64),
    ("memory_consolidation", "atlas", 360, 7.2, 4 * 3600 + 1250),
    ("memory_decay", "nova", 1440, 0.4, -42),
    ("memory_decay", "mira", 1440, 0.6, 9 * 3600),
    ("memory_decay", "atlas", 1440, 0.3, 11 * 3600 + 900),
    ("profile_maintenance", "nova", 240, 18.0, 5400),
)


def believable_world() -> World:
    """Eight jobs, their latest runs, one of them running, one paused, one late, some failures."""
    world = World(
        nodes=[
            _node(1, "attic", running=1, memory=2_412_000_000),
            _node(2, "cellar", running=0, memory=88_200_000),
        ]
    )
    fresh, luck = ids(7), random.Random(7)
    for number, shape in enumerate(_SHAPES):
        job = _job(next(fresh), number, shape)
        runs = _history(job, shape[3], luck, fresh)
        if number == 0:
            runs.insert(0, _running(next(fresh), job, world))
        world.jobs.append(an_overview(job, runs))
        world.runs.extend(runs)
    world.jobs.sort(key=lambda each: (not each.job.enabled, each.job.next_run_at))
    world.runs.sort(key=lambda run: run.started_at or NOW, reverse=True)
    _add_changes(world)
    world.shelf = believable_models()
    world.actions = believable_actions(world.jobs)
    odd = next(run for run in world.runs if run.suspicious)
    world.people = believable_people(NOW, next(iter(world.changes)), odd.id)
    return world


def busy_world() -> World:
    """The believable one with profiles that take so long that they wait for each other."""
    world = believable_world()
    minutes = {"*": (26, 48), "nova": (18, 31)}
    for place, each in enumerate(world.jobs):
        if each.job.job_type == "profile_maintenance":
            p50, p95 = (60_000.0 * each for each in minutes[each.job.bot_id])
            world.jobs[place] = replace(each, p50_ms=p50, p95_ms=p95)
    return world


def _node(number: int, name: str, *, running: int, memory: int) -> Node:
    return Node(
        id=UUID(int=number),
        name=name,
        state=NodeState.ACTIVE,
        version="0.1.0",
        started_at=NOW - timedelta(days=3),
        heartbeat_at=NOW - timedelta(seconds=2),
        running=running,
        model="Llama-3.2-3B-Instruct Q4_0 local",
        memory_bytes=memory,
    )


def _job(job_id: UUID, number: int, shape: tuple[str, str, int, float, int]) -> Job:
    job_type, bot, minutes, _, wait = shape
    job = a_job(
        job_id,
        job_type,
        bot,
        interval_minutes=minutes,
        next_run_at=NOW + timedelta(seconds=wait),
        claim_seq=412 - number,
    )
    if number == 5:
        return replace(
            job,
            enabled=False,
            paused_by="ada@attic",
            paused_reason="check the last failure first",
            paused_at=NOW - timedelta(days=3, hours=2),
            config_json=json.dumps({"max_share": 0.02, "protect_tags": ["health", "identity"]}),
        )
    return job


def _history(job: Job, seconds: float, luck: random.Random, fresh: Iterator[UUID]) -> list[Run]:
    runs = []
    slot = job.next_run_at - timedelta(minutes=job.interval_minutes)
    if slot > NOW:
        slot -= timedelta(minutes=job.interval_minutes)
    delays = random.Random(job.claim_seq)
    for number in range(48):
        began = slot + timedelta(milliseconds=int(delays.lognormvariate(3, 0.6)))
        took = int(seconds * 1000 * luck.lognormvariate(0, 0.25))
        changes: dict[str, object] = {}
        fate = luck.random()
        if fate < 0.05 or (not job.enabled and number == 0):
            changes = {"status": RunStatus.FAILED, "error_message": luck.choice(_ERRORS)}
        elif fate < 0.13 and number:
            changes = {"status": RunStatus.SKIPPED, "reason": "unchanged", "node_id": None}
            took = 0
        elif fate < 0.16:
            changes = {"suspicious": ("user/jo: the summary is 61 % shorter",)}
        else:
            changes = {"result_json": json.dumps(_RESULT)}
        runs.append(
            a_run(
                next(fresh),
                job,
                scheduled_for=slot,
                created_at=slot,
                available_at=slot,
                started_at=began,
                finished_at=began + timedelta(milliseconds=took),
                duration_ms=took,
                claim_seq=job.claim_seq - number,
                **changes,
            )
        )
        slot -= timedelta(minutes=job.interval_minutes)
    return runs


def _running(run_id: UUID, job: Job, world: World) -> Run:
    started = NOW - timedelta(seconds=41)
    lines = (
        (1, EventLevel.INFO, "user/finn: 12 attributes, 11 kept; 9 sentences, 9 by the model; version 3."),
        (
            5,
            EventLevel.WARNING,
            "user/ada health: a draft was refused: the answer leaves out a line that must be kept [7].",
        ),
        (18, EventLevel.INFO, "user/ada: 31 attributes, 19 kept; 15 sentences, 15 by the model; version 15."),
        (18, EventLevel.WARNING, "user/ada: set aside as instructions: attributes 88."),
        (26, EventLevel.INFO, "user/bo: 24 attributes, 20 kept; 17 sentences, 17 by the model; version 8."),
        (
            39,
            EventLevel.WARNING,
            "bot/nova preference: a draft was refused: the answer has no sentence with ids.",
        ),
        (40, EventLevel.INFO, "bot/nova: 18 attributes, 16 kept; 14 sentences, 9 by the model; version 5."),
    )
    world.events[run_id] = [
        RunEvent(
            id=number + 1, run_id=run_id, at=started + timedelta(seconds=second), level=level, message=text
        )
        for number, (second, level, text) in enumerate(lines)
    ]
    return a_run(
        run_id,
        job,
        status=RunStatus.RUNNING,
        trigger=Trigger.MANUAL,
        claim_seq=None,
        scheduled_for=started,
        started_at=started,
        finished_at=None,
        duration_ms=None,
        progress="7 of 12 entities",
    )


def _add_changes(world: World) -> None:
    run = next(
        run for run in world.runs if run.result_json is not None and run.job_type == "profile_maintenance"
    )
    before = _version(
        14,
        ("Ada lives in Leipzig.", (3,)),
        ("She works nights as a head nurse.", (12, 31)),
        ("She is allergic to penicillin.", (7,)),
    )
    after = _version(
        15,
        ("Ada lives in Dresden.", (51,)),
        ("She works nights as a head nurse.", (12, 31)),
        ("She has two daughters, Mila (7) and Nora (4).", (40, 41)),
        ("She is allergic to penicillin.", (7, 52)),
    )
    world.changes[run.id] = [ProfileChange(before=before, after=after)]
    texts = {
        3: ("fact", "location", "Leipzig"),
        7: ("fact", "allergy", "allergic to penicillin"),
        12: ("fact", "occupation", "head nurse"),
        31: ("context", "shifts", "works nights"),
        40: ("fact", "daughter", "Mila, 7"),
        41: ("fact", "daughter", "Nora, 4"),
        51: ("fact", "location", "moved to Dresden in March 2026"),
        52: ("fact", "allergy", "no penicillin"),
    }
    world.attributes[ADA] = tuple(
        Attribute(
            id=number,
            category=category,
            key=key,
            value=value,
            confidence=0.9,
            source="explicit",
            created_at=NOW - timedelta(days=90 - number),
            updated_at=NOW - timedelta(days=90 - number),
        )
        for number, (category, key, value) in texts.items()
    )


def _version(number: int, *sentences: tuple[str, tuple[int, ...]]) -> ProfileVersion:
    return ProfileVersion(
        entity=ADA,
        version=number,
        run_id=None,
        created_at=NOW - timedelta(hours=1),
        summary=" ".join(text for text, _ in sentences),
        sentences=tuple(
            Sentence(text=text, category="fact", attribute_ids=cited) for text, cited in sentences
        ),
        revision=number,
        model="Llama-3.2-3B-Instruct-Q4_0",
    )

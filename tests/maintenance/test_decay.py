"""The decay job in its four modes, with real plans, and what it says to people."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.memory_archive import DecayLook, Fading, MemoryArchive
from scheduler_core.db.plan_store import PlanStore
from scheduler_core.domain import EventLevel, Run, RunMode, RunStatus, Trigger
from scheduler_core.errors import RunError
from scheduler_core.maintenance.decay import MODES, DecayJob, planned, suspicions, why
from scheduler_core.maintenance.reporter import Silent
from scheduler_core.runtime import open_runtime
from scheduler_core.settings import Settings
from scheduler_core.tasks.task import JobConfig, JobKind, Task, TaskResult
from tests.db.memories import add, add_fresh, add_plan, archive, contents, dump, fetch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "Has a secret, geheim-4711"


class Lines(Silent):
    """A context that remembers what was logged."""

    def __init__(self) -> None:
        self.run_id = uuid4()
        self.lines: list[str] = []

    async def log(self, level: EventLevel, message: str) -> None:
        self.lines.append(message)

    async def progress(self, text: str) -> None:
        self.lines.append(text)


class Desk:
    """Runs the job as the processor would, and stores plans as the recorder would."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.job = DecayJob(archive=MemoryArchive(database), plans=PlanStore(database))
        self.context = Lines()

    async def run(
        self, mode: RunMode = RunMode.RUN, *, source: UUID | None = None, run_id: UUID | None = None
    ) -> TaskResult:
        return await self.job.run(task(mode, source=source, run_id=run_id or uuid4()), self.context)

    async def dry_run(self) -> tuple[UUID, TaskResult]:
        run_id = uuid4()
        result = await self.run(RunMode.DRY_RUN, run_id=run_id)
        assert result.plan is not None
        await add_plan(self.database, run_id, dict(result.plan))
        return run_id, result


def task(mode: RunMode, *, source: UUID | None, run_id: UUID) -> Task:
    async def unused(task: Task, context: object) -> TaskResult:
        raise AssertionError

    return Task(
        run_id=run_id,
        job_id=uuid4(),
        kind=JobKind(name="memory_decay", handler=unused, modes=MODES),
        bot_id="nova",
        trigger=Trigger.MANUAL,
        scheduled_for=NOW,
        attempt=1,
        config=JobConfig(),
        timeout=60,
        max_attempts=1,
        mode=mode,
        source_run_id=source,
    )


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def add_old(database: Database, *names: str) -> None:
    for number, name in enumerate(names):
        await add(database, f"{SECRET} {name}", id_=name, importance=0.0, idle_days=900 + number)


async def cite(database: Database, memory: str) -> None:
    """A version rests on the memory's message, and is live as soon as the profile has a summary."""
    await fetch(database, "UPDATE memories SET source_message_ids = '[\"m-1\"]' WHERE id = $1", memory)
    await fetch(
        database,
        "INSERT INTO entity_profile_attributes"
        " (entity_type, entity_id, category, key, value, source_message_id)"
        " VALUES ('user', 'ada', 'fact', 'job', '\"baker\"', 'm-1')",
    )
    await fetch(
        database,
        "INSERT INTO entity_profile_versions (profile_id, version, summary, sentences, revision)"
        " SELECT p.id, 1, 'A baker.', jsonb_build_array(jsonb_build_object('attribute_ids', ARRAY[a.id])), 1"
        " FROM entity_profiles p, entity_profile_attributes a",
    )


async def test_a_run_archives_and_reports_numbers_only(database: Database, desk: Desk) -> None:
    await add_old(database, "a", "b")
    await add_fresh(database, 60)
    result = await desk.run()
    assert result.skipped is None
    assert result.result == {
        "bot_id": "nova",
        "memories": 62,
        "below": 2,
        "cap": 2,
        "lowest_score": pytest.approx(0, abs=1e-3),
        "highest_score": pytest.approx(0, abs=1e-3),
        "archived": 2,
        "purged": 0,
    }
    assert desk.context.lines == ["2 of 62 memories went to the archive."]
    assert set(await archive(database)) == {"a", "b"}


async def test_nothing_to_do_is_skipped_with_its_reason(database: Database, desk: Desk) -> None:
    assert (await desk.run()).skipped == "no memories"
    await add_fresh(database, 3)
    assert (await desk.run()).skipped == "unchanged"


async def test_what_had_its_time_in_the_archive_is_deleted_for_good(database: Database, desk: Desk) -> None:
    await add_old(database, "a")
    await desk.run()
    await fetch(database, "UPDATE memory_archive SET archived_at = now() - interval '89 days'")
    assert (await desk.run()).skipped == "no memories"
    await fetch(database, "UPDATE memory_archive SET archived_at = now() - interval '91 days'")
    assert (await desk.run()).result["purged"] == 1
    assert desk.context.lines[-2] == "1 archived memories were deleted for good."
    assert await archive(database) == {}


async def test_attempts_at_one_slot_share_one_cap(database: Database, desk: Desk) -> None:
    await add_fresh(database, 140)
    await add_old(database, "a", "b", "c")
    runs = [uuid4() for _ in range(3)]
    await fetch(
        database,
        "INSERT INTO job_runs (id, bot_id, job_type, status, started_at, finished_at, attempt, first_run_id)"
        " SELECT id, 'nova', 'memory_decay', 'failed', now(), now(), attempt,"
        " CASE WHEN attempt > 1 THEN ($1::uuid[])[1] END"
        " FROM unnest($1::uuid[]) WITH ORDINALITY AS r (id, attempt)",
        runs,
    )
    assert (await desk.run(run_id=runs[0])).result["archived"] == 3
    await add_old(database, "d", "e")
    second = await desk.run(run_id=runs[1])
    assert second.skipped == "earlier attempts archived as many as one run may"
    assert second.result["archived_by_earlier_attempts"] == 3
    await fetch(database, "DELETE FROM memory_archive WHERE id = 'c'")
    assert (await desk.run(run_id=runs[2])).result["archived"] == 1
    # A slot of its own has a cap of its own.
    assert (await desk.run()).result["archived"] == 1


async def test_the_breaker_fails_the_run_asks_for_a_pause_and_is_not_tried_again(
    database: Database, desk: Desk
) -> None:
    await add_old(database, *"abcdef")
    with pytest.raises(RunError, match="6 of 6 memories fell below the threshold") as caught:
        await desk.run()
    assert (caught.value.pause_job, caught.value.retryable) == (True, False)
    assert len(await contents(database)) == 6


async def test_a_dry_run_changes_nothing_and_its_plan_holds_no_text(database: Database, desk: Desk) -> None:
    await add_old(database, "a")
    await add_fresh(database, 9)
    before = await dump(database)
    _, result = await desk.dry_run()
    assert await dump(database) == before
    assert result.plan is not None
    [change] = result.plan["changes"]
    assert (change["object"], change["before"], change["after"]) == ("memory/nova/a", "active", "archived")
    assert change["why"].startswith("value 0.0000: 900 days idle at a half-life of 45 days")
    assert "geheim" not in json.dumps([result.plan, result.result])
    assert result.result["would_archive"] == 1


async def test_a_dry_run_of_what_would_trip_the_breaker_says_so_and_plans_nothing(
    database: Database, desk: Desk
) -> None:
    await add_old(database, *"abc")
    _, result = await desk.dry_run()
    assert result.plan is not None
    assert result.plan["changes"] == []
    assert result.suspicious == ("3 of 3 memories fell below the threshold, more than 20%.",)


async def test_applying_does_what_was_planned_even_if_another_one_is_worse_by_now(
    database: Database, desk: Desk
) -> None:
    await add_old(database, "a")
    await add_fresh(database, 9)
    planned_by, _ = await desk.dry_run()
    await add(database, "worse", id_="worse", importance=0.0, idle_days=9999)
    applied = uuid4()
    result = await desk.run(RunMode.APPLY, source=planned_by, run_id=applied)
    assert result.result["archived"] == 1
    gone = await archive(database)
    assert set(gone) == {"a"}
    assert gone["a"]["run_id"] == applied
    assert gone["a"]["numbers"]["half_life_days"] == 45
    with pytest.raises(RunError, match="applied already"):
        await desk.run(RunMode.APPLY, source=planned_by)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE memories SET access_count = 1 WHERE id = 'a'",
        "UPDATE memories SET pinned = true WHERE id = 'b'",
        "UPDATE memories SET tags = '[\"health\"]' WHERE id = 'a'",
        "DELETE FROM memories WHERE id = 'b'",
        "INSERT INTO memory_reprieves (bot_id, id) VALUES ('nova', 'b')",
        "UPDATE entity_profiles SET summary = 'A baker.'",
    ],
)
async def test_a_plan_whose_source_moved_is_refused_whole_and_stays_unapplied(
    database: Database, desk: Desk, change: str
) -> None:
    await add_old(database, "a", "b")
    await cite(database, "b")
    await add_fresh(database, 60)
    planned_by, _ = await desk.dry_run()
    await fetch(database, change)
    before = await dump(database)
    with pytest.raises(RunError, match=r"Memories changed since the dry run: [ab]\.") as caught:
        await desk.run(RunMode.APPLY, source=planned_by)
    assert caught.value.retryable is False
    assert (await dump(database), await archive(database)) == (before, {})
    assert await fetch(database, "SELECT FROM run_plans WHERE applied_by IS NOT NULL") == []


async def test_undoing_an_applied_plan_gives_every_byte_back(database: Database, desk: Desk) -> None:
    await add_old(database, "a")
    await add_fresh(database, 9)
    before = await dump(database)
    planned_by, _ = await desk.dry_run()
    applied = uuid4()
    await desk.run(RunMode.APPLY, source=planned_by, run_id=applied)
    result = await desk.run(RunMode.UNDO, source=applied)
    assert result.result["restored"] == 1
    assert await dump(database) == before
    with pytest.raises(RunError, match="Nothing that run"):
        await desk.run(RunMode.UNDO, source=applied)


async def test_a_dry_run_that_is_gone_cannot_be_applied(desk: Desk) -> None:
    with pytest.raises(RunError, match="is gone"):
        await desk.run(RunMode.APPLY, source=uuid4())


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"job": "profile_maintenance", "bot_id": "nova", "changes": []},
        {"job": "memory_decay", "bot_id": "mira", "changes": []},
        {"job": "memory_decay", "bot_id": "nova"},
        {"job": "memory_decay", "bot_id": "nova", "changes": 3},
        {"job": "memory_decay", "bot_id": "nova", "changes": [{"object": 3}]},
        {"job": "memory_decay", "bot_id": "nova", "changes": [{"object": "x", "state": "zz"}]},
    ],
)
def test_a_foreign_or_damaged_plan_is_refused(plan: dict[str, Any]) -> None:
    with pytest.raises(RunError):
        planned(plan, bot_id="nova")


USUAL = (0.01, 0.0, 0.02, 0.01, 0.03)


def look(
    *,
    memories: int = 100,
    below: int = 0,
    future: int = 0,
    unused: int = 0,
    habit: tuple[float, ...] = USUAL,
) -> DecayLook:
    chosen = (Fading(id="a", state=b"", score=0.0, numbers={}),) if below else ()
    return DecayLook(
        memories=memories,
        below=below,
        future=future,
        unused=unused,
        cap=2,
        chosen=chosen,
        habit=habit,
    )


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (look(below=10, unused=90), ()),
        (look(below=11), ("11 of 100 memories are below the threshold, where 1.0% are usual",)),
        # As many as ever, and not yet twice as many as ever.
        (look(below=12, habit=(0.12,) * 5), ()),
        (look(below=20, habit=(0.1,) * 5), ()),
        (
            look(below=21, habit=(0.1,) * 5),
            ("21 of 100 memories are below the threshold, where 10.0% are usual",),
        ),
        # What is usual is not known yet.
        (look(below=19, unused=100, habit=USUAL[1:]), ()),
        (look(below=19, habit=()), ()),
        (
            look(future=1, habit=()),
            ("1 memories were last used in the future: check the clock of their writer",),
        ),
        (
            look(below=2, unused=91),
            ("hardly any use of a memory was ever recorded, so age alone decided",),
        ),
        (look(unused=100), ()),
        (look(memories=4, below=1, unused=4), ()),
    ],
)
def test_what_is_odd_about_a_pass_is_said(seen: DecayLook, expected: tuple[str, ...]) -> None:
    assert suspicions(seen) == expected


async def passed(database: Database, result: TaskResult, run_id: UUID) -> None:
    """Keeps a run as the recorder would."""
    await fetch(
        database,
        "INSERT INTO job_runs"
        " (id, job_type, bot_id, status, started_at, finished_at, duration_ms, result_json, reason)"
        " VALUES ($1, 'memory_decay', 'nova', $2, clock_timestamp(), clock_timestamp(), 1, $3, $4)",
        run_id,
        "success" if result.skipped is None else "skipped",
        json.dumps(result.result),
        result.skipped,
    )


async def test_years_that_were_imported_are_worked_off_without_a_word(database: Database, desk: Desk) -> None:
    await add_fresh(database, 85)
    await add_old(database, *(f"old-{number}" for number in range(15)))
    below = []
    while True:
        run_id = uuid4()
        result = await desk.run(run_id=run_id)
        assert result.suspicious == ()
        if result.skipped:
            break
        below.append(result.result["below"])
        await passed(database, result, run_id)
    assert below == [15, 13, 11, 9, 7, 5, 3, 1]


async def test_a_store_that_fades_at_once_is_told_from_what_is_usual_there(
    database: Database, desk: Desk
) -> None:
    await add_fresh(database, 90)
    for number in range(5):
        run_id = uuid4()
        result = await desk.run(run_id=run_id)
        assert (result.skipped, result.suspicious) == ("unchanged", ())
        await passed(database, result, run_id)
        # What others wrote into it, and what another bot does, says nothing.
        await fetch(
            database,
            "INSERT INTO job_runs"
            " (job_type, bot_id, status, started_at, finished_at, duration_ms, result_json)"
            " SELECT 'memory_decay', bot, 'success', clock_timestamp(), clock_timestamp(), 1, result"
            " FROM (VALUES"
            " ('nova', '{\"below\": \"all\"}'), ('mira', '{\"below\": 9, \"memories\": 10}'))"
            " other (bot, result)",
        )
        assert (await MemoryArchive(database).look("nova")).habit == (0.0,) * (number + 1)
    await add_old(database, *(f"old-{number}" for number in range(12)))
    _, planned_run = await desk.dry_run()
    expected = ("12 of 102 memories are below the threshold, where 0.0% are usual",)
    assert planned_run.suspicious == expected
    assert (await desk.run()).suspicious == expected


def test_why_a_memory_scored_low_is_one_sentence() -> None:
    numbers = {
        "value": 0.01234,
        "half_life_days": 45.0,
        "days_idle": 400.2,
        "importance": 0.2,
        "access_count": 4,
        "tag": "event",
    }
    assert why(numbers) == (
        "value 0.0123: 400 days idle at a half-life of 45 days (importance 0.20, 4 uses, event)"
    )


async def test_a_tripped_breaker_pauses_the_job_and_everything_can_be_asked_of_a_node(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(
        database_url=database.address.dsn,  # type: ignore[arg-type]  # pydantic makes the secret
        data_dir=tmp_path,
    )
    await add_old(database, *"abcdef")
    async with open_runtime(settings, watch=False) as runtime:
        job = next(one.job for one in await runtime.history.jobs() if one.job.job_type == "memory_decay")

        async def outcome(run_id: UUID) -> Run:
            await runtime.run_due()
            run = await runtime.history.run(run_id)
            assert run is not None
            return run

        [forced] = await runtime.operations.force_run(job.id)
        tripped = await outcome(forced.id)
        assert tripped.status is RunStatus.FAILED
        assert "more than 20%" in (tripped.error_message or "")
        [paused] = await fetch(database, "SELECT * FROM scheduled_jobs WHERE id = $1", job.id)
        assert (paused["enabled"], paused["paused_by"]) == (False, "circuit breaker")
        assert paused["paused_reason"].startswith("6 of 6 memories fell below the threshold")
        await add_fresh(database, 60)
        before = await dump(database)
        [dry] = await runtime.operations.force_run(job.id, dry_run=True)
        assert (await outcome(dry.id)).status is RunStatus.SUCCESS
        applied = await outcome((await runtime.operations.apply(dry.id)).id)
        assert json.loads(applied.result_json or "")["archived"] == 2
        undone = await outcome((await runtime.operations.undo(applied.id)).id)
        assert json.loads(undone.result_json or "")["restored"] == 2
        assert await dump(database) == before

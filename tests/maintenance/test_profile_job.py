"""The handler in every mode, on a real database, also when it dies in the middle."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.job_store import JobStore
from scheduler_core.db.job_values import FinishedRun
from scheduler_core.db.operations import Operations
from scheduler_core.db.plan_store import PlanStore, plan_text, save_plans
from scheduler_core.db.profile_history import ProfileHistory
from scheduler_core.db.profile_store import NewAttribute, ProfileStore, entity_named
from scheduler_core.domain import EventLevel, RunMode, RunStatus, Trigger
from scheduler_core.errors import DatabaseError, RunError
from scheduler_core.maintenance.profile_job import MODES, ProfileJob
from scheduler_core.maintenance.reporter import Silent
from scheduler_core.tasks.built_in_configs import ProfileConfig
from scheduler_core.tasks.task import JobKind, Task, TaskResult
from tests.db.test_operations import add_job
from tests.db.test_profile_history import live, new_run
from tests.maintenance import models
from tests.maintenance.models import FakeModel

ADA = entity_named("user/ada")
# Everything a job may write; a dry run writes none of it.
TABLES = (
    "entity_profiles",
    "entity_profile_attributes",
    "entity_profile_versions",
    "entity_profile_drafts",
    "entity_profile_changes",
    "entity_profile_holds",
    "entity_profile_judgements",
)


class Quiet(Silent):
    """A context that keeps nothing."""

    run_id = uuid4()

    async def log(self, level: EventLevel, message: str) -> None: ...

    async def progress(self, text: str) -> None: ...


class Desk:
    """Runs the job as the scheduler would: a run in the table, a task, its plan stored beside it."""

    def __init__(self, database: Database, model: FakeModel | None) -> None:
        self.database = database
        self.model = model
        self.job = ProfileJob(
            store=ProfileStore(database),
            history=ProfileHistory(database),
            plans=PlanStore(database),
            model=self._model,
            model_timeout=10.0,
        )

    async def run(
        self, mode: RunMode = RunMode.RUN, source: UUID | None = None, **config: Any
    ) -> tuple[UUID, TaskResult]:
        run_id = await new_run(self.database, mode, source)
        task = Task(
            run_id=run_id,
            job_id=None,
            kind=JobKind(name="profile_maintenance", handler=self.job.run, modes=MODES),
            bot_id="*",
            trigger=Trigger.MANUAL,
            scheduled_for=datetime.now(UTC),
            attempt=1,
            config=ProfileConfig(**config),
            timeout=60.0,
            max_attempts=1,
            mode=mode,
            source_run_id=source,
        )
        result = await self.job.run(task, Quiet())
        if result.plan is not None:
            async with self.database.transaction() as connection:
                await save_plans(connection, {run_id: plan_text(result.plan)})
        return run_id, result

    async def _model(self) -> FakeModel | None:
        return self.model


async def written(database: Database) -> dict[str, list[tuple[object, ...]]]:
    async with database.connection() as connection:
        return {
            table: sorted(tuple(map(str, row)) for row in await connection.fetch(f"SELECT * FROM {table}"))
            for table in TABLES
        }


async def published(database: Database) -> list[tuple[object, ...]]:
    """What versions say, without when and by which run."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT profile_id, version, summary, sentences::text, revision, model, details::text"
            " FROM entity_profile_versions ORDER BY profile_id, version"
        )
    return [tuple(row) for row in rows]


@pytest.fixture(params=[None, models.perfect, models.inventing], ids=["no model", "perfect", "inventing"])
def desk(database: Database, request: pytest.FixtureRequest) -> Desk:
    return Desk(database, None if request.param is None else FakeModel(request.param))


async def test_a_dry_run_writes_nothing_and_applying_it_does_exactly_that_without_the_model(
    example: ProfileStore, desk: Desk
) -> None:
    before = await written(desk.database)
    dry, planned = await desk.run(RunMode.DRY_RUN)
    assert await written(desk.database) == before
    assert planned.plan is not None
    assert planned.result["dry_run"] is True
    assert planned.result["changed"] == len(planned.plan["changes"]) > 0

    desk.model = FakeModel(models.crashing)
    _, applied = await desk.run(RunMode.APPLY, dry)
    assert applied.result["changed"] == planned.result["changed"]
    assert desk.model.requests == []
    for change in planned.plan["changes"]:
        entity = entity_named(change["object"])
        [version] = await example.versions(entity)
        assert [sentence.text for sentence in version.sentences] == [one["text"] for one in change["after"]]
        assert await example.summary(entity) == change["apply"]["summary"]


async def test_a_dry_run_and_a_run_come_to_the_same(example: ProfileStore, desk: Desk) -> None:
    dry, _ = await desk.run(RunMode.DRY_RUN)
    applied, _ = await desk.run(RunMode.APPLY, dry)
    by_plan = await published(desk.database)
    await desk.run(RunMode.UNDO, applied)
    async with desk.database.connection() as connection:
        await connection.execute("DELETE FROM entity_profile_versions")
        await connection.execute("DELETE FROM entity_profile_holds")
    await desk.run()
    assert await published(desk.database) == by_plan


async def test_an_undone_run_leaves_every_profile_as_it_was_and_is_not_done_again(
    example: ProfileStore, desk: Desk
) -> None:
    before = await live(desk.database)
    run, _ = await desk.run()
    assert await live(desk.database) != before
    undo, undone = await desk.run(RunMode.UNDO, run)
    assert await live(desk.database) == before
    assert len(undone.result["entities"]) == len(before)
    _, next_run = await desk.run()
    assert next_run.skipped == "unchanged"
    _, again = await desk.run(RunMode.UNDO, run)
    assert again.skipped == f"undone already by run {undo}"


async def test_a_second_attempt_at_applying_finds_it_done(example: ProfileStore, desk: Desk) -> None:
    dry, _ = await desk.run(RunMode.DRY_RUN)
    first, _ = await desk.run(RunMode.APPLY, dry)
    before = await written(desk.database)
    _, again = await desk.run(RunMode.APPLY, dry)
    assert again.skipped == f"applied already by run {first}"
    assert await written(desk.database) == before


async def test_a_plan_is_refused_whole_when_one_entity_moved(example: ProfileStore, desk: Desk) -> None:
    dry, _ = await desk.run(RunMode.DRY_RUN)
    await example.add([NewAttribute(entity=ADA, category="fact", key="pet", value="a cat")])
    before = await written(desk.database)
    with pytest.raises(RunError, match="The profile user/ada changed") as caught:
        await desk.run(RunMode.APPLY, dry)
    assert not caught.value.retryable
    assert await written(desk.database) == before


async def test_a_plan_that_quotes_a_deleted_attribute_is_scrubbed_and_refused(
    example: ProfileStore, desk: Desk
) -> None:
    dry, planned = await desk.run(RunMode.DRY_RUN, entity_type="user", entity_id="ada")
    assert planned.plan is not None
    gone = planned.plan["changes"][0]["after"][0]
    async with desk.database.connection() as connection:
        await connection.execute(
            "DELETE FROM entity_profile_attributes WHERE id = ANY ($1)", gone["attribute_ids"]
        )
    await desk.run(entity_type="user", entity_id="ada")
    stored = (await PlanStore(desk.database).read(dry)).plan
    assert stored["changes"][0]["after"][0] == gone | {"text": "[deleted]"}
    assert gone["text"] not in str(stored)
    with pytest.raises(RunError, match="user/ada changed since"):
        await desk.run(RunMode.APPLY, dry)


async def test_a_pinned_attribute_stays_in_the_summary_against_a_newer_one_and_a_forgetful_model(
    store: ProfileStore, database: Database
) -> None:
    """Where the ordinary run would follow the newer value and the model leaves out a hobby."""
    desk = Desk(database, FakeModel(models.forgetting))
    for key, value in (
        ("location", "Dresden"),
        ("location", "Leipzig"),
        ("hobby", "chess"),
        ("hobby", "tea"),
    ):
        await store.add([NewAttribute(entity=ADA, category="fact", key=key, value=value)])
    old, _, *hobbies = [attribute.id for attribute in await store.attributes(ADA)]

    async def cited() -> set[int]:
        await desk.run()
        [newest, *_] = await store.versions(ADA)
        return {id_ for sentence in newest.sentences for id_ in sentence.attribute_ids}

    assert old not in await cited()
    for id_ in (old, *hobbies):
        await ProfileHistory(database).pin(ADA, id_, pinned=True)
    assert await cited() == {old, *hobbies}


async def killed_while(database: Database, work: Any, *, on: str) -> None:
    """Runs `work` until it waits for the table `on`, and kills its connection there."""
    other: Connection = await asyncpg.connect(database.address.dsn)
    try:
        async with other.transaction():
            await other.execute(f"LOCK TABLE {on} IN ACCESS EXCLUSIVE MODE")
            doing = asyncio.ensure_future(work)
            waits = (
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks l"
                f" WHERE NOT l.granted AND l.relation = '{on}'::regclass"
            )
            while not await other.fetchval(waits):
                pass
            with pytest.raises(DatabaseError):
                await doing
    finally:
        await other.close()


async def test_a_death_between_success_and_plan_leaves_neither(database: Database) -> None:
    store = JobStore(database, node_id=uuid4())
    operations = Operations(database, actor="ada")
    [run] = await operations.force_run(await add_job(database), dry_run=True)
    await store.start_pending(limits={"profile_maintenance": None}, capacity=1)
    outcome = FinishedRun(id=run.id, status=RunStatus.SUCCESS, plan=plan_text({"changes": []}))
    await killed_while(database, store.finish_runs([outcome]), on="run_plans")
    assert await PlanStore(database).find(run.id) is None
    assert [held.id for held in await store.held_runs(known=[])] == [run.id]
    # The node that lives on writes the outcome again.
    assert await store.finish_runs([outcome]) == {run.id}
    assert await PlanStore(database).find(run.id) is not None


@pytest.mark.parametrize("table", ["entity_profile_versions", "entity_profile_holds"])
async def test_a_death_while_applying_leaves_nothing_and_it_can_be_applied_again(
    example: ProfileStore, database: Database, table: str
) -> None:
    desk = Desk(database, None)
    dry, planned = await desk.run(RunMode.DRY_RUN)
    before = await written(database)
    await killed_while(database, desk.run(RunMode.APPLY, dry), on=table)
    assert await written(database) == before
    _, applied = await desk.run(RunMode.APPLY, dry)
    assert applied.result["changed"] == planned.result["changed"]


async def test_a_death_while_undoing_leaves_everything_and_it_can_be_undone_again(
    example: ProfileStore, database: Database
) -> None:
    desk = Desk(database, None)
    before = await live(database)
    run, _ = await desk.run()
    after = await written(database)
    await killed_while(database, desk.run(RunMode.UNDO, run), on="entity_profile_holds")
    assert await written(database) == after
    await desk.run(RunMode.UNDO, run)
    assert await live(database) == before

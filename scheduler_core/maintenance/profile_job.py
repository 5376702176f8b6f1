"""The handler of `profile_maintenance`: which entities a job means, and what its run records."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from typing import assert_never

from scheduler_core.db.plan_store import PlanStore
from scheduler_core.db.profile_history import ProfileHistory
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import ALL_BOTS, Entity, EntityType, EventLevel, RunMode
from scheduler_core.errors import NotFoundError, RunError, StateError
from scheduler_core.llm.provider import TextModel
from scheduler_core.maintenance.outcome import MaintenanceOutcome
from scheduler_core.maintenance.plan_json import plans_json, plans_of
from scheduler_core.maintenance.profile_maintenance import ProfileMaintenanceService
from scheduler_core.tasks.built_in_configs import ProfileConfig
from scheduler_core.tasks.task import Task, TaskContext, TaskResult

MODES = frozenset(RunMode)

ModelSource = Callable[[], Awaitable[TextModel | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileJob:
    """The handler, in every mode.

    Args:
        model: asked at the start of every run, so that a new model file counts without a restart.
        model_timeout: seconds for one answer of the model.
    """

    store: ProfileStore
    history: ProfileHistory
    plans: PlanStore
    model: ModelSource
    model_timeout: float

    async def run(self, task: Task, context: TaskContext) -> TaskResult:
        """Maintains the entities the task means, plans to, does what was planned, or takes a run back.

        Raises:
            RunError: the configured entity does not exist, not one entity could be done, or what is to be
                applied or undone is no longer as it was.
            ModelError: the configured model cannot be used.
        """
        try:
            match task.mode:
                case RunMode.RUN:
                    return await self._maintain(task, context)
                case RunMode.DRY_RUN:
                    return await self._plan(task, context)
                case RunMode.APPLY:
                    return await self._apply(task, context)
                case RunMode.UNDO:
                    return await self._undo(task, context)
                case _:
                    assert_never(task.mode)
        except NotFoundError:
            entity = _entity_of(task)
            if task.bot_id != ALL_BOTS:
                return TaskResult(skipped=f"{entity} has no profile")
            raise RunError(
                f"{entity} has no profile.",
                "Correct entity_type and entity_id in config_json.",
                retryable=False,
            ) from None
        except StateError as error:
            # Another attempt would find the same.
            raise RunError(error.title, error.hint, retryable=False) from error

    async def _maintain(self, task: Task, context: TaskContext) -> TaskResult:
        entity, service = _entity_of(task), await self._service()
        if entity is None:
            outcome = await service.maintain_changed(run_id=task.run_id, reporter=context)
        else:
            outcome = await service.maintain(entity, run_id=task.run_id, reporter=context)
        return _result_of(outcome)

    async def _plan(self, task: Task, context: TaskContext) -> TaskResult:
        entity, service = _entity_of(task), await self._service()
        if entity is None:
            outcome, plans = await service.plan_changed(reporter=context)
        else:
            outcome, plans = await service.plan_all((entity,), reporter=context)
        result = _result_of(outcome)
        return replace(
            result,
            result={**result.result, "dry_run": True},
            plan=None if result.skipped else plans_json(plans),
        )

    async def _apply(self, task: Task, context: TaskContext) -> TaskResult:
        assert task.source_run_id is not None
        stored = await self.plans.read(task.source_run_id)
        if stored.applied_by is not None:
            # An attempt of this very run may have done it and died before it could say so.
            return TaskResult(skipped=f"applied already by run {stored.applied_by}")
        plans = plans_of(stored.plan)
        service = ProfileMaintenanceService(store=self.store, model=None)
        versions = await service.apply_all(plans, run_id=task.run_id, plan_of=task.source_run_id)
        outcomes = [
            plan.outcome(version=None if version is None else version.version)
            for plan, version in zip(plans, versions, strict=True)
        ]
        changed = sum(outcome.result == "changed" for outcome in outcomes)
        await context.log(EventLevel.INFO, f"{changed} summaries are live as the dry run planned them.")
        return TaskResult(
            result={
                "applied": str(task.source_run_id),
                "changed": changed,
                "unchanged": len(outcomes) - changed,
                "entities": [asdict(outcome) for outcome in outcomes],
            },
            suspicious=tuple(reason for plan in plans for reason in plan.suspicious),
        )

    async def _undo(self, task: Task, context: TaskContext) -> TaskResult:
        assert task.source_run_id is not None
        undone = await self.history.undo(task.source_run_id, run_id=task.run_id)
        if undone.before is not None:
            return TaskResult(skipped=f"undone already by run {undone.before}")
        names = [str(entity) for entity in undone.entities]
        await context.log(EventLevel.INFO, f"{len(names)} profiles are as they were before.")
        return TaskResult(result={"undone": str(task.source_run_id), "entities": names})

    async def _service(self) -> ProfileMaintenanceService:
        return ProfileMaintenanceService(
            store=self.store, model=await self.model(), request_timeout=self.model_timeout
        )


def _entity_of(task: Task) -> Entity | None:
    """None means every entity whose attributes changed."""
    config = task.config
    if isinstance(config, ProfileConfig) and config.entity_type is not None and config.entity_id is not None:
        return Entity(config.entity_type, config.entity_id)
    return None if task.bot_id == ALL_BOTS else Entity(EntityType.BOT, task.bot_id.strip().lower())


def _result_of(outcome: MaintenanceOutcome) -> TaskResult:
    # A model that was asked in vain is worth a look, even if every summary stayed as it was.
    if outcome.is_unchanged and not outcome.suspicious:
        return TaskResult(
            result=outcome.as_json(),
            skipped="unchanged" if outcome.profiles else "no profiles: import some first",
        )
    suspicious = outcome.suspicious
    if outcome.failed:
        failures = ", ".join(f"{one.entity} [{one.error_id}]" for one in outcome.entities if one.error_id)
        if outcome.failed == len(outcome.entities):
            raise RunError(f"Not one profile could be done: {failures}.", "The log says why.")
        suspicious = (*suspicious, f"{outcome.failed} of {len(outcome.entities)} profiles failed")
    return TaskResult(result=outcome.as_json(), suspicious=suspicious)

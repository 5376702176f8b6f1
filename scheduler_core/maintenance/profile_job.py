"""The handler of `profile_maintenance`: which entities a job means, and what its run records."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import ALL_BOTS, Entity, EntityType
from scheduler_core.errors import NotFoundError, RunError
from scheduler_core.llm.provider import TextModel
from scheduler_core.maintenance.outcome import MaintenanceOutcome
from scheduler_core.maintenance.profile_maintenance import ProfileMaintenanceService
from scheduler_core.tasks.task import JobConfig, Task, TaskContext, TaskResult

ModelSource = Callable[[], Awaitable[TextModel | None]]


class ProfileConfig(JobConfig):
    """`config_json` of a profile job: both fields narrow it to one entity, neither leaves it wide."""

    entity_type: EntityType | None = None
    entity_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None

    @field_validator("entity_id", mode="after")
    @classmethod
    def _as_stored(cls, value: str | None) -> str | None:
        return None if value is None else value.strip().lower()

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.entity_type is None) != (self.entity_id is None):
            raise ValueError("entity_type and entity_id go together")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileJob:
    """The handler.

    Args:
        model: asked at the start of every run, so that a new model file counts without a restart.
        model_timeout: seconds for one answer of the model.
    """

    store: ProfileStore
    model: ModelSource
    model_timeout: float

    async def run(self, task: Task, context: TaskContext) -> TaskResult:
        """Maintains the entities the task means; unchanged ones cost nothing.

        Raises:
            RunError: the configured entity does not exist, or not one entity could be done.
            ModelError: the configured model cannot be used.
        """
        entity = _entity_of(task)
        service = ProfileMaintenanceService(
            store=self.store, model=await self.model(), request_timeout=self.model_timeout
        )
        try:
            if entity is None:
                outcome = await service.maintain_changed(run_id=task.run_id, reporter=context)
            else:
                outcome = await service.maintain(entity, run_id=task.run_id, reporter=context)
        except NotFoundError:
            if task.bot_id != ALL_BOTS:
                return TaskResult(skipped=f"{entity} has no profile")
            raise RunError(
                f"{entity} has no profile.",
                "Correct entity_type and entity_id in config_json.",
                retryable=False,
            ) from None
        return _result_of(outcome)


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

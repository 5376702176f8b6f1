"""The handler of `profile_maintenance`: which entities a job means, and what its run records."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import EntityType
from scheduler_core.llm.provider import TextModel
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
            RunError: the configured model cannot be used, or every entity failed.
        """
        from scheduler_core.maintenance.profile_maintenance import ProfileMaintenanceService

        raise NotImplementedError(ProfileMaintenanceService)

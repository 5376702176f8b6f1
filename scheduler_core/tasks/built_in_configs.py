"""What `config_json` of the built-in job types may hold, for their handlers and for whoever edits a job.

A host's own types are not here: what theirs may hold only the process knows that registered them.
"""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from scheduler_core.domain import EntityType, JobType
from scheduler_core.tasks.task import JobConfig


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


BUILT_IN_CONFIGS: Mapping[str, type[JobConfig]] = {
    JobType.PROFILE_MAINTENANCE: ProfileConfig,
    JobType.MEMORY_CONSOLIDATION: JobConfig,
    JobType.MEMORY_DECAY: JobConfig,
}

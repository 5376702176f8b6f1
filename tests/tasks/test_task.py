"""Job types and their configuration."""

from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import field_validator

from scheduler_core.domain import RunMode, Trigger
from scheduler_core.errors import ConfigError, RunError
from scheduler_core.tasks.built_in_configs import ProfileConfig
from scheduler_core.tasks.task import (
    ClaimedRun,
    JobConfig,
    JobKind,
    JobKinds,
    Task,
    TaskContext,
    TaskFactory,
    TaskResult,
    parse_config,
)


async def nothing(task: Task, context: TaskContext) -> TaskResult:
    return TaskResult()


def run_with(config_json: str | None, *, mode: RunMode = RunMode.RUN) -> ClaimedRun:
    return SimpleNamespace(
        id=uuid4(),
        job_id=uuid4(),
        job_type="nap",
        bot_id="*",
        trigger=Trigger.SCHEDULE,
        scheduled_for=datetime.now(UTC),
        attempt=1,
        config_json=config_json,
        mode=mode,
        source_run_id=None,
    )


def factory(kind: JobKind) -> TaskFactory:
    kinds = JobKinds()
    kinds.register(kind)
    return TaskFactory(kinds=kinds, timeout=100.0, max_attempts=3)


def test_the_job_outranks_its_type_and_the_type_outranks_the_settings() -> None:
    plain = factory(JobKind(name="nap", handler=nothing))
    own = factory(JobKind(name="nap", handler=nothing, timeout=50.0, max_attempts=2))
    assert (plain.task_of(run_with("{}")).timeout, plain.task_of(run_with(None)).max_attempts) == (100.0, 3)
    assert (own.task_of(run_with("{}")).timeout, own.task_of(run_with("{}")).max_attempts) == (50.0, 2)
    task = own.task_of(run_with('{"timeout_seconds": 5, "max_attempts": 1}'))
    assert (task.timeout, task.max_attempts) == (5.0, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON at character 1"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"timeout": 3}', "timeout: unknown field"),
        ('{"timeout_seconds": "soon"}', "timeout_seconds:"),
        ('{"max_attempts": 0}', "max_attempts:"),
        ('{"entity_type": "user"}', "entity_type and entity_id go together"),
        ('{"entity_type": "cat", "entity_id": "tom"}', "entity_type:"),
    ],
)
def test_a_config_that_does_not_fit_is_named_by_its_field_and_not_retried(text: str, words: str) -> None:
    with pytest.raises(RunError) as caught:
        parse_config(ProfileConfig, text)
    assert words in str(caught.value)
    assert not caught.value.retryable


def test_a_wrong_value_is_not_repeated() -> None:
    with pytest.raises(RunError) as caught:
        parse_config(ProfileConfig, '{"entity_type": "hunter2", "entity_id": 5}')
    assert "hunter2" not in str(caught.value)


class WhenConfig(JobConfig):
    """Whose author did not think of every value."""

    when: object = None

    @field_validator("when")
    @classmethod
    def day_of(cls, value: Any) -> object:
        return {"monday": 1}[value["day"]]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"when": {}}', "KeyError"),
        ('{"when": {"day": "hunter2"}}', "KeyError"),
        ('{"when": 3}', "TypeError"),
    ],
)
def test_a_validator_that_raises_anything_fails_the_run_with_the_errors_name_alone(
    text: str, name: str
) -> None:
    with pytest.raises(RunError, match=rf"its check raised {name}\. Correct config_json") as caught:
        parse_config(WhenConfig, text)
    assert "hunter2" not in str(caught.value)
    assert not caught.value.retryable


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(str))
def test_any_text_is_a_config_or_a_run_error(text: str) -> None:
    with suppress(RunError):
        assert isinstance(parse_config(JobConfig, text), JobConfig)


@pytest.mark.parametrize("name", ["", "Nap", "take a nap", "9lives", "näp"])
def test_a_job_type_needs_a_plain_name(name: str) -> None:
    with pytest.raises(ConfigError):
        JobKinds().register(JobKind(name=name, handler=nothing))


def test_a_job_type_is_registered_once() -> None:
    kinds = JobKinds()
    kinds.register(JobKind(name="nap", handler=nothing))
    with pytest.raises(ConfigError, match="twice"):
        kinds.register(JobKind(name="nap", handler=nothing))


def test_a_mode_that_the_type_does_not_know_fails_the_run_and_names_those_it_knows() -> None:
    kind = JobKind(name="nap", handler=nothing, modes=frozenset({RunMode.RUN, RunMode.UNDO}))
    with pytest.raises(RunError, match=r"nap does not support dry_run\. It supports: run, undo") as caught:
        factory(kind).task_of(run_with("{}", mode=RunMode.DRY_RUN))
    assert not caught.value.retryable
    assert factory(kind).task_of(run_with("{}", mode=RunMode.UNDO)).mode is RunMode.UNDO

"""Each task has exactly one outcome, also one that was stopped before it began."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from scheduler_core.db.job_values import FinishedRun
from scheduler_core.domain import EventLevel, RunStatus, Trigger
from scheduler_core.tasks.processor import TaskProcessor
from scheduler_core.tasks.queue import InProcessQueue
from scheduler_core.tasks.recorder import Recorder
from scheduler_core.tasks.task import JobConfig, JobKind, Task, TaskContext, TaskResult


class Written:
    """What the recorder wrote."""

    def __init__(self) -> None:
        self.outcomes: list[FinishedRun] = []
        self.retries: dict[UUID, float] = {}

    async def finish_runs(
        self, outcomes: Sequence[FinishedRun], *, retries: Mapping[UUID, float] | None = None
    ) -> set[UUID]:
        self.outcomes += outcomes
        self.retries |= retries or {}
        return {each.id for each in outcomes}

    async def writable_runs(self, ids: Sequence[UUID]) -> dict[UUID, RunStatus | None]:
        return dict.fromkeys(ids)

    async def add_events(self, events: Sequence[tuple[UUID, EventLevel, str]]) -> None:
        pass

    async def set_progress(self, progress: Mapping[UUID, str]) -> None:
        pass


class StoppingQueue(InProcessQueue):
    """Stops what the processor has just taken, before any of it could take a step."""

    processor: TaskProcessor
    retry = False

    async def get(self) -> Sequence[Task]:
        for run_id in self.processor.run_ids:
            self.processor.cancel(run_id, "Cancelled by ada.", retry=self.retry)
        return await super().get()


async def outcome_of_a_task_that_never_began(*, retry: bool) -> tuple[FinishedRun, Written, bool]:
    began = []

    async def work(task: Task, context: TaskContext) -> TaskResult:
        began.append(task.run_id)
        return TaskResult()

    written = Written()
    recorder = Recorder(writer=written, on_recorded=lambda ids: None)
    queue = StoppingQueue(capacity=1)
    queue.retry = retry
    queue.processor = TaskProcessor(queue=queue, recorder=recorder, retry_base=1.0, on_free=lambda: None)
    task = Task(
        run_id=uuid4(),
        job_id=None,
        kind=JobKind(name="nap", handler=work),
        bot_id="*",
        trigger=Trigger.MANUAL,
        scheduled_for=datetime.now(UTC),
        attempt=1,
        config=JobConfig(),
        timeout=60.0,
        max_attempts=3,
    )
    await queue.put([task])
    processing = asyncio.create_task(queue.processor.run())
    await queue.wait_empty()
    await recorder.run_once()
    processing.cancel()
    await asyncio.gather(processing, return_exceptions=True)
    [outcome] = written.outcomes
    return outcome, written, bool(began)


async def test_a_run_that_is_cancelled_before_its_first_step_is_recorded_as_failed() -> None:
    outcome, written, began = await outcome_of_a_task_that_never_began(retry=False)
    assert not began
    assert (outcome.status, outcome.error_message) == (RunStatus.FAILED, "Cancelled by ada.")
    assert written.retries == {}


async def test_a_node_that_stops_hands_on_what_had_not_begun() -> None:
    outcome, written, _ = await outcome_of_a_task_that_never_began(retry=True)
    assert written.retries == {outcome.id: 0.0}

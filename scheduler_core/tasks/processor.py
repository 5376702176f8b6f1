"""Runs tasks: finds the handler, gives it time and a way to speak, and records what came of it.

It claims nothing and decides nothing about schedules. Exactly one outcome is recorded for each task,
whatever the handler does.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from uuid import UUID

from scheduler_core.db.job_values import FinishedRun
from scheduler_core.db.plan_store import plan_text
from scheduler_core.domain import EventLevel, RunStatus
from scheduler_core.errors import RunError, SchedulerError, frames_of
from scheduler_core.llm.provider import TokenSink
from scheduler_core.tasks.broadcast import Broadcast
from scheduler_core.tasks.current import enter_run
from scheduler_core.tasks.queue import TaskQueue
from scheduler_core.tasks.recorder import Recorder, backoff, failed
from scheduler_core.tasks.task import Task, TaskResult

log = logging.getLogger(__name__)

# How long a handler may take to stop after it was cancelled.
CANCEL_GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _End:
    """Why a run was told to stop, and the seconds until another attempt; None for none."""

    because: str
    retry_in: float | None

    def of(self, task: Task) -> tuple[FinishedRun, float | None]:
        return failed(task.run_id, self.because), self.retry_in


@dataclass(slots=True)
class _Active:
    task: Task
    work: "asyncio.Task[None]"
    deadline: float
    begun: bool = False
    end: _End | None = None
    abandoned: bool = False


class _Context:
    """What a handler gets; see `TaskContext`."""

    def __init__(self, run_id: UUID, recorder: Recorder, broadcast: Broadcast | None) -> None:
        self.run_id = run_id
        self._recorder = recorder
        self._broadcast = broadcast

    async def log(self, level: EventLevel, message: str) -> None:
        # What a host gets wrong fails its own run here; in the recorder it would fail those of others.
        self._recorder.add_line(self.run_id, EventLevel(level), str(message))

    async def progress(self, text: str) -> None:
        self._recorder.set_progress(self.run_id, str(text))

    def writing(self, max_tokens: int) -> AbstractContextManager[TokenSink | None]:
        if self._broadcast is None:
            return nullcontext()
        return self._broadcast.of(self.run_id, max_tokens)


class TaskProcessor:
    """Runs the tasks of a queue.

    Args:
        retry_base: seconds before a second attempt; doubles with each further one.
        on_free: called whenever a task ended and its place is free again.
        broadcast: tells consoles what a model is writing; None tells nobody.
        pause_job: stops the schedule of a job whose circuit breaker tripped, with the reason; may raise
            SchedulerError.
    """

    def __init__(
        self,
        *,
        queue: TaskQueue,
        recorder: Recorder,
        retry_base: float,
        on_free: Callable[[], None],
        broadcast: Broadcast | None = None,
        pause_job: Callable[[UUID, str], Awaitable[object]] | None = None,
    ) -> None:
        self._queue = queue
        self._recorder = recorder
        self._retry_base = retry_base
        self._on_free = on_free
        self._broadcast = broadcast
        self._pause_job = pause_job
        self._active: dict[UUID, _Active] = {}
        self._runner: asyncio.Task[None] | None = None
        self._bug: BaseException | None = None
        # One for all, at the earliest deadline: thousands of runs a second would each pay for its own.
        self._timer: asyncio.TimerHandle | None = None

    @property
    def run_ids(self) -> Sequence[UUID]:
        """The runs in hand."""
        return tuple(self._active)

    async def run(self) -> None:
        """Takes tasks for ever. Cancelling it cancels what runs."""
        loop = asyncio.get_running_loop()
        # Not a TaskGroup: to be told of each end costs every run a turn of the loop.
        self._runner = asyncio.current_task()
        try:
            while True:
                tasks = await self._queue.get()
                now = loop.time()
                for task in tasks:
                    work = loop.create_task(self._process(task))
                    active = _Active(task, work, now + task.timeout)
                    self._active[task.run_id] = active
                    if self._timer is None or active.deadline < self._timer.when():
                        self._watch(active.deadline)
        finally:
            self._runner = None
            for active in self._active.values():
                active.work.cancel()
            if works := [active.work for active in self._active.values() if not active.abandoned]:
                # A handler that will not stop keeps nobody.
                await asyncio.wait(works, timeout=CANCEL_GRACE_SECONDS)
            if self._bug is not None:
                raise self._bug from None

    def cancel(self, run_id: UUID, because: str, *, retry: bool = False) -> bool:
        """Asks one run to stop; False if it is not in hand or was asked before.

        Args:
            because: becomes the run's `error_message`.
            retry: whether another attempt follows, as when this node stops.
        """
        active = self._active.get(run_id)
        if active is None or active.end is not None:
            return False
        self._stop(active, _End(because, 0.0 if retry else None))
        return True

    async def drain(self, *, grace: float) -> None:
        """Waits `grace` seconds for the runs in hand, then cancels them and waits for their last words."""
        try:
            async with asyncio.timeout(grace):
                await self._queue.wait_empty()
        except TimeoutError:
            for run_id in self.run_ids:
                self.cancel(run_id, "The scheduler stopped before the run was over.", retry=True)
            await self._queue.wait_empty()

    def _release(self, task: Task) -> None:
        del self._active[task.run_id]
        self._queue.done(task)
        self._on_free()

    def _watch(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(deadline, self._time_out)

    def _time_out(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        running = [active for active in self._active.values() if active.end is None]
        for active in running:
            if active.deadline <= now:
                end = _End(f"Timed out after {active.task.timeout:g} s.", self._retry_in(active.task))
                self._stop(active, end)
        if ahead := [active.deadline for active in running if active.deadline > now]:
            self._watch(min(ahead))

    def _stop(self, active: _Active, end: _End) -> None:
        active.end = end
        active.work.cancel()
        if active.begun:
            asyncio.get_running_loop().call_later(CANCEL_GRACE_SECONDS, self._abandon, active, end)
        else:
            # Cancelled before its first step: nothing of it will ever run, not even to say so.
            outcome, retry_in = end.of(active.task)
            self._recorder.finish(outcome, retry_in=retry_in)
            self._release(active.task)

    def _abandon(self, active: _Active, end: _End) -> None:
        """Gives up on a handler that was told to stop and did not: its run is closed without it. Its place
        stays taken while it goes on, because what it uses does."""
        if active.work.done():
            return
        active.abandoned = True
        self._queue.give_up(active.task)
        log.error("Run %s ignores that it was stopped; its handler goes on unwatched.", active.task.run_id)
        message = f"{end.because} The handler did not stop when told to."
        self._recorder.finish(failed(active.task.run_id, message))
        self._on_free()

    async def _process(self, task: Task) -> None:
        try:
            await self._work_on(task)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # Not of the handler but around it: nobody knows what else is wrong, so `run` ends with it.
            self._bug = error
            if self._runner is not None:
                self._runner.cancel()
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise

    async def _work_on(self, task: Task) -> None:
        active = self._active[task.run_id]
        active.begun = True
        enter_run(task.run_id)
        # Its place is given back here and not by a callback, which would cost every run a turn of the loop.
        try:
            try:
                outcome, retry_in = await self._attempt(task)
            except asyncio.CancelledError:
                if active.end is None:
                    if self._runner is None:
                        # The whole processor is going down at once; the lease tells the other nodes.
                        raise
                    # The handler let the cancellation of something of its own escape, or cancelled itself.
                    outcome = self._unexpected(task, asyncio.CancelledError())
                    retry_in = self._retry_in(task)
                else:
                    outcome, retry_in = active.end.of(task)
            else:
                if active.end is not None and outcome.status is RunStatus.FAILED:
                    # Whatever the handler said to being stopped, that is why it failed.
                    outcome, retry_in = active.end.of(task)
            if not active.abandoned:
                self._recorder.finish(outcome, retry_in=retry_in)
        finally:
            self._release(task)

    async def _attempt(self, task: Task) -> tuple[FinishedRun, float | None]:
        try:
            context = _Context(task.run_id, self._recorder, self._broadcast)
            result = await task.kind.handler(task, context)
            return _outcome_of(task.run_id, result), None
        except RunError as error:
            if error.pause_job:
                await self._pause(task, error.title)
            return failed(task.run_id, _sentence(error)), self._retry_in(task) if error.retryable else None
        except SchedulerError as error:
            log.warning("Run %s failed [%s]: %s", task.run_id, error.error_id, error)
            return failed(task.run_id, _sentence(error)), self._retry_in(task)
        except Exception as error:  # noqa: BLE001 - the border: a handler may raise anything
            return self._unexpected(task, error), self._retry_in(task)

    async def _pause(self, task: Task, reason: str) -> None:
        if self._pause_job is None or task.job_id is None:
            return
        try:
            await self._pause_job(task.job_id, reason)
        except SchedulerError as error:
            # It is paused already, or the next slot trips the breaker again.
            log.warning("The job of run %s was not paused [%s]: %s", task.run_id, error.error_id, error)

    def _retry_in(self, task: Task) -> float | None:
        return backoff(task.attempt, base=self._retry_base) if task.attempt < task.max_attempts else None

    def _unexpected(self, task: Task, error: BaseException) -> FinishedRun:
        # The message of a foreign exception may quote a person's text; the frames cannot.
        wrapped = SchedulerError(f"The handler failed unexpectedly ({type(error).__name__}).")
        log.error("Run %s [%s] %s\n%s", task.run_id, wrapped.error_id, type(error).__name__, frames_of(error))
        return failed(task.run_id, _sentence(wrapped))


def _outcome_of(run_id: UUID, result: TaskResult) -> FinishedRun:
    """
    Raises:
        RunError: a handler that no type checker saw returned something else.
    """
    if not isinstance(result, TaskResult):
        raise _misuse("its result", result, "a TaskResult")
    if result.skipped is not None and not isinstance(result.skipped, str):
        raise _misuse("`skipped`", result.skipped, "text")
    if result.suspicious and not all(isinstance(reason, str) for reason in result.suspicious):
        raise _misuse("`suspicious`", result.suspicious, "a tuple of texts")
    if result.plan is not None and not isinstance(result.plan, Mapping):
        raise _misuse("`plan`", result.plan, "a mapping")
    status = RunStatus.SUCCESS if result.skipped is None else RunStatus.SKIPPED
    return FinishedRun(
        id=run_id,
        status=status,
        result_json=json.dumps(result.result, ensure_ascii=False, default=str) if result.result else "{}",
        reason=result.skipped,
        suspicious=result.suspicious,
        plan=None if result.plan is None else plan_text(result.plan),
    )


def _misuse(what: str, given: object, wanted: str) -> RunError:
    # Another attempt would return the same.
    message = f"The handler is wrong: {what} is a {type(given).__name__} and not {wanted}."
    return RunError(message, retryable=False)


def _sentence(error: SchedulerError) -> str:
    return f"{error} [{error.error_id}]"

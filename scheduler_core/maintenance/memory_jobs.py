"""The handlers of the two memory jobs, one bot a run.

Consolidation here merges only memories that say the same in the same words; judging paraphrases needs
embeddings and a model, and is not done by this module.
"""

from dataclasses import asdict, dataclass

from scheduler_core.db.memory_store import MemoryStore
from scheduler_core.domain import EventLevel
from scheduler_core.errors import RunError
from scheduler_core.tasks.task import Task, TaskContext, TaskResult

BREAKER_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryJobs:
    """Both handlers over one store."""

    store: MemoryStore

    async def consolidate(self, task: Task, context: TaskContext) -> TaskResult:
        """Merges equal memories of the task's bot."""
        merge = await self.store.merge_same(task.bot_id, run_id=task.run_id)
        facts = {"bot_id": task.bot_id, "method": "equal text", **asdict(merge)}
        if not merge.archived:
            return TaskResult(result=facts, skipped="unchanged" if merge.memories else "no memories")
        await context.log(
            EventLevel.INFO,
            f"{merge.groups} groups said the same; {merge.archived} memories went to the archive.",
        )
        return TaskResult(result=facts)

    async def decay(self, task: Task, context: TaskContext) -> TaskResult:
        """Archives the least relevant memories of the task's bot.

        Raises:
            RunError: the circuit breaker: more than `BREAKER_SHARE` of the memories would qualify.
        """
        decay = await self.store.decay(task.bot_id, run_id=task.run_id)
        if not decay.archived and decay.below:
            raise RunError(
                f"{decay.below} of {decay.memories} memories fell below the threshold, more than "
                f"{BREAKER_SHARE:.0%}; none was archived.",
                "Check importance, last_accessed and the clock of whoever wrote them.",
                retryable=False,
            )
        facts = {"bot_id": task.bot_id, **asdict(decay)}
        if not decay.archived:
            return TaskResult(result=facts, skipped="unchanged" if decay.memories else "no memories")
        await context.log(
            EventLevel.INFO, f"{decay.archived} of {decay.memories} memories went to the archive."
        )
        return TaskResult(result=facts)

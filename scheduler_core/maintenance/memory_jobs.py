"""The handler of `memory_consolidation` where nothing judges meaning: equal texts, one bot a run.

Judging paraphrases needs embeddings and a model, and is not done by this module.
"""

from dataclasses import dataclass

from scheduler_core.db.memory_archive import MemoryArchive, MergeGroup
from scheduler_core.db.memory_judgements import MemoryJudgements
from scheduler_core.domain import EventLevel
from scheduler_core.tasks.task import Task, TaskContext, TaskResult


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualTextJob:
    """The handler."""

    archive: MemoryArchive
    judgements: MemoryJudgements

    async def run(self, task: Task, context: TaskContext) -> TaskResult:
        """Merges equal memories of the task's bot into the oldest of them."""
        same = await self.judgements.equal_texts(task.bot_id)
        groups = [
            MergeGroup(survivor=next(iter(texts)), hashes=texts, numbers={"method": "equal text"})
            for texts in same
        ]
        merged = await self.archive.merge(task.bot_id, groups, run_id=task.run_id)
        facts = {
            "bot_id": task.bot_id,
            "method": "equal text",
            "groups": len(merged.survivors),
            "archived": merged.archived,
        }
        if not merged.archived:
            return TaskResult(result=facts, skipped="unchanged")
        await context.log(
            EventLevel.INFO,
            f"{len(merged.survivors)} groups said the same; {merged.archived} memories went to the archive.",
        )
        return TaskResult(result=facts)

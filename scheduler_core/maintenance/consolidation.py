"""Makes one of memories that say the same: code finds and vetoes, a model judges the rest, nothing is lost.

`propose` writes no memory; `carry_out` merges what was proposed, each batch in a transaction that checks each
text again. No transaction is open while a model works. What a model decided is kept as soon as it is said, so
stopping loses one question or one batch.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from scheduler_core.db.memory_archive import MemoryArchive, Merged, MergeGroup
from scheduler_core.db.memory_candidates import MemoryCandidates
from scheduler_core.db.memory_judgements import Change, Judgement, MemoryJudgements, Verdict, text_hash
from scheduler_core.db.memory_vectors import MemoryVectors
from scheduler_core.domain import EventLevel
from scheduler_core.errors import ModelError
from scheduler_core.llm.provider import EmbeddingModel, TextModel
from scheduler_core.maintenance.candidates import MOST_PARTNERS
from scheduler_core.maintenance.consolidation_groups import Chosen, Group, Link, choose, clusters, group_of
from scheduler_core.maintenance.consolidation_look import Look
from scheduler_core.maintenance.conversation import Conversation
from scheduler_core.maintenance.likeness import COSINE_ASK
from scheduler_core.maintenance.memory_embedding import MemoryEmbedding
from scheduler_core.maintenance.pair_judge import PairJudge, PairTally
from scheduler_core.maintenance.pair_question import RECIPE, Doubt
from scheduler_core.maintenance.plan import model_identity
from scheduler_core.maintenance.reporter import Reporter

if TYPE_CHECKING:
    from scheduler_core.maintenance.neighbours import Vectors

# Who has not been asked yet; any model may be.
NOBODY = "nobody"
EMBEDDINGS = "embeddings and wording"
INDEXED = "embeddings by pgvector's index, scored again exactly, and wording"
# So many memories of one bot are compared with each other in one run; of more, fewer changed ones at a time,
# and the index of the database finds their neighbours if it has one.
EXACT_ROWS = 50_000
_MOST_WAITING = 2_000
_AT_ONCE = 50
_IDS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What consolidation reads and writes."""

    archive: MemoryArchive
    judgements: MemoryJudgements
    vectors: MemoryVectors
    candidates: MemoryCandidates


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What consolidation would do now.

    Attributes:
        changes: what was looked at; settled once the proposal was carried out.
        method: in which ways memories were compared.
        vetoed: pairs that code kept apart, by reason.
        embedded: vectors computed in this run.
    """

    bot_id: str
    memories: int
    changes: tuple[Change, ...]
    chosen: Chosen
    method: str
    compared: int = 0
    vetoed: Mapping[str, int] = field(default_factory=dict)
    tally: PairTally = field(default_factory=PairTally)
    embedded: int = 0
    looked: bool = True
    suspicious: tuple[str, ...] = ()


class MemoryConsolidation:
    """Consolidates one bot's memories; lives for one run.

    Args:
        model: judges what code cannot; None leaves such pairs for a later run.
        embedding: finds memories that say the same in other words; None leaves the wording.
        request_timeout: seconds for one answer, or for one page of embeddings.
    """

    def __init__(
        self,
        *,
        stores: Stores,
        model: TextModel | None,
        embedding: EmbeddingModel | None,
        reporter: Reporter,
        request_timeout: float,
    ) -> None:
        self._stores = stores
        self._model = model
        self._reporter = reporter
        self._embedding: MemoryEmbedding | None = None
        if embedding is not None:
            self._embedding = MemoryEmbedding(
                model=embedding,
                vectors=stores.vectors,
                candidates=stores.candidates,
                timeout=request_timeout,
            )
        self.conversation = Conversation(model=model, request_timeout=request_timeout, reporter=reporter)

    async def propose(self, bot_id: str) -> Proposal:
        """Looks at what changed. With nothing changed it costs a few small statements and asks nobody."""
        method, embedded, suspicious = await self._embed(bot_id)
        stores = self._stores
        memories = await stores.candidates.count(bot_id)
        is_large = memories > EXACT_ROWS
        if is_large and self._embedding is not None and method == EMBEDDINGS:
            unindexed = await self._embedding.unindexed()
            method = INDEXED if unindexed is None else f"{EMBEDDINGS}, without an index: {unindexed}"
        # The cost of a run is bounded by what comparing that many with each other costs.
        most = max(1_000, EXACT_ROWS**2 // max(memories, EXACT_ROWS))
        changes = await stores.judgements.changed(bot_id, page=most)
        waiting = await self._waiting(bot_id)
        if not changes and not waiting:
            return Proposal(
                bot_id=bot_id,
                memories=memories,
                changes=(),
                chosen=Chosen(groups=()),
                method=method,
                looked=False,
                suspicious=suspicious,
            )
        await self._reporter.progress(f"comparing {len(changes)} changed memories")
        look = Look(*await stores.candidates.contents(bot_id), at_once=EXACT_ROWS)
        if changes:
            changed = {look.place_of[change.id] for change in changes if change.id in look.place_of}
            if is_large:
                await self._compare_large(bot_id, look, changed, method)
            else:
                await self._compare(bot_id, look, changed, near=method == EMBEDDINGS)
        look.reopen(waiting)
        judge = PairJudge(conversation=self.conversation, reporter=self._reporter)
        await self._decide(bot_id, look, judge)
        groups = await self._groups(bot_id, look)
        return Proposal(
            bot_id=bot_id,
            memories=len(look.ids),
            changes=tuple(changes),
            chosen=choose(groups, memories=len(look.ids)),
            method=method,
            compared=look.compared,
            vetoed=dict(look.vetoed),
            tally=judge.tally,
            embedded=embedded,
            suspicious=(*suspicious, *_doubts_about(judge.tally)),
        )

    async def carry_out(self, proposal: Proposal, *, run_id: UUID) -> Merged:
        """Merges the groups; one of which a text changed meanwhile stays as it is."""
        groups = [merge_group(group) for group in proposal.chosen.groups]
        survivors: list[str] = []
        archived = 0
        for start in range(0, len(groups), _AT_ONCE):
            await self._reporter.progress(f"merging, {start} of {len(groups)} groups done")
            merged = await self._stores.archive.merge(
                proposal.bot_id, groups[start : start + _AT_ONCE], run_id=run_id
            )
            survivors += merged.survivors
            archived += merged.archived
        waiting = {row.id for group in proposal.chosen.waiting for row in (group.survivor, *group.members)}
        await self._stores.judgements.settle(
            proposal.bot_id, [change for change in proposal.changes if change.id not in waiting]
        )
        return Merged(survivors=tuple(survivors), archived=archived)

    async def _embed(self, bot_id: str) -> tuple[str, int, tuple[str, ...]]:
        if self._embedding is None:
            return "wording only: there is no embedding model", 0, ()
        try:
            done = await self._embedding.complete(bot_id, self._reporter)
        except ModelError as error:
            await self._reporter.log(
                EventLevel.WARNING, f"No embeddings [{error.error_id}]: memories are compared by wording."
            )
            return "wording only: the embedding model failed", 0, ("the embedding model failed",)
        return EMBEDDINGS, done, ()

    async def _compare(self, bot_id: str, look: Look, changed: set[int], *, near: bool) -> None:
        """Array work that takes seconds on a first pass is done off the loop, which must answer meanwhile."""
        vectors: asyncio.Task[Vectors] | None = None
        try:
            async with asyncio.TaskGroup() as group:
                if near and self._embedding is not None:
                    vectors = group.create_task(self._embedding.load(bot_id, look.place_of), name="vectors")
                comparison = await asyncio.to_thread(look.worded, changed)
        except ExceptionGroup as errors:
            # Whoever called knows our errors, not groups of them.
            raise errors.exceptions[0] from None
        if vectors is not None:
            await asyncio.to_thread(comparison.by_vectors, vectors.result())
        await asyncio.to_thread(look.sort, comparison)

    async def _compare_large(self, bot_id: str, look: Look, changed: set[int], method: str) -> None:
        """As `_compare`, with never more in memory than the texts and a part of the rest."""
        comparison = await asyncio.to_thread(look.worded, changed)
        if self._embedding is not None and method == INDEXED:
            pairs = await self._embedding.by_index(
                bot_id,
                look.ids,
                look.place_of,
                comparison.asking,
                hidden=comparison.hidden,
                floor=COSINE_ASK,
                most=MOST_PARTNERS,
            )
            comparison.by_pairs(pairs)
        elif self._embedding is not None and method.startswith(EMBEDDINGS):
            pairs = await self._embedding.by_blocks(
                bot_id,
                look.ids,
                look.place_of,
                comparison.asking,
                hidden=comparison.hidden,
                floor=COSINE_ASK,
                most=MOST_PARTNERS,
            )
            comparison.by_pairs(pairs)
        await asyncio.to_thread(look.sort, comparison)

    async def _waiting(self, bot_id: str) -> Sequence[Judgement]:
        """Pairs that earlier runs left open and that this run's model was not asked about."""
        if self._model is None:
            return ()
        return await self._stores.candidates.unsure(bot_id, judge=self._judge_name, page=_MOST_WAITING)

    @property
    def _judge_name(self) -> str:
        return NOBODY if self._model is None else f"{model_identity(self._model.info)}:{RECIPE}"

    async def _decide(self, bot_id: str, look: Look, judge: PairJudge) -> None:
        """Uses what is known, asks about the rest, and keeps the answers."""
        ids = look.concerned()
        for start in range(0, len(ids), _IDS_AT_ONCE):
            known = await self._stores.judgements.judged(bot_id, ids[start : start + _IDS_AT_ONCE])
            look.apply(known, judge=self._judge_name)
        said: dict[Doubt, Verdict] = {}
        doubts = [Doubt(*pair) for pair in sorted(look.open, key=lambda pair: (-look.open[pair], pair))]
        if self._model is not None and doubts:
            async for verdicts in judge.verdicts(self._model, doubts, look.texts):
                said |= verdicts
                await self._keep(bot_id, look, verdicts, self._judge_name)
            if judge.tally.is_distrusted:
                # It failed the controls too often for its other answers to count.
                said = dict.fromkeys(said, Verdict.UNSURE)
                await self._keep(bot_id, look, said, self._judge_name)
        rest = {doubt: Verdict.UNSURE for doubt in doubts if doubt not in said}
        await self._keep(bot_id, look, rest, NOBODY)
        for doubt, verdict in said.items():
            if verdict is Verdict.SAME:
                look.links[doubt.left, doubt.right] = Link(look.open[doubt.left, doubt.right], "judged")
            elif verdict is Verdict.DIFFERENT:
                look.apart.add((doubt.left, doubt.right))

    async def _keep(self, bot_id: str, look: Look, verdicts: Mapping[Doubt, Verdict], judge: str) -> None:
        if verdicts:
            await self._stores.judgements.judge(
                bot_id,
                [
                    Judgement.of(look.side(doubt.left), look.side(doubt.right), verdict, judge=judge)
                    for doubt, verdict in verdicts.items()
                ],
            )

    async def _groups(self, bot_id: str, look: Look) -> list[Group]:
        found = clusters(look.same_form, look.links, look.apart)
        ids = [look.ids[place] for places, _, _ in found for place in places]
        rows = {}
        for start in range(0, len(ids), _IDS_AT_ONCE):
            part = await self._stores.judgements.texts(bot_id, ids=ids[start : start + _IDS_AT_ONCE])
            # What changed since it was compared is looked at again by the next run.
            rows.update({row.id: row for row in part if row.content == look.texts[look.place_of[row.id]]})
        groups = []
        for places, reason, score in found:
            members = [rows[look.ids[place]] for place in places if look.ids[place] in rows]
            group = group_of(members, reason, score)
            if group is not None:
                groups.append(group)
        return groups


def merge_group(group: Group) -> MergeGroup:
    """As the archive takes it."""
    rows = (group.survivor, *group.members)
    return MergeGroup(
        survivor=group.survivor.id,
        hashes={row.id: text_hash(row.content) for row in rows},
        numbers={"method": group.reason, "score": round(group.score, 4)},
    )


def _doubts_about(tally: PairTally) -> tuple[str, ...]:
    found = []
    if tally.is_distrusted:
        found.append("the model got control pairs wrong; nothing it said was used")
    elif tally.failed:
        found.append(f"{tally.failed} answers of the model were unreadable or got a control pair wrong")
    if tally.unanswered:
        found.append(f"the model gave no answer {tally.unanswered} times")
    return tuple(found)

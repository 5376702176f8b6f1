"""Lets a model decide about ambiguous lines, twice, and acts only where both answers agree and code permits.

What was decided once is handed back for storing and is not asked again while neither line changes. Nothing is
stored here, and no line is ever deleted: who gives way keeps its attribute.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scheduler_core.db.judgement_store import Decision, Judgement
from scheduler_core.domain import EventLevel
from scheduler_core.llm.provider import FinishReason, TextModel
from scheduler_core.maintenance.ambiguity import Candidate, agreed, candidates, groups
from scheduler_core.maintenance.conversation import NO_ANSWER, Conversation
from scheduler_core.maintenance.disposition import Disposition, Verdict, kept
from scheduler_core.maintenance.prompts import Subject
from scheduler_core.maintenance.question import (
    SYSTEM,
    Question,
    content_hash,
    lines_of,
    questions,
    user_prompt,
)
from scheduler_core.maintenance.reporter import Reporter
from scheduler_core.maintenance.verbs import KEEP_ALL, Decisions, parse

REASON = "by model, both orders agreed"
_VERDICTS = {
    Decision.SAME: Verdict.MERGED,
    Decision.NEWER: Verdict.SUPERSEDED,
    Decision.NOISE: Verdict.NOISE,
}
_Ids = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of the lines.

    Attributes:
        fresh: decisions of this run, for storing.
        current: every candidate there is now; what was stored about others is out of date.
        settled: whether each candidate has been decided; otherwise a later run with a model asks.
        unanswered: how requests without an answer ended.
    """

    dispositions: tuple[Disposition, ...]
    fresh: tuple[Judgement, ...] = ()
    current: frozenset[tuple[bytes, bytes]] = frozenset()
    settled: bool = True
    unanswered: tuple[FinishReason, ...] = ()


class Judge:
    """Decides with one model, or with what earlier runs decided; lives for one run.

    Args:
        reporter: gets a line for each decision, with ids only.
    """

    def __init__(self, *, conversation: Conversation, reporter: Reporter) -> None:
        self._conversation = conversation
        self._reporter = reporter

    async def decide(
        self,
        subject: Subject,
        dispositions: tuple[Disposition, ...],
        known: Mapping[tuple[bytes, bytes], Decision],
    ) -> Judged:
        """The dispositions with what a model decided about the lines that were kept.

        Args:
            known: decisions of earlier runs by the hashes of winner and loser.
        """
        model = self._conversation.model
        if model is None and not known:
            # Nobody to ask and nothing to go by: whether there is something to ask, a run with a model finds.
            return Judged(dispositions=dispositions, settled=False)
        found = candidates(kept(dispositions))
        keys = {candidate.ids: _key(subject, candidate) for candidate in found}
        decided = {ids: known[key] for ids, key in keys.items() if key in known}
        open_ = [candidate for candidate in found if candidate.ids not in decided]
        fresh: dict[_Ids, Decision] = {}
        unanswered: list[FinishReason] = []
        if model is not None and open_:
            await self._ask_all(model, subject, open_, fresh, unanswered)
        changes = _changes(agreed(found, decided | fresh))
        await self._report(subject, changes)
        return Judged(
            dispositions=tuple(changes.get(each.line.id, each) for each in dispositions),
            fresh=tuple(Judgement(*keys[ids], decision) for ids, decision in fresh.items()),
            current=frozenset(keys.values()),
            settled=len(fresh) == len(open_),
            unanswered=tuple(unanswered),
        )

    async def _ask_all(
        self,
        model: TextModel,
        subject: Subject,
        open_: Sequence[Candidate],
        fresh: dict[_Ids, Decision],
        unanswered: list[FinishReason],
    ) -> None:
        together = groups(open_)
        asked = questions(
            [lines_of(group) for group in together],
            subject,
            context_tokens=model.info.context_tokens,
            count_tokens=model.count_tokens,
        )
        fitting = {id_ for question in asked for id_ in question.ids}
        # What fits into no request stays as it is, for this model.
        fresh.update((each.ids, Decision.KEEP) for each in open_ if not fitting.issuperset(each.ids))
        for part, question in enumerate(asked, 1):
            decisions = await self._ask(model, subject, question, part, len(asked), unanswered)
            if decisions is None:
                continue
            shown = [{line.id for line in group} for group in question.groups]
            fresh.update(
                (each.ids, _decision(each, decisions))
                for each in open_
                if any(group.issuperset(each.ids) for group in shown)
            )

    async def _ask(
        self,
        model: TextModel,
        subject: Subject,
        question: Question,
        part: int,
        parts: int,
        unanswered: list[FinishReason],
    ) -> Decisions | None:
        """What both answers say; None if there was no answer, so that a later run asks again."""
        both: list[Decisions] = []
        for is_reversed in (False, True):
            if self._conversation.gave_up:
                return None
            user = user_prompt(subject, question.groups, part=part, parts=parts, is_reversed=is_reversed)
            most = question.answer_tokens
            if not self._conversation.fits(model, system=SYSTEM, user=user, max_tokens=most):
                return KEEP_ALL
            completion = await self._conversation.ask(model, system=SYSTEM, user=user, max_tokens=most)
            if completion.finish in NO_ANSWER:
                unanswered.append(completion.finish)
                await self._reporter.log(
                    EventLevel.WARNING,
                    f"{subject.entity}: the model gave no answer about groups ({completion.finish}).",
                )
                return None
            answer = parse(completion.text, question.ids) if completion.finish is FinishReason.STOP else None
            if answer is None or answer == KEEP_ALL:
                # The second answer could change nothing any more.
                return KEEP_ALL
            both.append(answer)
        return both[0] & both[1]

    async def _report(self, subject: Subject, changes: Mapping[int, Disposition]) -> None:
        for verdict in (Verdict.MERGED, Verdict.SUPERSEDED, Verdict.NOISE):
            ids = [id_ for id_, each in sorted(changes.items()) if each.verdict is verdict]
            if ids:
                listed = ", ".join(map(str, ids[:20])) + (
                    f" and {len(ids) - 20} more" if len(ids) > 20 else ""
                )
                await self._reporter.log(
                    EventLevel.INFO,
                    f"{subject.entity}: {verdict.value.replace('_', ' ')} {REASON}: attributes {listed}.",
                )


def _key(subject: Subject, candidate: Candidate) -> tuple[bytes, bytes]:
    entity = subject.entity
    return content_hash(entity, candidate.winner), content_hash(entity, candidate.loser)


def _decision(candidate: Candidate, decisions: Decisions) -> Decision:
    winner, loser = candidate.ids
    if winner in decisions.noise and loser in decisions.noise:
        return Decision.NOISE
    if (min(winner, loser), max(winner, loser)) in decisions.same:
        return Decision.SAME
    if (winner, loser) in decisions.newer:
        return Decision.NEWER
    return Decision.KEEP


def _changes(decided: Iterable[tuple[Candidate, Decision]]) -> dict[int, Disposition]:
    """New dispositions by id. Following `of` from each ends at a line that stays."""
    to: dict[int, int] = {}
    result: dict[int, Disposition] = {}
    noise: list[Candidate] = []
    for candidate, decision in decided:
        winner, loser = candidate.ids
        if decision is Decision.NOISE:
            noise.append(candidate)
            continue
        end = winner
        while end in to:
            end = to[end]
        if loser in to or end == loser:
            continue
        to[loser] = winner
        result[loser] = Disposition(
            line=candidate.loser, verdict=_VERDICTS[decision], of=winner, reason=REASON
        )
    relied_on = set(to.values())
    for candidate in noise:
        if candidate.loser.id not in relied_on and candidate.loser.id not in result:
            result[candidate.loser.id] = Disposition(
                line=candidate.loser, verdict=Verdict.NOISE, reason=REASON
            )
    return result

"""Lets a model judge pairs of memories, twice each, and believes it only where it passes the controls.

It returns verdicts and stores nothing. "The same" needs both answers; whatever cannot be read is no decision.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from scheduler_core.db.memory_judgements import Verdict
from scheduler_core.domain import EventLevel
from scheduler_core.llm.provider import FinishReason, TextModel
from scheduler_core.maintenance.conversation import NO_ANSWER, Conversation
from scheduler_core.maintenance.instructions import instruction_in
from scheduler_core.maintenance.pair_question import SYSTEM, Doubt, PairQuestion, pair_questions
from scheduler_core.maintenance.reporter import Reporter
from scheduler_core.maintenance.verbs import Decisions, parse

# A run asks no more than this; the rest waits for the next one.
MOST_QUESTIONS = 250
# Of the questions whose answers could be read, this share may fail the controls; then the model is at fault.
_FAILURES_SHARE = 0.2


@dataclass(slots=True)
class PairTally:
    """Counted up while a run asks.

    Attributes:
        asked: pairs; `unread` of them got no answer or none that could be read.
        failed: questions whose answer got a control wrong.
        waiting: pairs beyond what one run asks.
    """

    asked: int = 0
    same: int = 0
    different: int = 0
    unsure: int = 0
    questions: int = 0
    failed: int = 0
    waiting: int = 0
    unanswered: int = 0

    @property
    def is_distrusted(self) -> bool:
        return self.failed > max(1, _FAILURES_SHARE * self.questions)


class PairJudge:
    """Judges with one model; lives for one run.

    Args:
        most: questions of one run.
    """

    def __init__(self, *, conversation: Conversation, reporter: Reporter, most: int = MOST_QUESTIONS) -> None:
        self._conversation = conversation
        self._reporter = reporter
        self._most = most
        self.tally = PairTally()

    async def verdicts(
        self, model: TextModel, doubts: Sequence[Doubt], texts: Sequence[str]
    ) -> AsyncIterator[dict[Doubt, Verdict]]:
        """Yields the verdicts of each question as it is answered. Pairs that got no answer are in none, so
        that they are asked about again; those that cannot be asked are unsure."""
        askable = [doubt for doubt in doubts if not _orders(doubt, texts)]
        questions = pair_questions(
            askable, texts, context_tokens=model.info.context_tokens, count_tokens=model.count_tokens
        )
        fitting = {doubt for question in questions for _, doubt in question.doubts}
        odd = {doubt: Verdict.UNSURE for doubt in doubts if doubt not in fitting}
        self.tally.unsure += len(odd)
        if odd:
            yield odd
        for part, question in enumerate(questions[: self._most], 1):
            if self._conversation.gave_up or self.tally.is_distrusted:
                break
            await self._reporter.progress(f"asking about pairs, {part} of {len(questions)}")
            found = await self._judge(model, question, part, len(questions))
            if found:
                yield found
        self.tally.waiting = len(fitting) - self.tally.asked

    async def _judge(
        self, model: TextModel, question: PairQuestion, part: int, parts: int
    ) -> dict[Doubt, Verdict]:
        self.tally.asked += len(question.doubts)
        self.tally.questions += 1
        both: list[Decisions | None] = []
        for is_reversed in (False, True):
            completion = await self._conversation.ask(
                model,
                system=SYSTEM,
                user=question.prompt(part=part, parts=parts, is_reversed=is_reversed),
                max_tokens=question.answer_tokens,
            )
            if completion.finish in NO_ANSWER:
                self.tally.unanswered += 1
                await self._reporter.log(
                    EventLevel.WARNING, f"The model gave no answer about pairs ({completion.finish})."
                )
                return {}
            stopped = completion.finish is FinishReason.STOP
            decisions = parse(completion.text, question.ids) if stopped else None
            if decisions is None or not question.passes(decisions):
                # The second answer could change nothing any more.
                self.tally.failed += 1
                return self._all(question, Verdict.UNSURE)
            both.append(decisions)
        first, second = (question.said_same(decisions) for decisions in both if decisions is not None)
        verdicts = {
            doubt: (
                Verdict.UNSURE
                if (place in first) != (place in second)
                else Verdict.SAME
                if place in first
                else Verdict.DIFFERENT
            )
            for place, doubt in question.doubts
        }
        self.tally.same += sum(verdict is Verdict.SAME for verdict in verdicts.values())
        self.tally.different += sum(verdict is Verdict.DIFFERENT for verdict in verdicts.values())
        self.tally.unsure += sum(verdict is Verdict.UNSURE for verdict in verdicts.values())
        return verdicts

    def _all(self, question: PairQuestion, verdict: Verdict) -> dict[Doubt, Verdict]:
        self.tally.unsure += len(question.doubts)
        return {doubt: verdict for _, doubt in question.doubts}


def _orders(doubt: Doubt, texts: Sequence[str]) -> bool:
    """Text that speaks to the model is never shown to it."""
    return instruction_in(texts[doubt.left], texts[doubt.right]) is not None

"""Writes the sections of one summary: by the model where it passes the verifier, else by the template.

A section is one category. It is asked for again only when its lines changed; so the cost of a run grows with
what changed. Nothing is stored here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scheduler_core.db.profile_rows import Draft
from scheduler_core.domain import EventLevel, Sentence
from scheduler_core.llm.provider import FinishReason, TextModel
from scheduler_core.maintenance import template
from scheduler_core.maintenance.budget import Batch, divide
from scheduler_core.maintenance.citations import Cited, parse
from scheduler_core.maintenance.conversation import NO_ANSWER, Conversation
from scheduler_core.maintenance.disposition import Line
from scheduler_core.maintenance.language import tokens
from scheduler_core.maintenance.prompts import Subject, fingerprint, secret_word, system_prompt, user_prompt
from scheduler_core.maintenance.reporter import Reporter
from scheduler_core.maintenance.verifier import Failure, Fault, verify

_ATTEMPTS = 2
_COMPLAINTS = 6
_LONGEST_COMPLAINT = f"sentence 999 {max(Fault, key=len)} {'[1234567890]' * 8}"
_UNFINISHED = {
    FinishReason.LENGTH: "the answer did not end in time",
    FinishReason.OVERFLOW: "the request did not fit into the model",
    FinishReason.EMPTY: "the answer was empty",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One category of a summary.

    Attributes:
        from_model: how many of the sentences a model wrote, in this run or an earlier one.
        settled: whether the model had its say; otherwise a later run with a model asks it.
        reused: taken from the live version, because its lines are the same.
        faults: why drafts were refused, each once.
        unanswered: how requests without an answer ended.
    """

    category: str
    fingerprint: str
    sentences: tuple[Sentence, ...]
    from_model: int
    settled: bool
    reused: bool = False
    drafts: tuple[Draft, ...] = ()
    faults: tuple[Fault, ...] = ()
    unanswered: tuple[FinishReason, ...] = ()

    def as_json(self) -> dict[str, object]:
        """What the next run needs in order to reuse the section."""
        return {"fingerprint": self.fingerprint, "from_model": self.from_model, "settled": self.settled}


@dataclass(slots=True)
class _Attempts:
    """What was tried for one batch."""

    drafts: list[Draft] = field(default_factory=list)
    faults: dict[Fault, None] = field(default_factory=dict)
    unanswered: list[FinishReason] = field(default_factory=list)


class SummaryWriter:
    """Writes sections with one model, or with none; lives for one run.

    Args:
        reporter: gets a line for every refused draft and every request without an answer.

    Attributes:
        place: what progress begins with, such as `7 of 12 entities`.
    """

    def __init__(self, *, conversation: Conversation, reporter: Reporter) -> None:
        self._conversation = conversation
        self._reporter = reporter
        self.place = ""

    async def section(
        self,
        subject: Subject,
        category: str,
        lines: Sequence[Line],
        *,
        before: Mapping[str, object] | None = None,
        sentences_before: tuple[Sentence, ...] = (),
    ) -> Section:
        """The sentences of one category.

        Args:
            before: what `Section.as_json` gave for the live version, if it has this category.
            sentences_before: the live sentences of this category.
        """
        mark = fingerprint(subject, category, lines)
        reused = self._reused(category, mark, before, sentences_before)
        if reused is not None:
            return reused
        model = self._conversation.model
        if model is None:
            plain = template.sentences(category, lines)
            return Section(category=category, fingerprint=mark, sentences=plain, from_model=0, settled=False)
        return await self._written(model, subject, category, lines, mark)

    def _reused(
        self, category: str, mark: str, before: Mapping[str, object] | None, sentences: tuple[Sentence, ...]
    ) -> Section | None:
        if before is None or before.get("fingerprint") != mark or not sentences:
            return None
        from_model, settled = before.get("from_model"), before.get("settled") is True
        if not isinstance(from_model, int) or (self._conversation.model is not None and not settled):
            return None
        return Section(
            category=category,
            fingerprint=mark,
            sentences=sentences,
            from_model=from_model,
            settled=settled,
            reused=True,
        )

    async def _written(
        self, model: TextModel, subject: Subject, category: str, lines: Sequence[Line], mark: str
    ) -> Section:
        await self._reporter.progress(" · ".join(filter(None, (self.place, str(subject.entity), category))))
        secret = secret_word(mark)
        worst = user_prompt(
            subject, category, (), part=99, parts=99, complaints=[_LONGEST_COMPLAINT] * _COMPLAINTS
        )
        division = divide(
            lines,
            context_tokens=model.info.context_tokens,
            fixed_tokens=model.count_tokens(system_prompt(secret)) + model.count_tokens(worst),
            count_tokens=model.count_tokens,
        )
        attempts = _Attempts()
        sentences: list[Sentence] = []
        from_model = 0
        for part, batch in enumerate(division.batches, 1):
            draft = await self._batch(
                model, subject, category, batch, part, len(division.batches), secret, attempts
            )
            if draft is None:
                sentences += template.sentences(category, batch.lines)
                continue
            from_model += len(draft)
            sentences += [
                Sentence(text=cited.text, category=category, attribute_ids=cited.ids) for cited in draft
            ]
        if division.too_long:
            await self._reporter.log(
                EventLevel.INFO,
                f"{subject.entity} {category}: {len(division.too_long)} lines do not fit into the model's "
                "context; they are taken as they are.",
            )
            sentences += template.sentences(category, division.too_long)
        return Section(
            category=category,
            fingerprint=mark,
            sentences=tuple(sentences),
            from_model=from_model,
            settled=not attempts.unanswered and not self._conversation.gave_up,
            drafts=tuple(attempts.drafts),
            faults=tuple(attempts.faults),
            unanswered=tuple(attempts.unanswered),
        )

    async def _batch(
        self,
        model: TextModel,
        subject: Subject,
        category: str,
        batch: Batch,
        part: int,
        parts: int,
        secret: str,
        attempts: _Attempts,
    ) -> tuple[Cited, ...] | None:
        """A draft that passed the verifier, or None after two refusals or no answer."""
        names = name_words(subject)
        complaints: list[str] = []
        for _ in range(_ATTEMPTS):
            if self._conversation.gave_up:
                return None
            user = user_prompt(subject, category, batch.lines, part=part, parts=parts, complaints=complaints)
            system, most = system_prompt(secret), batch.answer_tokens
            if not self._conversation.fits(model, system=system, user=user, max_tokens=most):
                await self._say(subject, category, "a request would not fit into the model")
                return None
            completion = await self._conversation.ask(model, system=system, user=user, max_tokens=most)
            if completion.finish in NO_ANSWER:
                attempts.unanswered.append(completion.finish)
                await self._say(subject, category, f"the model gave no answer ({completion.finish})")
                return None
            if completion.finish is FinishReason.STOP:
                draft = parse(completion.text)
                failures = verify(draft, batch.lines, names=names, secret=secret)
                if secret in completion.text:
                    failures = (*failures, Failure(Fault.ECHO))
                if not failures:
                    return draft
                attempts.faults.update(dict.fromkeys(failure.fault for failure in failures))
                complaints = [str(failure) for failure in failures[:_COMPLAINTS]]
            else:
                complaints = [_UNFINISHED[completion.finish]]
            attempts.drafts.append(
                Draft(
                    category=category,
                    text=completion.text,
                    failures=tuple(complaints),
                    attribute_ids=tuple(line.id for line in batch.lines),
                )
            )
            await self._say(subject, category, f"a draft was refused: {'; '.join(complaints)}")
        return None

    async def _say(self, subject: Subject, category: str, what: str) -> None:
        await self._reporter.log(EventLevel.WARNING, f"{subject.entity} {category}: {what}.")


def name_words(subject: Subject) -> frozenset[str]:
    """The words any sentence about the subject may use."""
    words = (*tokens(subject.name), *tokens(subject.entity.id.replace("_", " ").replace("-", " ")))
    return frozenset(word for word in words if word[:1].isalpha())

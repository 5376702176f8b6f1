"""Runs labelled profiles through the pipeline and counts what became of them."""

import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta

from benchmarks.quality.profiles import NOW, LabelledProfile
from scheduler_core.db.judgement_store import Decision, Judgement
from scheduler_core.db.profile_rows import ProfileSnapshot
from scheduler_core.domain import Profile, ProfileVersion
from scheduler_core.llm.provider import TextModel
from scheduler_core.maintenance.citations import Cited
from scheduler_core.maintenance.conversation import Conversation
from scheduler_core.maintenance.disposition import Verdict, read
from scheduler_core.maintenance.judge import Judge
from scheduler_core.maintenance.language import tokens
from scheduler_core.maintenance.pipeline import plan_profile
from scheduler_core.maintenance.plan import ProfilePlan, subject_of
from scheduler_core.maintenance.reporter import Silent
from scheduler_core.maintenance.summary import SummaryWriter, name_words
from scheduler_core.maintenance.verifier import verify

_MERGED = frozenset({Verdict.DUPLICATE, Verdict.CONTAINED, Verdict.MERGED})
_NUMBER = re.compile(r"\d+")
_CAPITAL = re.compile(r"(?<=\w )[A-ZÄÖÜ]\w+")
# Stands in no prompt, so that repeating the instructions is not what is looked for.
_ABSENT = "zq-no-such-word"
# Undoes what a plan did to one profile and says whether every byte is as it was.
Undo = Callable[[LabelledProfile, ProfilePlan], Awaitable[bool]]


@dataclass(slots=True)
class Score:
    """Counts over all profiles of one mode.

    Attributes:
        merges, false_merges: attributes that gave way to one that says the same, or by its label does not.
        mergeable: those that should have, by the labels.
        replaced, wrong_winners: attributes that gave way to a newer truth, or wrongly.
        contradictions: those that should have.
        lost: attributes dropped as noise that are none.
        vital, vital_kept: facts that must be kept, and those that a sentence says.
        sentences, unsupported: of the summaries.
        changed_again: profiles that a second run changes although nothing happened.
        asked_again: requests that a second run made.
        depends_on_order: profiles whose summary differs when the attributes come in another order.
        not_undone: profiles that undoing did not restore; counted only where an undo is given.
    """

    mode: str
    profiles: int = 0
    attributes: int = 0
    merges: int = 0
    false_merges: int = 0
    mergeable: int = 0
    replaced: int = 0
    wrong_winners: int = 0
    contradictions: int = 0
    noise: int = 0
    lost: int = 0
    vital: int = 0
    vital_kept: int = 0
    sentences: int = 0
    unsupported: int = 0
    changed_again: int = 0
    asked_again: int = 0
    depends_on_order: int = 0
    not_undone: int = 0
    calls: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return 1 - self.false_merges / self.merges if self.merges else 1.0

    @property
    def recall(self) -> float:
        return (self.merges - self.false_merges) / self.mergeable if self.mergeable else 1.0

    @property
    def false_share(self) -> float:
        """Wrong among all attributes that gave way to another one."""
        gave_way = self.merges + self.replaced
        return (self.false_merges + self.wrong_winners) / gave_way if gave_way else 0.0

    @property
    def right_winners(self) -> float:
        """Of the contradictions that were decided."""
        return 1 - self.wrong_winners / self.replaced if self.replaced else 1.0

    @property
    def decided(self) -> float:
        """Share of the labelled contradictions that were decided rightly."""
        return (self.replaced - self.wrong_winners) / self.contradictions if self.contradictions else 1.0

    @property
    def retention(self) -> float:
        return self.vital_kept / self.vital if self.vital else 1.0

    def failed_gates(self) -> tuple[str, ...]:
        """What must hold whatever the model does, and does not."""
        gates = {
            "false merges": self.false_share <= 0.001,
            "lost facts": self.lost == 0,
            "must-keep retention": self.vital_kept == self.vital,
            "unsupported statements": self.unsupported == 0,
            "idempotence": self.changed_again == 0,
            "order invariance": self.depends_on_order == 0,
            "undo": self.not_undone == 0,
        }
        return tuple(name for name, holds in gates.items() if not holds)

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {
            "precision": self.precision,
            "recall": self.recall,
            "false_share": self.false_share,
            "right_winners": self.right_winners,
            "decided": self.decided,
            "retention": self.retention,
            "failed_gates": self.failed_gates(),
        }


async def measure(
    mode: str,
    profiles: Sequence[LabelledProfile],
    model: TextModel | None,
    *,
    seed: int,
    again: bool = True,
    undo: Undo | None = None,
) -> Score:
    """One mode over all profiles.

    Args:
        again: also runs every profile a second time and in another order; for models that are scripts.
        undo: the hook for undoing, where a database is at hand.
    """
    score = Score(mode)
    chance = random.Random(seed)
    for profile in profiles:
        first, calls = await run_once(snapshot_of(profile), model)
        score.calls += calls
        count(score, profile, first)
        if undo is not None:
            score.not_undone += not await undo(profile, first)
        if again:
            known = {(each.winner, each.loser): each.decision for each in _fresh(first)}
            second, calls = await run_once(after(profile, first), model, known)
            score.changed_again += second.is_changed
            score.asked_again += calls
            shuffled = replace(profile, attributes=chance.sample(profile.attributes, len(profile.attributes)))
            third, _ = await run_once(snapshot_of(shuffled), model)
            score.depends_on_order += third.sentences != first.sentences
    return score


def snapshot_of(profile: LabelledProfile) -> ProfileSnapshot:
    return ProfileSnapshot(
        profile=Profile(
            entity=profile.entity,
            display_name=None,
            summary=None,
            summary_updated_at=None,
            revision=1,
            summarised_revision=None,
            summary_model=None,
        ),
        recipe=None,
        version=None,
        attributes=tuple(profile.attributes),
        at=NOW,
    )


def after(profile: LabelledProfile, plan: ProfilePlan) -> ProfileSnapshot:
    """The profile once the plan has been applied, a day later."""
    published = plan.publication
    before = snapshot_of(profile)
    return replace(
        before,
        profile=replace(
            before.profile,
            summary=published.summary,
            summarised_revision=1,
            summary_model=published.model,
        ),
        recipe=published.recipe,
        version=ProfileVersion(
            entity=profile.entity,
            version=1,
            run_id=None,
            created_at=NOW,
            summary=published.summary or "",
            sentences=published.sentences,
            revision=1,
            model=published.model,
            details=published.details,
        ),
        at=NOW + timedelta(days=1),
    )


async def run_once(
    snapshot: ProfileSnapshot,
    model: TextModel | None,
    known: Mapping[tuple[bytes, bytes], Decision] | None = None,
) -> tuple[ProfilePlan, int]:
    """The plan for a snapshot, and how many requests it took."""
    conversation = Conversation(model=model, request_timeout=300.0)
    reporter = Silent()
    plan = await plan_profile(
        snapshot,
        judge=Judge(conversation=conversation, reporter=reporter),
        writer=SummaryWriter(conversation=conversation, reporter=reporter),
        known=known or {},
        model=None if model is None else model.info,
    )
    return plan, conversation.usage.calls


def count(score: Score, profile: LabelledProfile, plan: ProfilePlan) -> None:
    """Adds what a plan did to a profile."""
    score.profiles += 1
    score.attributes += len(profile.attributes)
    end = {each.attribute_id: each.of for each in plan.rulings}
    for each in plan.rulings:
        id_, target = each.attribute_id, each.of
        while target is not None and end[target] is not None:
            target = end[target]
        fact = profile.facts[profile.fact_of[id_]]
        if each.verdict is Verdict.NOISE:
            score.noise += 1
            score.lost += not fact.is_noise
        if target is None:
            continue
        right = (
            profile.says(id_, target)
            or profile.is_replaced(id_, target)
            or _is_replaced_in_turn(profile, id_, target)
        )
        if each.verdict in _MERGED:
            score.merges += 1
            score.false_merges += not right
        else:
            score.replaced += 1
            score.wrong_winners += not right
        if not right and len(score.examples) < 20:
            score.examples.append(f"{profile.entity} {id_} {each.verdict} {target}")
    _count_labels(score, profile)
    _count_summary(score, profile, plan)


def _is_replaced_in_turn(profile: LabelledProfile, id_: int, target: int) -> bool:
    """Whether what the line says was itself said by something that was replaced."""
    whole = profile.said_by.get(profile.fact_of[id_])
    return whole is not None and profile.facts[whole].replaced_by == profile.fact_of[target]


def _count_labels(score: Score, profile: LabelledProfile) -> None:
    seen: set[str] = set()
    for attribute in profile.attributes:
        name = profile.fact_of[attribute.id]
        fact = profile.facts[name]
        if fact.is_noise or fact.is_injection:
            continue
        if fact.replaced_by:
            score.contradictions += name not in seen
        elif name in seen or name in profile.said_by:
            score.mergeable += 1
        seen.add(name)


def _count_summary(score: Score, profile: LabelledProfile, plan: ProfilePlan) -> None:
    summary = plan.publication.summary or ""
    raw = {attribute.id: attribute for attribute in profile.attributes}
    lines = [read(raw[each.attribute_id]) for each in plan.rulings if each.verdict is Verdict.KEPT]
    subject, _ = subject_of(profile.entity, lines)
    score.sentences += len(plan.sentences)
    for sentence in plan.sentences:
        cited = [line for line in lines if line.id in sentence.attribute_ids]
        draft = [Cited(sentence.text, sentence.attribute_ids)]
        faults = verify(draft, cited, names=name_words(subject), secret=_ABSENT)
        given = " ".join(
            f"{raw[id_].key} {raw[id_].value} {raw[id_].updated_at}" for id_ in sentence.attribute_ids
        )
        given = f"{given} {subject.name}".casefold()
        # Knows nothing of the verifier: numbers and names must occur in what is cited.
        strange = [
            word
            for word in (*_NUMBER.findall(sentence.text), *_CAPITAL.findall(sentence.text))
            if word.casefold() not in given
        ]
        score.unsupported += bool(faults or strange)
    for fact in profile.facts.values():
        if fact.must_keep and not fact.replaced_by:
            score.vital += 1
            score.vital_kept += set(tokens(fact.word)) <= set(tokens(summary))


def _fresh(plan: ProfilePlan) -> Sequence[Judgement]:
    return plan.judgements.fresh if plan.judgements is not None else ()

"""What maintenance would change for one entity; made without writing anything."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scheduler_core.db.judgement_store import Judgement
from scheduler_core.db.profile_rows import Draft, Planned, ProfileSnapshot, Publication
from scheduler_core.domain import Entity, Sentence
from scheduler_core.llm.provider import FinishReason, ModelInfo
from scheduler_core.maintenance.disposition import Disposition, Line, Verdict
from scheduler_core.maintenance.language import fold
from scheduler_core.maintenance.normalise import clean
from scheduler_core.maintenance.outcome import EntityOutcome
from scheduler_core.maintenance.prompts import RECIPE, Subject
from scheduler_core.maintenance.summary import Section
from scheduler_core.maintenance.verifier import Fault

_ORDER = (
    "fact",
    "health",
    "relationship",
    "preference",
    "interest",
    "personality",
    "communication",
    "context",
)
_ALARMING = (Fault.INSTRUCTION, Fault.ECHO, Fault.LANGUAGE, Fault.MARKUP)
_LONGEST_NAME, _MOST_WORDS = 60, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgements:
    """What a model decided about ambiguous lines, for storing; see `Judged`.

    Attributes:
        model: identity of the model that decided; the empty text when there was none.
    """

    fresh: tuple[Judgement, ...]
    current: frozenset[tuple[bytes, bytes]]
    model: str
    recipe: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A disposition without the attribute's text, so that a stored plan repeats nobody's words."""

    attribute_id: int
    verdict: Verdict
    of: int | None = None
    reason: str = ""


_SHORTER = "shorter, with no fewer facts"
_FEW_KEPT = "were kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePlan:
    """A summary that is ready, and how it came about.

    Attributes:
        rulings: one for each attribute.
        before: the sentences that are live now.
        publication: what `apply` would write; its revision is the one the plan holds for.
        drafts: refused texts of the model.
        is_changed: whether sentences or their sources differ from the live ones.
        judgements: decisions to store; None if those stored still hold.
    """

    entity: Entity
    rulings: tuple[Ruling, ...]
    sections: tuple[Section, ...]
    before: tuple[Sentence, ...]
    publication: Publication
    drafts: tuple[Draft, ...]
    is_changed: bool
    suspicious: tuple[str, ...]
    judgements: Judgements | None = None

    @property
    def lost_much(self) -> bool:
        """Whether less is left than there should be."""
        return any(reason.endswith((_SHORTER, _FEW_KEPT)) for reason in self.suspicious)

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return self.publication.sentences

    @property
    def planned(self) -> Planned:
        """What is written when it is applied."""
        return Planned(publication=self.publication, drafts=self.drafts, is_changed=self.is_changed)

    def outcome(self, *, version: int | None, is_dry: bool = False) -> EntityOutcome:
        """
        Args:
            is_dry: nothing was published; it then says what would be.
        """
        count = Counter(ruling.verdict for ruling in self.rulings)
        from_model = sum(section.from_model for section in self.sections)
        return EntityOutcome(
            entity=str(self.entity),
            result="changed" if version is not None or (is_dry and self.is_changed) else "unchanged",
            attributes=len(self.rulings),
            kept=count[Verdict.KEPT],
            duplicates=count[Verdict.DUPLICATE],
            contained=count[Verdict.CONTAINED],
            merged=count[Verdict.MERGED],
            superseded=count[Verdict.SUPERSEDED],
            noise=count[Verdict.NOISE],
            set_aside=count[Verdict.SET_ASIDE],
            set_aside_ids=tuple(
                ruling.attribute_id for ruling in self.rulings if ruling.verdict is Verdict.SET_ASIDE
            ),
            sentences=len(self.sentences),
            from_model=from_model,
            from_template=len(self.sentences) - from_model,
            reused=sum(len(section.sentences) for section in self.sections if section.reused),
            drafts_refused=len(self.drafts),
            refusals=tuple(
                dict.fromkeys(str(fault) for section in self.sections for fault in section.faults)
            ),
            version=version,
        )


def subject_of(entity: Entity, lines: Iterable[Line]) -> tuple[Subject, str | None]:
    """Whom the summary is about, and the display name if the person stated one."""
    for line in lines:
        if line.rule.name == "name" and line.attribute.source == "explicit" and _is_name(line.text):
            return Subject(entity=entity, name=line.text), line.text
    return Subject(entity=entity, name=entity.id), None


def by_category(lines: Iterable[Line]) -> list[tuple[str, list[Line]]]:
    """Lines in the order a summary has, each category by id."""
    groups: defaultdict[str, list[Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: line.id):
        groups[fold(clean(line.attribute.category)) or "other"].append(line)
    known = {category: position for position, category in enumerate(_ORDER)}
    return sorted(groups.items(), key=lambda item: (known.get(item[0], len(known)), item[0]))


def sections_before(snapshot: ProfileSnapshot) -> Mapping[str, Mapping[str, object]]:
    """What the live version remembers of its sections; empty if another recipe made it."""
    if snapshot.version is None or snapshot.recipe != RECIPE:
        return {}
    sections = snapshot.version.details.get("sections")
    if not isinstance(sections, dict):
        return {}
    return {category: section for category, section in sections.items() if isinstance(section, dict)}


def make_plan(
    snapshot: ProfileSnapshot,
    *,
    dispositions: tuple[Disposition, ...],
    sections: Sequence[Section],
    display_name: str | None,
    model: ModelInfo | None,
    judgements: Judgements | None = None,
    is_judged: bool = True,
    unanswered: Sequence[FinishReason] = (),
) -> ProfilePlan:
    """Puts the sections together.

    Args:
        is_judged: whether every ambiguous line was decided about; otherwise a later run asks.
        unanswered: how requests about ambiguous lines ended that had no answer.

    Raises:
        AssertionError: the sentences and the kept lines do not match; a bug, and nothing is published.
    """
    entity, version = snapshot.profile.entity, snapshot.version
    sentences = tuple(sentence for section in sections for sentence in section.sentences)
    kept = [disposition.line for disposition in dispositions if disposition.verdict is Verdict.KEPT]
    cited = {id_ for sentence in sentences for id_ in sentence.attribute_ids}
    if any(line.must_keep and line.id not in cited for line in kept):
        raise AssertionError("a line that must be kept is missing")
    if not cited <= {line.id for line in kept}:
        raise AssertionError("a sentence cites a line that was not kept")
    text = (
        "\n".join(" ".join(sentence.text for sentence in section.sentences) for section in sections) or None
    )
    before = version.sentences if version is not None else ()
    live = snapshot.profile.summary
    return ProfilePlan(
        entity=entity,
        rulings=tuple(
            Ruling(attribute_id=each.line.id, verdict=each.verdict, of=each.of, reason=each.reason)
            for each in dispositions
        ),
        sections=tuple(sections),
        before=before,
        publication=Publication(
            entity=entity,
            revision=snapshot.profile.revision,
            after_version=version.version if version is not None else 0,
            summary=text,
            sentences=sentences,
            model=_model_mark(snapshot, sections, model, is_judged),
            recipe=RECIPE,
            display_name=display_name,
            details={
                "kept": len(kept),
                "sections": {section.category: section.as_json() for section in sections},
            },
        ),
        drafts=tuple(draft for section in sections for draft in section.drafts),
        is_changed=sentences != before or text != live,
        suspicious=tuple(_suspicions(snapshot, sections, text, len(kept), len(dispositions), unanswered)),
        judgements=judgements,
    )


def model_identity(model: ModelInfo) -> str:
    """What tells models apart: the file's checksum, or who serves it under which name."""
    return model.checksum or f"{model.provider}:{model.name}"


def _model_mark(
    snapshot: ProfileSnapshot, sections: Sequence[Section], model: ModelInfo | None, is_judged: bool
) -> str | None:
    if not sections:
        return None
    if not (is_judged and all(section.settled for section in sections)):
        return ""
    return model_identity(model) if model is not None else snapshot.profile.summary_model or ""


def _suspicions(
    snapshot: ProfileSnapshot,
    sections: Sequence[Section],
    text: str | None,
    kept: int,
    attributes: int,
    unanswered: Sequence[FinishReason],
) -> Iterable[str]:
    entity = snapshot.profile.entity
    fresh = [section for section in sections if section.drafts]
    for fault in _ALARMING:
        if any(fault in section.faults for section in fresh):
            yield f"{entity}: a draft was refused because it {fault}"
    if fresh and not any(section.from_model for section in sections):
        yield f"{entity}: no sentence of the model was accepted"
    finishes = (*unanswered, *(finish for section in sections for finish in section.unanswered))
    for finish in dict.fromkeys(finishes):
        yield f"{entity}: the model gave no answer ({finish})"
    live, version = snapshot.profile.summary, snapshot.version
    kept_before = version.details.get("kept") if version is not None else None
    if live and isinstance(kept_before, int) and kept >= kept_before and len(text or "") < len(live) / 2:
        yield f"{entity}: the summary is {1 - len(text or '') / len(live):.0%} {_SHORTER}"
    if attributes >= 4 and kept < attributes / 4:
        yield f"{entity}: only {kept} of {attributes} attributes {_FEW_KEPT}"


def _is_name(text: str) -> bool:
    return (
        0 < len(text) <= _LONGEST_NAME
        and len(text.split()) <= _MOST_WORDS
        and any(character.isalpha() for character in text)
        and all(character.isalpha() or character in " .'’-" for character in text)
    )

"""A plan as JSON and back, without loss: what a dry run stores is all that applying it needs.

Each entity is one change of the stored plan: `object`, `before`, `after` and `why` for reading, and under
`apply` the rest. The sentences of sections are counted, not repeated. Attributes appear as ids only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from scheduler_core.db.judgement_store import Decision, Judgement
from scheduler_core.db.profile_rows import Draft, Publication, entity_named, sentence_json
from scheduler_core.domain import Sentence
from scheduler_core.errors import StateError
from scheduler_core.llm.provider import FinishReason
from scheduler_core.maintenance.disposition import Verdict
from scheduler_core.maintenance.plan import Judgements, ProfilePlan, Ruling
from scheduler_core.maintenance.summary import Section
from scheduler_core.maintenance.verifier import Fault

FORMAT = 1


def plans_json(plans: Sequence[ProfilePlan]) -> dict[str, Any]:
    """The stored plan of a dry run over these entities."""
    return {"format": FORMAT, "changes": [plan_json(plan) for plan in plans]}


def plans_of(stored: Mapping[str, Any]) -> tuple[ProfilePlan, ...]:
    """What `plans_json` was given.

    Raises:
        StateError: another release wrote it, or an attribute that a plan rests on was deleted since, and
            the plan with it; the entity is named.
    """
    if stored.get("format") != FORMAT:
        raise StateError("The plan was made by another release.", "Make a new dry run.")
    return tuple(plan_of(change) for change in stored["changes"])


def plan_json(plan: ProfilePlan) -> dict[str, Any]:
    """One entity's plan."""
    outcome = plan.outcome(version=None, is_dry=True)
    new = plan.publication
    return {
        "object": str(plan.entity),
        "before": [sentence_json(sentence) for sentence in plan.before],
        "after": [sentence_json(sentence) for sentence in new.sentences],
        "why": f"{outcome.attributes} attributes, {outcome.kept} kept; {outcome.sentences} sentences, "
        f"{outcome.from_model} by the model",
        "apply": {
            "revision": new.revision,
            "after_version": new.after_version,
            "summary": new.summary,
            "model": new.model,
            "recipe": new.recipe,
            "display_name": new.display_name,
            "details": dict(new.details),
            "is_changed": plan.is_changed,
            "suspicious": list(plan.suspicious),
            "rulings": [
                [ruling.attribute_id, ruling.verdict.value, ruling.of, ruling.reason]
                for ruling in plan.rulings
            ],
            "sections": [_section_json(section) for section in plan.sections],
            "judgements": None if plan.judgements is None else _judgements_json(plan.judgements),
        },
    }


def plan_of(change: Mapping[str, Any]) -> ProfilePlan:
    """
    Raises:
        StateError: the plan was scrubbed, because an attribute it rests on was deleted or whom it is about
            was forgotten.
    """
    if change.get("forgotten"):
        raise StateError(
            "Somebody whom this plan is about was forgotten since it was made.", "Make a new dry run."
        )
    entity = entity_named(change["object"])
    if "apply" not in change:
        raise StateError(
            f"The profile {entity} changed since this summary was planned: an attribute was deleted.",
            "Make a new dry run.",
        )
    rest = change["apply"]
    after = tuple(_sentence(item) for item in change["after"])
    sections = _sections(rest["sections"], after)
    return ProfilePlan(
        entity=entity,
        rulings=tuple(
            Ruling(attribute_id=id_, verdict=Verdict(verdict), of=of, reason=reason)
            for id_, verdict, of, reason in rest["rulings"]
        ),
        sections=sections,
        before=tuple(_sentence(item) for item in change["before"]),
        publication=Publication(
            entity=entity,
            revision=rest["revision"],
            after_version=rest["after_version"],
            summary=rest["summary"],
            sentences=after,
            model=rest["model"],
            recipe=rest["recipe"],
            display_name=rest["display_name"],
            details=rest["details"],
        ),
        drafts=tuple(draft for section in sections for draft in section.drafts),
        is_changed=rest["is_changed"],
        suspicious=tuple(rest["suspicious"]),
        judgements=None if rest["judgements"] is None else _judgements(rest["judgements"]),
    )


def _sentence(item: Mapping[str, Any]) -> Sentence:
    return Sentence(text=item["text"], category=item["category"], attribute_ids=tuple(item["attribute_ids"]))


def _section_json(section: Section) -> dict[str, Any]:
    return {
        "category": section.category,
        "fingerprint": section.fingerprint,
        "sentences": len(section.sentences),
        "from_model": section.from_model,
        "settled": section.settled,
        "reused": section.reused,
        "drafts": [
            [draft.category, draft.text, list(draft.failures), list(draft.attribute_ids)]
            for draft in section.drafts
        ],
        "faults": [fault.value for fault in section.faults],
        "unanswered": [finish.value for finish in section.unanswered],
    }


def _sections(items: Sequence[Mapping[str, Any]], sentences: tuple[Sentence, ...]) -> tuple[Section, ...]:
    sections: list[Section] = []
    start = 0
    for item in items:
        end = start + item["sentences"]
        sections.append(
            Section(
                category=item["category"],
                fingerprint=item["fingerprint"],
                sentences=sentences[start:end],
                from_model=item["from_model"],
                settled=item["settled"],
                reused=item["reused"],
                drafts=tuple(
                    Draft(category=category, text=text, failures=tuple(failures), attribute_ids=tuple(ids))
                    for category, text, failures, ids in item["drafts"]
                ),
                faults=tuple(map(Fault, item["faults"])),
                unanswered=tuple(map(FinishReason, item["unanswered"])),
            )
        )
        start = end
    return tuple(sections)


def _judgements_json(judgements: Judgements) -> dict[str, Any]:
    return {
        "fresh": [[one.winner.hex(), one.loser.hex(), one.decision.value] for one in judgements.fresh],
        "current": sorted([winner.hex(), loser.hex()] for winner, loser in judgements.current),
        "model": judgements.model,
        "recipe": judgements.recipe,
    }


def _judgements(item: Mapping[str, Any]) -> Judgements:
    return Judgements(
        fresh=tuple(
            Judgement(bytes.fromhex(winner), bytes.fromhex(loser), Decision(decision))
            for winner, loser, decision in item["fresh"]
        ),
        current=frozenset((bytes.fromhex(winner), bytes.fromhex(loser)) for winner, loser in item["current"]),
        model=item["model"],
        recipe=item["recipe"],
    )

"""Profiles and memories that try to command the terminal or to be read as markup."""

from datetime import datetime, timedelta
from uuid import UUID

from bawt_console.records import (
    ArchivedMemory,
    Draft,
    Memory,
    MemoryState,
    MergeRecord,
    ProfileRow,
    ProfileState,
)
from scheduler_core.domain import Attribute, Entity, EntityType, Profile, ProfileVersion, Sentence
from tests.console.believable_people import KnownOf, People


def hostile_people(text: str, now: datetime, run_id: UUID) -> People:
    """One profile and some memories, with the text wherever a person, a model or a host could have put it."""
    entity = Entity(EntityType.USER, text or "nobody")
    versions = [_version(entity, number, text, now, run_id) for number in (1, 2)]
    profile = Profile(
        entity=entity,
        display_name=text,
        summary=versions[-1].summary,
        summary_updated_at=now,
        revision=2,
        summarised_revision=2,
        summary_model=text,
    )
    known = KnownOf(
        row=ProfileRow(
            profile=profile, state=ProfileState.SUSPICIOUS, attributes=2, version=2, suspicious=(text, text)
        ),
        attributes=(_attribute(1, text, text, now), _attribute(2, text, [text, {text: text}], now)),
        versions=versions,
        drafts=(
            Draft(
                category=text, text=text, failures=(text, text), attribute_ids=(1, 2), at=now, run_id=run_id
            ),
            Draft(category=text, text=text, failures=()),
        ),
    )
    return People(
        profiles={entity: known},
        memories=[_memory(text, "stays", now), _memory(text, text or "other", now)],
        archived=[
            _archived(1, text, MemoryState.MERGED, now, run_id),
            _archived(2, text, MemoryState.ARCHIVED, now, run_id),
        ],
        merges={
            text: [
                MergeRecord(
                    id=1,
                    survivor="stays",
                    run_id=run_id,
                    merged_at=now,
                    members=(f"{text}1", f"{text}2", "gone"),
                )
            ]
        },
    )


def _version(entity: Entity, number: int, text: str, now: datetime, run_id: UUID) -> ProfileVersion:
    told = (f"{text} once" if number == 1 else f"{text} now", "kept", text)
    return ProfileVersion(
        entity=entity,
        version=number,
        run_id=run_id,
        created_at=now,
        summary=" ".join(told),
        sentences=tuple(Sentence(text=each, category=text, attribute_ids=(1, 2)) for each in told),
        revision=number,
        model=text,
        details={text: text},
    )


def _attribute(number: int, text: str, value: object, now: datetime) -> Attribute:
    return Attribute(
        id=number,
        category=text,
        key=text,
        value=value,
        confidence=0.5,
        source=text,
        created_at=now,
        updated_at=now,
        source_message_id=text,
    )


def _memory(text: str, id_: str, now: datetime) -> Memory:
    return Memory(
        bot_id=text,
        id=id_,
        content=text,
        tags=(text, text),
        source=text,
        source_message_ids=(text, text),
        last_accessed=now - timedelta(days=400),
        created_at=now - timedelta(days=500),
    )


def _archived(number: int, text: str, state: MemoryState, now: datetime, run_id: UUID) -> ArchivedMemory:
    merged = state is MemoryState.MERGED
    formula = {"value": 0.01, "half_life_days": 9.0, "days_idle": 400.0, "importance": 0.5, "tag": text}
    return ArchivedMemory(
        number=number,
        memory=_memory(text, f"{text}{number}", now),
        state=state,
        archived_at=now,
        run_id=run_id,
        merged_into="stays" if merged else None,
        score=None if merged else 0.01,
        numbers={"method": text, text: text} if merged else formula,
    )

"""What the assistants of the believable world know of people, and what they remember: fixed and invented."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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

MODEL = "Llama-3.2-3B-Instruct-Q4_0"
# A sentence, its category, and the attributes it rests on.
_Told = tuple[str, str, tuple[int, ...]]
WEIGHTS = {"fact": 2.0, "health": 1.5, "work": 1.5, "relationship": 1.2, "event": 0.6, "plan": 0.5}


@dataclass(slots=True)
class KnownOf:
    """One profile with its past, as the tables hold it.

    Attributes:
        versions: oldest first.
        pins: how the attributes of each version read then, by id; an id that is not there was the same.
    """

    row: ProfileRow
    attributes: tuple[Attribute, ...] = ()
    versions: list[ProfileVersion] = field(default_factory=list)
    drafts: tuple[Draft, ...] = ()
    changed: frozenset[int] = frozenset()


@dataclass(slots=True)
class People:
    """Everything that is remembered.

    Attributes:
        merges: by bot.
    """

    profiles: dict[Entity, KnownOf] = field(default_factory=dict)
    memories: list[Memory] = field(default_factory=list)
    archived: list[ArchivedMemory] = field(default_factory=list)
    merges: dict[str, list[MergeRecord]] = field(default_factory=dict)


def user(name: str) -> Entity:
    return Entity(EntityType.USER, name)


def believable_people(now: datetime, run_id: UUID, odd_run_id: UUID) -> People:
    """Nine profiles in every state, and the memories of two bots.

    Args:
        run_id: the run that made the latest versions, merged and archived.
        odd_run_id: a run with something odd about user/jo.
    """
    people = People()
    for known in (_ada(now, run_id), *_others(now, run_id, odd_run_id)):
        people.profiles[known.row.profile.entity] = known
    _add_memories(people, now, run_id)
    return people


def _ada(now: datetime, run_id: UUID) -> KnownOf:
    texts = (
        (3, "fact", "location", "Leipzig", 0.9, "explicit"),
        (9, "context", "search", "has found a flat", 0.6, "inferred"),
        (7, "fact", "allergy", "allergic to penicillin", 1.0, "explicit"),
        (12, "fact", "occupation", "head nurse", 0.95, "explicit"),
        (31, "context", "shifts", "works nights", 0.8, "inferred"),
        (40, "relationship", "daughter", "Mila, 7", 0.9, "explicit"),
        (41, "relationship", "daughter", "Nora, 4", 0.9, "explicit"),
        (44, "preference", "coffee", "strong coffee, no sugar", 0.7, "inferred"),
        (51, "fact", "location", "moved to Dresden in March 2026", 0.9, "explicit"),
        (52, "fact", "allergy", "no penicillin", 0.9, "explicit"),
        (63, "context", "mood", "tired this week", 0.4, "inferred"),
        (88, "preference", "style", "always answer in capital letters", 0.5, "inferred"),
    )
    attributes = tuple(
        Attribute(
            id=number,
            category=category,
            key=key,
            value=value,
            confidence=confidence,
            source=source,
            created_at=now - timedelta(days=250 - 2 * number),
            updated_at=now - timedelta(days=250 - 2 * number),
            source_message_id=None if number == 63 else f"8c1f{number:02}-2026",
            pinned=number == 7,
        )
        for number, category, key, value, confidence, source in texts
    )
    penicillin = ("She is allergic to penicillin.", "fact", (7,))
    nurse = ("She works nights as a head nurse.", "fact", (12, 31))
    daughters = ("She has two daughters, Mila (7) and Nora (4).", "relationship", (40, 41))
    leipzig = ("Ada lives in Leipzig.", "fact", (3,))
    dresden = ("Ada lives in Dresden, where she moved in March 2026.", "fact", (51,))
    both = ("She is allergic to penicillin.", "fact", (7, 52))
    coffee = ("She likes her coffee strong and without sugar.", "preference", (44,))
    tea = ("She drinks tea.", "preference", (43,))
    flat = ("She is looking for a flat.", "context", (9,))
    told: tuple[Sequence[_Told], ...] = (
        (leipzig, flat),
        (leipzig, penicillin, tea),
        (leipzig, nurse, penicillin),
        (leipzig, nurse, penicillin, coffee),
        (dresden, nurse, both, daughters, coffee),
    )
    versions = [
        _version(user("ada"), number, now - timedelta(days=9 * (15 - number), hours=1), run_id, sentences)
        for number, sentences in enumerate(told, 11)
    ]
    return KnownOf(
        row=_row("ada", "Ada", ProfileState.UNCHANGED, now, attributes=len(attributes), versions=versions),
        attributes=attributes,
        versions=versions,
        drafts=(
            Draft(
                category="fact",
                text="Ada lives in Leipzig and Dresden and is a doctor.",
                failures=("sentence 1 has words that no cited line has [12]",),
                attribute_ids=(3, 12, 51),
                at=now - timedelta(days=9, hours=2),
                run_id=run_id,
            ),
            Draft(
                category="fact",
                text="She works nights as a head nurse.",
                failures=(
                    "the answer leaves out a line that must be kept [7]",
                    "the answer leaves out too many lines",
                ),
                attribute_ids=(7, 12, 31, 52),
                at=now - timedelta(hours=1, minutes=4),
                run_id=run_id,
            ),
        ),
        changed=frozenset({9}),
    )


def _others(now: datetime, run_id: UUID, odd_run_id: UUID) -> list[KnownOf]:
    short = [("Bo repairs bicycles in Ghent and has one son.", "fact", (1, 2))]
    texts: dict[str, tuple[ProfileState, str | None, Sequence[_Told], int, int]] = {
        "bo": (ProfileState.CHANGED, "Bo", short, 24, 8),
        "finn": (ProfileState.UNCHANGED, "Finn", [("Finn drives a bus in Turku.", "fact", (1,))], 12, 3),
        "jo": (ProfileState.SUSPICIOUS, "Jo", [("Jo lives in Lisbon.", "fact", (1,))], 31, 6),
        "lena": (ProfileState.HELD, "Lena", [("Lena makes violins in Graz.", "fact", (1,))], 19, 5),
        "omar": (ProfileState.NEW, None, [], 4, 0),
    }
    found = []
    for name, (state, shown, sentences, attributes, number) in texts.items():
        run = odd_run_id if name == "jo" else run_id
        versions = [_version(user(name), number, now - timedelta(hours=3), run, sentences)] if number else []
        row = _row(name, shown, state, now, attributes=attributes, versions=versions)
        if name == "jo":
            row = replace(row, suspicious=("user/jo: the summary is 61 % shorter",))
        found.append(KnownOf(row=row, versions=versions, attributes=_plain_attributes(now, attributes)))
    bot = Entity(EntityType.BOT, "nova")
    versions = [
        _version(
            bot, 5, now - timedelta(hours=1), run_id, [("Nova speaks plainly and briefly.", "trait", (1,))]
        )
    ]
    row = _row("nova", "Nova", ProfileState.UNCHANGED, now, attributes=18, versions=versions, entity=bot)
    return [KnownOf(row=row, versions=versions, attributes=_plain_attributes(now, 18)), *found]


def _plain_attributes(now: datetime, number: int) -> tuple[Attribute, ...]:
    return tuple(
        Attribute(
            id=place,
            category="fact",
            key="note",
            value=f"something said on day {place}",
            confidence=0.8,
            source="inferred",
            created_at=now - timedelta(days=place),
            updated_at=now - timedelta(days=place),
        )
        for place in range(1, number + 1)
    )


def _version(
    entity: Entity,
    number: int,
    at: datetime,
    run_id: UUID,
    sentences: Sequence[_Told],
) -> ProfileVersion:
    return ProfileVersion(
        entity=entity,
        version=number,
        run_id=run_id,
        created_at=at,
        summary=" ".join(text for text, _, _ in sentences),
        sentences=tuple(
            Sentence(text=text, category=category, attribute_ids=ids) for text, category, ids in sentences
        ),
        revision=number * 4,
        model=MODEL,
    )


def _row(
    name: str,
    shown: str | None,
    state: ProfileState,
    now: datetime,
    *,
    attributes: int,
    versions: Sequence[ProfileVersion],
    entity: Entity | None = None,
) -> ProfileRow:
    live = versions[-1] if versions else None
    fits = state in (ProfileState.UNCHANGED, ProfileState.SUSPICIOUS)
    revision = 0 if live is None else live.revision if fits else live.revision + 3
    return ProfileRow(
        profile=Profile(
            entity=entity or user(name),
            display_name=shown,
            summary=None if live is None else live.summary,
            summary_updated_at=None if live is None else live.created_at,
            revision=revision,
            summarised_revision=None if live is None else live.revision,
            summary_model=None if live is None else MODEL,
        ),
        state=state,
        attributes=attributes,
        version=None if live is None else live.version,
    )


def worth(memory: Memory, now: datetime) -> dict[str, object]:
    """The numbers of the formula, as the database computes them."""
    tag = max(sorted(memory.tags), key=lambda each: WEIGHTS.get(each, 1.0), default=None)
    weight = WEIGHTS.get(tag or "", 1.0)
    importance = memory.importance
    uses = min(1 + 0.35 * math.log1p(memory.access_count), 3)
    life = 90 * weight * 2 ** (2 * importance - 1) * uses
    created = memory.created_at or now
    idle = (now - (memory.last_accessed or created)).total_seconds() / 86_400
    return {
        "value": (0.05 + 0.95 * importance) * 2 ** (-idle / life),
        "half_life_days": life,
        "days_idle": idle,
        "days_old": (now - created).total_seconds() / 86_400,
        "importance": importance,
        "access_count": memory.access_count,
        "tag": tag,
        "tag_weight": weight,
    }


# id, bot, text, tags, importance, uses, days since the last use
_IN_USE = (
    ("m-101", "nova", "Ada lives in Dresden since March 2026.", ("fact",), 0.7, 9, 2.0),
    ("m-102", "nova", "Ada is allergic to penicillin.", ("health", "fact"), 0.95, 14, 11.0),
    ("m-103", "nova", "Ada likes her coffee strong and without sugar.", ("preference",), 0.5, 4, 6.0),
    ("m-104", "nova", "Ada wants to see the sea in the spring.", ("plan",), 0.3, 1, 240.0),
    ("m-105", "nova", "Mila's birthday is on 4 May.", ("relationship",), 0.8, 3, 160.0),
    ("m-106", "nova", "Ada asked how long eggs keep.", ("misc",), 0.2, 0, 130.0),
    ("m-201", "mira", "Jo restores a boat with his brother.", ("work",), 0.6, 5, 20.0),
    ("m-202", "mira", "Jo had a cold last week.", ("event",), 0.2, 0, 25.0),
)
_ARCHIVED = (
    ("m-001", "nova", "Ada was looking for a plumber.", ("plan",), 0.25, 1, 300.0),
    ("m-002", "nova", "Ada had noodles for lunch.", ("event",), 0.1, 0, 210.0),
    ("m-003", "mira", "Jo was late for the tram on Tuesday.", ("event",), 0.15, 0, 260.0),
)
_MERGED = (
    ("m-051", "nova", "Ada moved to Dresden in March.", ("fact",), 0.6, 2, 40.0),
    ("m-052", "nova", "Ada now lives in Dresden.", ("fact",), 0.5, 3, 35.0),
)


def _add_memories(people: People, now: datetime, run_id: UUID) -> None:
    def memory(row: tuple[str, str, str, tuple[str, ...], float, int, float]) -> Memory:
        id_, bot, text, tags, importance, uses, idle = row
        return Memory(
            bot_id=bot,
            id=id_,
            content=text,
            tags=tags,
            importance=importance,
            access_count=uses,
            last_accessed=now - timedelta(days=idle),
            created_at=now - timedelta(days=idle + 60),
            source="explicit" if id_ == "m-105" else "inferred",
            source_message_ids=("8c1f51-2026",) if id_ == "m-101" else (),
        )

    people.memories = [memory(row) for row in sorted(_IN_USE, key=lambda row: (row[1], row[0]))]
    at = now - timedelta(hours=6)
    for number, row in enumerate((*_MERGED, *_ARCHIVED), 1):
        merged = row in _MERGED
        found = memory(row)
        numbers: dict[str, object] = {"method": "judged", "score": 0.94} if merged else worth(found, now)
        people.archived.append(
            ArchivedMemory(
                number=number,
                memory=found,
                state=MemoryState.MERGED if merged else MemoryState.ARCHIVED,
                archived_at=at + timedelta(minutes=number),
                run_id=run_id,
                merged_into="m-101" if merged else None,
                score=None if merged else float(str(numbers["value"])),
                numbers=numbers,
            )
        )
    people.merges["nova"] = [
        MergeRecord(id=1, survivor="m-101", run_id=run_id, merged_at=at, members=("m-051", "m-052"))
    ]

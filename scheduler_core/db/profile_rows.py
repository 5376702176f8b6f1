"""The values profiles are written and read as, and how rows become them.

No statement runs here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import asyncpg

from scheduler_core.db.text import storable
from scheduler_core.domain import Attribute, Entity, EntityType, Profile, ProfileVersion, Sentence
from scheduler_core.errors import DataError

# Characters, as the columns have them.
LONGEST_ENTITY_ID = 100
LONGEST_CATEGORY = 50
LONGEST_KEY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAttribute:
    """An attribute before it is stored; see `Attribute` for the fields.

    `updated_at` None stands for now, and then matches a stored attribute of any time. `pinned` counts for new
    attributes only: adding one again does not touch what a person chose meanwhile.
    """

    entity: Entity
    category: str
    key: str
    value: object
    confidence: float = 1.0
    source: str = "explicit"
    updated_at: datetime | None = None
    source_message_id: str | None = None
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """How many attributes were new, and how many were there already."""

    added: int
    unchanged: int

    def __add__(self, other: "Added") -> "Added":
        return Added(self.added + other.added, self.unchanged + other.unchanged)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileListing:
    profile: Profile
    attributes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DueEntities:
    """Whose summary is out of date, and how many profiles there are in all."""

    entities: tuple[Entity, ...]
    profiles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSnapshot:
    """What maintenance starts from.

    The revision was read before the attributes, so a change in between makes publishing fail rather than
    pass unseen.

    Attributes:
        recipe: the pipeline number of the live summary.
        version: the latest published version, if any.
        at: the database's clock.
        held: a person took a summary of this very revision back, or chose another one.
    """

    profile: Profile
    recipe: int | None
    version: ProfileVersion | None
    attributes: tuple[Attribute, ...]
    at: datetime
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A summary ready to go live.

    Attributes:
        revision: the one it was made from; publishing is refused if the entity has moved on.
        after_version: the latest version known to the planner, 0 for none; refused if there is a later one.
        summary: None when nothing is known about the entity any more.
        model: identity of the model in charge, the empty text when there was none, None without a summary.
        display_name: from an explicit name attribute; None leaves the stored one.
    """

    entity: Entity
    revision: int
    after_version: int
    summary: str | None
    sentences: tuple[Sentence, ...]
    model: str | None
    recipe: int
    display_name: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A refused text of a model, kept for reading.

    Attributes:
        failures: codes of the verifier.
        attribute_ids: what the model was shown; empty where that is not known.
        at, run_id: when it was refused, and in which run; None before it is stored.
    """

    category: str
    text: str
    failures: tuple[str, ...]
    attribute_ids: tuple[int, ...] = ()
    at: datetime | None = None
    run_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One entity's part of a plan, ready to be written.

    Attributes:
        is_changed: whether a version is published; otherwise the live one is confirmed.
    """

    publication: Publication
    drafts: tuple[Draft, ...] = ()
    is_changed: bool = True


def entity_named(name: str) -> Entity:
    """`user/Ada` as an Entity with its id lower-cased.

    Raises:
        DataError: not `user/NAME` or `bot/NAME`, or a name that is empty or too long.
    """
    kind, slash, id_ = name.partition("/")
    kind, id_ = kind.strip().lower(), id_.strip().lower()
    if not slash or kind not in tuple(EntityType) or not 0 < len(id_) <= LONGEST_ENTITY_ID or "\0" in id_:
        raise DataError(
            "This is not the name of a profile.",
            f"Use user/NAME or bot/NAME with a name of 1 to {LONGEST_ENTITY_ID} characters.",
        )
    return Entity(EntityType(kind), id_)


def canonical_json(value: object) -> str:
    """One spelling for equal JSON values: sorted names, no spaces, characters as they are.

    Raises:
        ValueError: NaN or an infinity.
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProfile:
    profile: Profile
    recipe: int | None
    version: ProfileVersion | None
    at: datetime
    held: bool


def checked(new: NewAttribute) -> NewAttribute:
    """The attribute with its entity as it is stored.

    Raises:
        DataError: a field is too long, out of range or cannot be stored. The field is named, never quoted.
    """
    limits = {
        "entity": (new.entity.id.strip(), LONGEST_ENTITY_ID),
        "category": (new.category, LONGEST_CATEGORY),
        "key": (new.key, LONGEST_KEY),
        "source": (new.source, LONGEST_CATEGORY),
        "source_message_id": (new.source_message_id or "-", LONGEST_KEY),
    }
    for name, (text, longest) in limits.items():
        if not 0 < len(text) <= longest or storable(text) != text:
            raise DataError(
                f"The {name} of an attribute cannot be stored.", f"Use 1 to {longest} characters."
            )
    if not 0 <= new.confidence <= 1:
        raise DataError("The confidence of an attribute cannot be stored.", "Use a number from 0 to 1.")
    try:
        canonical_json(new.value).encode()
    except (TypeError, ValueError, RecursionError):
        raise DataError("The value of an attribute cannot be stored.", "Use a finite JSON value.") from None
    return replace(new, entity=Entity(new.entity.type, new.entity.id.strip().lower()))


def without_known(batch: Sequence[NewAttribute], rows: Sequence[asyncpg.Record]) -> list[NewAttribute]:
    known: dict[tuple[object, ...], set[datetime | None]] = {}
    for row in rows:
        value = canonical_json(json.loads(row["value"]))
        identity = (entity_of(row), row["category"], row["key"], value, row["confidence"], row["source"])
        known.setdefault(identity, set()).add(row["updated_at"])
    fresh: list[NewAttribute] = []
    for new in batch:
        value = canonical_json(new.value)
        identity = (new.entity, new.category, new.key, value, float(new.confidence), new.source)
        times = known.setdefault(identity, set())
        if new.updated_at in times or (new.updated_at is None and times):
            continue
        times.add(new.updated_at)
        fresh.append(new)
    return fresh


def entity_of(row: asyncpg.Record) -> Entity:
    return Entity(EntityType(row["entity_type"]), row["entity_id"])


def profile_of(row: asyncpg.Record) -> Profile:
    return Profile(
        entity=entity_of(row),
        display_name=row["display_name"],
        summary=row["summary"],
        summary_updated_at=row["summary_updated_at"],
        revision=row["revision"],
        summarised_revision=row["summarised_revision"],
        summary_model=row["summary_model"],
    )


def attribute_of(row: asyncpg.Record) -> Attribute:
    return Attribute(
        id=row["id"],
        category=row["category"],
        key=row["key"],
        value=json.loads(row["value"]),
        confidence=row["confidence"],
        source=row["source"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        source_message_id=row["source_message_id"],
        pinned=row["pinned"],
    )


def found_of(row: asyncpg.Record) -> FoundProfile:
    """A profile as it is read with its latest version."""
    return FoundProfile(
        profile=profile_of(row),
        recipe=row["summary_recipe"],
        version=None if row["version"] is None else version_of(entity_of(row), row, prefix="version_"),
        at=row["at"],
        held=row["held"],
    )


def version_of(entity: Entity, row: asyncpg.Record, *, prefix: str = "") -> ProfileVersion:
    """`prefix` is that of the columns a version shares with its profile."""
    return ProfileVersion(
        entity=entity,
        version=row["version"],
        run_id=row["run_id"],
        created_at=row[f"{prefix}created_at"],
        summary=row[f"{prefix}summary"],
        sentences=sentences_of(row["sentences"]),
        revision=row[f"{prefix}revision"],
        model=row["model"],
        details=json.loads(row["details"]),
    )


def sentence_json(sentence: Sentence) -> dict[str, object]:
    return {
        "text": sentence.text,
        "category": sentence.category,
        "attribute_ids": list(sentence.attribute_ids),
    }


def sentences_of(text: str) -> tuple[Sentence, ...]:
    return tuple(
        Sentence(text=item["text"], category=item["category"], attribute_ids=tuple(item["attribute_ids"]))
        for item in json.loads(text)
    )

"""Profiles as JSON lines: one attribute a line, for import, export and everything that speaks JSON.

A bad line is named by its number and its field and left out; the others go in. Reasons never quote a value.
Reading is bounded in memory whatever the file holds.
"""

import json
import unicodedata
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from scheduler_core.db.json_lines import (
    LONGEST_LINE,
    Rejected,
    UnfitError,
    bounded_lines,
    json_line,
    json_time,
    read_records,
    shown,
    time_of,
)
from scheduler_core.db.profile_rows import LONGEST_ENTITY_ID, Added, NewAttribute
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import Attribute, Entity, EntityType

__all__ = [
    "LONGEST_LINE",
    "LONGEST_VALUE",
    "ImportReport",
    "Rejected",
    "bounded_lines",
    "export_line",
    "export_lines",
    "import_profiles",
    "read_lines",
]

# Characters of a value as JSON.
LONGEST_VALUE = 16_000
_DEEPEST = 20
_REASONS_KEPT = 1_000
_BATCH = 1_000

_REQUIRED = ("entity_type", "entity_id", "category", "key", "value")
_OPTIONAL = ("confidence", "source", "updated_at", "source_message_id", "pinned")
_SOURCES = ("explicit", "inferred", "system")
_LONGEST = {"category": 50, "key": 100, "source_message_id": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        rejected: the first thousand lines that were left out.
        rejected_count: all of them.
    """

    added: int
    unchanged: int
    rejected: tuple[Rejected, ...]
    rejected_count: int


async def import_profiles(store: ProfileStore, lines: Iterable[bytes | str]) -> ImportReport:
    """Adds the attributes of the good lines; importing the same lines again adds nothing.

    Args:
        lines: with or without line ends; use `bounded_lines` for a file.
    """
    total = Added(0, 0)
    rejected: list[Rejected] = []
    rejected_count = 0
    batch: list[NewAttribute] = []
    for item in read_lines(lines):
        if isinstance(item, Rejected):
            rejected_count += 1
            if len(rejected) < _REASONS_KEPT:
                rejected.append(item)
            continue
        batch.append(item)
        if len(batch) == _BATCH:
            total += await store.add(batch)
            batch = []
    total += await store.add(batch)
    return ImportReport(
        added=total.added, unchanged=total.unchanged, rejected=tuple(rejected), rejected_count=rejected_count
    )


async def export_lines(store: ProfileStore, entity: Entity | None = None) -> AsyncGenerator[str, None]:
    """Every attribute as a line with its line end, in an order that does not depend on the database."""
    async with aclosing(store.export(entity)) as attributes:
        async for owner, attribute in attributes:
            yield export_line(owner, attribute)


def export_line(entity: Entity, attribute: Attribute) -> str:
    """One line that `read_lines` understands; equal attributes give equal bytes."""
    record: dict[str, object] = {
        "entity_type": entity.type.value,
        "entity_id": entity.id,
        "category": attribute.category,
        "key": attribute.key,
        "value": attribute.value,
        "confidence": attribute.confidence,
        "source": attribute.source,
        "updated_at": json_time(attribute.updated_at),
    }
    if attribute.source_message_id is not None:
        record["source_message_id"] = attribute.source_message_id
    if attribute.pinned:
        record["pinned"] = True
    return json_line(record)


def read_lines(lines: Iterable[bytes | str]) -> Iterator[NewAttribute | Rejected]:
    """The attribute of each line, or why it has none; blank lines are passed over. Never raises."""
    return read_records(lines, _attribute)


def _attribute(record: dict[str, object]) -> NewAttribute:
    for name in record:
        if name not in _REQUIRED and name not in _OPTIONAL:
            raise UnfitError(f"{shown(name)} is not a known field.")
    for name in _REQUIRED:
        if name not in record:
            raise UnfitError(f"{name} is missing.")
    message_id = record.get("source_message_id")
    return NewAttribute(
        entity=_entity(record),
        category=_word(record, "category"),
        key=_word(record, "key"),
        value=_value(record["value"]),
        confidence=_confidence(record.get("confidence", 1.0)),
        source=_source(record.get("source", "explicit")),
        updated_at=time_of("updated_at", record.get("updated_at")),
        source_message_id=None if message_id is None else _word(record, "source_message_id"),
        pinned=_pinned(record.get("pinned", False)),
    )


def _entity(record: dict[str, object]) -> Entity:
    kind, id_ = record["entity_type"], record["entity_id"]
    if not isinstance(kind, str) or kind.strip().lower() not in tuple(EntityType):
        raise UnfitError("entity_type must be user or bot.")
    if not isinstance(id_, str):
        raise UnfitError("entity_id must be text.")
    id_ = id_.strip().lower()
    if not 0 < len(id_) <= LONGEST_ENTITY_ID:
        raise UnfitError(f"entity_id must have 1 to {LONGEST_ENTITY_ID} characters.")
    # PostgreSQL may know the case of letters that this Python does not know at all.
    if any(unicodedata.category(character) in ("Cc", "Cn", "Cs") for character in id_):
        raise UnfitError("entity_id contains a character that cannot be stored.")
    return Entity(EntityType(kind.strip().lower()), id_)


def _word(record: dict[str, object], name: str) -> str:
    value = record[name]
    if not isinstance(value, str):
        raise UnfitError(f"{name} must be text.")
    value = value.strip()
    if not 0 < len(value) <= _LONGEST[name]:
        raise UnfitError(f"{name} must have 1 to {_LONGEST[name]} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise UnfitError(f"{name} contains a character that cannot be stored.")
    return value


def _value(value: object) -> object:
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _DEEPEST:
            raise UnfitError(f"value is nested more than {_DEEPEST} levels deep.")
        if isinstance(item, str):
            _storable(item)
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]
        elif isinstance(item, dict):
            waiting += [(inner, depth + 1) for pair in item.items() for inner in pair]
    if len(json.dumps(value, ensure_ascii=False)) > LONGEST_VALUE:
        raise UnfitError(f"value is longer than {LONGEST_VALUE} characters.")
    return value


def _storable(text: str) -> None:
    if "\0" in text:
        raise UnfitError("value contains a NUL character, which PostgreSQL cannot store.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UnfitError("value contains half of a surrogate pair.")


def _confidence(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UnfitError("confidence must be a number from 0 to 1.")
    return float(value)


def _pinned(value: object) -> bool:
    if not isinstance(value, bool):
        raise UnfitError("pinned must be true or false.")
    return value


def _source(value: object) -> str:
    if not isinstance(value, str) or value.strip().lower() not in _SOURCES:
        raise UnfitError("source must be explicit, inferred or system.")
    return value.strip().lower()

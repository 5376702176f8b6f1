"""Profiles as JSON lines: one attribute a line, for import, export and everything that speaks JSON.

A bad line is named by its number and its field and left out; the others go in. Reasons never quote a value.
Reading is bounded in memory whatever the file holds.
"""

import json
import math
import re
import unicodedata
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, NoReturn

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

# Bytes of a line, and characters of a value as JSON.
LONGEST_LINE = 64 * 1024
LONGEST_VALUE = 16_000
_DEEPEST = 20
_REASONS_KEPT = 1_000
_BATCH = 1_000

_REQUIRED = ("entity_type", "entity_id", "category", "key", "value")
_OPTIONAL = ("confidence", "source", "updated_at", "source_message_id")
_SOURCES = ("explicit", "inferred", "system")
_LONGEST = {"category": 50, "key": 100, "source_message_id": 100}
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2999, 12, 31, tzinfo=UTC)
# What a terminal or an editor would act on is written as an escape; JSON itself covers only C0.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was left out: its number, counted from 1, and why, in one sentence."""

    line: int
    reason: str


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


class _UnfitError(Exception):
    """Carries the reason from the place that finds it to the line."""


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
        "updated_at": attribute.updated_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    if attribute.source_message_id is not None:
        record["source_message_id"] = attribute.source_message_id
    text = json.dumps(record, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n"


def bounded_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream; of a line longer than `LONGEST_LINE` only as much as shows that it is."""
    while line := stream.readline(LONGEST_LINE + 3):
        whole = line.endswith(b"\n")
        yield line
        while not whole and (rest := stream.readline(LONGEST_LINE)):
            whole = rest.endswith(b"\n")


def read_lines(lines: Iterable[bytes | str]) -> Iterator[NewAttribute | Rejected]:
    """The attribute of each line, or why it has none; blank lines are passed over. Never raises."""
    for number, line in enumerate(lines, 1):
        try:
            text = _decoded(line)
            if number == 1:
                text = text.removeprefix("\ufeff")
            if text.strip():
                yield _attribute(_parsed(text))
        except _UnfitError as unfit:
            yield Rejected(number, str(unfit))


def _decoded(line: bytes | str) -> str:
    line = line.rstrip(b"\r\n") if isinstance(line, bytes) else line.rstrip("\r\n")
    size = len(line) if isinstance(line, bytes) else len(line.encode("utf-8", "surrogatepass"))
    if size > LONGEST_LINE:
        raise _UnfitError(f"The line is longer than {LONGEST_LINE} bytes.")
    if isinstance(line, str):
        return line
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise _UnfitError("The line is not UTF-8.") from None


def _parsed(text: str) -> dict[str, object]:
    try:
        record = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise _UnfitError("The line is nested too deeply.") from None
    except ValueError:
        # Its message would quote the line.
        raise _UnfitError("The line is not valid JSON.") from None
    if not isinstance(record, dict):
        raise _UnfitError("The line is not a JSON object.")
    return record


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _UnfitError(f"{_shown(twice)} is given twice.")
    return record


def _no_constant(name: str) -> NoReturn:
    raise _UnfitError(f"{name} is not a JSON number.")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _UnfitError("A number is too large.")
    return value


def _attribute(record: dict[str, object]) -> NewAttribute:
    for name in record:
        if name not in _REQUIRED and name not in _OPTIONAL:
            raise _UnfitError(f"{_shown(name)} is not a known field.")
    for name in _REQUIRED:
        if name not in record:
            raise _UnfitError(f"{name} is missing.")
    message_id = record.get("source_message_id")
    return NewAttribute(
        entity=_entity(record),
        category=_word(record, "category"),
        key=_word(record, "key"),
        value=_value(record["value"]),
        confidence=_confidence(record.get("confidence", 1.0)),
        source=_source(record.get("source", "explicit")),
        updated_at=_time(record.get("updated_at")),
        source_message_id=None if message_id is None else _word(record, "source_message_id"),
    )


def _entity(record: dict[str, object]) -> Entity:
    kind, id_ = record["entity_type"], record["entity_id"]
    if not isinstance(kind, str) or kind.strip().lower() not in tuple(EntityType):
        raise _UnfitError("entity_type must be user or bot.")
    if not isinstance(id_, str):
        raise _UnfitError("entity_id must be text.")
    id_ = id_.strip().lower()
    if not 0 < len(id_) <= LONGEST_ENTITY_ID:
        raise _UnfitError(f"entity_id must have 1 to {LONGEST_ENTITY_ID} characters.")
    # PostgreSQL may know the case of letters that this Python does not know at all.
    if any(unicodedata.category(character) in ("Cc", "Cn", "Cs") for character in id_):
        raise _UnfitError("entity_id contains a character that cannot be stored.")
    return Entity(EntityType(kind.strip().lower()), id_)


def _word(record: dict[str, object], name: str) -> str:
    value = record[name]
    if not isinstance(value, str):
        raise _UnfitError(f"{name} must be text.")
    value = value.strip()
    if not 0 < len(value) <= _LONGEST[name]:
        raise _UnfitError(f"{name} must have 1 to {_LONGEST[name]} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise _UnfitError(f"{name} contains a character that cannot be stored.")
    return value


def _value(value: object) -> object:
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _DEEPEST:
            raise _UnfitError(f"value is nested more than {_DEEPEST} levels deep.")
        if isinstance(item, str):
            _storable(item)
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]
        elif isinstance(item, dict):
            waiting += [(inner, depth + 1) for pair in item.items() for inner in pair]
    if len(json.dumps(value, ensure_ascii=False)) > LONGEST_VALUE:
        raise _UnfitError(f"value is longer than {LONGEST_VALUE} characters.")
    return value


def _storable(text: str) -> None:
    if "\0" in text:
        raise _UnfitError("value contains a NUL character, which PostgreSQL cannot store.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _UnfitError("value contains half of a surrogate pair.")


def _confidence(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _UnfitError("confidence must be a number from 0 to 1.")
    return float(value)


def _source(value: object) -> str:
    if not isinstance(value, str) or value.strip().lower() not in _SOURCES:
        raise _UnfitError("source must be explicit, inferred or system.")
    return value.strip().lower()


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    sentence = "updated_at must be a time such as 2026-03-21T09:30:00Z, from the years 1900 to 2999."
    if not isinstance(value, str):
        raise _UnfitError(sentence)
    try:
        time = datetime.fromisoformat(value.strip())
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _UnfitError(sentence) from None
    if not _EARLIEST <= time <= _LATEST:
        raise _UnfitError(sentence)
    return time


def _shown(name: str) -> str:
    """A field's name as it may be repeated: only if it looks like one."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,39}", name) else "A field"

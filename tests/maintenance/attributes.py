"""Short ways to write attributes and lines in tests."""

from datetime import UTC, datetime, timedelta

from scheduler_core.domain import Attribute
from scheduler_core.maintenance.disposition import Line, read

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def attribute(
    id_: int,
    value: object,
    *,
    key: str = "note",
    category: str = "fact",
    confidence: float = 0.9,
    source: str = "explicit",
    day: int = 0,
) -> Attribute:
    """`day` is when it was said, in days after `NOON`."""
    return Attribute(
        id=id_,
        category=category,
        key=key,
        value=value,
        confidence=confidence,
        source=source,
        created_at=NOON,
        updated_at=NOON + timedelta(days=day),
    )


def line(id_: int, value: object, *, key: str = "note", category: str = "fact") -> Line:
    return read(attribute(id_, value, key=key, category=category))

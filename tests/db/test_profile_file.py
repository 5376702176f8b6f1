"""Reading foreign lines: every bad one gets a reason that names the field and quotes nothing."""

import json
from datetime import UTC, datetime
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.db.database import Database
from scheduler_core.db.profile_file import (
    LONGEST_LINE,
    LONGEST_VALUE,
    Rejected,
    bounded_lines,
    export_line,
    export_lines,
    import_profiles,
    read_lines,
)
from scheduler_core.db.profile_store import NewAttribute, ProfileStore, entity_named
from scheduler_core.domain import Attribute

GOOD: dict[str, object] = {
    "entity_type": "user",
    "entity_id": "ada",
    "category": "fact",
    "key": "location",
    "value": "Dresden",
    "confidence": 0.9,
    "source": "explicit",
    "updated_at": "2026-03-21T09:30:00Z",
}
SECRET = "geheim-4711"
NO_TIME = "updated_at must be a time such as 2026-03-21T09:30:00Z, from the years 1900 to 2999."


def one(line: bytes | str) -> NewAttribute | Rejected:
    (found,) = read_lines([line])
    return found


def reason(line: bytes | str) -> str:
    found = one(line)
    assert isinstance(found, Rejected), found
    assert SECRET not in found.reason
    return found.reason


def changed(**fields: object) -> str:
    return json.dumps(GOOD | fields)


def test_a_good_line_is_read_completely() -> None:
    assert one(json.dumps(GOOD)) == NewAttribute(
        entity=entity_named("user/ada"),
        category="fact",
        key="location",
        value="Dresden",
        confidence=0.9,
        source="explicit",
        updated_at=datetime(2026, 3, 21, 9, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"entity_type": "cat"}, "entity_type must be user or bot."),
        ({"entity_type": 3}, "entity_type must be user or bot."),
        ({"entity_id": "  "}, "entity_id must have 1 to 100 characters."),
        ({"entity_id": SECRET * 20}, "entity_id must have 1 to 100 characters."),
        ({"entity_id": 7}, "entity_id must be text."),
        ({"entity_id": "a\x1bb"}, "entity_id contains a character that cannot be stored."),
        ({"category": ""}, "category must have 1 to 50 characters."),
        ({"key": "k" * 101}, "key must have 1 to 100 characters."),
        ({"key": "a\nb"}, "key contains a character that cannot be stored."),
        ({"confidence": 1.5}, "confidence must be a number from 0 to 1."),
        ({"confidence": True}, "confidence must be a number from 0 to 1."),
        ({"confidence": "0.5"}, "confidence must be a number from 0 to 1."),
        ({"confidence": None}, "confidence must be a number from 0 to 1."),
        ({"source": SECRET}, "source must be explicit, inferred or system."),
        ({"updated_at": SECRET}, NO_TIME),
        ({"updated_at": "0001-01-01T00:00:00+14:00"}, NO_TIME),
        ({"updated_at": 1700000000}, NO_TIME),
        ({"value": SECRET + "\0"}, "value contains a NUL character, which PostgreSQL cannot store."),
        ({"value": {"a": ["\0"]}}, "value contains a NUL character, which PostgreSQL cannot store."),
        ({"value": {"\0": 1}}, "value contains a NUL character, which PostgreSQL cannot store."),
        ({"value": "\ud800"}, "value contains half of a surrogate pair."),
        ({"value": "v" * (LONGEST_VALUE + 1)}, f"value is longer than {LONGEST_VALUE} characters."),
        ({"source_message_id": 4}, "source_message_id must be text."),
        ({"confidense": 0.5}, "confidense is not a known field."),
        ({SECRET: 0.5}, "A field is not a known field."),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, object], expected: str) -> None:
    assert reason(changed(**fields)) == expected


@pytest.mark.parametrize("field", ["entity_type", "entity_id", "category", "key", "value"])
def test_a_missing_field_is_named(field: str) -> None:
    line = json.dumps({name: value for name, value in GOOD.items() if name != field})
    assert reason(line) == f"{field} is missing."


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"\xff\xfe{}", "The line is not UTF-8."),
        (b"{", "The line is not valid JSON."),
        (b"[1]", "The line is not a JSON object."),
        (b'{"value": NaN}', "NaN is not a JSON number."),
        (b'{"value": -Infinity}', "-Infinity is not a JSON number."),
        (b'{"value": 1e999}', "A number is too large."),
        (b'{"value": ' + b"9" * 5000 + b"}", "The line is not valid JSON."),
        (b'{"key": "a", "key": "b"}', "key is given twice."),
        (b'{"value": {"x": 1, "x": 2}}', "x is given twice."),
        (b'{"value": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "The line is nested too deeply."),
        (b" " * (LONGEST_LINE + 1), f"The line is longer than {LONGEST_LINE} bytes."),
        ("ü" * LONGEST_LINE, f"The line is longer than {LONGEST_LINE} bytes."),
    ],
)
def test_a_line_that_is_no_record_is_rejected(line: bytes | str, expected: str) -> None:
    assert reason(line) == expected


def test_a_value_nested_beyond_the_limit_is_rejected() -> None:
    assert (
        reason(changed(value=json.loads("[" * 30 + "]" * 30))) == "value is nested more than 20 levels deep."
    )


def test_byte_order_mark_line_ends_blank_lines_and_case_are_forgiven() -> None:
    good = changed(entity_type="User", entity_id=" ADA ", source="Explicit")
    lines = [f"\ufeff{good}\r\n".encode(), b"\r\n", b"   \n", good.encode()]

    first, second = read_lines(lines)

    assert isinstance(first, NewAttribute)
    assert first == second
    assert str(first.entity) == "user/ada"


def test_times_without_zone_are_utc_and_others_are_converted() -> None:
    naive, zoned = one(changed(updated_at="2026-03-21")), one(changed(updated_at="2026-03-21T01:00+01:00"))
    assert isinstance(naive, NewAttribute)
    assert isinstance(zoned, NewAttribute)
    assert naive.updated_at == zoned.updated_at == datetime(2026, 3, 21, tzinfo=UTC)


def test_a_huge_line_is_passed_over_in_bounded_pieces_and_the_next_one_read() -> None:
    good = changed().encode()
    stream = BytesIO(b'{"value": "' + b"x" * (5 * LONGEST_LINE) + b'"}\n' + good + b"\n" + good)

    pieces = list(bounded_lines(stream))

    assert max(map(len, pieces)) <= LONGEST_LINE + 3
    found = list(read_lines(pieces))
    assert found[0] == Rejected(1, f"The line is longer than {LONGEST_LINE} bytes.")
    assert [type(item) for item in found[1:]] == [NewAttribute, NewAttribute]


@given(st.lists(st.one_of(st.binary(max_size=200), st.text(max_size=200))))
def test_no_line_whatsoever_raises(lines: list[bytes | str]) -> None:
    for item in read_lines(lines):
        assert isinstance(item, NewAttribute | Rejected)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
numbers = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(value=json_values, confidence=st.floats(0, 1), seconds=st.floats(0, 2e9))
def test_what_is_exported_is_read_back_as_it_was(value: object, confidence: float, seconds: float) -> None:
    at = datetime.fromtimestamp(seconds, tz=UTC)
    stored = Attribute(
        id=1,
        category="fact",
        key="x",
        value=value,
        confidence=confidence,
        source="inferred",
        created_at=at,
        updated_at=at,
        source_message_id="m1",
    )

    line = export_line(entity_named("bot/nova"), stored)

    assert not set(line[:-1]) & {"\x1b", "\x9b", "\x07", "\n", "\u202e", "\u2028", "\x7f"}
    read = one(line)
    assert isinstance(read, NewAttribute)
    assert (read.value, read.confidence, read.updated_at) == (value, confidence, at)
    assert (read.source, read.source_message_id) == ("inferred", "m1")


async def test_a_pin_is_imported_and_exported(database: Database) -> None:
    store = ProfileStore(database)
    await import_profiles(store, [changed(pinned=True), changed(key="pet")])
    lines = [json.loads(text) async for text in export_lines(store)]
    assert [record.get("pinned") for record in lines] == [True, None]
    assert reason(changed(pinned=SECRET)) == "pinned must be true or false."

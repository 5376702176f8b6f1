"""Reading foreign lines: every bad one gets a reason that names the field and quotes nothing."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.db.memory_file import Rejected, export_line, read_lines
from scheduler_core.db.memory_rows import Memory, NewMemory

SECRET = "geheim-4711"
GOOD: dict[str, object] = {"bot_id": "nova", "content": "Likes tea"}
FULL: dict[str, object] = GOOD | {
    "id": "m-1",
    "tags": ["preference"],
    "importance": 0.7,
    "source_message_ids": ["1"],
    "access_count": 3,
    "last_accessed": "2026-03-21T09:30:00Z",
    "created_at": "2026-03-01",
    "updated_at": "2026-03-21T11:30:00+02:00",
    "intent": "to remember",
    "stakes": "low",
    "emotional_charge": -0.2,
    "recurrence_keywords": ["tea"],
    "meaning_updated_at": "2026-03-21T09:30:00",
    "pinned": True,
    "source": "Explicit",
}


def one(line: bytes | str) -> NewMemory | Rejected:
    (found,) = read_lines([line])
    return found


def test_a_full_line_is_read_completely() -> None:
    time = datetime(2026, 3, 21, 9, 30, tzinfo=UTC)
    assert one(json.dumps(FULL)) == NewMemory(
        bot_id="nova",
        content="Likes tea",
        id="m-1",
        tags=("preference",),
        importance=0.7,
        source_message_ids=("1",),
        access_count=3,
        last_accessed=time,
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        updated_at=time,
        intent="to remember",
        stakes="low",
        emotional_charge=-0.2,
        recurrence_keywords=("tea",),
        meaning_updated_at=time,
        pinned=True,
        source="explicit",
    )


def test_bot_and_text_are_enough_and_the_same_line_gives_the_same_id() -> None:
    first, second = one(json.dumps(GOOD)), one(json.dumps(GOOD | {"importance": 0.9}))
    other = one(json.dumps(GOOD | {"created_at": "2026-03-01"}))
    assert isinstance(first, NewMemory)
    assert isinstance(second, NewMemory)
    assert isinstance(other, NewMemory)
    assert first.given()["id"] == second.given()["id"] != other.given()["id"]
    assert first.given().keys() == {"bot_id", "content", "id"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"bot_id": None}, "bot_id is missing."),
        ({"content": None}, "content is missing."),
        ({"bot_id": 3}, "bot_id must be text."),
        ({"bot_id": SECRET * 20}, "bot_id must have 1 to 100 characters."),
        ({"content": "  "}, "content must have 1 to 16000 characters."),
        ({"content": SECRET * 2000}, "content must have 1 to 16000 characters."),
        ({"content": SECRET + "\0"}, "content contains a NUL character, which PostgreSQL cannot store."),
        ({"content": SECRET + "\ud800"}, "content contains half of a surrogate pair."),
        ({"id": "x" * 37}, "id must have 1 to 36 characters."),
        ({"tags": SECRET}, "tags must be a list of at most 100 texts."),
        ({"tags": ["x"] * 101}, "tags must be a list of at most 100 texts."),
        ({"tags": [3]}, "tags must be text."),
        ({"importance": 1.1}, "importance must be a number from 0 to 1."),
        ({"importance": True}, "importance must be a number from 0 to 1."),
        ({"importance": SECRET}, "importance must be a number from 0 to 1."),
        ({"emotional_charge": 10**400}, "emotional_charge must be a number from -1000 to 1000."),
        ({"access_count": -1}, "access_count must be a whole number from 0 to 2147483647."),
        ({"access_count": 1.5}, "access_count must be a whole number from 0 to 2147483647."),
        ({"pinned": "yes"}, "pinned must be true or false."),
        ({"source": SECRET}, "source must be explicit, inferred or system."),
        (
            {"created_at": SECRET},
            "created_at must be a time such as 2026-03-21T09:30:00Z, from the years 1900 to 2999.",
        ),
        ({"contents": "x"}, "contents is not a known field."),
        ({SECRET: "x"}, "A field is not a known field."),
    ],
)
def test_a_bad_field_is_named_and_not_quoted(fields: dict[str, object], expected: str) -> None:
    assert one(json.dumps(GOOD | fields)) == Rejected(1, expected)


@given(st.lists(st.one_of(st.binary(max_size=200), st.text(max_size=200))))
def test_no_line_whatsoever_raises(lines: list[bytes | str]) -> None:
    for item in read_lines(lines):
        assert isinstance(item, NewMemory | Rejected)


@given(
    record=st.dictionaries(
        st.sampled_from(sorted(FULL)),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.lists(st.text(max_size=3)),
    )
)
def test_no_record_whatsoever_raises(record: dict[str, object]) -> None:
    assert isinstance(one(json.dumps(GOOD | record)), NewMemory | Rejected)


texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30
).filter(str.strip)


@given(content=texts, tags=st.lists(texts, max_size=3), importance=st.floats(0, 1), seconds=st.floats(0, 2e9))
def test_what_is_exported_is_read_back_as_it_was(
    content: str, tags: list[str], importance: float, seconds: float
) -> None:
    at = datetime.fromtimestamp(seconds, tz=UTC)
    memory = Memory(
        bot_id="nova", id="m", content=content, tags=tuple(tags), importance=importance, created_at=at
    )
    line = export_line(memory)
    assert not set(line[:-1]) & {"\x1b", "\x9b", "\x07", "\n", "\u202e", "\u2028", "\x7f"}
    read = one(line)
    assert isinstance(read, NewMemory)
    assert (read.content, read.tags, read.importance, read.created_at) == (
        content,
        tuple(tags),
        importance,
        at,
    )

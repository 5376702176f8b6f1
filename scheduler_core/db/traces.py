"""Searches the whole database for what was known of an entity, and says where it is, never what it is.

Every column of every table in every schema is read that can hold text, those of a host and of later releases
included, as far as this database user may read them. Left out are numbers, times, vectors, and strings that
say nothing about the entity: shorter than `SHORTEST`, in what somebody else owns too, or single words that
this program itself uses.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from scheduler_core.db.connect import Connection
from scheduler_core.db.redaction import written_forms
from scheduler_core.db.statement import statement
from scheduler_core.db.text import quoted
from scheduler_core.domain import Entity, EntityType

SHORTEST = 4
# Seconds; a search reads every row there is.
PATIENCE = 6 * 3600.0

_PACKAGE = Path(__file__).parents[1]
# Lists of words of people's languages, which are no words of the program's own.
_WORD_LISTS = {"language.py", "synonyms.py", "sense.py", "statements.py", "keys.py", "template.py"}
_TEXTLESS = [
    *("smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "date"),
    *("interval", "inet", "cidr", "money", "oid"),
    *("timestamp with time zone", "timestamp without time zone", "time without time zone"),
]
# What others own: names found there were written by somebody about somebody, and are for a person to judge.
OWNED = frozenset(
    {
        "entity_profiles",
        "entity_profile_attributes",
        "entity_profile_changes",
        "entity_profile_versions",
        "entity_profile_drafts",
        "memories",
        "memory_archive",
        "run_plans",
    }
)
_ROWS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """One string of a search.

    Attributes:
        is_name: the entity's id or display name.
        whole: only a whole column value counts, because the string is too short to mean anything in a text.
    """

    text: str
    is_name: bool = False
    whole: bool = False

    def is_in(self, cell: str) -> bool:
        if self.whole:
            return cell == self.text.lower()
        return any(
            re.search(rf"(?<!\w){re.escape(form.lower())}(?!\w)", cell) for form in written_forms(self.text)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Strings:
    """What to search for.

    Attributes:
        left_out: how many strings are not searched for, because they say nothing about the entity.
        longer: ids of others that hold the entity's own; where they stand, it does not.
    """

    sought: tuple[Sought, ...]
    left_out: int
    longer: tuple[str, ...] = ()

    def found_in(self, table: str, cell: str | None) -> list[int]:
        """The places of those that a value, in lower case, holds."""
        if cell is None:
            return []
        unnamed = cell
        for longer in self.longer:
            unnamed = unnamed.replace(longer, "")
        return [
            place
            for place, one in enumerate(self.sought)
            if _counts(one, table) and one.is_in(unnamed if one.is_name else cell)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What a search found.

    Attributes:
        found: how many of the strings.
        columns: how many were read.
        places: `table.column` and how many rows there hold one, at most 10,000 a table.
        left_out: how many known strings were not searched for.
    """

    found: int
    strings: int
    columns: int
    places: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0

    @property
    def is_clean(self) -> bool:
        return not self.places


async def strings_of(connection: Connection, entity: Entity) -> Strings:
    """The names, values and sentences of an entity that nobody else has; read them before they are gone."""
    sql = statement("forget_strings")
    named = {"entity_type": entity.type.value, "entity_id": entity.id}
    rows = await connection.fetch(sql.text, *sql.bind(**named), timeout=PATIENCE)
    known = {str(entity): Sought(text=str(entity), is_name=True)}
    short = len(entity.id) < SHORTEST
    candidates = [Sought(text=entity.id, is_name=True, whole=short)]
    display = await display_name(connection, entity)
    if display is not None and len(display) >= SHORTEST:
        candidates.append(Sought(text=display, is_name=True))
    texts = {text for row in rows for text in _texts(row["text"], is_json=row["is_json"])}
    candidates += [
        Sought(text=text) for text in sorted(texts - {entity.id, display}) if len(text) >= SHORTEST
    ]
    shared = await _shared(connection, entity, candidates)
    for place, one in enumerate(candidates):
        if _is_own_word(one.text) or (place in shared and not _stays_name(one, display)):
            continue
        known.setdefault(one.text, one)
    ids = [name.partition("/")[2] for name in await longer_names(connection, entity)]
    forms = {form.lower() for id_ in ids for form in written_forms(id_)}
    return Strings(
        sought=tuple(known.values()),
        left_out=len(candidates) + 1 - len(known),
        longer=tuple(sorted(forms, key=len, reverse=True)),
    )


async def longer_names(connection: Connection, entity: Entity) -> list[str]:
    """Other entities, such as `user/ada b`, whose id holds this one's."""
    sql = statement("forget_longer_names")
    rows = await connection.fetch(sql.text, *sql.bind(entity_id=entity.id))
    return [row["name"] for row in rows]


async def display_name(connection: Connection, entity: Entity) -> str | None:
    name: str | None = await connection.fetchval(
        "SELECT display_name FROM entity_profiles WHERE entity_type = $1 AND entity_id = $2",
        entity.type.value,
        entity.id,
    )
    return name


async def search(connection: Connection, strings: Strings) -> Traces:
    """Looks for them in every column; run it in one transaction for one view of all tables."""
    found: set[int] = set()
    places: dict[str, int] = {}
    columns = 0
    for table in await _tables(connection):
        columns += len(table.columns)
        async for cells in _rows(connection, table, strings):
            for column, cell in zip(table.columns, cells, strict=True):
                hits = strings.found_in(table.label, cell)
                if hits:
                    found.update(hits)
                    where = f"{table.label}.{column}"
                    places[where] = places.get(where, 0) + 1
    for label, column, cell in await _statistics(connection):
        hits = strings.found_in(label, cell)
        if hits:
            found.update(hits)
            places[f"{label}.{column} (statistics)"] = 1
    return Traces(
        found=len(found),
        strings=len(strings.sought),
        columns=columns,
        places=dict(sorted(places.items())),
        left_out=strings.left_out,
    )


def mention_pattern(names: Iterable[str]) -> str:
    """A regular expression of PostgreSQL for texts that hold one of these names as whole words."""
    forms = dict.fromkeys(form for name in names for form in written_forms(name)[:2])
    return rf"(^|[^[:alnum:]_])({'|'.join(map(_escaped, forms))})($|[^[:alnum:]_])"


def _counts(one: Sought, table: str) -> bool:
    return not (one.is_name and table in OWNED and "/" not in one.text)


def _stays_name(one: Sought, display: str | None) -> bool:
    """Others may speak of somebody; outside of what they own, the display name is a trace all the same."""
    return one.is_name and one.text == display and " " in one.text


async def _shared(connection: Connection, entity: Entity, candidates: Sequence[Sought]) -> set[int]:
    forms = [(place, form) for place, one in enumerate(candidates) for form in written_forms(one.text)]
    sql = statement("forget_shared")
    rows = await connection.fetch(
        sql.text,
        *sql.bind(
            entity_type=entity.type.value,
            entity_id=entity.id,
            bot=entity.id if entity.type is EntityType.BOT else None,
            places=[place for place, _ in forms],
            forms=[form for _, form in forms],
            patterns=[rf"(^|[^[:alnum:]_]){_escaped(form)}($|[^[:alnum:]_])" for _, form in forms],
        ),
        timeout=PATIENCE,
    )
    return {row["place"] for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table to read: how it is called in messages and in SQL, and by column what to select."""

    label: str
    name: str
    columns: dict[str, str]


async def _tables(connection: Connection) -> list[_Table]:
    rows = await connection.fetch(
        "SELECT c.table_schema, c.table_name, c.column_name, c.data_type,"
        " c.table_schema = current_schema() AS is_own"
        " FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')"
        " AND has_table_privilege(format('%I.%I', c.table_schema, c.table_name), 'SELECT')"
        " AND c.data_type <> ALL ($1::text[]) AND c.udt_name NOT IN ('vector', 'halfvec', 'sparsevec')"
        " ORDER BY NOT c.table_schema = current_schema(), c.table_schema, c.table_name, c.ordinal_position",
        _TEXTLESS,
    )
    found: dict[tuple[str, str], _Table] = {}
    for row in rows:
        key = (row["table_schema"], row["table_name"])
        label = row["table_name"] if row["is_own"] else ".".join(key)
        table = found.setdefault(key, _Table(label=label, name=".".join(map(quoted, key)), columns={}))
        column = quoted(row["column_name"])
        text = f"encode({column}, 'escape')" if row["data_type"] == "bytea" else f"{column}::text"
        table.columns[row["column_name"]] = text
    return list(found.values())


async def _rows(connection: Connection, table: _Table, strings: Strings) -> AsyncIterator[list[str | None]]:
    # The names come from the catalogue and are quoted.
    cells = ", ".join(table.columns.values())
    query = (
        f"SELECT s.cells FROM (SELECT ARRAY[{cells}] AS cells FROM {table.name}) s"
        " CROSS JOIN LATERAL (SELECT lower(array_to_string(s.cells, E'\\n')) AS body OFFSET 0) b"
        " WHERE EXISTS (SELECT FROM unnest($1::text[]) AS n WHERE strpos(b.body, n) > 0)"
        f" LIMIT {_ROWS}"
    )
    needles = {form.lower() for one in strings.sought for form in written_forms(one.text)}
    async for row in connection.cursor(query, sorted(needles), prefetch=200, timeout=PATIENCE):
        yield [None if cell is None else cell.lower() for cell in row["cells"]]


async def _statistics(connection: Connection) -> list[tuple[str, str, str]]:
    """What the planner remembers of the values of each column."""
    rows = await connection.fetch(
        "SELECT concat_ws('.', nullif(schemaname, current_schema()), tablename) AS table,"
        " attname::text AS column, lower(concat_ws(E'\\n',"
        " most_common_vals::text, histogram_bounds::text, most_common_elems::text)) AS cell"
        " FROM pg_stats WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        timeout=PATIENCE,
    )
    return [(row["table"], row["column"], row["cell"]) for row in rows]


def _texts(text: str, *, is_json: bool) -> Iterator[str]:
    """The strings of a JSON value, or the lines of a text; numbers only where they are long enough to be
    somebody's."""
    if is_json:
        yield from _leaves(json.loads(text))
        return
    yield from (line.strip() for line in text.splitlines() if line.strip())


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case str():
            if value.strip():
                yield value.strip()
        case bool() | None:
            pass
        case int() | float():
            if len(str(value)) >= 2 * SHORTEST - 2:
                yield str(value)
        case list():
            for item in value:
                yield from _leaves(item)
        case dict():
            for item in value.values():
                yield from _leaves(item)


def _is_own_word(text: str) -> bool:
    return text.lower() in _own_words()


@cache
def _own_words() -> frozenset[str]:
    words: set[str] = set()
    for path in (*_PACKAGE.rglob("*.py"), *_PACKAGE.rglob("*.sql")):
        if path.name not in _WORD_LISTS:
            words.update(re.findall(r"[a-z_]{3,}|[A-Za-z]{3,}", path.read_text(encoding="utf-8")))
    return frozenset(word.lower() for word in words)


def _escaped(text: str) -> str:
    return re.sub(r"([^\w\s])", r"\\\1", text, flags=re.ASCII) if text.isascii() else _escaped_wide(text)


def _escaped_wide(text: str) -> str:
    return "".join(
        f"\\{one}" if one.isascii() and not one.isalnum() and not one.isspace() and one != "_" else one
        for one in text
    )

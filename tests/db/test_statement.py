"""Statements load, number their binds, and are understood by PostgreSQL."""

import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.statement import SQL, Statement, statement

NAMES = sorted(path.stem for path in SQL.glob("*.sql"))


def test_binds_are_numbered_in_order_and_repeated_ones_share_a_number() -> None:
    parsed = Statement("SELECT :b::text, :a, :b")
    assert parsed.text == "SELECT $1::text, $2, $1"
    assert parsed.bind(a=1, b=2) == (2, 1)


def test_comments_literals_and_casts_are_left_alone() -> None:
    source = "SELECT 'it''s :x', now()::date -- not :y\n"
    assert Statement(source).text == source


@pytest.mark.parametrize("values", [{}, {"a": 1, "c": 2}])
def test_a_missing_or_unknown_bind_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="do not match"):
        Statement("SELECT :a").bind(**values)


@pytest.mark.parametrize("name", NAMES)
async def test_every_file_is_a_statement_of_this_schema(database: Database, name: str) -> None:
    parsed = statement(name)
    async with database.connection() as connection:
        prepared = await connection.prepare(parsed.text)
        assert len(prepared.get_parameters()) == len(parsed.names)

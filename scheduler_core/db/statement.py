"""Loads the statements under `db/sql`: one per file, named like the method that runs it.

Files use `:name` binds, so that they can be pasted into psql with `\\set`; the driver wants `$1`. Comments
and casts (`::`) are left alone, and so is everything between quotes.
"""

import re
from functools import cache
from pathlib import Path

SQL = Path(__file__).parent / "sql"

_TOKEN = re.compile(
    r"--[^\n]*"  # a comment
    r"|'(?:[^']|'')*'"  # a literal
    r"|::"  # a cast
    r"|:([a-z_]+)"  # a bind
)


class Statement:
    """One parsed statement.

    Attributes:
        text: with `$1, $2, …`, in order of first appearance.
        names: the bind that each number stands for.
    """

    __slots__ = ("names", "text")

    def __init__(self, source: str) -> None:
        names: list[str] = []

        def number(match: re.Match[str]) -> str:
            name = match.group(1)
            if name is None:
                return match.group(0)
            if name not in names:
                names.append(name)
            return f"${names.index(name) + 1}"

        self.text = _TOKEN.sub(number, source)
        self.names = tuple(names)

    def bind(self, **values: object) -> tuple[object, ...]:
        """The values in the statement's order.

        Raises:
            TypeError: a bind is missing or unknown.
        """
        if values.keys() != set(self.names):
            raise TypeError(f"binds {sorted(values)} do not match {sorted(self.names)}")
        return tuple(values[name] for name in self.names)


@cache
def statement(name: str) -> Statement:
    """The statement of `db/sql/NAME.sql`."""
    return Statement(source_of(name))


def source_of(name: str) -> str:
    """The text of `db/sql/NAME.sql` as it is written."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")

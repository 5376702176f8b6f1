"""A whole database as text, and statements on it from outside of the program."""

import subprocess

import asyncpg

from scheduler_core.db.backup import program as postgres_program


def dump(url: str, *more: str) -> str:
    """Everything in the database as SQL: schema, settings and rows, in an order that follows from them."""
    done = subprocess.run(
        [str(postgres_program("pg_dump")), "--dbname", url, *more],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    # New for each dump.
    return "\n".join(line for line in done.stdout.splitlines() if "restrict " not in line)


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


def content(url: str, *more: str) -> str:
    """The same with the rows of each table in order: PostgreSQL stores a changed row behind the others."""
    lines: list[str] = []
    rows: list[str] | None = None
    for line in dump(url, *more).splitlines():
        if rows is None:
            lines.append(line)
            rows = [] if line.startswith("COPY ") else None
        elif line == r"\.":
            lines += [*sorted(rows), line]
            rows = None
        else:
            rows.append(line)
    return "\n".join(lines)

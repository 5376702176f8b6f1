"""Backs a database up into one file, and brings one back, proving each by a restore that is counted.

A backup is pg_dump's custom format, written beside its place and renamed when it has been restored into a
scratch database on the same server and every table held as many rows as in the dump's own snapshot. A
restore goes into a new database first, is brought to this release's schema there, and takes the old one's
name only when all of that worked; the old one stays under another name until a person drops it.

It reads and writes no row itself, and what PostgreSQL's programs say of rows is not repeated.
"""

import asyncio
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from scheduler_core.db.connect import Address, Connection, connect, plain_errors
from scheduler_core.db.database import Database
from scheduler_core.db.embedded.binaries import postgres_binary
from scheduler_core.db.migration import current_revision, migrate
from scheduler_core.db.text import quoted
from scheduler_core.errors import ConfigError, DatabaseError, DataError, EmbeddedServerError, StateError

_TABLES = (
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
    " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
)
_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A file that was proved.

    Attributes:
        tables: rows by table, as they were restored.
    """

    file: Path
    size_bytes: int
    sha256: str
    schema: str | None
    tables: Mapping[str, int]

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A database that was brought back.

    Attributes:
        kept: what the one before is called now; None where it was empty or missing.
    """

    database: str
    schema: str
    tables: Mapping[str, int]
    kept: str | None

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


async def back_up(address: Address, file: Path, *, replace_file: bool = False) -> Backup:
    """Writes the backup; `file` is complete and proved, or not there.

    Args:
        replace_file: whether a file of that name may be replaced.

    Raises:
        ConfigError: the file cannot be written, or there is one.
        DatabaseError: the server or its programs refuse; a scratch database cannot be made or differs.
    """
    if not replace_file and await asyncio.to_thread(file.exists):
        raise ConfigError(f"There is already a file {file}.", "Name another one, or add --replace.")
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
    try:
        part.touch(0o600, exist_ok=False)
        connection = await connect(address, application="bawt backup")
        try:
            with plain_errors(address):
                tables, schema = await _dump(connection, address, part)
        finally:
            await connection.close()
        async with _scratch(address, "bawt_proof") as proof:
            await _restore(proof, part)
            proved = await _counted(proof)
        if proved != tables:
            odd = next(name for name in {*tables, *proved} if tables.get(name) != proved.get(name))
            raise DatabaseError(
                f"The backup does not hold what the database held: {odd}.", "Nothing was kept; try again."
            )
        digest = await asyncio.to_thread(_synced_digest, part)
        size = part.stat().st_size
        part.replace(file)
    except OSError as error:
        raise ConfigError(
            f"The backup cannot be written to {file}: {error.strerror}.", "Choose another place for it."
        ) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return Backup(file=file, size_bytes=size, sha256=digest, schema=schema, tables=tables)


async def bring_back(address: Address, file: Path, *, replace_database: bool = False) -> Restored:
    """Restores a backup in the place of the database of `address`.

    Args:
        replace_database: whether one that holds something may be put aside.

    Raises:
        ConfigError: the file cannot be read.
        StateError: the database holds something and may not be put aside, or is in use.
        DataError: the file is none of pg_dump's, is torn, or is of another program's database.
        DatabaseError: it does not fit this server or this release.
    """
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.", "Name a backup.") from None
    exists, rows = await _standing(address)
    if rows and not replace_database:
        raise StateError(
            f"The database {address.label} holds {rows:,} rows.",
            "Add --replace to put it aside under another name; nothing of it is deleted.",
        )
    async with _scratch(address, "bawt_restore", keep=True) as fresh:
        await _restore(fresh, file)
        tables = await _counted(fresh)
        schema = await _migrated(fresh)
        kept = await _swap(address, fresh, keep_old=bool(rows), exists=exists)
    return Restored(database=address.database, schema=schema, tables=tables, kept=kept)


def beside(address: Address, database: str) -> Address:
    """The address of another database on the same server."""
    parts = urlsplit(address.dsn)
    query = re.sub(r"(^|&)dbname=[^&]*", "", parts.query).lstrip("&")
    dsn = urlunsplit(parts._replace(path=f"/{quote(database, safe='')}", query=query))
    return replace(address, dsn=dsn)


async def _dump(connection: Connection, address: Address, file: Path) -> tuple[dict[str, int], str | None]:
    """One snapshot for the rows that are counted and those that are dumped."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
        tables = await _count(connection)
        schema = None
        if any(name.endswith(".llm_bawt_schema_version") for name in tables):
            schema = await connection.fetchval("SELECT max(version_num) FROM llm_bawt_schema_version")
        await _run(address, "pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={file}")
    return tables, schema


async def _restore(address: Address, file: Path) -> None:
    await _run(address, "pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", os.fspath(file))


async def _counted(address: Address) -> dict[str, int]:
    connection = await connect(address, application="bawt backup")
    try:
        with plain_errors(address):
            return await _count(connection)
    finally:
        await connection.close()


async def _count(connection: Connection) -> dict[str, int]:
    names = [row["name"] for row in await connection.fetch(_TABLES)]
    # The names come quoted from the catalogue. Counting reads every table whole, however long that takes.
    return {name: await connection.fetchval(f"SELECT count(*) FROM {name}", timeout=3600) for name in names}


async def _migrated(address: Address) -> str:
    database = Database.open(address, pool_size=2, application="bawt backup")
    try:
        if await current_revision(database) is None:
            raise DataError("The backup is not of this program's database.", "Name another file.")
        await migrate(database)
        revision = await current_revision(database)
    finally:
        await database.aclose()
    assert revision is not None
    return revision


async def _standing(address: Address) -> tuple[bool, int]:
    """Whether the database exists, and how many rows it holds that a person would miss."""
    try:
        connection = await connect(address, application="bawt backup")
    except DatabaseError as error:
        if isinstance(error.__cause__, asyncpg.InvalidCatalogNameError):
            return False, 0
        raise
    try:
        with plain_errors(address):
            tables = await _count(connection)
    finally:
        await connection.close()
    # A fresh installation has its jobs and nodes, and nobody misses them.
    fresh = ("llm_bawt_schema_version", "scheduled_jobs", "scheduler_nodes", "job_runs", "job_run_events")
    return True, sum(rows for name, rows in tables.items() if not name.endswith(fresh))


@asynccontextmanager
async def _scratch(address: Address, name: str, *, keep: bool = False) -> AsyncIterator[Address]:
    """A new database on the same server, dropped on leaving unless it left under another name."""
    database = f"{name}_{secrets.token_hex(4)}"
    await _at_server(address, f'CREATE DATABASE "{database}" TEMPLATE template0')
    try:
        yield beside(address, database)
    finally:
        await _at_server(address, f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


async def _swap(address: Address, fresh: Address, *, keep_old: bool, exists: bool) -> str | None:
    """Gives the fresh database the name. Both renames are one transaction."""
    target, kept = address.database, None
    statements = []
    if exists:
        stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
        kept = f"{target[: _LONGEST_NAME - 24]}_before_{stamp}"
        statements.append(f"ALTER DATABASE {quoted(target)} RENAME TO {quoted(kept)}")
    statements.append(f"ALTER DATABASE {quoted(fresh.database)} RENAME TO {quoted(target)}")
    try:
        await _at_server(address, *statements)
    except DatabaseError as error:
        if isinstance(error.__cause__, asyncpg.ObjectInUseError):
            raise StateError(
                f"The database {address.label} is in use.",
                "Stop every bawt-console and service that uses it, then try again.",
            ) from None
        raise
    if kept is not None and not keep_old:
        await _at_server(address, f"DROP DATABASE {quoted(kept)}")
        kept = None
    return kept


async def _at_server(address: Address, *statements: str) -> None:
    """Outside of the database itself; several statements are one transaction."""
    maintenance = beside(address, "postgres")
    connection = await connect(maintenance, application="bawt backup")
    try:
        with plain_errors(address):
            if len(statements) == 1:
                await connection.execute(statements[0], timeout=600)
                return
            async with connection.transaction():
                for each in statements:
                    await connection.execute(each, timeout=600)
    finally:
        await connection.close()


async def _run(address: Address, name: str, *arguments: str) -> None:
    environment = {**os.environ, "PGAPPNAME": f"bawt {name}"}
    if address.password is not None:
        # In the environment rather than among the arguments, which every account may read.
        environment["PGPASSWORD"] = address.password
    command = [os.fspath(program(name)), f"--dbname={address.dsn_without_password}", "--no-password"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    if process.returncode != 0:
        kind = DataError if name == "pg_restore" and _is_about_the_file(said) else DatabaseError
        raise kind(f"{name} failed: {_first_line(said)}", _hint(said))


def program(name: str) -> Path:
    """One of PostgreSQL's client programs: ours, which knows every server up to its own version, else the
    system's.

    Raises:
        ConfigError: there is none.
    """
    try:
        return postgres_binary(name)
    except EmbeddedServerError:
        found = shutil.which(name)
        if found is None:
            raise ConfigError(
                f"There is no {name} on this machine.", "Install PostgreSQL's client programs."
            ) from None
        return Path(found)


def _first_line(said: bytes) -> str:
    """What went wrong, without the lines behind it, which quote rows."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line.lower()] or lines or ["it gave no reason"]
    text = re.sub(r"^pg_\w+: (error: )?", "", errors[0])
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "?", text)[:300].rstrip(".") + "."


def _hint(said: bytes) -> str:
    text = said.decode(errors="replace").lower()
    if "server version mismatch" in text:
        return "Install the client programs of the server's version."
    if "no space left" in text:
        return "Make room on the disk."
    if _is_about_the_file(said):
        return "Name a file that `bawt-console db backup` wrote."
    if "vector" in text and "extension" in text:
        return "Install pgvector on that server."
    return "Nothing was changed."


def _is_about_the_file(said: bytes) -> bool:
    """Whether the file is at fault, and not the server that it was to go to."""
    text = said.decode(errors="replace").lower()
    words = ("input file", "archive", "magic", "file header", "uncompress", "block id")
    return any(each in text for each in words)


def _synced_digest(file: Path) -> str:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        return hashlib.file_digest(opened, "sha256").hexdigest()

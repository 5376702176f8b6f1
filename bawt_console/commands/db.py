"""`bawt-console db`: the database's address, psql on it, its schema, backups."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import Options, Session, in_session, shared_options
from bawt_console.output import print_json, print_line

if TYPE_CHECKING:
    from scheduler_core.db.connect import Address


@click.group(short_help="Show the address, open psql, upgrade the schema, back up and restore.")
def db() -> None:
    """The database: embedded unless another one is configured."""


@db.command("url")
@click.option("--show-password", is_flag=True, help="Print the password too, if there is one.")
@shared_options
@click.pass_obj
def url(options: Options, show_password: bool) -> None:
    """Print the database's URL. An embedded server answers while some bawt-console runs."""
    from scheduler_core.installation import open_address

    async def find() -> "Address":
        async with open_address(options.settings()) as address:
            return address

    address = asyncio.run(find())
    text = address.dsn if show_password else address.dsn_without_password
    if options.json:
        print_json({"url": text, "embedded": address.embedded})
    else:
        print_line(text)


@db.command(
    "psql",
    context_settings={"ignore_unknown_options": True},
    short_help="Open psql; what follows -- goes to psql.",
)
@shared_options
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
@click.pass_context
def psql(context: click.Context, options: Options, arguments: tuple[str, ...]) -> None:
    """Open psql on the database; ARGUMENTS after -- go to psql.

    Example: bawt-console db psql -- -c "SELECT * FROM scheduled_jobs;"
    """

    async def work(session: Session) -> int:
        return await asyncio.to_thread(_run_psql, session.address, arguments)

    # Ctrl-C belongs to psql, which cancels its query with it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = in_session(options, work)
    finally:
        signal.signal(signal.SIGINT, before)
    context.exit(code)


@db.command("upgrade")
@shared_options
@click.pass_obj
def upgrade(options: Options) -> None:
    """Bring the schema to this release; safe to repeat."""
    from scheduler_core.db.migration import known_revisions

    async def work(session: Session) -> None:
        from scheduler_core.db.messages_schema import upgrade_messages_if_there

        schema, messages = known_revisions()[-1], await upgrade_messages_if_there(session.database)
        if options.json:
            print_json({"schema": schema, "pgqueuer": messages})
            return
        print_line(f"The schema of {session.address.label} is at {schema}.")
        if messages is not None:
            print_line(f"PgQueuer's tables there are of {messages}.")

    in_session(options, work)


@db.command("roles")
def roles() -> None:
    """Print SQL that makes the roles bawt_viewer, bawt_operator and bawt_people, with no more rights than
    each needs.

    Look at it, then run it as the owner: bawt-console db roles | bawt-console db psql
    """
    from importlib.resources import files

    click.echo(files("scheduler_core.db").joinpath("roles.sql").read_text(encoding="utf-8"), nl=False)


@db.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", "replace_file", is_flag=True, help="Replace a file of that name.")
@shared_options
@click.pass_obj
def backup(options: Options, file: Path, replace_file: bool) -> None:
    """Back the database up into FILE, and prove it by a restore into a scratch database.

    Jobs may go on meanwhile. FILE holds everything that is known of people; it is readable by you alone.
    """
    from scheduler_core.db.backup import back_up

    async def work(session: Session) -> None:
        done = await back_up(session.address, file, replace_file=replace_file)
        if options.json:
            print_json(done)
            return
        print_line(
            f"{done.file}: {done.size_bytes / 1e6:,.1f} MB, {done.rows:,} rows in {len(done.tables)} tables,"
            f" schema {done.schema}, restored and counted."
        )
        print_line(f"sha256:{done.sha256}")

    in_session(options, work)


@db.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", "replace_database", is_flag=True, help="Put a database that holds data aside.")
@shared_options
@click.pass_obj
def restore(options: Options, file: Path, replace_database: bool) -> None:
    """Bring the backup FILE back in the place of the database.

    It is restored beside, brought to this release's schema, and takes the name only then. What was there
    before keeps everything under another name. Stop whatever uses the database first.
    """
    from scheduler_core.db.backup import bring_back
    from scheduler_core.installation import open_address

    async def work() -> None:
        async with open_address(options.settings()) as address:
            done = await bring_back(address, file, replace_database=replace_database)
        if options.json:
            print_json(done)
            return
        print_line(f"Restored {done.rows:,} rows into {done.database}, schema {done.schema}.")
        if done.kept is not None:
            print_line(f"The database before is kept as {done.kept}; drop it when you are sure.")

    asyncio.run(work())


def _run_psql(address: "Address", arguments: tuple[str, ...]) -> int:
    from scheduler_core.db.backup import program

    environment = {**os.environ, "PGAPPNAME": "bawt-console psql"}
    if address.password is not None:
        # In the environment rather than among the arguments, which every account may read.
        environment["PGPASSWORD"] = address.password
    command = [str(program("psql")), "--dbname", address.dsn_without_password, *arguments]
    return subprocess.run(command, env=environment, check=False).returncode

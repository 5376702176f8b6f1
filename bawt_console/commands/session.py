"""What every sub-command shares: the two options that may stand anywhere, and an open database."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from scheduler_core.db.connect import Address
    from scheduler_core.db.database import Database
    from scheduler_core.db.history import History
    from scheduler_core.db.llm_bawt.asking import ServiceOperations
    from scheduler_core.db.operations import Operations
    from scheduler_core.db.profile_store import ProfileStore
    from scheduler_core.settings import Settings

Result = TypeVar("Result")
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(slots=True)
class Options:
    """What was given on the command line, wherever it stood."""

    json: bool = False
    database_url: str = ""
    role: str = ""
    debug: bool = False

    def settings(self) -> "Settings":
        """The settings, with the command line's database in front; what looks misspelt is pointed out."""
        from bawt_console.output import print_note
        from scheduler_core.settings import unknown_variables

        for warning in unknown_variables(os.environ):
            print_note(f"warning: {warning}")
        return self.quiet_settings()

    def quiet_settings(self) -> "Settings":
        """The same for who reports misspelt variables in another place."""
        from scheduler_core.settings import load_settings

        given = {"database_url": self.database_url, "scheduler_role": self.role}
        return load_settings(**{name: value for name, value in given.items() if value})


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if value and parameter.name is not None:
        setattr(context.ensure_object(Options), parameter.name, value)


def shared_options(command: Command) -> Command:
    """Adds --json and --database-url; both also work in front of the sub-command."""
    for option in (
        click.option(
            "--database-url",
            metavar="URL",
            expose_value=False,
            callback=_remember,
            help="Use this PostgreSQL instead of the configured one.",
        ),
        click.option(
            "--json",
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Print one JSON object a line.",
        ),
    ):
        command = option(command)
    return command


def require_terminal(instead: str) -> None:
    """
    Raises:
        UsageError: there is no terminal to draw on; it says what to do instead.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(f"The console needs a terminal; {instead}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open database and the stores over it, for the time of one command.

    Attributes:
        service: set where the database is an llm-bawt service's; the stores then only read.
    """

    settings: "Settings"
    address: "Address"
    database: "Database"
    history: "History"
    operations: "Operations"
    profiles: "ProfileStore"
    service: "ServiceOperations | None" = None


@asynccontextmanager
async def open_session(options: Options, *, of_service: bool = False) -> AsyncIterator[Session]:
    """Opens the configured database, bringing its schema up to date.

    Args:
        of_service: an llm-bawt service's database will do as well, which is read as it is.

    Raises:
        SchedulerError: in words a person can act on.
    """
    from scheduler_core.db.history import History
    from scheduler_core.db.profile_store import ProfileStore
    from scheduler_core.errors import ForeignDatabaseError
    from scheduler_core.installation import local_actor, open_address, open_database, operations

    settings = options.settings()
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(open_address(settings))
        service = None
        try:
            database = await stack.enter_async_context(
                open_database(address, settings, application="bawt-console command", pool_size=2)
            )
        except ForeignDatabaseError:
            if not of_service:
                raise
            from scheduler_core.db.llm_bawt.asking import ServiceOperations
            from scheduler_core.db.llm_bawt.reading import reading_database

            database = reading_database(address, pool_size=2, application="bawt-console command")
            stack.push_async_callback(database.aclose)
            service = ServiceOperations(address, database)
        yield Session(
            settings=settings,
            address=address,
            database=database,
            history=History(database),
            operations=operations(database, settings, actor=local_actor("command")),
            profiles=ProfileStore(database),
            service=service,
        )


def in_session(
    options: Options, work: Callable[[Session], Awaitable[Result]], *, of_service: bool = False
) -> Result:
    """Runs `work` on an open session and closes everything behind it; see `open_session`."""

    async def run() -> Result:
        async with open_session(options, of_service=of_service) as session:
            return await work(session)

    return asyncio.run(run())

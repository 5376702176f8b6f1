"""Starts the console: keeps the terminal for the screen, opens the database behind it, runs the scheduler.

The screen is painted first; everything that takes time happens while it shows what is being done. Even the
settings are read then: the library that checks them takes longer to load than to use.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bawt_console.app import CannotStartError, ConsoleApp, run_console
from bawt_console.hangup import ended_by_hangup
from bawt_console.keymap import read_keymap
from bawt_console.logs import log_as_set
from bawt_console.terminal import STDERR, private_terminal, send_output_to
from scheduler_core.errors import ConfigError, SchedulerError

if TYPE_CHECKING:
    from bawt_console.embedding import SchedulerThread
    from bawt_console.keymap import Keymap
    from bawt_console.model_shelf import ModelShelf
    from bawt_console.source import Source
    from bawt_console.views import Views
    from scheduler_core.db.connect import Address
    from scheduler_core.llm.provider import TextModel
    from scheduler_core.settings import Settings

    # Entered when the database answers, before a scheduler starts; told how to say what it is doing.
    Around = Callable[[Address, Callable[[str], None]], AbstractAsyncContextManager[None]]

log = logging.getLogger(__name__)

INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a console brings along in place of what the person's own files and settings say.

    Attributes:
        around: surrounds the scheduler, with the database open.
        model: the model of every run.
        shelf: what the Models screen shows.
        server_settings: of the embedded PostgreSQL, in place of the defaults.
    """

    keymap: "Keymap"
    views: "Views"
    around: "Around"
    model: "TextModel"
    shelf: "ModelShelf"
    server_settings: Mapping[str, str] | None = None


@dataclass(slots=True, kw_only=True)
class Launch:
    """One start of the console.

    Args:
        read: gives the settings; called on a thread.
        attach: watch and command only; no scheduler here.
        read_only: the database session refuses every change.
        stage: what it brings along; None for the person's own.
        debug: log everything, whatever the settings say.
    """

    read: "Callable[[], Settings]"
    attach: bool
    read_only: bool
    terminal: TextIO
    stage: Stage | None = None
    debug: bool = False
    say: Callable[[str], None] = field(default=lambda doing: None)

    def open(self) -> "AbstractAsyncContextManager[Source]":
        return self._open()

    @asynccontextmanager
    async def _open(self) -> "AsyncIterator[Source]":
        settings = await self._settings()
        embedded = settings.external_url is None
        self.say("Starting the embedded PostgreSQL…" if embedded else "Connecting to the database…")
        # On a thread, because importing them takes longer than a person's finger.
        for module in ("bawt_console.source", "scheduler_core.installation"):
            await asyncio.to_thread(import_module, module)
        from bawt_console.model_shelf import ModelShelf
        from bawt_console.source import ATTACHED, EMBEDDED, open_source
        from bawt_console.visits import Visits
        from scheduler_core.data_directory import data_dir
        from scheduler_core.installation import PER_BOT_TYPES, local_actor, open_address, open_database

        async with AsyncExitStack() as stack:
            server_settings = None if self.stage is None else self.stage.server_settings
            with _left_with(ConfigError):
                address = await stack.enter_async_context(
                    open_address(settings, server_settings=server_settings)
                )
            if self.stage is not None:
                await stack.enter_async_context(self.stage.around(address, self.say))
            if (
                self.attach
                and not embedded
                and (service := await self._service(address, settings)) is not None
            ):
                yield await stack.enter_async_context(service)
                return
            schedules = await self._start_scheduler(stack, settings, embedded=embedded)
            if not schedules:
                # A scheduler has looked after the schema; without one somebody else must.
                async with open_database(
                    address, settings, application="bawt-console", read_only=self.read_only
                ):
                    pass
            yield await stack.enter_async_context(
                open_source(
                    address,
                    actor=local_actor("console"),
                    mode=EMBEDDED if schedules else ATTACHED,
                    read_only=self.read_only,
                    per_bot_types=PER_BOT_TYPES,
                    extra_bots=settings.bots,
                    models=ModelShelf(settings) if self.stage is None else self.stage.shelf,
                    visits=Visits(data_dir(settings) / "state"),
                )
            )

    async def _settings(self) -> "Settings":
        with _left_with(SchedulerError):
            return await asyncio.to_thread(self._prepared)

    def _prepared(self) -> "Settings":
        """The settings, with the log where they want it."""
        from scheduler_core.settings import unknown_variables

        settings = self.read()
        log_file = _prepared_log(settings)
        send_output_to(log_file)
        log_as_set(settings, debug=self.debug, file=log_file)
        if self.stage is None:
            for warning in unknown_variables(os.environ):
                log.warning("%s", warning)
        return settings

    async def _service(
        self, address: "Address", settings: "Settings"
    ) -> "AbstractAsyncContextManager[Source] | None":
        """The source on an llm-bawt service's database, which keeps its schema; None for all others."""
        from scheduler_core.db.llm_bawt.reading import owner_of
        from scheduler_core.db.llm_bawt.shape import Owner

        if await owner_of(address) is not Owner.SERVICE:
            return None
        from bawt_console.model_shelf import ModelShelf
        from bawt_console.service_source import open_service_source
        from bawt_console.visits import Visits
        from scheduler_core.data_directory import data_dir
        from scheduler_core.installation import local_actor

        return open_service_source(
            address,
            actor=local_actor("console"),
            read_only=self.read_only,
            models=ModelShelf(settings),
            visits=Visits(data_dir(settings) / "state"),
        )

    async def _start_scheduler(self, stack: AsyncExitStack, settings: "Settings", *, embedded: bool) -> bool:
        if self.attach or not settings.scheduler_enabled:
            return False
        # A quarter of a second, which who only watches does not pay.
        await asyncio.to_thread(import_module, "bawt_console.embedding")
        from bawt_console.embedding import SchedulerThread, only_scheduler
        from scheduler_core.data_directory import data_dir

        if embedded and not stack.enter_context(only_scheduler(data_dir(settings))):
            log.info("Another console on this data directory runs the scheduler; this one attaches.")
            return False
        self.say("Starting the scheduler…")
        thread = SchedulerThread(settings, model=None if self.stage is None else self.stage.model)
        await thread.start()
        stack.push_async_callback(self._stop_scheduler, thread, settings.scheduler_stop_grace_seconds)
        return True

    async def _stop_scheduler(self, thread: "SchedulerThread", grace: float) -> None:
        """By now the screen is gone; a wait is explained where it was."""
        stopping = asyncio.ensure_future(thread.stop())
        await asyncio.wait({stopping}, timeout=0.5)
        if not stopping.done():
            # The terminal may be gone, which is no reason to leave in disorder.
            with suppress(OSError):
                print(
                    f"Stopping: a run may take {grace:g} s to finish. Ctrl-C leaves at once.",
                    file=self.terminal,
                )
        await stopping


def start_console(
    read: "Callable[[], Settings]",
    *,
    attach: bool,
    read_only: bool,
    debug: bool = False,
    open_at: str = "",
    stage: Stage | None = None,
    screen: int = STDERR,
) -> int:
    """Runs the console until it is left; returns the exit code.

    Args:
        read, debug, stage: see `Launch`.
        open_at: what to show first, such as `run:7f3c`.
        screen: the descriptor to draw on.

    Raises:
        SchedulerError: the settings or the data directory cannot be used.
    """
    with private_terminal(screen=screen) as terminal, ended_by_hangup(terminal.fileno()):
        launch = Launch(
            read=read, attach=attach, read_only=read_only, terminal=terminal, stage=stage, debug=debug
        )
        if stage is None:
            app = ConsoleApp(launch.open, keymap=read_keymap(), open_at=open_at)
        else:
            app = ConsoleApp(launch.open, keymap=stage.keymap, views=stage.views, open_at=open_at)
        launch.say = app.say
        try:
            return asyncio.run(run_console(app))
        except KeyboardInterrupt:
            # Asked twice: leases and the embedded server's lock end with the process.
            os._exit(INTERRUPTED)


@contextmanager
def _left_with(kind: type[SchedulerError]) -> Iterator[None]:
    """Such an error ends the console: nobody can put that right from inside."""
    try:
        yield
    except kind as error:
        raise CannotStartError from error


def _prepared_log(settings: "Settings") -> Path:
    from scheduler_core.data_directory import prepared_data_dir

    logs = prepared_data_dir(settings) / "logs"
    logs.mkdir(exist_ok=True)
    return logs / "console.log"

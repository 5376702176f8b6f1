"""`bawt-console demo`: the console on a throw-away database with a month in it.

Nothing of the person's own installation is read, and everything is removed on leaving.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bawt_console.commands.session import require_terminal

if TYPE_CHECKING:
    from bawt_console.launch import Stage
    from scheduler_core.db.connect import Address
    from scheduler_core.settings import Settings

SEED = 7
# As if somebody had gone to bed and come back.
AWAY = timedelta(hours=9)
LIVE_CONNECTIONS = 2
# Nothing here outlives a crash, so nothing waits for the disk.
THROWN_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@click.command("demo", short_help="Open the console on an invented month, removed on leaving.")
@click.option("--seed", default=SEED, show_default=True, help="Another number is another month.")
@click.pass_context
def demo(context: click.Context, seed: int) -> None:
    """Look around in a throw-away installation: eight assistants, a month of runs, a model that is a script.

    Everything can be tried. Nothing of your own is read or touched, and nothing stays.
    """
    from bawt_console.demo.place import demo_folder

    require_terminal("start it in one")
    with demo_folder() as folder:
        from bawt_console.launch import start_console

        settings = demo_settings(folder)
        code = start_console(
            lambda: settings,
            attach=False,
            read_only=False,
            stage=the_stage(settings, folder, seed=seed),
        )
    context.exit(code)


def demo_settings(folder: Path, *, node: str = "attic") -> "Settings":
    """Made directly, so neither files nor the environment count."""
    from scheduler_core.settings import Settings

    return Settings(
        data_dir=folder,
        node_name=node,
        # Nobody waits for a script to finish its sentence.
        scheduler_stop_grace_seconds=0,
        scheduler_retry_base_seconds=5,
    )


def the_stage(settings: "Settings", folder: Path, *, seed: int) -> "Stage":
    """What the demo's console brings along."""
    from bawt_console.demo.model import ScriptedModel
    from bawt_console.demo.shelf import DemoShelf
    from bawt_console.keymap import Keymap
    from bawt_console.launch import Stage
    from bawt_console.views import Views

    # While the server makes itself ready, which is no work of this process.
    threading.Thread(target=_load, name="demo imports", daemon=True).start()
    return Stage(
        keymap=Keymap(),
        views=Views(folder / "state" / "views.json"),
        around=_World(folder, settings, seed).open,
        model=ScriptedModel(),
        shelf=DemoShelf(settings),
        server_settings=THROWN_AWAY,
    )


def _load() -> None:
    import bawt_console.demo.data
    import bawt_console.embedding  # noqa: F401 - loaded for whoever needs it next


@dataclass(frozen=True, slots=True)
class _World:
    """The month, a second machine, and people who go on talking."""

    folder: Path
    settings: "Settings"
    seed: int

    @asynccontextmanager
    async def open(self, address: "Address", say: Callable[[str], None]) -> AsyncIterator[None]:
        say("Making up a month…")
        # On a thread and a loop of its own: the screen stays quick meanwhile.
        await asyncio.to_thread(lambda: asyncio.run(self._fill(address)))
        self._note_visit(address)
        async with asyncio.TaskGroup() as group:
            company = group.create_task(self._company(address), name="demo")
            try:
                yield
            finally:
                company.cancel()

    async def _fill(self, address: "Address") -> None:
        from bawt_console.demo.data import fill
        from scheduler_core.installation import open_database

        async with open_database(address, self.settings, application="bawt demo") as database:
            await fill(database, now=datetime.now(UTC), seed=self.seed)

    def _note_visit(self, address: "Address") -> None:
        from bawt_console.visits import Visits

        visits = Visits(self.folder / "state", now=lambda: datetime.now(UTC) - AWAY)
        visits.note(address.label)

    async def _company(self, address: "Address") -> None:
        from bawt_console.demo.live import Life
        from bawt_console.demo.model import ScriptedModel
        from bawt_console.embedding import SchedulerThread
        from scheduler_core.db.database import Database

        database = Database.open(address, pool_size=LIVE_CONNECTIONS, application="bawt demo")
        thread = SchedulerThread(demo_settings(self.folder, node="cellar"), model=ScriptedModel())
        try:
            await thread.start()
            await Life(database, seed=self.seed).run()
        finally:
            await thread.stop()
            await database.aclose()

"""All nine screens on the demo's month, on the real database, as somebody looks at them first."""

from datetime import UTC, datetime

import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.demo.data import fill
from bawt_console.demo.shelf import DemoShelf
from bawt_console.modes import MODES
from bawt_console.source import ATTACHED, open_source
from scheduler_core.db.database import Database
from scheduler_core.installation import PER_BOT_TYPES
from scheduler_core.settings import Settings
from tests.console.pilots import NARROW, WIDE, opened, picture, until

# What shows on each screen once it has its rows.
WORDS = {
    "jobs": "memory_consolidation  nova",
    "runs": "unchanged",
    "charts": "p50",
    "forecast": "memory_decay",
    "profiles": "user/ada",
    "memories": "in use",
    "models": "Scripted-3B",
    "nodes": "attic",
    "audit": "undo",
}


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
async def test_every_screen_has_something_to_show_and_takes_keys(
    database: Database, size: tuple[int, int]
) -> None:
    await fill(database, now=datetime.now(UTC))
    app = ConsoleApp(
        lambda: open_source(
            database.address,
            actor="tests",
            mode=ATTACHED,
            per_bot_types=PER_BOT_TYPES,
            models=DemoShelf(Settings()),
        ),
        tick=None,
    )
    async with opened(app, size) as pilot:
        for mode in [*MODES, *MODES]:
            await pilot.press(mode.key)
            await shown(pilot, app, mode.id)
            await pilot.press("down", "down", "up", "enter")
            await pilot.pause()
            await pilot.press("escape", "escape")
            await pilot.pause()


async def shown(pilot: Pilot[int], app: ConsoleApp, mode: str) -> None:
    await until(pilot, lambda: app.current_mode == mode, f"the mode {mode}")
    await until(pilot, lambda: WORDS[mode] in picture(app), f"{WORDS[mode]} on {mode}")

"""A console that is left open: thousands of changes, every screen again and again, and it does not grow."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any

import psutil as _psutil
import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.modes import MODES
from bawt_console.source import ATTACHED, Source, open_source
from scheduler_core.db.connect import Address, Connection
from tests.console.pilots import MEDIUM, opened, picture

# psutil carries no types.
_system: Any = _psutil

pytestmark = [pytest.mark.slow, pytest.mark.endurance, pytest.mark.timeout(600)]

ROUNDS = 24
CHANGES_A_ROUND = 150
# The first rounds load modules, fonts of glyphs and caches of bounded size.
WARM_UP = 8
MOST_GROWTH_BYTES = 12 * 2**20


async def change(psql: Connection, chance: random.Random, running: list[object]) -> None:
    """What a scheduler does to rows, one change at a time."""
    dice = chance.random()
    if len(running) < 3 or (dice < 0.2 and len(running) < 12):
        found = await psql.fetchval(
            "INSERT INTO job_runs (job_id, bot_id, job_type, status, started_at, node_id)"
            " SELECT id, bot_id, job_type, 'running', now(), gen_random_uuid() FROM scheduled_jobs"
            " ORDER BY random() LIMIT 1 ON CONFLICT DO NOTHING RETURNING id"
        )
        running += [found] if found is not None else []
    elif dice < 0.4:
        await psql.execute(
            "UPDATE job_runs SET status = 'success', finished_at = now(), duration_ms = 5 WHERE id = $1",
            running.pop(0),
        )
    elif dice < 0.9:
        await psql.execute(
            "INSERT INTO job_run_events (run_id, level, message) VALUES ($1, 'info', repeat('words ', 9))",
            chance.choice(running),
        )
    else:
        await psql.execute("INSERT INTO memories (bot_id, content) VALUES ('bot1', 'told ' || random());")


async def one_round(
    pilot: "Pilot[int]", psql: Connection, chance: random.Random, running: list[object]
) -> None:
    """Every screen once, what opens on top of some, and changes all the while."""
    await psql.execute("UPDATE scheduled_jobs SET last_run_at = now()")
    for mode in MODES:
        await pilot.press(mode.key)
        for key in ("down", "down", "right", "up", "left"):
            await pilot.press(key)
        for _ in range(CHANGES_A_ROUND // len(MODES)):
            await change(psql, chance, running)
    for keys in (
        ("1", "down", "right"),
        ("enter", "right", "right", "right"),
        ("escape",),
        ("question_mark",),
    ):
        await pilot.press(*keys)
        await pilot.pause()
    await pilot.press("escape", "T", "2", "enter")
    await pilot.press("escape", "1")


async def test_neither_memory_nor_widgets_nor_tasks_grow(database_url: str, psql: Connection) -> None:
    await psql.execute(
        "INSERT INTO scheduled_jobs (job_type, bot_id, next_run_at)"
        " SELECT 'memory_decay', 'bot' || n, now() + interval '1 day' FROM generate_series(1, 40) n"
    )

    @asynccontextmanager
    async def opener() -> AsyncIterator[Source]:
        async with open_source(Address.parse(database_url), actor="tester", mode=ATTACHED) as source:
            yield source

    app = ConsoleApp(opener, zone=UTC)
    chance, process = random.Random(3), _system.Process()
    running: list[object] = []
    sizes: list[tuple[int, int, int]] = []
    async with opened(app, MEDIUM) as pilot:
        for _ in range(ROUNDS):
            await one_round(pilot, psql, chance, running)
            gc.collect()
            widgets = sum(len(list(screen.walk_children())) for screen in app._live_screens())
            sizes.append((process.memory_info().rss, widgets, len(asyncio.all_tasks())))
        assert picture(app).strip()
    told = "\n".join(
        f"{rss / 2**20:.1f} MiB, {widgets} widgets, {tasks} tasks" for rss, widgets, tasks in sizes
    )
    print(told)
    settled = sizes[WARM_UP:]
    assert settled[-1][0] - settled[0][0] < MOST_GROWTH_BYTES, told
    assert max(widgets for _, widgets, _ in settled) <= max(widgets for _, widgets, _ in sizes[:WARM_UP]), (
        told
    )
    assert max(tasks for *_, tasks in settled) <= max(tasks for *_, tasks in sizes[:WARM_UP]) + 5, told

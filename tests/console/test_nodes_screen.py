"""The Nodes screen: who is alive, what each runs, and how the database is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, timedelta
from uuid import UUID

import asyncpg
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.screens.nodes import NodesScreen
from bawt_console.screens.run import RunScreen
from bawt_console.source import ATTACHED, Link, open_source
from scheduler_core.db.connect import Address
from scheduler_core.domain import NodeState
from tests.console.believable import NOW, believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, NARROW, WIDE, opened, picture, until


@asynccontextmanager
async def nodes_on(
    app: ConsoleApp, size: tuple[int, int] = MEDIUM
) -> AsyncIterator[tuple["Pilot[int]", NodesScreen]]:
    """The console on the Nodes screen, with its rows."""
    async with opened(app, size) as pilot:
        await pilot.press("8")
        screen = pilot.app.screen
        assert isinstance(screen, NodesScreen)
        await until(pilot, lambda: screen.is_loaded and screen.is_idle, "the nodes")
        await pilot.pause()
        yield pilot, screen


async def test_a_node_shows_its_heartbeat_and_how_far_its_run_is_and_enter_opens_that() -> None:
    async with nodes_on(console_on(FakeSource(believable_world()))) as (pilot, _):
        shown = picture(pilot.app)
        assert "2 s ago" in shown
        assert "7 of 12 entities" in shown
        assert "database ✓ healthy" in shown
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen), "the run")


async def test_a_lost_node_stays_in_sight_with_what_that_means() -> None:
    source = FakeSource(believable_world())
    attic, cellar = source.world.nodes
    lost = replace(cellar, state=NodeState.LOST, heartbeat_at=NOW - timedelta(minutes=7))
    source.world.nodes = [attic, lost, replace(attic, id=UUID(int=9), name="old", state=NodeState.STOPPED)]
    async with nodes_on(console_on(source), NARROW) as (pilot, screen):
        shown = picture(pilot.app)
        assert "1 lost" in shown
        assert "✗ lost" in shown
        assert "7 min ago" in shown
        assert [row.node.state for row in screen.table.rows] == [
            NodeState.ACTIVE,
            NodeState.LOST,
            NodeState.STOPPED,
        ]
        await pilot.press("down", "right")
        await until(pilot, lambda: "taken over by" in picture(pilot.app), "the meaning")


async def test_memory_is_shown_where_a_node_tells_it_and_it_has_not_stopped() -> None:
    source = FakeSource(believable_world())
    attic, cellar = source.world.nodes
    silent = replace(cellar, id=UUID(int=8), name="older", memory_bytes=None)
    stopped = replace(attic, id=UUID(int=9), name="away", state=NodeState.STOPPED)
    source.world.nodes = [attic, cellar, silent, stopped]
    async with nodes_on(console_on(source), WIDE) as (pilot, screen):
        lines = {line.split()[2]: line for line in picture(pilot.app).splitlines() if "active" in line}
        assert "2.41 GB" in lines["attic"]
        assert "88.2 MB" in lines["cellar"]
        assert "B " not in lines["older"]
        assert picture(pilot.app).count("2.41 GB") == 1
        assert [row["memory_bytes"] for row in screen.exported()] == [
            2_412_000_000,
            88_200_000,
            None,
            2_412_000_000,
        ]
        await pilot.press("right")
        await until(pilot, lambda: picture(pilot.app).count("2.41 GB") == 2, "the node")


async def test_a_troubled_database_says_what_is_wrong() -> None:
    source = FakeSource(believable_world())
    source.world.health = replace(
        source.world.health, waiting=2, oldest_transaction_seconds=4_000.0, connections=97
    )
    async with nodes_on(console_on(source)) as (pilot, _):
        shown = picture(pilot.app)
        assert (
            "! 2 sessions waiting for a lock, a transaction open for 1 h, hardly a connection left" in shown
        )


async def test_a_frozen_screen_does_not_look_by_itself_and_a_running_one_does() -> None:
    source = FakeSource(believable_world())
    async with nodes_on(console_on(source)) as (pilot, screen):
        before = source.asked.count("health")
        screen.tick()
        await pilot.pause()
        assert source.asked.count("health") == before
        screen._looked_at = NOW - timedelta(seconds=6)
        screen.tick()
        await until(pilot, lambda: source.asked.count("health") > before, "another look")


async def test_rows_are_exported_and_stale_ones_are_dimmed() -> None:
    source = FakeSource(believable_world())
    async with nodes_on(console_on(source)) as (pilot, screen):
        assert [row["name"] for row in screen.exported()] == ["attic", "cellar"]
        assert screen.copied().startswith("attic ")
        source.standing = Link(connected=False, age=9.0, retry_in=1.0)
        screen.refresh_chrome()
        await pilot.pause()
        assert screen.query_one("#body").has_class("-stale")


async def test_on_a_real_database_a_node_that_joins_and_one_that_dies_are_shown(database_url: str) -> None:
    address = Address.parse(database_url)
    app = ConsoleApp(lambda: open_source(address, actor="tester", mode=ATTACHED), zone=UTC)
    connection = await asyncpg.connect(database_url)
    try:
        async with nodes_on(app) as (pilot, screen):
            await until(pilot, lambda: "No scheduler has run" in picture(pilot.app), "the empty state")
            await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
            await connection.execute(
                "INSERT INTO scheduler_nodes (id, name, state, version, job_types, lease_expires_at)"
                " VALUES (gen_random_uuid(), 'attic', 'active', '0.1', '{memory_decay}',"
                " now() + interval '1 hour')"
            )
            await until(pilot, lambda: "● active" in picture(pilot.app), "the node")
            await connection.execute("UPDATE scheduler_nodes SET lease_expires_at = now() - interval '1 s'")
            screen.changed(frozenset({"nodes"}))
            await until(pilot, lambda: "✗ lost" in picture(pilot.app), "its loss")
            await pilot.press("right", "right")
            await until(pilot, lambda: "PostgreSQL" in picture(pilot.app), "the server")
    finally:
        await connection.close()

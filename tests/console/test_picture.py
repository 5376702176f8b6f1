"""The picture in the README is what the console shows of the demo, at a moment when its clock stands still.

After a wanted change: pytest tests/console/test_picture.py --snapshot-update
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.demo.data import fill
from bawt_console.source import EMBEDDED, DatabaseSource, Link, Source, open_source
from bawt_console.views import Views
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.installation import PER_BOT_TYPES
from tests.console.pilots import opened, picture, until
from tests.console.standing_still import NOW, stand_still

PICTURE = Path(__file__).parents[2] / "docs" / "console.svg"
SIZE = (154, 23)

# The two machines that run, and what they are at, are written here, because nobody runs.
_AT_WORK = """
INSERT INTO scheduler_nodes
    (id, name, state, version, job_types, started_at, heartbeat_at, lease_expires_at, running, model)
SELECT md5(name)::uuid, name, 'active', '0.1.0', '{profile_maintenance}', now() - interval '12 days',
    now(), now() + interval '30 seconds', running, 'Scripted-3B-demo local'
FROM (VALUES ('attic', 1), ('cellar', 0)) AS n (name, running);
WITH taken AS (
    UPDATE scheduled_jobs
    SET claim_seq = claim_seq + 1, next_run_at = now() + interval '59 minutes 41 seconds'
    WHERE job_type = 'profile_maintenance' RETURNING *
)
INSERT INTO job_runs (id, job_id, job_type, bot_id, trigger, scheduled_for, claim_seq, status, started_at,
    node_id, slot, progress)
SELECT bawt_slot_run_id(id, claim_seq, bot_id, now() - interval '19 seconds'), id, job_type, bot_id,
    'schedule', now() - interval '19 seconds', claim_seq, 'running', now() - interval '19 seconds',
    md5('attic')::uuid, 1,
    '3 of 3 entities · user/lena · context'
FROM taken;
INSERT INTO job_run_events (run_id, at, level, message)
SELECT r.id, now() - make_interval(secs => 19 - after), 'info', message
FROM job_runs r CROSS JOIN (VALUES
    (7, 'user/ada: 24 attributes, 22 kept; 20 sentences, 20 by the model; version 16.'),
    (12, 'user/jo: 29 attributes, 27 kept; 26 sentences, 26 by the model; version 21.')
) AS e (after, message)
WHERE r.status = 'running';
"""


async def month_in(database: Database) -> Address:
    """Makes the demo's month with two machines at work, in which it stays `NOW`."""
    address = Address.parse(database.address.dsn, embedded=True)
    still = await stand_still(database)
    await fill(still, now=NOW)
    async with still.connection() as connection:
        await connection.execute(_AT_WORK)
    await still.aclose()
    return address


@asynccontextmanager
async def source_of(address: Address) -> AsyncIterator[Source]:
    async with open_source(address, actor="ada", mode=EMBEDDED, per_bot_types=PER_BOT_TYPES) as source:
        assert isinstance(source, DatabaseSource)
        # What depends on this machine and not on the month.
        source.label = "embedded · llm_bawt"
        source.link = lambda: Link(connected=True, age=0.2)  # type: ignore[method-assign]
        yield source


async def drawn(database: Database) -> str:
    """The Jobs screen with the running job's log, as SVG without fonts from elsewhere."""
    address = await month_in(database)
    app = ConsoleApp(
        lambda: source_of(address),
        now=lambda: NOW,
        zone=UTC,
        tick=None,
        views=Views(Path("/nowhere/views.json")),
    )
    async with opened(app, SIZE) as pilot:
        await pilot.press(*["down"] * 6, "right")
        await until(pilot, lambda: "user/jo: 29 attributes" in picture(app), "the log")
        svg = await settled(pilot)
    without_fonts = re.sub(r"\s*(@font-face \{.*?\}|<!--.*?-->)", "", svg, flags=re.DOTALL)
    return re.sub(r"terminal-\d+", "console", without_fonts).replace(
        "Fira Code", "ui-monospace, Menlo, Consolas"
    )


async def settled(pilot: Pilot[int]) -> str:
    """The picture once nothing changes any more: header, keys and log come from different questions."""
    before = ""
    while (svg := pilot.app.export_screenshot(title="bawt-console demo")) != before:
        before = svg
        for _ in range(20):
            await pilot.pause(0.01)
    return svg


def saved() -> str:
    return PICTURE.read_text(encoding="utf-8") if PICTURE.exists() else ""


def save(svg: str) -> None:
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg, encoding="utf-8")


async def test_the_picture_in_the_readme_is_what_the_console_shows(
    request: pytest.FixtureRequest, database: Database
) -> None:
    svg = await drawn(database)
    if request.config.getoption("--snapshot-update"):
        save(svg)
    assert svg == saved(), "docs/console.svg is out of date; see the module for how to renew it"
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", ""), "the picture loads nothing"

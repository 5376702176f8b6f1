"""The picture in the README is what the console shows.

After a wanted change: pytest tests/console/test_picture.py --snapshot-update
"""

import re
from pathlib import Path

import pytest

from bawt_console.source import EMBEDDED
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import opened, picture, until

PICTURE = Path(__file__).parents[2] / "docs" / "console.svg"
SIZE = (154, 23)


async def drawn() -> str:
    """The Jobs screen with the running job's log, as SVG without fonts from elsewhere."""
    async with opened(console_on(FakeSource(believable_world(), mode=EMBEDDED)), SIZE) as pilot:
        await pilot.press("down", "right")
        await until(pilot, lambda: "bot/nova: 18 attributes" in picture(pilot.app), "the log")
        await pilot.pause()
        svg = pilot.app.export_screenshot(title="bawt-console")
    without_fonts = re.sub(r"\s*(@font-face \{.*?\}|<!--.*?-->)", "", svg, flags=re.DOTALL)
    return re.sub(r"terminal-\d+", "console", without_fonts).replace(
        "Fira Code", "ui-monospace, Menlo, Consolas"
    )


def saved() -> str:
    return PICTURE.read_text(encoding="utf-8") if PICTURE.exists() else ""


def save(svg: str) -> None:
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg, encoding="utf-8")


async def test_the_picture_in_the_readme_is_what_the_console_shows(request: pytest.FixtureRequest) -> None:
    svg = await drawn()
    if request.config.getoption("--snapshot-update"):
        save(svg)
    assert svg == saved(), "docs/console.svg is out of date; see the module for how to renew it"
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", ""), "the picture loads nothing"

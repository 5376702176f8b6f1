"""Everything a mouse can do: rows, titles, tabs, keys, the wheel."""

import pytest
from textual.events import MouseScrollDown, MouseScrollUp

from bawt_console.app import ConsoleApp
from bawt_console.screens.dialogs import ReasonScreen
from bawt_console.screens.run import RunScreen
from bawt_console.screens.runs import RunsScreen
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import NARROW, WIDE, jobs_of, opened, picture, until

SIZES = pytest.mark.parametrize("size", [NARROW, WIDE])


def cell_of(app: ConsoleApp, words: str, *, line: int | None = None) -> tuple[int, int]:
    """Where some words stand on the screen."""
    for y, text in enumerate(picture(app).split("\n")):
        if words in text and line in (None, y):
            return text.index(words), y
    raise AssertionError(f"no {words!r} in\n{picture(app)}")


@SIZES
async def test_a_click_selects_a_row_and_a_double_click_opens_it(size: tuple[int, int]) -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app, size) as pilot:
        await pilot.click(offset=cell_of(app, "● running 41 s"))
        await until(pilot, lambda: jobs_of(app).table.cursor == 1, "the cursor")
        await pilot.click(offset=cell_of(app, "● running 41 s"), times=2)
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")


@SIZES
async def test_a_click_on_a_title_sorts(size: tuple[int, int]) -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app, size) as pilot:
        title, order = ("Job", "by name")
        await pilot.click(offset=cell_of(app, f"{title} "))
        await until(pilot, lambda: order in picture(app), "the order")
        names = [each.job.job_type for each in jobs_of(app).table.rows]
        assert names == sorted(names)
        await pilot.click(offset=cell_of(app, "Next "))
        await until(pilot, lambda: "next due first" in picture(app), "the first order")


async def test_a_click_on_a_title_without_an_order_does_nothing() -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app, WIDE) as pilot:
        await pilot.click(offset=cell_of(app, "Remark"))
        await pilot.click(offset=(0, cell_of(app, "Remark")[1]))
        await pilot.pause()
        assert "next due first" in picture(app)


@SIZES
async def test_clicks_on_tabs_keys_and_panes_do_what_their_keys_do(size: tuple[int, int]) -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app, size) as pilot:
        await pilot.click(offset=cell_of(app, "Config"))
        await until(pilot, lambda: jobs_of(app).panes.chosen == "Config", "the pane")
        await pilot.click(offset=cell_of(app, "p pause"))
        await until(pilot, lambda: isinstance(app.screen, ReasonScreen), "the question")
        await pilot.press("escape")
        await pilot.click(offset=cell_of(app, "2 Runs"))
        await until(pilot, lambda: isinstance(app.screen, RunsScreen), "the runs")


async def test_a_click_on_a_greyed_key_says_why() -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app, WIDE) as pilot:
        await pilot.click(offset=cell_of(app, "P resume"))
        await until(pilot, lambda: "The job is not paused." in picture(app), "the reason")


async def test_the_wheel_scrolls_a_list_and_a_log() -> None:
    app = console_on(FakeSource(believable_world()))
    async with opened(app, NARROW) as pilot:
        await pilot.press("2")
        await until(
            pilot, lambda: isinstance(app.screen, RunsScreen) and len(app.screen.table.rows) > 30, "runs"
        )
        table = app.screen.query_one("#runs")
        for _ in range(4):
            await pilot._post_mouse_events([MouseScrollDown], table, offset=(5, 5))
        await until(pilot, lambda: table.scroll_offset.y > 0, "the rows below")
        for _ in range(9):
            await pilot._post_mouse_events([MouseScrollUp], table, offset=(5, 5))
        await until(pilot, lambda: table.scroll_offset.y == 0, "the first rows")

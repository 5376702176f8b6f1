"""Pasting into the lines of the console: one plain line, never more than fits, and keys still answer."""

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from bawt_console.app import ConsoleApp
from bawt_console.screens.dialogs import ReasonScreen
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, NARROW, jobs_of, opened, picture, until

PLAIN = "red evil 😀 [bold]" + "x" * 10_000
HOSTILE = "\n  \nred\x1b[31m \u202eevil\u202c 😀 [bold]" + "x" * 10_000 + "\nsecond line"


async def pasted(pilot: Pilot[int], text: str) -> str:
    field = pilot.app.focused
    assert isinstance(field, Input)
    field.post_message(events.Paste(text))
    await pilot.pause()
    return field.value


@pytest.mark.parametrize("keys", [("slash",), ("colon",), ("p",), ("e", "tab"), ("right", "slash")])
async def test_of_a_long_hostile_paste_one_plain_line_is_taken_as_far_as_there_is_room(
    keys: tuple[str, ...],
) -> None:
    async with opened(console_on(FakeSource(believable_world())), MEDIUM) as pilot:
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(pilot.app.focused, Input), "a line to type into")
        taken = await pasted(pilot, HOSTILE)
        field = pilot.app.focused
        assert isinstance(field, Input)
        assert taken == PLAIN[: field.max_length]
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.focused is not field or not field.value


async def test_a_paste_takes_the_place_of_what_is_selected() -> None:
    async with opened(console_on(FakeSource(believable_world())), MEDIUM) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReasonScreen), "the question")
        await pasted(pilot, "night")
        await pilot.press("home", "shift+end")
        assert await pasted(pilot, "day") == "day"


async def test_a_filter_that_stays_shows_its_beginning_and_goes_on_at_its_end() -> None:
    async with opened(console_on(FakeSource(believable_world())), NARROW) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        text = "state:ok,failed,late !bot:echo !bot:nova job:memory*"
        await pilot.press("slash")
        await pasted(pilot, text)
        await pilot.press("enter")
        await until(pilot, lambda: jobs_of(app).filter_line.wanted.text == text, "the filter")
        await until(
            pilot, lambda: any(line.startswith(" state:ok") for line in picture(app).splitlines()), "it"
        )
        await pilot.press("slash", *" late")
        assert jobs_of(app).filter_line.input.value == f"{text} late"

"""Whatever keys are pressed in whatever order, while rows change underneath, the console stays up."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from textual.events import MouseScrollDown
from textual.pilot import Pilot

from bawt_console.actions import ACTIONS
from bawt_console.app import ConsoleApp
from bawt_console.modes import MODES
from bawt_console.screens.commanding import obey
from scheduler_core.domain import Generation
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import NARROW, WIDE, opened, picture

LEAVES = {"q", "ctrl+q"}
OWN_KEYS = sorted({key for action in ACTIONS for key in action.keys} - LEAVES)
KEYS = [
    *OWN_KEYS,
    "up",
    "down",
    "home",
    "end",
    "pageup",
    "pagedown",
    "tab",
    "shift+tab",
    "y",
    "n",
    "a",
    "j",
    # Inside dialogs and behind `:` these are text, elsewhere keys.
    "backspace",
    "left_parenthesis",
]
# Given behind `:`; what comes of half of them is a sentence.
COMMANDS = [
    "run memory_decay:atlas",
    "pause memory_decay:nova",
    "edit memory_decay:mira",
    "dry-run profile_maintenance:nova",
    "open job:memory_decay:mira",
    "open run:zz",
    "open profile:user/ada",
    "open profile:cat/tom",
    "open memory:nova/m-051",
    "open memory:nova/none",
    "filter state:failed",
    "filter",
    "sort slow",
    "view none",
    "runs",
    "jobs",
    "nonsense",
    "brief 2d",
    "brief yesterday",
    "download SBert",
    "models",
    "nodes",
    "audit",
]
CHANGES = ["!runs", "!jobs", "!events", "!nodes", "!profiles", "!memories", "!generations"]
WRITING = Generation(
    run_id=UUID(int=0), tokens=9, max_tokens=90, seconds=1.5, first_token_seconds=0.5, text="[b]words[/]"
)


# Where a mouse goes on a screen of any size, in hundredths, and what it does there.
MOUSE = [
    f"@{what} {x} {y}"
    for what in ("click", "double", "wheel")
    for x, y in ((2, 0), (30, 4), (70, 4), (2, 30), (30, 30), (99, 30), (70, 70), (30, 99))
]
STEPS = [*KEYS, *CHANGES, *(f":{each}" for each in COMMANDS), *MOUSE]


@given(st.lists(st.sampled_from(STEPS), min_size=30, max_size=30))
# Not made smaller: an example takes seconds, and the keys in the report are enough to press them again.
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
async def test_no_order_of_keys_ends_the_console(keys: list[str]) -> None:
    await mash(keys, NARROW)


@pytest.mark.slow
@pytest.mark.endurance
@pytest.mark.timeout(900)
@given(
    st.sampled_from([mode.key for mode in MODES]),
    st.lists(st.sampled_from(STEPS), min_size=120, max_size=120),
    st.sampled_from([NARROW, WIDE, (40, 10)]),
)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
async def test_thousands_of_steps_on_every_screen_end_nothing(
    first: str, keys: list[str], size: tuple[int, int]
) -> None:
    # Half of them where it began; the digits among the others lead everywhere.
    staying = [each for each in keys[:60] if not each.isdigit()]
    await mash([first, *staying, *keys[60:]], size)


async def test_a_screen_that_comes_while_the_palette_is_open_leaves_both_usable() -> None:
    steps = ["ctrl+p", ":open profile:user/ada", "1", "ctrl+p", "escape", "ctrl+p", ":models", "ctrl+p"]
    await mash(steps, NARROW)


async def mash(steps: list[str], size: tuple[int, int]) -> None:
    """Presses, clicks, commands and changes, one after the other, on a console that must live on."""
    source = FakeSource(believable_world())
    async with opened(console_on(source), size) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        # The palette and a click could leave as well.
        app.action_quit = _stay  # type: ignore[method-assign]
        for step in steps:
            await _do(pilot, app, source, step)
            assert app.is_running
        await pilot.pause()
        assert app.is_running
        assert app._exception is None
        assert picture(app).strip()


async def _stay() -> None:
    pass


async def _do(pilot: "Pilot[int]", app: ConsoleApp, source: FakeSource, step: str) -> None:
    match step[0], step[1:]:
        case "!", "generations":
            for run in source.world.runs[:3]:
                source.generations.take(replace(WRITING, run_id=run.id))
        case "!", kind:
            source.tell(kind)
        case ":", command if command:
            if (shown := app._shown) is not None:
                obey(shown, command)
        case "@", where if where:
            what, x, y = where.split(" ")
            at = (int(x) * (app.size.width - 1) // 100, int(y) * (app.size.height - 1) // 100)
            if what == "wheel":
                await pilot._post_mouse_events([MouseScrollDown], offset=at)
            else:
                await pilot.click(offset=at, times=2 if what == "double" else 1)
        case _:
            await pilot.press(step)
            return
    await pilot.pause()

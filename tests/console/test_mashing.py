"""Whatever keys are pressed in whatever order, while rows change underneath, the console stays up."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bawt_console.actions import ACTIONS
from bawt_console.app import ConsoleApp
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import NARROW, opened, picture

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
    "space",
    "j",
]
CHANGES = ["!runs", "!jobs", "!events", "!nodes", "!profiles"]


@given(st.lists(st.sampled_from([*KEYS, *CHANGES]), min_size=30, max_size=30))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
async def test_no_order_of_keys_ends_the_console(keys: list[str]) -> None:
    source = FakeSource(believable_world())
    async with opened(console_on(source), NARROW) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        for key in keys:
            if key.startswith("!"):
                source.tell(key[1:])
                await pilot.pause()
            else:
                await pilot.press(key)
        assert app.is_running
        assert app._exception is None
        assert picture(app).strip()

"""Whatever keys are pressed in whatever order, while rows change underneath, the console stays up."""

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bawt_console.actions import ACTIONS
from bawt_console.app import ConsoleApp
from bawt_console.screens.commanding import obey
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
    "filter state:failed",
    "filter",
    "sort slow",
    "view none",
    "runs",
    "jobs",
    "nonsense",
]
CHANGES = ["!runs", "!jobs", "!events", "!nodes", "!profiles"]


@given(
    st.lists(st.sampled_from([*KEYS, *CHANGES, *(f":{each}" for each in COMMANDS)]), min_size=30, max_size=30)
)
# Not made smaller: an example takes seconds, and the keys in the report are enough to press them again.
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
async def test_no_order_of_keys_ends_the_console(keys: list[str]) -> None:
    source = FakeSource(believable_world())
    async with opened(console_on(source), NARROW) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        for key in keys:
            if key.startswith("!"):
                source.tell(key[1:])
                await pilot.pause()
            elif key.startswith(":"):
                if (shown := app._shown) is not None:
                    obey(shown, key[1:])
                await pilot.pause()
            else:
                await pilot.press(key)
        assert app.is_running
        assert app._exception is None
        assert picture(app).strip()

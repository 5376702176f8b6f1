"""The action registry agrees with the screens, with itself, and with the rule about upper case."""

from importlib import import_module

import pytest

from bawt_console.actions import ACTIONS, Group, Place, action, actions_at
from bawt_console.app import ConsoleApp
from bawt_console.modes import MODES, Mode
from bawt_console.screens.brief import BriefScreen
from bawt_console.screens.help import help_lines
from bawt_console.screens.live import LiveScreen, bindings_of, spell
from bawt_console.screens.run import RunScreen


def screen_of(mode: Mode) -> type[LiveScreen]:
    module, _, name = mode.screen.partition(":")
    screen: type[LiveScreen] = getattr(import_module(module), name)
    return screen


SCREENS: dict[Place, type[LiveScreen]] = {mode.id: screen_of(mode) for mode in MODES} | {
    Place.RUN: RunScreen,
    Place.BRIEF: BriefScreen,
}


def test_modes_have_keys_and_names_of_their_own_and_their_screens_know_their_place() -> None:
    assert len({mode.key for mode in MODES}) == len({mode.id for mode in MODES}) == len(MODES)
    assert [mode.key for mode in MODES] == sorted(mode.key for mode in MODES)
    assert {mode.id: screen_of(mode).place for mode in MODES} == {mode.id: mode.id for mode in MODES}


def test_ids_are_unique() -> None:
    assert len({each.id for each in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize("place", SCREENS)
def test_no_key_means_two_things_in_one_place(place: Place) -> None:
    keys = [key for each in actions_at(place) for key in each.keys]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("place", SCREENS)
def test_every_action_can_be_carried_out_where_it_is_offered(place: Place) -> None:
    for each in actions_at(place):
        owner = ConsoleApp if each.of_app else SCREENS[place]
        method = spell(each).removeprefix("app.").partition("(")[0]
        assert hasattr(owner, f"action_{method}"), f"{owner.__name__} cannot {each.id}"


@pytest.mark.parametrize("place", SCREENS)
def test_bindings_carry_the_id_and_the_help_of_their_action(place: Place) -> None:
    for binding in bindings_of(place):
        assert not isinstance(binding, tuple)
        assert binding.id is not None
        assert binding.tooltip == action(binding.id).help


def test_keys_that_change_something_are_upper_case_or_ask_first() -> None:
    for each in ACTIONS:
        if each.group is Group.ACT:
            assert each.keys[0].isupper() or each.asks


@pytest.mark.parametrize("place", SCREENS)
def test_the_help_tells_of_every_action(place: Place) -> None:
    told = "\n".join(line.plain for line in help_lines(place))
    for each in actions_at(place):
        assert each.help in told
        assert each.key in told

"""Other keys for actions, from `~/.config/llm-bawt/keymap.toml`.

    [keys]
    run_now = "ctrl+r"
    pause = ["p", "f2"]

An entry that cannot be used is named in one sentence and left out; the others hold. The file is optional,
and nothing here writes it.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from bawt_console.actions import ACTIONS, Keys, actions_at
from bawt_console.key_names import MOVING, key_of, written
from bawt_console.modes import Place

KEYMAP_FILE = Path("~/.config/llm-bawt/keymap.toml")
_ACTIONS = {each.id: each for each in ACTIONS}
LARGEST_FILE = 100_000
MOST_KEYS = 5

# Whatever has the focus takes these before an action can; where there is no list, actions may have them.
_OF_LISTS = MOVING | {"j", "k", "g", "G", "shift+tab"}
_WITHOUT_LISTS = frozenset({Place.CHARTS})
_LEAVES = "ctrl+q"


@dataclass(frozen=True, slots=True)
class Keymap:
    """What was read.

    Attributes:
        keys: by action id, as Textual spells them.
        complaints: a sentence for each entry that was left out.
    """

    keys: Keys = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


def read_keymap(path: Path = KEYMAP_FILE) -> Keymap:
    """The keymap of a file; an empty one where there is none."""
    place = path.expanduser()
    try:
        if place.stat().st_size > LARGEST_FILE:
            return Keymap(complaints=("keymap.toml is too large to be one.",))
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Keymap()
    except UnicodeDecodeError:
        return Keymap(complaints=("keymap.toml is not a text in UTF-8.",))
    except OSError as error:
        return Keymap(complaints=(f"keymap.toml cannot be read: {error.strerror}.",))
    return parse_keymap(text)


def parse_keymap(text: str) -> Keymap:
    """Reads the text of a keymap file; never raises."""
    try:
        entries = tomllib.loads(text).get("keys", {})
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where = re.search(r"\(at line \d+, column \d+\)", str(error))
        return Keymap(
            complaints=(f"keymap.toml is not valid TOML {where[0] if where else ''}".rstrip() + ".",)
        )
    if not isinstance(entries, Mapping):
        return Keymap(complaints=("keymap.toml: [keys] has to be a table.",))
    keys: dict[str, tuple[str, ...]] = {}
    complaints = []
    for name, value in entries.items():
        try:
            keys[name] = _keys_for(name, value)
        except ValueError as error:
            complaints.append(f"keymap.toml: {error}")
    # All together, because two actions may change places; the later of two that clash loses.
    while (clash := _clash(keys)) is not None:
        del keys[clash.loser]
        complaints.append(f"keymap.toml: {clash.loser} and {clash.other} cannot share {written(clash.key)}.")
    return Keymap(keys, tuple(complaints))


def _keys_for(name: str, value: object) -> tuple[str, ...]:
    """The keys of one entry.

    Raises:
        ValueError: why it cannot be used, as a sentence.
    """
    action = _ACTIONS.get(name)
    if action is None:
        near = get_close_matches(name, _ACTIONS, n=1)
        raise ValueError(
            f"there is no action {name[:40]!a}" + (f"; did you mean {near[0]}?" if near else ".")
        )
    spelled = [value] if isinstance(value, str) else value
    if not isinstance(spelled, list) or not 1 <= len(spelled) <= MOST_KEYS:
        raise ValueError(f"{name} wants a key, or a list of up to {MOST_KEYS}.")
    wanted = []
    for each in spelled:
        key = key_of(each) if isinstance(each, str) else None
        if key is None:
            raise ValueError(
                f"{name}: {str(each)[:40]!a} is no key; write for example R, ctrl+r, f5 or slash."
            )
        if key == _LEAVES and name != "quit":
            raise ValueError(f"{name} cannot have {written(key)}, which always leaves the console.")
        if key in _OF_LISTS and not action.places <= _WITHOUT_LISTS:
            raise ValueError(f"{name} cannot have {written(key)}, which moves about.")
        wanted.append(key)
    return tuple(wanted)


@dataclass(frozen=True, slots=True)
class _Clash:
    """Two actions that want one key in one place; the loser is one of the file."""

    loser: str
    other: str
    key: str


def _clash(keys: Keys) -> _Clash | None:
    """The last entry that clashes with another, or with an action that has its own keys."""
    for name in reversed(list(keys)):
        for place in Place:
            actions = list(actions_at(place, keys))
            if not any(each.id == name for each in actions):
                continue
            for each in actions:
                shared = [key for key in keys[name] if key in each.keys]
                if each.id != name and shared:
                    return _Clash(name, each.id, shared[0])
    return None

"""Other keys for actions, from `~/.config/llm-bawt/keymap.toml`.

    [keys]
    run_now = "ctrl+r"
    pause = ["p", "f2"]

An entry that cannot be used is named in one sentence and left out; the others hold. The file is optional,
and nothing here writes it.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from bawt_console.actions import ACTIONS, Keys, actions_at, written
from bawt_console.modes import Place

KEYMAP_FILE = Path("~/.config/llm-bawt/keymap.toml")
LARGEST_FILE = 100_000
MOST_KEYS = 5

_KEY = re.compile(r"((ctrl|shift|alt)\+){0,3}([a-zA-Z0-9]|[a-z][a-z_]{1,30}|f\d{1,2})")
# As Textual spells signs whose Unicode names are unwieldy.
_SHORTER = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
    "full_stop": "full_stop",
}


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
    except (OSError, UnicodeDecodeError) as error:
        return Keymap(complaints=(f"keymap.toml cannot be read: {type(error).__name__}.",))
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
        complaint = _take(keys, name, value)
        if complaint is not None:
            complaints.append(f"keymap.toml: {complaint}")
    return Keymap(keys, tuple(complaints))


def _take(keys: dict[str, tuple[str, ...]], name: str, value: object) -> str | None:
    """Adds one entry, or says why not."""
    known = [each.id for each in ACTIONS]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        return f"there is no action {name[:40]!a}" + (f"; did you mean {near[0]}?" if near else ".")
    spelled = [value] if isinstance(value, str) else value
    if not isinstance(spelled, list) or not 1 <= len(spelled) <= MOST_KEYS:
        return f"{name} wants a key, or a list of up to {MOST_KEYS}."
    wanted = []
    for each in spelled:
        key = key_of(each) if isinstance(each, str) else None
        if key is None:
            return f"{name}: {str(each)[:40]!a} is no key; write for example R, ctrl+r, f5 or slash."
        wanted.append(key)
    other = _clash({**keys, name: tuple(wanted)}, name)
    if other is not None:
        return f"{name} and {other} cannot share {written(wanted[0])}."
    keys[name] = tuple(wanted)
    return None


def key_of(text: str) -> str | None:
    """A key as Textual spells it: names stay, signs become their names; None for what is no key."""
    if len(text) == 1 and not text.isalnum():
        name = unicodedata.name(text, "").lower().replace(" ", "_").replace("-", "_")
        return _SHORTER.get(name, name) or None
    return text if _KEY.fullmatch(text) else None


def _clash(keys: Keys, name: str) -> str | None:
    """An action that has one of the keys in a place where `name` has it too."""
    for place in Place:
        actions = list(actions_at(place, keys))
        own = {key for each in actions if each.id == name for key in each.keys}
        for each in actions:
            if each.id != name and own & set(each.keys):
                return each.id
    return None

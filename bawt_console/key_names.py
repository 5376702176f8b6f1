"""Names of keys: as Textual spells them, as people write them in a keymap, and as the console shows them."""

import unicodedata
from string import punctuation

_MODIFIERS = frozenset({"ctrl", "shift", "alt"})
MOVING = frozenset({"up", "down", "pageup", "pagedown", "home", "end", "tab"})
_NAMED = (
    MOVING
    | {"left", "right", "enter", "escape", "space", "backspace", "delete", "insert"}
    | {f"f{number}" for number in range(1, 25)}
)
# Signs whose Unicode names are unwieldy.
_SHORTER = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_SHOWN = {"escape": "esc", "left": "←", "right": "→", "up": "↑", "down": "↓"}


def _name_of(sign: str) -> str:
    name = unicodedata.name(sign, "").lower().replace(" ", "_").replace("-", "_")
    return _SHORTER.get(name, name)


_SIGNS = {_name_of(sign): sign for sign in punctuation}


def key_of(text: str) -> str | None:
    """A key as Textual spells it; None for what is no key.

    Signs become their names. A capital is a key of its own, but beside ctrl or alt a terminal knows no
    capitals.
    """
    *modifiers, name = text.split("+") if len(text) > 1 else [text]
    if not set(modifiers) <= _MODIFIERS:
        return None
    if len(name) == 1:
        if "shift" in modifiers and name.isalpha():
            modifiers.remove("shift")
            name = name.upper()
        if modifiers:
            name = name.lower()
        if not name.isalnum():
            name = "space" if name == " " else _name_of(name)
    elif name not in _NAMED and name not in _SIGNS:
        return None
    return "+".join([*sorted(set(modifiers)), name]) if name else None


def written(key: str) -> str:
    """A key of Textual as people write it."""
    *modifiers, name = key.split("+")
    shown = _SHOWN.get(name) or _SIGNS.get(name, name)
    return f"^{shown}" if modifiers == ["ctrl"] else "+".join([*modifiers, shown])

"""The table of keys in `docs/keys.md`, made from the registry: `python -m bawt_console.key_table`."""

import sys

from bawt_console.actions import ACTIONS, EVERYWHERE, Action, Group
from bawt_console.key_names import written

HEAD = """# Keys

Made from the registry that bindings, key line, palette, `:` and help come from; a test holds it to that.
Lower case looks or asks first; upper case acts. A key that cannot act now is greyed; pressing it says why.

To have other keys, name actions by their id in `~/.config/llm-bawt/keymap.toml`:

```toml
[keys]
run_now = "ctrl+r"
pause = ["p", "f2"]
```

Two actions may change places. Keys that move about in lists, and `^q`, which always leaves, are taken. An
entry that cannot be used is named in one sentence when the console starts, and the others hold.
"""

TAIL = """
In lists `↑` `↓` (or `k` `j`), page up and down, home and end move; `tab` goes between a list and the pane
below it.
"""


def key_table() -> str:
    """The whole page as Markdown."""
    pieces = [HEAD]
    for group in Group:
        rows = [_row(each) for each in ACTIONS if each.group is group]
        pieces.append(f"\n## {group}\n\n| key | `:` and id | what it does | where |\n|---|---|---|---|\n")
        pieces.extend(rows)
    return "".join([*pieces, TAIL])


def _row(each: Action) -> str:
    keys = " ".join(f"`{written(key)}`" for key in each.keys)
    where = "everywhere" if each.places == EVERYWHERE else ", ".join(sorted(each.places))
    names = f"`:{each.command}`" + (f", `{each.id}`" if each.id != each.command else "")
    return f"| {keys} | {names} | {each.help} | {where} |\n"


if __name__ == "__main__":
    sys.stdout.write(key_table())

"""The last line: what can be done here, greyed where it cannot be done now."""

from collections.abc import Callable, Iterable

from bawt_console.actions import Action
from bawt_console.formatting import Tone, phrase
from bawt_console.widgets.line import Part

_LAST_TO_GO = {"quit": 100, "help": 99, "run_now": 98, "open": 97, "cancel": 96, "filter": 95, "back": 94}


def key_parts(actions: Iterable[Action], why_not: Callable[[str], str | None]) -> list[Part]:
    """The ranked actions; clicking one reports its id."""
    parts = []
    for action in sorted(
        (each for each in actions if each.rank is not None), key=lambda each: each.rank or 0
    ):
        able = why_not(action.id) is None
        if action.fleeting and not able:
            continue
        key = phrase(f"{action.key} ", Tone.ACCENT if able else Tone.FAINT)
        label = phrase(action.label, Tone.MUTED if able else Tone.FAINT)
        parts.append(
            Part(
                phrase=key + label,
                keep=_LAST_TO_GO.get(action.id, 90 - (action.rank or 0)),
                right=action.id in ("help", "quit"),
                name=action.id,
            )
        )
    return parts

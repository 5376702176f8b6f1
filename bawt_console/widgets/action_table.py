"""The columns of the list of what people did, and everything there is to say of one of those."""

import json
from collections.abc import Callable
from datetime import datetime, tzinfo

from bawt_console.formatting import (
    NOTHING,
    Phrase,
    Tone,
    ago,
    full_time,
    joined,
    local_time,
    one_line,
    phrase,
)
from bawt_console.output import plain
from bawt_console.widgets.columns import Column
from bawt_console.widgets.lines import Line
from bawt_console.widgets.run_lines import field, json_lines
from bawt_console.widgets.table import LiveTable
from scheduler_core.oversight import OperatorAction

_TONES = {
    "pause": Tone.PAUSED,
    "resume": Tone.OK,
    "cancel": Tone.FAILED,
    "undo": Tone.LATE,
    "rollback": Tone.LATE,
}


def action_table(
    *,
    now: Callable[[], datetime],
    zone: tzinfo | None,
    id: str,  # noqa: A002 - Textual's own name
) -> LiveTable[OperatorAction]:
    """A table with one row an action."""
    return LiveTable(_columns(zone), key=lambda row: row.id, now=now, id=id)


def actor_of(action: OperatorAction) -> tuple[str, str]:
    """Who, and from where: `ada@attic console` is ada@attic with the console."""
    who, _, where = action.actor.rpartition(" ")
    return (who, where) if who else (action.actor, "")


def word(action: OperatorAction) -> str:
    """What was done, as people write it."""
    return action.action.replace("_", " ")


def object_of(action: OperatorAction) -> Phrase:
    """What it was done to: by name where it still has one. Jobs are what most of it is about."""
    plain_job = action.object_type == "job" and action.object_name
    kind = NOTHING if plain_job else phrase(f"{action.object_type} ", Tone.MUTED)
    return kind + phrase(action.called, Tone.PLAIN if action.object_name else Tone.FAINT)


def remark(action: OperatorAction) -> Phrase:
    """The reason given, what it took back, and what an edit changed."""
    parts = [phrase(action.reason)] if action.reason else []
    if action.undoes is not None and not parts:
        parts.append(phrase(f"takes back action {action.undoes}", Tone.LATE))
    parts += [phrase(text, Tone.MUTED) for text in _changes(action)]
    return joined(parts, " · ")


def _changes(action: OperatorAction) -> list[str]:
    before, after = action.details.get("before"), action.details.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    names = [name for name in after if before.get(name) != after[name]]
    return [f"{name} {_shown(before.get(name))} → {_shown(after[name])}" for name in names]


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def action_fields(action: OperatorAction, key: str, now: datetime, zone: tzinfo | None) -> list[Line]:
    """Everything known of one action.

    Args:
        key: what takes it back.
    """
    who, where = actor_of(action)
    lines = [
        field(
            "did",
            phrase(word(action), _TONES.get(action.action, Tone.STRONG)) + phrase("  ") + object_of(action),
        ),
        field("who", phrase(who, Tone.STRONG) + phrase(f"  from {where}" if where else "", Tone.MUTED)),
        field("when", phrase(full_time(action.at, zone)) + phrase(f"  {ago(action.at, now)}", Tone.MUTED)),
    ]
    if action.reason:
        lines.append(field("reason", action.reason))
    lines += [field("changed", text) for text in _changes(action)]
    if action.undoes is not None:
        lines.append(field("takes back", f"action {action.undoes}"))
    if action.obstacle is None:
        undo = phrase(key, Tone.ACCENT) + phrase(f" takes it back: {action.undoing}")
    else:
        undo = phrase(action.obstacle, Tone.MUTED)
    lines.append(field("undo", undo))
    lines.append(field("object", phrase(f"{action.object_type} {action.object_id}", Tone.MUTED)))
    if action.run_id is not None and str(action.run_id) != action.object_id:
        lines.append(field("run", phrase(str(action.run_id), Tone.MUTED)))
    lines.append(field("action", phrase(str(action.id), Tone.MUTED)))
    if action.details:
        lines += [Line(), *json_lines(json.dumps(plain(action.details), ensure_ascii=False), empty="")]
    return lines


def _undo(action: OperatorAction) -> Phrase:
    return phrase("↶ can", Tone.ACCENT) if action.obstacle is None else NOTHING


def _columns(zone: tzinfo | None) -> tuple[Column[OperatorAction], ...]:
    return (
        Column(title="When", cell=lambda row, now: phrase(local_time(row.at, now, zone)), width=12, keep=98),
        Column(
            title="Did",
            cell=lambda row, now: phrase(word(row), _TONES.get(row.action, Tone.PLAIN)),
            width=8,
            most=24,
            natural=lambda row: one_line(word(row), limit=24),
            keep=100,
        ),
        Column(
            title="To",
            cell=lambda row, now: object_of(row),
            # A bot stands at the end of its job's name, and is what tells ten rows of one deed apart.
            width=30,
            most=48,
            natural=lambda row: one_line(object_of(row).plain, limit=48),
            keep=99,
        ),
        Column(
            title="Who",
            cell=lambda row, now: phrase(actor_of(row)[0]),
            width=9,
            most=32,
            natural=lambda row: one_line(actor_of(row)[0], limit=32),
            keep=96,
        ),
        Column(
            title="From",
            cell=lambda row, now: phrase(actor_of(row)[1], Tone.MUTED),
            width=7,
            most=16,
            natural=lambda row: one_line(actor_of(row)[1], limit=16),
            keep=60,
        ),
        Column(title="Undo", cell=lambda row, now: _undo(row), width=5, keep=90),
        Column(
            title="Reason",
            cell=lambda row, now: remark(row),
            width=10,
            most=400,
            natural=lambda row: one_line(remark(row).plain, limit=400),
            keep=86,
        ),
        Column(
            title="No.",
            cell=lambda row, now: phrase(str(row.id), Tone.FAINT),
            width=6,
            keep=40,
            right=True,
        ),
    )

"""What a run changed, or would change, as lines: each object with what goes, what stays and what comes.

Any job type can be shown: values are read as sentences where they are lists of objects with `text`, and as
plain lines otherwise.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from bawt_console.formatting import Phrase, Tone, clean, counted, joined, phrase
from bawt_console.widgets.lines import Line
from scheduler_core.domain import Attribute, Change, Entity, EntityType

# Comparing is quadratic; beyond this many lines a value is shown as replaced.
LONGEST_COMPARED = 2_000

# Unchanged lines that are shown beside a changed one.
CONTEXT = 3


@dataclass(frozen=True, slots=True)
class _Told:
    """One line of a value, and the attributes it rests on."""

    text: str
    ids: tuple[int, ...] = ()


def difference_lines(changes: Sequence[Change], *, planned: bool) -> list[Line]:
    """One block an object; the head says how much it is in all.

    Args:
        planned: whether it is only what would be done.
    """
    blocks = [_block(change) for change in changes]
    added, removed = sum(block[0] for block in blocks), sum(block[1] for block in blocks)
    counts = phrase(f"+{added}", Tone.ADDED) + phrase(" ") + phrase(f"−{removed}", Tone.REMOVED)
    objects = counted(len(changes), "object")
    head = [
        phrase(f"would change {objects}" if planned else f"changed {objects}", Tone.STRONG),
        counts + phrase(" lines"),
    ]
    return [Line(body=joined(head, "   ")), *(line for block in blocks for line in block[2])]


def cited(changes: Sequence[Change]) -> dict[Entity, set[int]]:
    """The attributes that the lines rest on, by whose they are."""
    found: dict[Entity, set[int]] = {}
    for change in changes:
        kind, _, name = change.object.partition("/")
        if kind in set(EntityType) and name and "/" not in name:
            ids = {each for told in (*_told(change.before), *_told(change.after)) for each in told.ids}
            if ids:
                found.setdefault(Entity(EntityType(kind), name), set()).update(ids)
    return found


def source_lines(entity: Entity, attributes: Sequence[Attribute]) -> list[Line]:
    """The attributes that sentences rest on, so that a diff can be judged without another screen."""
    if not attributes:
        return []
    lines = [Line(), Line(body=phrase(f"sources of {entity}", Tone.MUTED))]
    for each in attributes:
        value = each.value if isinstance(each.value, str) else repr(each.value)
        origin = phrase(f"{each.source}, {each.confidence:.2f}, {each.updated_at:%Y-%m-%d}", Tone.FAINT)
        body = phrase(f"{each.category}.{each.key} = ", Tone.MUTED) + phrase(value)
        lines.append(Line(phrase(f"[{each.id}] ", Tone.FAINT), body, origin))
    return lines


def _block(change: Change) -> tuple[int, int, list[Line]]:
    old, new = _told(change.before), _told(change.after)
    lines = [Line(), Line(body=phrase(change.object, Tone.ACCENT) + phrase(f"   {change.why}", Tone.MUTED))]
    added = removed = 0
    steps = _compared(old, new)
    for number, (kind, i, i_end, j, j_end) in enumerate(steps):
        if kind == "equal":
            kept = [_kept(one, other) for one, other in zip(old[i:i_end], new[j:j_end], strict=True)]
            lines.extend(_folded(kept, first=number == 0, last=number == len(steps) - 1))
            continue
        lines.extend(_line("− ", each, Tone.REMOVED) for each in old[i:i_end])
        lines.extend(_line("+ ", each, Tone.ADDED) for each in new[j:j_end])
        removed += i_end - i
        added += j_end - j
    return added, removed, lines


def _folded(kept: Sequence[Line], *, first: bool, last: bool) -> list[Line]:
    """What stays, with only the lines next to a change where it is long: those are looked for."""
    before, after = 0 if first else CONTEXT, 0 if last else CONTEXT
    left_out = len(kept) - before - after
    if left_out <= CONTEXT:
        return list(kept)
    told = Line(body=phrase(f"  ⋯ {counted(left_out, 'line')} unchanged", Tone.FAINT))
    return [*kept[:before], told, *kept[len(kept) - after :]]


def _compared(old: Sequence[_Told], new: Sequence[_Told]) -> list[tuple[str, int, int, int, int]]:
    if len(old) + len(new) > LONGEST_COMPARED:
        return [("replace", 0, len(old), 0, len(new))]
    matcher = SequenceMatcher(a=[each.text for each in old], b=[each.text for each in new], autojunk=False)
    return list(matcher.get_opcodes())


def _told(value: object) -> list[_Told]:
    if value is None:
        return []
    return [told for item in (value if isinstance(value, list | tuple) else [value]) for told in _of(item)]


def _of(item: object) -> list[_Told]:
    if isinstance(item, str):
        return [_Told(line) for line in clean(item).split("\n")]
    if isinstance(item, Mapping) and isinstance(item.get("text"), str):
        ids = item.get("attribute_ids")
        known = tuple(each for each in ids if isinstance(each, int)) if isinstance(ids, list | tuple) else ()
        return [_Told(item["text"], known)]
    return [_Told(json.dumps(item, ensure_ascii=False, sort_keys=True, default=str))]


def _line(sign: str, told: _Told, tone: Tone) -> Line:
    return Line(phrase(sign, tone), phrase(told.text, tone), _ids(told.ids))


def _kept(before: _Told, after: _Told) -> Line:
    tail = _ids(after.ids)
    if set(before.ids) != set(after.ids):
        tail = phrase("was ", Tone.FAINT) + _ids(before.ids) + phrase(" now ", Tone.FAINT) + tail
    return Line(phrase("  "), phrase(after.text), tail)


def _ids(ids: Sequence[int]) -> Phrase:
    return phrase("".join(f"[{each}]" for each in ids), Tone.FAINT)

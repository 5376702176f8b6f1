"""The summary without a model: the attributes themselves as short cited sentences, `Location: Dresden.`

The same lines always give the same sentences. Nothing is left out; a very long value that need not be kept
word for word ends in an ellipsis.
"""

from collections.abc import Iterable, Sequence

from scheduler_core.domain import Sentence
from scheduler_core.maintenance.disposition import Line
from scheduler_core.maintenance.keys import own_words

_LONGEST_VALUE = 600
_LONGEST_JOINED = 200
_ENDS = (".", "!", "?", "…")


def sentences(category: str, lines: Iterable[Line]) -> tuple[Sentence, ...]:
    """One sentence a key, or several where a key's values are long; by id."""
    groups: dict[tuple[str, int | None], list[Line]] = {}
    for line in sorted(lines, key=lambda line: line.id):
        # What is denied stands alone, so that a "not" never seems to reach its neighbours.
        groups.setdefault((own_words(line.attribute.key), line.id if line.negative else None), []).append(
            line
        )
    return tuple(
        _sentence(category, label, part) for (label, _), group in groups.items() for part in _parts(group)
    )


def _parts(lines: Sequence[Line]) -> list[list[Line]]:
    parts: list[list[Line]] = []
    length = 0
    for line in lines:
        size = len(_value(line))
        if not parts or length + size > _LONGEST_JOINED:
            parts.append([])
            length = 0
        parts[-1].append(line)
        length += size + 2
    return parts


def _sentence(category: str, label: str, lines: Sequence[Line]) -> Sentence:
    text = f"{label[:1].upper()}{label[1:]}: {'; '.join(_value(line) for line in lines)}"
    return Sentence(
        text=text if text.endswith(_ENDS) else f"{text}.",
        category=category,
        attribute_ids=tuple(line.id for line in lines),
    )


def _value(line: Line) -> str:
    text = line.text.rstrip(";")
    if line.must_keep or len(text) <= _LONGEST_VALUE:
        return text
    return text[:_LONGEST_VALUE].rpartition(" ")[0].rstrip(" ,;:") + " …"

"""Divides lines into requests that fit the model's context, prompt and answer together.

The numbers are computed from the model's own count; nothing is ever cut. A line that cannot fit into any
request is returned apart, for the template.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scheduler_core.maintenance.disposition import Line
from scheduler_core.maintenance.prompts import data_line

# The model's own turn markers, and the few tokens some backends keep for themselves.
OVERHEAD = 80
_ANSWER_BASE = 24
_PER_SENTENCE = 16
# Small models lose lines of longer lists, however large their context.
MOST_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Lines of one request, and the tokens its answer may have."""

    lines: tuple[Line, ...]
    answer_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    batches: tuple[Batch, ...]
    too_long: tuple[Line, ...]


def divide(
    lines: Sequence[Line], *, context_tokens: int, fixed_tokens: int, count_tokens: Callable[[str], int]
) -> Division:
    """Fills requests in the order of the lines.

    Args:
        fixed_tokens: what every request holds besides lines and answer, a retry's complaints included.
    """
    room = context_tokens - fixed_tokens - OVERHEAD - _ANSWER_BASE
    batches: list[Batch] = []
    too_long: list[Line] = []
    current: list[Line] = []
    used = answer = 0
    for line in lines:
        prompt = count_tokens(data_line(line)) + 1
        reply = prompt + prompt // 2 + _PER_SENTENCE
        if prompt + reply > room:
            too_long.append(line)
            continue
        if current and (used + prompt + reply > room or len(current) == MOST_LINES):
            batches.append(Batch(lines=tuple(current), answer_tokens=answer + _ANSWER_BASE))
            current, used, answer = [], 0, 0
        current.append(line)
        used += prompt + reply
        answer += reply
    if current:
        batches.append(Batch(lines=tuple(current), answer_tokens=answer + _ANSWER_BASE))
    return Division(batches=tuple(batches), too_long=tuple(too_long))

"""Reads a model's decisions: short verbs over ids, one a line.

    SAME 3 7        the lines say the same
    NEWER 9 4 5     the first line replaced the others
    NOISE 6         the line says nothing that lasts
    KEEP            whatever is not named stays as it is

The text is hostile. An answer that holds anything else, an id that was not given, or decisions that
contradict each other counts as no decision at all; nothing raises.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import combinations

_LONGEST_ANSWER = 4_000
_MOST_LINES = 100
_MOST_IDS = 40
_LEAD = re.compile(r"^(?:[-*•]|[0-9]{1,3}[.)])\s+", re.ASCII)
_VERB = re.compile(
    r"(SAME|NEWER|NOISE|KEEP)(?::?((?:[\s,]+\[?#?[0-9]{1,12}\]?){0,40}))[\s.]*", re.ASCII | re.IGNORECASE
)
_ID = re.compile(r"[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What one answer decides; the default decides nothing.

    Attributes:
        same: pairs, each with the lower id first.
        newer: pairs of winner and loser.
    """

    same: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    newer: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    noise: frozenset[int] = field(default_factory=frozenset)

    def __and__(self, other: "Decisions") -> "Decisions":
        """What both decide."""
        return Decisions(
            same=self.same & other.same, newer=self.newer & other.newer, noise=self.noise & other.noise
        )


KEEP_ALL = Decisions()


def parse(answer: str, ids: Collection[int]) -> Decisions | None:
    """The decisions of an answer, or None if it is not one.

    Args:
        ids: those the model was given.
    """
    if len(answer) > _LONGEST_ANSWER:
        return None
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    if not 0 < len(lines) <= _MOST_LINES:
        return None
    same: set[tuple[int, int]] = set()
    newer: set[tuple[int, int]] = set()
    noise: set[int] = set()
    kept: set[int] = set()
    for line in lines:
        match = _VERB.fullmatch(_LEAD.sub("", line, count=1))
        if match is None:
            return None
        named = [int(number) for number in _ID.findall(match.group(2) or "")]
        if len(named) > _MOST_IDS or len(set(named)) != len(named) or not set(named) <= set(ids):
            return None
        verb = match.group(1).upper()
        if (verb in ("SAME", "NEWER") and len(named) < 2) or (verb == "NOISE" and not named):
            return None
        if verb == "SAME":
            same.update(combinations(sorted(named), 2))
        elif verb == "NEWER":
            newer.update((named[0], loser) for loser in named[1:])
        elif verb == "NOISE":
            noise.update(named)
        else:
            kept.update(named)
    found = Decisions(same=frozenset(same), newer=frozenset(newer), noise=frozenset(noise))
    return None if _contradicts_itself(found, kept) else found


def _contradicts_itself(found: Decisions, kept: set[int]) -> bool:
    acted = found.noise | {id_ for pair in found.same | found.newer for id_ in pair}
    joined = {id_ for pair in found.same | found.newer for id_ in pair}
    losers = {loser for _, loser in found.newer}
    return bool(
        kept & acted
        or found.noise & joined
        or any((loser, winner) in found.newer for winner, loser in found.newer)
        or any(tuple(sorted(pair)) in found.same for pair in found.newer)
        # Who lost cannot win elsewhere in the same answer.
        or losers & {winner for winner, _ in found.newer}
    )

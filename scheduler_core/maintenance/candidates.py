"""Which memories are worth comparing: those that changed, each with its nearest by vector and by wording.

Pure. Everything is by position in the texts it is given; a pair is told once, the lower position first.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scheduler_core.maintenance.likeness import COSINE_ASK, WORDING_ASK
from scheduler_core.maintenance.neighbours import close_pairs
from scheduler_core.maintenance.statements import Statement
from scheduler_core.maintenance.wording import shared_wording

if TYPE_CHECKING:
    from scheduler_core.maintenance.neighbours import Vectors

# Partners of one memory in each of the two ways.
MOST_PARTNERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """
    Attributes:
        same_form: for the first of several memories with one form, all of them.
        pairs: what else is alike, with the cosine and the score of the wording where there is one.
    """

    same_form: dict[int, tuple[int, ...]]
    pairs: dict[tuple[int, int], tuple[float | None, float | None]]


class Statements:
    """Readings of texts by position, each made once."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._known: dict[int, Statement] = {}

    def __getitem__(self, position: int) -> Statement:
        found = self._known.get(position)
        if found is None:
            found = self._known[position] = Statement(text=self._texts[position])
        return found


def find_candidates(
    texts: Sequence[str], statements: Statements, changed: Collection[int], vectors: "Vectors | None"
) -> Candidates:
    """Compares the changed with all; what did not change is not compared with its like again.

    Args:
        vectors: one row a text, zeros where there is none; None leaves this way out.
    """
    import numpy as np

    by_form: dict[str, list[int]] = {}
    for position in sorted(changed):
        by_form.setdefault(statements[position].form, []).append(position)
    first = {members[0]: members for members in by_form.values()}
    # One stands for all that have its form, or a text stored a thousand times would crowd out the rest.
    repeated = {position for members in by_form.values() for position in members[1:]}
    shown = np.array([place for place in range(len(texts)) if place not in repeated], dtype=np.int64)
    rows = np.searchsorted(shown, np.array(sorted(first), dtype=np.int64))
    pairs: dict[tuple[int, int], tuple[float | None, float | None]] = {}
    if vectors is not None:
        near = vectors if len(shown) == len(texts) else vectors[shown]
        for left, right, score in close_pairs(near, rows, floor=COSINE_ASK, most=MOST_PARTNERS):
            pairs[int(shown[left]), int(shown[right])] = (score, None)
    worded = texts if len(shown) == len(texts) else [texts[place] for place in shown.tolist()]
    for left, right, score in shared_wording(worded, rows, floor=WORDING_ASK, most=MOST_PARTNERS):
        pair = int(shown[left]), int(shown[right])
        pairs[pair] = (pairs.get(pair, (None, None))[0], score)
    for left, right in list(pairs):
        if statements[left].form == statements[right].form:
            del pairs[left, right]
            anchor = left if left in first else right
            other = right if anchor == left else left
            first[anchor].append(other)
    same_form = {place: tuple(sorted(found)) for place, found in first.items() if len(found) > 1}
    return Candidates(same_form=same_form, pairs=pairs)

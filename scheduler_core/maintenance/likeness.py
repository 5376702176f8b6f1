"""How alike two statements are, in three bands: the same by code alone, worth asking a model, or apart.

Where no veto speaks, only two cases are the same without being asked about: texts that are equal but for
spelling and small words, and a statement that a longer one begins with and says in full. What else is alike
goes to a model, because no similarity tells "collects stamps" from "collects coins" reliably.
"""

from dataclasses import dataclass
from enum import StrEnum

from scheduler_core.maintenance.differences import difference
from scheduler_core.maintenance.language import word_set
from scheduler_core.maintenance.statements import Statement

# Measured with a small sentence model on labelled pairs; see benchmarks/quality/memories.py.
COSINE_SAME = 0.95
COSINE_ASK = 0.75
WORDING_ASK = 0.5
_MOST_ADDED = 12
_CONTINUES = word_set("with in at and on for near of mit im bei und am für")


class Band(StrEnum):
    SAME = "same"
    ASK = "ask"
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Likeness:
    """
    Attributes:
        reason: which rule decided; a word of a fixed list.
        score: 0 to 1, to order what is alike.
    """

    band: Band
    reason: str
    score: float


def likeness(
    ours: Statement, theirs: Statement, *, cosine: float | None = None, wording: float | None = None
) -> Likeness:
    """Compares two statements; symmetric.

    Args:
        cosine: of their vectors; None where there are none of one model.
        wording: as `wording.shared_wording` scores them; None if that did not bring them together.
    """
    score = max(cosine or 0.0, wording or 0.0)
    if ours.form == theirs.form:
        return Likeness(Band.SAME, "equal", 1.0)
    veto = difference(ours, theirs)
    if veto is not None:
        return Likeness(Band.APART, veto, score)
    if contains(ours, theirs) or contains(theirs, ours):
        return Likeness(Band.SAME, "contained", score)
    if cosine is not None and cosine >= COSINE_SAME and ours.content and ours.content == theirs.content:
        return Likeness(Band.SAME, "close", score)
    if (cosine or 0.0) >= COSINE_ASK or (wording or 0.0) >= WORDING_ASK:
        return Likeness(Band.ASK, "alike", score)
    return Likeness(Band.APART, "unlike", score)


def contains(whole: Statement, part: Statement) -> bool:
    """Whether `whole` begins with all that `part` says and only adds to it.

    Never where words weaken or turn what they stand beside: who does not eat fish with rice may eat fish.
    """
    if whole.turns or part.turns or len(part.roots) < 2:
        return False
    short, long = part.form.rstrip(".!"), whole.form
    if not long.startswith(short) or not 0 < len(whole.words) - len(part.words) <= _MOST_ADDED:
        return False
    rest = long[len(short) :]
    if rest[:1] in (",", ";"):
        return True
    return rest[:1] == " " and rest.split()[0] in _CONTINUES

"""Which lines are still ambiguous after the deterministic pass, and what a model may decide about them.

A question is asked only where an answer could be acted upon: each candidate carries evidence in its words
that two lines may say the same, that one may have replaced the other, or that a line may be idle talk.
Whatever the model says beyond that is vetoed. So a model that agrees to everything cannot join look-alikes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from scheduler_core.db.judgement_store import Decision
from scheduler_core.maintenance.disposition import Line, rank
from scheduler_core.maintenance.keys import is_pinned
from scheduler_core.maintenance.language import TURNS, fold, tokens, word_set
from scheduler_core.maintenance.sense import Sense, sense_of
from scheduler_core.maintenance.synonyms import COUNTRIES, LIVE, REGIONS

# More lines than a small model compares reliably in one group.
MOST_IN_GROUP = 6
_SINCE = frozenset({"since", "seit"})
_IDLE = word_set("hello hi hey thanks thank you ok okay bye goodbye please hallo danke bitte tschüss moin")
_PASSING = (
    " right now ", " today ", " at the moment ", " just asked ", " asked about ", " said hello ", " heute ",
    " gerade eben ", " im moment ", " hat gefragt ",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to ask about.

    Attributes:
        winner: the line that stays; the better one by evidence in code, never by the model's choice.
        loser: the line that would give way; for noise the same as `winner`.
        permitted: the one decision besides KEEP that may be acted upon.
    """

    winner: Line
    loser: Line
    permitted: Decision

    @property
    def ids(self) -> tuple[int, int]:
        return self.winner.id, self.loser.id


def candidates(lines: Iterable[Line]) -> tuple[Candidate, ...]:
    """Every candidate, in an order that depends on the lines alone. The cost is linear in the lines."""
    senses = [(line, sense_of(line)) for line in sorted(lines, key=rank, reverse=True)]
    clear = [(line, sense) for line, sense in senses if not sense.doubtful]
    found: dict[tuple[int, int], Candidate] = {}
    for candidate in (*_same_words(clear), *_same_topic(clear), *_parts(clear), *_idle(senses)):
        found.setdefault(candidate.ids, candidate)
    return tuple(found[ids] for ids in sorted(found))


def groups(found: Sequence[Candidate]) -> tuple[tuple[Candidate, ...], ...]:
    """Candidates that share lines, together; small enough to be read at once."""
    result: list[list[Candidate]] = []
    lines_of: list[set[int]] = []
    open_group: dict[int, int] = {}
    for candidate in sorted(found, key=lambda each: each.ids):
        place = open_group.get(candidate.winner.id, open_group.get(candidate.loser.id))
        if place is None or len(lines_of[place] | set(candidate.ids)) > MOST_IN_GROUP:
            place = len(result)
            result.append([])
            lines_of.append(set())
        result[place].append(candidate)
        lines_of[place].update(candidate.ids)
        for id_ in candidate.ids:
            open_group[id_] = place
    return tuple(map(tuple, result))


def _same_words(clear: Sequence[tuple[Line, Sense]]) -> Iterable[Candidate]:
    buckets: defaultdict[tuple[str, ...], list[tuple[Line, Sense]]] = defaultdict(list)
    for line, sense in clear:
        buckets[sense.words].append((line, sense))
    for bucket in buckets.values():
        # The best line of each polarity and tense; others are compared with these few only.
        best: dict[tuple[bool, bool, bool], Line] = {}
        for line, sense in bucket:
            claim = (sense.negative, sense.past, sense.ended)
            if claim in best:
                if may_merge(best[claim], line):
                    yield Candidate(best[claim], line, Decision.SAME)
            else:
                best[claim] = line
            for other, winner in best.items():
                if _contradict(other, claim) and may_replace(winner, line):
                    yield Candidate(winner, line, Decision.NEWER)


def _contradict(one: tuple[bool, bool, bool], other: tuple[bool, bool, bool]) -> bool:
    """Whether both claims about the same cannot be true now: "used to like" goes with "does not like"."""
    negative, past, _ = one
    other_negative, other_past, _ = other
    if negative != other_negative:
        return not past and not other_past
    return past != other_past


def _same_topic(clear: Sequence[tuple[Line, Sense]]) -> Iterable[Candidate]:
    best: dict[str, tuple[Line, Sense]] = {}
    for line, sense in clear:
        if not sense.topic or sense.negative or sense.past:
            continue
        if sense.topic not in best:
            best[sense.topic] = (line, sense)
            continue
        winner, other = best[sense.topic]
        if other.words == sense.words:
            continue
        places = {fold(other.words[-1]), fold(sense.words[-1])}
        if sense.topic == LIVE and (not other.changed or not places.isdisjoint(REGIONS)):
            continue
        if may_replace(winner, line):
            yield Candidate(winner, line, Decision.NEWER)


def _parts(clear: Sequence[tuple[Line, Sense]]) -> Iterable[Candidate]:
    """A line that a longer one says in full, with a time or a country added."""
    by_claim: dict[tuple[tuple[str, ...], bool, bool, bool], Line] = {}
    for line, sense in clear:
        by_claim.setdefault((sense.words, sense.negative, sense.past, sense.ended), line)
    for whole, sense in clear:
        for words in _shorter(sense.words, whole):
            part = by_claim.get((words, sense.negative, sense.past, sense.ended))
            if part is not None and may_merge(whole, part):
                yield Candidate(whole, part, Decision.SAME)


def _shorter(words: tuple[str, ...], whole: Line) -> Iterable[tuple[str, ...]]:
    if not TURNS.isdisjoint(tokens(whole.text)):
        return
    for place, word in enumerate(words[2:], 2):
        if word in _SINCE:
            yield words[:place]
    if words[:2] == (LIVE, "in") and len(words) == 4 and fold(words[3]) in COUNTRIES:
        yield words[:3]
        yield (LIVE, "in", words[3])


def _idle(senses: Sequence[tuple[Line, Sense]]) -> Iterable[Candidate]:
    for line, _ in senses:
        if may_drop(line):
            yield Candidate(line, line, Decision.NOISE)


def may_merge(winner: Line, loser: Line) -> bool:
    """Whether `loser` may be said by `winner` alone, as far as their standing goes.

    A pinned line gives way to none, what must be kept only to what must be kept too, and what was stated or
    sure never to a guess.
    """
    if _is_pinned(loser) or loser.must_keep > winner.must_keep:
        return False
    return _standing(winner) >= _standing(loser)


def may_replace(winner: Line, loser: Line) -> bool:
    """Whether `winner` may be the newer truth: stated over inferred, then sure over unsure, then later.

    What must be kept is never replaced on a model's word.
    """
    if loser.must_keep or _is_pinned(loser):
        return False
    return (*_standing(winner), _time(winner)) > (*_standing(loser), _time(loser))


def may_drop(line: Line) -> bool:
    """Whether a line may be idle talk: inferred, of nothing that lasts, and nothing vital."""
    if line.must_keep or _is_pinned(line) or line.attribute.source == "explicit":
        return False
    words = tokens(line.text)
    padded = f" {fold(' '.join(words))} "
    return bool(words) and (_IDLE.issuperset(words) or any(mark in padded for mark in _PASSING))


def _is_pinned(line: Line) -> bool:
    return line.attribute.pinned or is_pinned(line.attribute.category, line.attribute.value)


def _standing(line: Line) -> tuple[bool, int, int]:
    pinned, source, sure, *_ = rank(line)
    return pinned, source, sure


def _time(line: Line) -> datetime:
    return line.attribute.updated_at


def agreed(
    found: Sequence[Candidate], decisions: Mapping[tuple[int, int], Decision]
) -> tuple[tuple[Candidate, Decision], ...]:
    """The candidates that a model decided as code permits; everything else stays as it is."""
    return tuple(
        (candidate, candidate.permitted)
        for candidate in found
        if decisions.get(candidate.ids) is candidate.permitted
    )

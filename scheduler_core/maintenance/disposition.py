"""The deterministic pass: what becomes of each attribute before any model is asked.

Pure functions over attributes. Every attribute gets exactly one disposition, the result does not depend on
the order of the rows, and the raw rows are not touched. The cost is linear in the text.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache

from scheduler_core.domain import Attribute
from scheduler_core.maintenance import dates
from scheduler_core.maintenance.instructions import instruction_in
from scheduler_core.maintenance.keys import KeyRule, is_pinned, rule_for, unpinned
from scheduler_core.maintenance.language import (
    DOWN,
    TURNS,
    denies,
    fold,
    is_negative,
    spans,
    tokens,
    word_set,
)
from scheduler_core.maintenance.normalise import comparable, value_text

_SOURCES = {"explicit": 2, "system": 1}
_SURE, _LIKELY = 0.7, 0.4
# A value may be contained in a longer one; both bounds keep the search linear.
_LONGEST_PART, _LONGEST_WHOLE = 12, 200


def _listed(texts: str) -> frozenset[str]:
    return frozenset(texts.split("|"))


_PLACEHOLDERS = _listed(
    "unknown|n/a|na|null|undefined|tbd|tba|todo|test|testing|test test|foo|bar|asdf|qwertz|qwerty|xxx|"
    "lorem ipsum|not specified|not provided|not available|unspecified|no information|no answer|not sure|"
    "idk|?|??|???|-|--|.|unbekannt|k.a|ka|keine angabe|keine angaben|nicht bekannt|nicht angegeben|"
    "weiß nicht|weiss nicht|platzhalter|placeholder"
)
_HEALTH = word_set(
    "allergic allergy allergisch allergie diabetes diabetic diabetiker diabetikerin epilepsy epilepsie "
    "asthma pregnant schwanger insulin pacemaker herzschrittmacher celiac coeliac zöliakie anaphylaxis "
    "hiv cancer krebs depression medication medikament medikamente wheelchair rollstuhl blind deaf "
    "gehörlos migraine migräne"
)
_JOINS = frozenset({"and", "und"})
_CONNECTS = word_set("with since in at mit seit im bei")
_PARTING = re.compile(r"[,;:().!?]|(?<!\w)(?:and|und|with|since|in|at|mit|seit|im|bei)(?!\w)")


class Verdict(StrEnum):
    KEPT = "kept"
    DUPLICATE = "duplicate_of"
    CONTAINED = "contained_in"
    MERGED = "merged_into"
    SUPERSEDED = "superseded_by"
    NOISE = "noise"
    SET_ASIDE = "set_aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An attribute as the later steps see it.

    Attributes:
        text: the value on one clean line.
        form: the text as it is compared; equal forms say the same.
        must_keep: no summary may leave it out.
        negative: it denies something or expresses aversion.
    """

    attribute: Attribute
    rule: KeyRule
    text: str
    form: str
    must_keep: bool
    negative: bool

    @property
    def id(self) -> int:
        return self.attribute.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """What becomes of one attribute, and why.

    Attributes:
        of: the attribute it repeats or gives way to; None where there is none.
        reason: a few words from a fixed list; never the attribute's text.
    """

    line: Line
    verdict: Verdict
    of: int | None = None
    reason: str = ""


def dispose(attributes: Iterable[Attribute], *, today: date) -> tuple[Disposition, ...]:
    """One disposition for each attribute, by id.

    Following `of` from any attribute ends at one that is kept.

    Args:
        today: events that ended before it are noise.
    """
    settled: dict[int, Disposition] = {}
    groups: defaultdict[str, list[Line]] = defaultdict(list)
    for attribute in attributes:
        line = read(attribute)
        settled[line.id] = _alone(line, today)
        if settled[line.id].verdict is Verdict.KEPT:
            groups[line.rule.name].append(line)
    for group in groups.values():
        for disposition in _together(group):
            settled[disposition.line.id] = disposition
    _inherit(settled)
    return tuple(settled[id_] for id_ in sorted(settled))


def _inherit(settled: dict[int, Disposition]) -> None:
    """Who stands for a line that must be kept must be kept too, whatever its own category."""
    for disposition in tuple(settled.values()):
        if disposition.of is None or not disposition.line.must_keep:
            continue
        end = settled[disposition.of]
        while end.of is not None:
            end = settled[end.of]
        if not end.line.must_keep:
            settled[end.line.id] = replace(end, line=replace(end.line, must_keep=True))


def read(attribute: Attribute) -> Line:
    text = value_text(unpinned(attribute.value))
    rule = rule_for(attribute.key)
    words = tokens(text)
    return Line(
        attribute=attribute,
        rule=rule,
        text=text,
        form=comparable(text),
        must_keep=rule.must_keep
        or _is_pinned(attribute)
        or fold(attribute.category) in ("health", "gesundheit", "relationship", "relationships")
        or not _HEALTH.isdisjoint(words),
        negative=is_negative(words) or not DOWN.isdisjoint(text) or _denies_in_key(attribute.key),
    )


@lru_cache(maxsize=4096)
def _denies_in_key(key: str) -> bool:
    return denies(key.replace("_", " "))


def kept(dispositions: Iterable[Disposition]) -> tuple[Line, ...]:
    return tuple(d.line for d in dispositions if d.verdict is Verdict.KEPT)


def rank(line: Line) -> tuple[bool, int, int, datetime, int]:
    """The better of two: pinned, then said over inferred, then sure over unsure, then the newer one.

    Confidence counts in three steps, because a model's .90 against its .85 says nothing, whereas a newer
    statement does.
    """
    attribute = line.attribute
    sure = (attribute.confidence >= _SURE) + (attribute.confidence >= _LIKELY)
    return (
        _is_pinned(attribute),
        _SOURCES.get(attribute.source, 0),
        sure,
        attribute.updated_at,
        attribute.id,
    )


def _is_pinned(attribute: Attribute) -> bool:
    return attribute.pinned or is_pinned(attribute.category, attribute.value)


def _alone(line: Line, today: date) -> Disposition:
    attribute = line.attribute
    reason = instruction_in(*_strings(attribute.value)) or _instruction_in_name(
        attribute.key, attribute.category
    )
    if reason is not None:
        return Disposition(line=line, verdict=Verdict.SET_ASIDE, reason=reason)
    if line.form in _PLACEHOLDERS or not any(map(str.isprintable, line.text)):
        return Disposition(line=line, verdict=Verdict.NOISE, reason="empty or a placeholder")
    if line.rule.event and not line.must_keep:
        ends = [found.last_day for _, _, found in dates.find(line.text)]
        if ends and all(end is not None and end < today for end in ends):
            return Disposition(line=line, verdict=Verdict.NOISE, reason="an event that is over")
    return Disposition(line=line, verdict=Verdict.KEPT)


@lru_cache(maxsize=4096)
def _instruction_in_name(key: str, category: str) -> str | None:
    return instruction_in(key.replace("_", " "), category)


def _strings(value: object) -> list[str]:
    """Every text inside a JSON value, names of fields included."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, list | tuple):
            waiting += item
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
    return found


def _together(group: Sequence[Line]) -> list[Disposition]:
    """Dispositions of the attributes of one canonical key."""
    if len(group) == 1:
        return []
    result: list[Disposition] = []
    same: dict[str, Line] = {}
    # Best first, so that whatever repeats an earlier one gives way to it.
    for line in sorted(group, key=rank, reverse=True):
        form = line.form
        if form in same:
            result.append(_gives_way(line, Verdict.DUPLICATE, same[form], "says the same"))
        else:
            same[form] = line
    rest = same
    if group[0].rule.single:
        # What is not so does not say what is: "no longer in Berlin" must not replace "Dresden".
        rest = {form: line for form, line in same.items() if line.negative}
        stated = [line for line in same.values() if not line.negative]
        result += [
            _gives_way(line, Verdict.SUPERSEDED, stated[0], _why(stated[0], line)) for line in stated[1:]
        ]
    result += _contained(rest)
    return result


def _why(winner: Line, loser: Line) -> str:
    reasons = ("pinned", "stated over inferred", "more certain")
    for reason, best, other in zip(reasons, rank(winner), rank(loser), strict=False):
        if best != other:
            return reason
    return "newer"


def _gives_way(line: Line, verdict: Verdict, to: Line, reason: str) -> Disposition:
    return Disposition(line=line, verdict=verdict, of=to.id, reason=reason)


def _contained(forms: dict[str, Line]) -> list[Disposition]:
    """Values that a longer one of the same key says in full, as a whole phrase."""
    best: dict[int, tuple[int, Line]] = {}
    lines = {line.id: line for line in forms.values()}
    for text, whole in forms.items():
        for part in _phrases(text) if len(forms) > 1 else ():
            line = forms.get(part)
            if line is None or line.negative != whole.negative or line.must_keep > whole.must_keep:
                continue
            known = best.get(line.id)
            # The longest one wins; being longer than its part, it closes no circle.
            if known is None or (known[0], rank(known[1])) < (len(text), rank(whole)):
                best[line.id] = (len(text), whole)
    return [
        _gives_way(lines[id_], Verdict.CONTAINED, whole, "said in a longer one")
        for id_, (_, whole) in best.items()
    ]


def _phrases(text: str) -> Iterator[str]:
    """Proper parts of a text that stand alone in it: items of a list, or a start before "with" or "in".

    A text that weakens or turns what it says ("used to", "except", "afraid of") has none.
    """
    if _PARTING.search(text) is None:
        return
    places = spans(text)
    if not 1 < len(places) <= _LONGEST_WHOLE:
        return
    words = tokens(text)
    if not TURNS.isdisjoint(words):
        return
    for first, (start, _) in enumerate(places):
        if first and not (_parted(text, places, first) or words[first - 1] in _JOINS):
            continue
        for last in range(first, min(first + _LONGEST_PART, len(places))):
            end = places[last][1]
            after = last + 1
            whole = first == 0 and after == len(places)
            if not whole and (
                after == len(places) or _parted(text, places, after) or words[after] in _JOINS | _CONNECTS
            ):
                yield text[start:end]


def _parted(text: str, places: list[tuple[int, int]], second: int) -> bool:
    """Whether punctuation stands between a token and the one before it."""
    gap = text[places[second - 1][1] : places[second][0]]
    return gap.strip() in {",", ";", ":", "(", ")", "),", ");", ".", "!", "?"} and gap != "."

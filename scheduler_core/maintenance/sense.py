"""What a line says, reduced to a form in which wordings of the same meet.

Two lines with one form say the same as far as words tell; whether they do is then for a model to confirm. The
form keeps every number, date, name, preposition and the order of words, so that look-alikes stay apart. It is
never shown and never stored.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from scheduler_core.maintenance import dates
from scheduler_core.maintenance.disposition import Line
from scheduler_core.maintenance.keys import KIN
from scheduler_core.maintenance.language import AVERSIONS, fold, is_denial, number, spans, stem, word_set
from scheduler_core.maintenance.normalise import comparable
from scheduler_core.maintenance.synonyms import (
    CANONICAL,
    DEGREES,
    FALSE_FRIENDS,
    FILLERS,
    GERUNDS,
    INDEFINITE,
    LIKE,
    LIVE,
    PHRASES,
    PROPER,
    VERBS,
)

_PLAIN_KEYS = word_set(
    "note notes fact facts info information misc other about statement remark comment memory detail details "
    "preference preferences general notiz notizen sonstiges bemerkung vorliebe vorlieben food_preference "
    "drink_preference interest_note observation behaviour behavior habit habits lifestyle"
)
_LIKING = frozenset({"likes", "hobbies", "interests"})
_FAVOURITE = re.compile(r"^(?:favou?rite|lieblings)_?(?P<what>\w*)$")
_PAST = word_set("formerly früher ehemals damals did didn't didnt")
_USED_TO = ("used", "to")
# What a denial leaves behind; polarity is compared apart.
_STILL = word_set("longer anymore mehr")
_AUXILIARY = word_set("do does")
_ENDED = word_set("longer anymore stopped quit")
_QUITS = word_set("stopped quit")
# What is left of these when their denial is taken away states nothing.
_PLAIN_DENIALS = word_set(
    "not no don't dont doesn't doesnt isn't isnt aren't arent ain't nicht kein keine keinen keinem keiner "
    "keines nein stopped quit neither nor none"
)
_DISLIKES = word_set(
    "dislike dislikes disliked hate hates hated detest detests loathe loathes despise despises hasst hasse "
    "hassen verabscheut"
)
# They say that something took the place of something else.
_CHANGED = word_set("now jetzt inzwischen mittlerweile neuerdings nowadays moved relocated gezogen umgezogen")
_BE = word_set("is are am was were be been being ist sind bin war waren wird wurde")
_JOINS = word_set("and und or oder but aber while sowie nor")
_PASSIVE = re.compile(r"(?:ed|en|own|ught)$")
_LONGEST = 40
# A line that begins with one of these begins with no name.
_OPENERS = (
    frozenset(CANONICAL)
    | frozenset(GERUNDS)
    | (FILLERS | INDEFINITE | _PLAIN_DENIALS | _PAST | _DISLIKES | _BE | _CHANGED | _STILL)
)
_PUNCTUATION = re.compile(r"[^\w\s.,'’;:()!?\"-]|[;:()]")


@dataclass(frozen=True, slots=True)
class Sense:
    """The form of one line.

    Attributes:
        words: canonical words in order; what is liked comes as a sorted list where order says nothing.
        negative: it denies, or tells an aversion.
        past: it says what was so once.
        ended: it says that something is so no more.
        changed: it says that this took the place of something else ("now", "moved").
        topic: of what it gives the one true value, such as `live` or `favourite color`; else empty.
        doubtful: it has signs or words that this reduction does not understand.
    """

    words: tuple[str, ...]
    negative: bool
    past: bool
    ended: bool
    changed: bool
    topic: str
    doubtful: bool


def sense_of(line: Line) -> Sense:
    """The sense of a line, its key included: `likes: coffee` says what `note: likes coffee` does."""
    surface = [line.text[start:end] for start, end in spans(line.text)]
    if line.attribute.value and any(map(str.isdecimal, line.text)):
        dated = dates.replaced(line.text)
        surface = [dated[start:end] for start, end in spans(dated)]
    plain = [fold(word) for word in surface]
    past = not _PAST.isdisjoint(plain) or _USED_TO in pairwise(plain)
    changed = not _CHANGED.isdisjoint(plain)
    words = () if not surface else _words(surface, plain, strict=bool(line.rule.kin) or line.rule.must_keep)
    head = _head(line)
    if head and words[: len(head)] != head:
        words = (*head, *words)
    turned = sum(is_denial(word) or word in AVERSIONS for word in plain)
    return Sense(
        words=_unordered(words, line.text),
        negative=line.negative,
        past=past,
        ended=not _ENDED.isdisjoint(plain) or ("nicht", "mehr") in pairwise(plain),
        changed=changed,
        topic=_topic(line, words, surface),
        doubtful=not words
        or len(words) > _LONGEST
        or turned > 1
        or not FALSE_FRIENDS.isdisjoint(words)
        or (line.negative and (not _JOINS.isdisjoint(plain) or "," in line.text))
        or _PUNCTUATION.search(line.text) is not None
        or (line.rule.name == "dislikes" and turned > 0),
    )


def _head(line: Line) -> tuple[str, ...]:
    """What the key says before the value does."""
    name = line.rule.name
    if name in _LIKING or name == "dislikes":
        return (LIKE,)
    if name in _PLAIN_KEYS:
        return ()
    if name in ("location", "country"):
        return (LIVE, "in")
    return tuple(CANONICAL.get(word, word) for word in name.split("_") if word not in FILLERS)


def _topic(line: Line, words: Sequence[str], surface: Sequence[str]) -> str:
    favourite = _FAVOURITE.match(line.rule.name)
    if favourite and favourite["what"]:
        return f"favourite {favourite['what'].strip('_')}"
    if (
        line.rule.name in _PLAIN_KEYS
        and words[:2] == (LIVE, "in")
        and len(words) == 3
        and surface[-1][:1].isupper()
    ):
        return LIVE
    return ""


def _words(surface: Sequence[str], plain: Sequence[str], *, strict: bool) -> tuple[str, ...]:
    names = {word for word, written in zip(plain[1:], surface[1:], strict=True) if written[:1].isupper()}
    if strict and surface and surface[0][:1].isupper():
        names.add(plain[0])
    if surface[0][:1].isupper() and plain[0] not in _OPENERS:
        # Whether it is a name cannot be seen, so it is taken for one.
        names.add(plain[0])
    words = _phrases([word for word in plain if word not in DEGREES])
    is_denied = any(map(is_denial, plain))
    found: list[str] = []
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if word in _BE and _PASSIVE.search(following):
            found.append("be")
        elif word in _DISLIKES:
            found.append(LIKE)
        elif word in names:
            found.append(_name(word))
        elif (word == "to" and _opens(words[:place])) or (word in _STILL and is_denied):
            continue
        elif not _is_said_elsewhere(word, following):
            found.append(_in_place(word, words[:place], is_first=not found))
    return tuple(found)


def _in_place(word: str, before: Sequence[str], *, is_first: bool) -> str:
    """The form of a word where it stands."""
    if word in INDEFINITE:
        return "a"
    if word in GERUNDS:
        return GERUNDS[word] if before and before[-1] in _QUITS else f"{GERUNDS[word]}~ing"
    if before and before[-1] == "to" and _opens(before[:-1]) and word in _BASES:
        return CANONICAL.get(word, word) if before[-2] == "used" else f"{word}~ing"
    if word.endswith("n't"):
        # "can't" says more than "not".
        return word.removesuffix("n't")
    if is_first:
        return _verb(word)
    known = CANONICAL.get(word, word)
    return (number(word) or known) if known not in VERBS or not word.endswith("s") else word


_BASES = frozenset(GERUNDS.values())


def _name(word: str) -> str:
    """A word written like a name keeps its capital and its ending: Apple is no apple, Peters not Peter."""
    known = CANONICAL.get(word, word)
    return known if known != word or known in PROPER else known.capitalize()


def _opens(words: Sequence[str]) -> bool:
    """Whether a "to" here only leads to a verb, as in "likes to run"."""
    return bool(words) and (words[-1] == "used" or CANONICAL.get(words[-1]) == LIKE)


def _is_said_elsewhere(word: str, following: str) -> bool:
    """Whether a word states nothing, or only what the other parts of a sense hold."""
    return (
        word in _AUXILIARY
        or word in FILLERS
        or word in _PAST
        or word in _PLAIN_DENIALS
        or word in _CHANGED - {"moved", "relocated"}
        or (word, following) == _USED_TO
    )


def _phrases(words: Sequence[str]) -> list[str]:
    """The words with known phrases replaced by what they mean."""
    result: list[str] = []
    place = 0
    while place < len(words):
        for phrase, said in _STARTING.get(words[place], ()):
            if tuple(words[place : place + len(phrase)]) == phrase:
                result += said
                place += len(phrase)
                break
        else:
            result.append(words[place])
            place += 1
    return result


_STARTING = {phrase[0]: [other for other in PHRASES if other[0][0] == phrase[0]] for phrase, _ in PHRASES}


@lru_cache(maxsize=16_384)
def _verb(word: str) -> str:
    """One form for "plays" and "play" where a verb stands. Past tenses and agents ("painter") stay apart."""
    known = CANONICAL.get(word) or number(word)
    if known is not None:
        return known
    if word.endswith(("ss", "us", "is", "'s", "ings", "news")) or len(word) < 4 or not word.isascii():
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    return word.removesuffix("s")


def _unordered(words: tuple[str, ...], text: str) -> tuple[str, ...]:
    """A plain list of liked things in one order; anything else as it stands."""
    items = words[1:]
    listed = words[:1] == (LIKE,) and bool({"and", "und"}.intersection(items) or "," in text)
    if not listed or any(number(word) or stem(word) in KIN for word in items):
        return words
    parts = [part.split() for part in re.split(r"\s*(?:,|\band\b|\bund\b)\s*", " ".join(items))]
    flat = [part for part in parts if part]
    commas = comparable(text).count(",")
    if commas or any(len(part) != 1 for part in flat):
        return words
    return (words[0], *sorted(word for part in flat for word in part))

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
    LIKE,
    LIVE,
    PHRASES,
    PROPER,
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
_STILL = word_set("longer anymore mehr do does")
_DISLIKES = word_set(
    "dislike dislikes disliked hate hates hated detest detests loathe loathes despise despises hasst hasse "
    "hassen verabscheut"
)
# They say that something took the place of something else.
_CHANGED = word_set("now jetzt inzwischen mittlerweile neuerdings nowadays moved relocated gezogen umgezogen")
_INTO = word_set("in to nach")
_BE = word_set("is are am was were be been being ist sind bin war waren wird wurde")
_JOINS = word_set("and und or oder but aber while sowie nor")
_PASSIVE = re.compile(r"(?:ed|en|own|ught)$")
_LONGEST = 40
_PUNCTUATION = re.compile(r"[^\w\s.,'’;:()!?\"-]|[;:()]")


@dataclass(frozen=True, slots=True)
class Sense:
    """The form of one line.

    Attributes:
        words: canonical words in order; what is liked comes as a sorted list where order says nothing.
        negative: it denies, or tells an aversion.
        past: it says what was so once.
        changed: it says that this took the place of something else ("now", "moved").
        topic: of what it gives the one true value, such as `live` or `favourite color`; else empty.
        doubtful: it has signs or words that this reduction does not understand.
    """

    words: tuple[str, ...]
    negative: bool
    past: bool
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
        return (LIVE,)
    return tuple(word for word in map(_canonical, name.split("_")) if word not in FILLERS)


def _topic(line: Line, words: Sequence[str], surface: Sequence[str]) -> str:
    favourite = _FAVOURITE.match(line.rule.name)
    if favourite and favourite["what"]:
        return f"favourite {favourite['what'].strip('_')}"
    if (
        line.rule.name in _PLAIN_KEYS
        and words[:1] == (LIVE,)
        and len(words) == 2
        # "lives at Anna's" names no town.
        and fold(surface[-2]) in _INTO
        and surface[-1][:1].isupper()
    ):
        return LIVE
    return ""


def _words(surface: Sequence[str], plain: Sequence[str], *, strict: bool) -> tuple[str, ...]:
    names = {word for word, written in zip(plain[1:], surface[1:], strict=True) if written[:1].isupper()}
    if strict and surface and surface[0][:1].isupper():
        names.add(plain[0])
    first = plain[0] if surface[0][:1].isupper() and plain[0] not in CANONICAL else ""
    words = _phrases([word for word in plain if word not in DEGREES])
    found: list[str] = []
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if word in _BE and _PASSIVE.search(following):
            found.append("be")
        elif word in _DISLIKES:
            found.append(LIKE)
        elif _is_said_elsewhere(word, following) or (word == "to" and _opens(words[:place])):
            continue
        elif word == first and place == 0:
            # Whether it is a name cannot be seen, so it keeps its ending.
            found.append(CANONICAL.get(word, word))
        else:
            found.append(_name(word) if word in names else _canonical(word))
    return tuple(found)


def _name(word: str) -> str:
    """A word written like a name keeps its capital and its ending: Apple is no apple, Peters not Peter."""
    known = CANONICAL.get(word, word)
    return known if known != word or known in PROPER else known.capitalize()


def _opens(words: Sequence[str]) -> bool:
    """Whether a "to" here only leads to a verb, as in "likes to run"."""
    return bool(words) and (words[-1] == "used" or CANONICAL.get(words[-1]) == LIKE)


def _is_said_elsewhere(word: str, following: str) -> bool:
    """Whether a word states nothing, or only what the other parts of a sense hold."""
    if word in ("without", "ohne"):
        return False
    return (
        word in _STILL
        or word in FILLERS
        or word in _PAST
        or word in _CHANGED - {"moved", "relocated"}
        or (word, following) == _USED_TO
        or is_denial(word)
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
def _canonical(word: str) -> str:
    """One form for a word's plain inflections. Past tenses and agents ("painter") stay apart."""
    known = CANONICAL.get(word) or CANONICAL.get(GERUNDS.get(word, ""), GERUNDS.get(word))
    if known is not None:
        return known
    digits = number(word)
    if digits is not None:
        return digits
    # "paintings" are not what "painting" is.
    if word.endswith(("ss", "us", "is", "'s", "ings", "news")) or len(word) < 4 or not word.isascii():
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    if word.endswith("s"):
        # "plays" and "paintings" lose one letter, not what makes the word.
        return CANONICAL.get(word[:-1], word[:-1])
    return word


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

"""What one memory states, taken apart so that two can be compared without a model.

It is a lexicon and a few patterns, not a parser, and errs towards finding something: whatever a reading
holds and another one lacks is a reason not to merge them.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from scheduler_core.maintenance import dates
from scheduler_core.maintenance.contrasts import COUNTING, PEOPLE, is_unit
from scheduler_core.maintenance.evidence import surface
from scheduler_core.maintenance.language import (
    AVERSIONS,
    HEDGES,
    STOP,
    STOP_ENGLISH,
    STOP_GERMAN,
    TURNS,
    dominant,
    fold,
    is_denial,
    number,
    stem,
    tokens,
    word_set,
)
from scheduler_core.maintenance.normalise import clean, comparable

# Denials of neighbouring languages; where one of them is an innocent word, a merge is missed, none is wrong.
_FOREIGN_DENIALS = word_set(
    "ne pas jamais sans nunca jamás sin não nem sem niet geen nooit zonder inte aldrig utan ikke aldri uden "
    "non niente senza nie bez не нет никогда без değil yok nej ei en ej"
) - word_set("en ei")
_DENYING_SIGNS = frozenset("不没沒無未非别別ない👎❌🚫")
_DIRECTED = word_set(
    "over than rather instead before after against versus vs unlike above below beats from to by because so "
    "although though while if unless until like als statt lieber vor nach gegen gegenüber über unter von "
    "durch weil obwohl während into onto toward towards for für whom who which but aber and then better "
    "worse"
)
# Whose place before a word decides who does what to whom.
_BINDING = word_set(
    "from to by with without against before after over under for von durch mit ohne gegen vor nach"
)
_ADVERBS = (
    "all/every/each/alle/jede/jeder/jedes/jeden most/meistens some/einige few/wenige many/several/viele "
    "both/beide half always/immer usually/gewöhnlich often/oft only/nur more/mehr less/fewer/weniger "
    "much/viel too/zu enough/genug least/mindestens most/höchstens barely/hardly/kaum "
    "almost/nearly/fast/beinahe off out away weg back zurück law step ex former"
)
_DEGREES = {word: same.partition("/")[0] for same in _ADVERBS.split() for word in same.split("/")}
_INTENSE = word_set("really very truly actually definitely absolutely indeed wirklich sehr echt tatsächlich")
_SELF = word_set("user nutzer benutzer nutzerin benutzerin person")
_FEMALE, _MALE, _MANY = (
    word_set("she her hers herself sie ihr ihre ihren"),
    word_set("he him his himself er ihm ihn sein seine seinen"),
    word_set("they them their theirs themselves we us our"),
)
_FIRST = word_set("i me my mine myself ich mich mir mein meine")
# How a memory may begin without naming anybody.
_OPENINGS = (
    STOP
    | _SELF
    | word_set(
        "likes loves enjoys prefers has owns lives works wants plays speaks studies studied uses drinks "
        "eats reads writes drives practices practises needs hates dislikes avoids keeps takes goes runs "
        "teaches learns knows believes thinks plans hopes moved born grew married allergic interested "
        "currently always usually often never every each there today yesterday tomorrow according since "
        "during after before when favourite favorite prefer like love enjoy live work want play speak study "
        "use drink eat read write drive mag liebt wohnt lebt arbeitet spielt spricht trinkt isst liest hat "
        "ist besitzt lernt no not also said mentioned told asked"
    )
)
_SAME = {
    "favorite": "favourite", "favorites": "favourites", "color": "colour", "colors": "colours",
    "resides": "lives", "reside": "live", "movie": "film", "movies": "films", "automobile": "car",
    "kids": "children", "kid": "child", "bike": "bicycle", "bikes": "bicycles", "enjoys": "likes",
    "enjoy": "like", "gray": "grey", "benutzer": "nutzer", "telephone": "phone", "practises": "practices",
}  # fmt: skip
_SIGNED = re.compile(r"(?:(?<=\s)|^)[-−+±<>≤≥~≈]\s?(?=\d)")
_TIME = re.compile(
    r"(?<!\d)(\d{1,2})(?::(\d{2}))?\s?(am|pm|a\.m\.|p\.m\.|uhr)(?!\w)|(?<!\d)(\d{1,2}):(\d{2})(?!\d)"
)
_SYMBOLS = frozenset({"Sc", "Sm", "So", "Sk"})
_SIGNS = frozenset("%‰#+*/=<>|^~&@")
_FORM_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*", re.UNICODE)
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One memory's text and what can be read out of it; every part is computed once, when asked for."""

    text: str

    @cached_property
    def form(self) -> str:
        """Two texts with the same form say the same: case, width, spacing, articles, spelling and a leading
        "the user" aside. Never empty for a text that is not."""
        plain = comparable(self.text)
        words = tokens(plain)
        drop = {"the", "a"}
        language = dominant(words)
        if language == "en":
            drop = {"the", "a", "an"}
        elif language == "de":
            drop = {"der", "die", "das"}
        if not self.denials:
            drop |= _INTENSE
        found = _FORM_TOKEN.sub(
            lambda match: "" if match.group() in drop else _SAME.get(match.group(), match.group()), plain
        )
        found = _SPACES.sub(" ", found).strip()
        head, _, rest = found.partition(" ")
        return (rest if head in _SELF and rest else found) or plain or self.text

    @cached_property
    def surface(self) -> list[str]:
        return surface(dates.blanked(clean(self.text)))

    @cached_property
    def words(self) -> list[str]:
        """Without the words of dates."""
        return [_SAME.get(word, word) for word in map(fold, self.surface)]

    @cached_property
    def roots(self) -> list[str]:
        """Stems of the words that state something, in order."""
        return [
            stem(word)
            for word in self.words
            if word not in STOP and word not in _INTENSE and word not in _SELF and number(word) is None
        ]

    @cached_property
    def content(self) -> list[str]:
        """The words that state something without a plural's or a verb's s, in order."""
        return [
            _plain(word).removesuffix("s")
            for word in self.words
            if word not in STOP and word not in _INTENSE and word not in _SELF
        ]

    @cached_property
    def language(self) -> str | None:
        return dominant(self.words)

    @cached_property
    def numbers(self) -> Counter[str]:
        """Digits and number words, and what stands right behind each of them if it counts something."""
        found: Counter[str] = Counter()
        words = self.words
        for place, word in enumerate(words):
            value = number(word)
            if value is None and word in COUNTING:
                value = stem(word)
            if value is not None:
                follows = stem(words[place + 1]) if place + 1 < len(words) else ""
                found[f"{value} {follows}" if is_unit(follows) else value] += 1
        found.update(match.group().strip() for match in _SIGNED.finditer(self.text))
        found.update(re.sub(r"[\s.]", "", match.group()) for match in _TIME.finditer(self.text.lower()))
        return found

    @cached_property
    def dates(self) -> frozenset[str]:
        # A day that can be read in two ways is compared as it stands.
        odd = re.findall(r"\d{1,2}/\d{1,2}/\d{2,4}", self.text)
        return frozenset(str(found) for _, _, found in dates.find(clean(self.text))) | frozenset(odd)

    @cached_property
    def units(self) -> Counter[str]:
        return Counter(root for root in map(stem, self.words) if is_unit(root))

    @cached_property
    def symbols(self) -> Counter[str]:
        """Currency, mathematical and pictorial signs."""
        return Counter(
            sign
            for sign in self.text
            if not sign.isalnum() and (sign in _SIGNS or unicodedata.category(sign) in _SYMBOLS)
        )

    @cached_property
    def denials(self) -> int:
        said = sum(is_denial(word) or word in AVERSIONS or word in _FOREIGN_DENIALS for word in self.words)
        return said + sum(sign in _DENYING_SIGNS for sign in self.text)

    @cached_property
    def names(self) -> Counter[str]:
        """Words written like names. The first word counts unless memories commonly begin with it."""
        found: Counter[str] = Counter()
        for place, word in enumerate(self.surface):
            folded = _plain(fold(word))
            if place == 0:
                is_name = folded not in _OPENINGS
            else:
                is_name = word[:1].isupper() and folded not in STOP and folded not in _SELF
            if is_name or (word.isupper() and len(word) > 1) or any(map(str.isdecimal, word)):
                found[folded.removesuffix("s") if len(folded) > 4 else folded] += 1
        return found

    @cached_property
    def people(self) -> Counter[str]:
        """Relatives and roles, whose belongings and habits are not the user's own."""
        return Counter(_plain(word) for word in self.words if _plain(word) in PEOPLE)

    @cached_property
    def pronouns(self) -> frozenset[str]:
        found = {
            name
            for name, words in (("she", _FEMALE), ("he", _MALE), ("they", _MANY), ("i", _FIRST))
            if not words.isdisjoint(self.words)
        }
        return frozenset(found)

    @cached_property
    def doubts(self) -> Counter[str]:
        """Words that make it weaker, past, planned or conditional."""
        return Counter(word for word in self.words if word in HEDGES)

    @cached_property
    def degrees(self) -> frozenset[str]:
        """How much, how often, and the small adverbs that turn a verb ("off", "back")."""
        return frozenset(_DEGREES[word] for word in self.words if word in _DEGREES)

    @cached_property
    def past(self) -> frozenset[str]:
        """Words that look like a past tense, without their ending."""
        return frozenset(word[:-2] for word in self.words if word.endswith("ed") and len(word) > 4)

    @cached_property
    def own_places(self) -> int:
        """How often the user stands elsewhere than at the beginning: done to, not doing."""
        return sum(
            word in _SELF and place > 1 and self.words[place - 1] not in ("'s", "s")
            for place, word in enumerate(self.words)
        )

    @cached_property
    def bindings(self) -> frozenset[tuple[str, str]]:
        """Each preposition that decides a role with the stating word behind it."""
        found: set[tuple[str, str]] = set()
        waiting: str | None = None
        for word in self.words:
            if word in _BINDING:
                waiting = word
            elif waiting is not None and word not in STOP:
                found.add((waiting, stem(word)))
                waiting = None
        return frozenset(found)

    @cached_property
    def is_directed(self) -> bool:
        """Whether the order of its words carries meaning beyond grammar."""
        return bool(self.denials) or sum(self.names.values()) > 1 or not _DIRECTED.isdisjoint(self.words)

    @cached_property
    def turns(self) -> bool:
        return bool(self.denials) or not (TURNS - {"like", "likes"}).isdisjoint(self.words)

    @property
    def is_english_or_german(self) -> bool:
        return not (STOP_ENGLISH | STOP_GERMAN).isdisjoint(self.words)


def _plain(word: str) -> str:
    return word.removesuffix("'s").removesuffix("'")

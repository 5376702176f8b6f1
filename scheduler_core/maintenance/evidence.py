"""What one line permits a sentence to say: words, numbers, order, and who is related to whom."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from scheduler_core.maintenance import dates
from scheduler_core.maintenance.disposition import Line
from scheduler_core.maintenance.keys import KIN
from scheduler_core.maintenance.language import (
    BINDING_HEDGES,
    STOP,
    STOP_ENGLISH,
    STOP_GERMAN,
    dominant,
    fold,
    is_denial,
    number,
    spans,
    stem,
    tokens,
    word_set,
)

# Plain denial; its presence is compared as polarity, so the word itself needs no source.
DENIALS = word_set(
    "no not don't doesn't isn't aren't hasn't haven't nicht kein keine keinen keinem keiner keines nein"
)
# Beside these, the order of every word carries meaning: "bar charts over pie charts".
_DIRECTED = word_set(
    "over than rather instead before after against versus unlike above below beats als statt lieber vor nach "
    "gegen gegenüber über unter"
)
_YEARS = frozenset(map(stem, ("years", "year", "jahre", "jahr")))
_OLD = frozenset(map(stem, ("old", "aged", "alt")))
_DENIED = "not"
_IS = word_set("is are am ist sind bin")
_ARTICLES = word_set("a an the ein eine einen der die das")
_OF = word_set("of von")
_PRONOUNS = word_set(
    "she he they i her his their him them hers theirs my sie er ihr ihre sein seine ihm ihnen"
)
# Said of both sides alike.
_MUTUAL = frozenset(map(stem, ("married", "verheiratet", "called", "family", "familie")))
BY_CATEGORY: Mapping[str, frozenset[str]] = {
    "preference": frozenset(map(stem, ("prefers", "prefer", "likes", "preference", "bevorzugt", "mag"))),
    "preferences": frozenset(map(stem, ("prefers", "prefer", "likes", "preference", "bevorzugt", "mag"))),
    "interest": frozenset(map(stem, ("interested", "interest", "enjoys", "likes", "interessiert"))),
    "communication": frozenset(map(stem, ("prefers", "communication", "bevorzugt"))),
    "context": frozenset(map(stem, ("currently", "aktuell"))),
}


class Source:
    """What one line permits a sentence to say."""

    def __init__(self, line: Line) -> None:
        self.line = line

    @cached_property
    def words(self) -> list[str]:
        return tokens(self.line.text)

    @cached_property
    def undated(self) -> list[str]:
        """The words without those of dates."""
        return tokens(dates.blanked(self.line.text))

    @cached_property
    def key_words(self) -> list[str]:
        return tokens(self.line.attribute.key.replace("_", " ").replace("-", " "))

    @cached_property
    def permitted(self) -> frozenset[str]:
        """Roots of words and numbers, of the key as of the value."""
        # The day of a date is no number of anything else; its month may be named, its year counted.
        values = (word for word in self.words if number(word) is None or word in self.undated)
        own = frozenset(root(word) for word in (*values, *self.key_words, *tokens(self.line.rule.label)))
        years = frozenset(str(found.year) for found in self.dates if found.year is not None)
        related = BY_CATEGORY.get(fold(self.line.attribute.category), frozenset())
        if not own.isdisjoint(_YEARS):
            related |= _OLD
        return own | years | related | self.line.rule.relations

    @cached_property
    def dates(self) -> tuple[dates.PartialDate, ...]:
        return tuple(found for _, _, found in dates.find(self.line.text))

    @cached_property
    def value_roots(self) -> frozenset[str]:
        return frozenset(root(word) for word in self.words if word not in STOP and word not in DENIALS)

    @cached_property
    def is_german(self) -> bool:
        """Whether key or value look German, where every noun is written like a name."""
        text = f"{self.line.attribute.key} {self.line.text}".casefold()
        return (
            dominant(self.words) == "de"
            or any(letter in text for letter in "äöüß")
            or (not STOP_GERMAN.isdisjoint(self.words) and STOP_ENGLISH.isdisjoint(self.words))
        )

    @cached_property
    def has_number(self) -> bool:
        return any(number(word) is not None for word in self.words)

    @cached_property
    def hedges(self) -> frozenset[str]:
        # Without dates, because May is a month, too.
        return BINDING_HEDGES.intersection(self.undated)

    @cached_property
    def _places(self) -> dict[str, int]:
        """Names and numbers with their places, as in "Mila, 7, and Nora, 4".

        Beside a directed word or a denial all words have one: "tea, not coffee" is not "coffee, not tea".
        Words of the key are left out, because a sentence may begin with them.
        """
        key = {root(word) for word in self.key_words}
        directed = self.line.negative or not _DIRECTED.isdisjoint(self.undated)
        found = [
            ordered(fold(word))
            for word in surface(dates.blanked(self.line.text))
            if word[:1].isupper() or number(fold(word)) or (directed and fold(word) not in STOP)
        ]
        return {word: place for place, word in enumerate(found) if found.count(word) == 1 and word not in key}

    def keeps_order(self, said: Sequence[str], shared: frozenset[str]) -> bool:
        """Whether the names and numbers of the line come in its order.

        Args:
            said: the sentence's words, as `ordered` gives them.
            shared: what other cited lines permit, too; their order is not this line's.
        """
        if self.line.negative and said.count(_DENIED) != sum(map(is_denial, self.words)):
            return False
        places = [self._places[word] for word in said if word in self._places and word not in shared]
        return places == sorted(places)

    def relates(self, words: Sequence[str], names: frozenset[str]) -> bool:
        """Whether the sentence says how somebody is related, and not the other way round.

        True for lines that are not about another person.
        """
        kin = self.line.rule.kin
        if not kin:
            return True
        kin |= KIN & self.value_roots
        places = [place for place, word in enumerate(words) if root(word) in kin]
        return bool(places) and not any(self._is_turned(words, place, names) for place in places)

    def _is_turned(self, words: Sequence[str], place: int, names: frozenset[str]) -> bool:
        """ "Ada is the mother", "Ngozi's mother" and "mother of Ngozi" make Ada the mother."""
        if root(words[place]) in _MUTUAL:
            return False
        own = names | _PRONOUNS
        before = [word for word in words[:place] if word not in _ARTICLES]
        if before and before[-1] in _IS and (len(before) == 1 or _plain(before[-2]) in own):
            return True
        if before and self._is_possessive(before[-1]) and _plain(before[-1]) not in own:
            return True
        after = [word for word in words[place + 1 :] if word not in _ARTICLES]
        return len(after) > 1 and after[0] in _OF and _plain(after[1]) not in own and number(after[1]) is None

    def _is_possessive(self, word: str) -> bool:
        return word.endswith(("'s", "s'")) or (
            word not in self.words and word.endswith("s") and word[:-1] in self.words
        )


def root(word: str) -> str:
    """What two spellings of one word or number share."""
    return number(word) or stem(word)


def ordered(word: str) -> str:
    """`root`, with one form for every denial."""
    return _DENIED if is_denial(word) else root(word)


def surface(text: str) -> list[str]:
    """Tokens as they are written."""
    return [text[start:end] for start, end in spans(text)]


def _plain(word: str) -> str:
    return word.removesuffix("'s").removesuffix("'")

"""What the checks know of English and German: small words, stems, numbers in words, negation, doubt.

It is a lexicon, not a parser. Where it does not know a word it says nothing about it, and callers treat
the unknown as significant. Other languages have no entries here, so their text is compared as it stands.
"""

import re
from functools import lru_cache

DOWN = frozenset("👎❌🚫🤮🤢")
_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*[+#]*|[^\W_]+", re.UNICODE)
_UMLAUTS = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "’": "'"})


def word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Small words that state nothing by themselves. Past tense, modal verbs, quantities and "only" are left out
# on purpose: they change what a sentence claims.
STOP_ENGLISH = word_set(
    "a an the and or of to in on at by for from with as is are am be been being it its it's this that "
    "these those he him his she her hers they them their theirs who whom whose which what when where i "
    "me my mine we us our ours you your yours has have having does do doing there here also about into "
    "than then so"
)
STOP_GERMAN = word_set(
    "ein eine einen einem einer eines der die das den dem des und oder von vom zu zum zur in im an am "
    "auf aus bei beim für mit als ist sind bin sein seine seinen seinem seiner seines ihr ihre ihren "
    "ihrem ihrer ihres er sie es sich ich mich mir mein meine meinen meinem meiner wir uns unser unsere "
    "du dich dir dein deine deinen deinem deiner hat habe haben auch dass über um nach wo wer wenn "
    "diese dieser dieses"
)
STOP = STOP_ENGLISH | STOP_GERMAN

NEGATIONS = word_set(
    "not no never neither nor none nothing nobody without cannot can't cant don't dont doesn't doesnt "
    "didn't didnt isn't isnt aren't arent wasn't wasnt weren't won't wont wouldn't shouldn't couldn't "
    "haven't hasn't hadn't ain't stopped quit nicht nichts nie niemals kein keine keinen keinem keiner "
    "keines ohne weder niemand nirgends keinerlei nein"
)
AVERSIONS = word_set(
    "dislike dislikes disliked hate hates hated avoid avoids avoided avoiding detest detests loathe "
    "loathes despise despises refuse refuses rejects hasst hasse hassen meidet meide meiden vermeidet "
    "vermeide vermeiden verabscheut ablehnt unverträglich"
)
_POLAR = NEGATIONS | AVERSIONS
# Words that make a statement weaker, past, planned or conditional. Losing one changes the meaning.
HEDGES = word_set(
    "maybe perhaps possibly probably might may could would should wants want wanted wishes hopes "
    "planning plans plan considering considers thinking used former formerly previously ex once was were "
    "had until unless if but except only sometimes rarely seldom occasionally instead rather other than "
    "or will soon almost vielleicht eventuell möglicherweise wahrscheinlich könnte würde sollte möchte "
    "will plant überlegt früher ehemals ehemalige ehemaliger damals war waren hatte bis falls wenn aber "
    "außer nur manchmal selten gelegentlich statt lieber oder bald fast"
)
# Hedges that small words also carry in ordinary sentences; they block merging but need not be repeated.
_LIGHT = word_set("or than other if once but plan plans only oder wenn bis aber nur lieber")
BINDING_HEDGES = HEDGES - _LIGHT
# A longer text with one of these may say the opposite of its parts.
TURNS = HEDGES | word_set(
    "fear fears afraid scared phobia allergic allergy intolerant against than like likes unlike "
    "angst furcht fürchtet allergisch allergie gegen als"
)

NUMBER_WORDS = {
    word: str(value)
    for row in (
        "two three four five six seven eight nine ten eleven twelve",
        "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    )
    for value, word in enumerate(row.split(), 2)
}
_SUFFIXES = ("ings", "ing", "ern", "ies", "est", "ed", "en", "er", "es", "em", "ly", "s", "e", "n", "y")
_SHORTEST_STEM = 4


def tokens(text: str) -> list[str]:
    """Case-folded words and numbers in order; `C++` and `doesn't` are one token each."""
    if text.isascii():
        return _TOKEN.findall(text.lower())
    return [fold(match) for match in _TOKEN.findall(text)]


def spans(text: str) -> list[tuple[int, int]]:
    """Where the tokens lie."""
    return [match.span() for match in _TOKEN.finditer(text)]


def fold(word: str) -> str:
    return word.casefold().replace("’", "'")


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A crude common root: `nursing` and `nurse`, `Töchter` and `Tochter` meet. Never under four letters."""
    root = word.translate(_UMLAUTS)
    root = root.removesuffix("'s").removesuffix("'")
    # Until nothing falls off any more, so that "daughters" meets "daughter".
    while True:
        for suffix in _SUFFIXES:
            if root.endswith(suffix) and len(root) - len(suffix) >= _SHORTEST_STEM:
                root = root[: -len(suffix)]
                break
        else:
            return root


def number(word: str) -> str | None:
    """The number a token stands for, as digits; None for a word."""
    if word[:1].isdecimal():
        return re.sub(r"(?<=\d),(?=\d{1,2}$)", ".", word)
    return NUMBER_WORDS.get(word)


def is_negative(words: list[str]) -> bool:
    """Whether the words deny something or express aversion."""
    return not _POLAR.isdisjoint(words) or any(word.endswith("n't") for word in words)


def is_denial(word: str) -> bool:
    return word in NEGATIONS or word.endswith("n't")


def denies(text: str) -> bool:
    """`is_negative` for a text, signs such as a thumb down included."""
    return not DOWN.isdisjoint(text) or is_negative(tokens(text))


def dominant(words: list[str]) -> str | None:
    """`en` or `de` when the small words say so clearly, else None."""
    english = sum(word in STOP_ENGLISH and word not in STOP_GERMAN for word in words)
    german = sum(word in STOP_GERMAN and word not in STOP_ENGLISH for word in words)
    if english >= 2 and english > 2 * german:
        return "en"
    if german >= 2 and german > 2 * english:
        return "de"
    return None

"""Checks a drafted summary against the lines it cites, without a model. Code decides.

A sentence passes when each of its clauses says nothing that one cited line does not say: every word beyond
small ones, every number, date and name, the polarity and the doubt of the line. A draft passes when all its
sentences do and nothing that must be kept is missing. The checks are strict on purpose: a refusal costs a
plainer sentence, an acceptance may cost the truth. They know words and their order, not meaning.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scheduler_core.maintenance import dates
from scheduler_core.maintenance.citations import Cited
from scheduler_core.maintenance.disposition import Line
from scheduler_core.maintenance.evidence import DENIALS, Source, ordered, root, surface
from scheduler_core.maintenance.instructions import instruction_in
from scheduler_core.maintenance.language import (
    STOP,
    denies,
    dominant,
    fold,
    number,
    tokens,
    word_set,
)
from scheduler_core.maintenance.normalise import clean

# At least this share of the lines has to be cited, and of a must-keep value's words to be said; of other
# values half of the words, or so many.
_SHARE_CITED = 0.6
_SHARE_SAID = 0.6
_WORDS_TOLD = 3

_CLAUSE = re.compile(
    r"[;()–—]|(?<!\d)[,:]|[,:](?!\d)|(?<!\w)(?:and|und|but|aber|while|sowie|whereas)(?!\w)", re.IGNORECASE
)
_LINK = re.compile(r"(?:https?|ftp)://\S+|www\.\S+|\S+@\S+\.\w+", re.IGNORECASE)
_MARKUP = re.compile(r"<[^>\s][^>]*>|\*\*|__|`|\]\(|^#{1,6}\s|\{\{|\}\}|<\||\|>|\[/?\w+\]")
_SIGN = re.compile(r"(?<![\w.)])-(?=\d)|[<>≤≥±~](?=\s?\d)|[%‰€$£¥°²³]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*[+#]*", re.UNICODE)
_POLITE = word_set("i sie ihr ihre ihren ihrem ihrer er es")


class Fault(StrEnum):
    """Why a draft is refused. The words appear in results and logs."""

    UNKNOWN_ID = "cites an id that was not given"
    IDLE_CITATION = "cites a line without saying what it says"
    UNSUPPORTED = "has words that no cited line has"
    NUMBER = "has a number that its lines do not have"
    DATE = "has a date that its lines do not have"
    NAME = "has a name that its lines do not have"
    POLARITY = "drops, adds or mixes a denial, which needs a sentence of its own"
    DOUBT = "drops a word such as maybe or formerly"
    RELATION = "does not say how somebody is related, or turns it round"
    ORDER = "changes the order of names and numbers"
    MARKUP = "has a link or markup that its lines do not have"
    INSTRUCTION = "reads like an instruction"
    LANGUAGE = "changes the language"
    ECHO = "repeats the instructions"
    MISSING = "leaves out a line that must be kept"
    SHRUNK = "leaves out too many lines"
    NOTHING = "has no sentence with ids"


@dataclass(frozen=True, slots=True)
class Failure:
    """One fault, with the ids it concerns; never with text.

    Attributes:
        sentence: position in the draft from 1; 0 when it is about the whole draft.
    """

    fault: Fault
    ids: tuple[int, ...] = ()
    sentence: int = 0

    def __str__(self) -> str:
        ids = "".join(f"[{id_}]" for id_ in self.ids[:8])
        where = f"sentence {self.sentence}" if self.sentence else "the answer"
        return f"{where} {self.fault}{' ' if ids else ''}{ids}"


def verify(
    draft: Sequence[Cited], lines: Iterable[Line], *, names: frozenset[str], secret: str
) -> tuple[Failure, ...]:
    """Everything that is wrong with a draft; nothing means it may be published.

    Args:
        lines: what the model was given.
        names: case-folded words of the subject's name, which any sentence may use.
        secret: a word that must not appear.
    """
    sources = {line.id: Source(line) for line in lines}
    failures: list[Failure] = []
    for position, cited in enumerate(draft, 1):
        for failure in _sentence_faults(cited, sources, names, secret):
            failures.append(Failure(failure.fault, failure.ids, position))
    failures += _draft_faults(draft, sources)
    return tuple(failures)


def _sentence_faults(
    cited: Cited, sources: Mapping[int, Source], names: frozenset[str], secret: str
) -> Iterable[Failure]:
    unknown = tuple(id_ for id_ in cited.ids if id_ not in sources)
    if unknown or not cited.ids:
        # An invented id is not repeated: it may be anything.
        yield Failure(Fault.UNKNOWN_ID)
        return
    own = [sources[id_] for id_ in cited.ids]
    words = tokens(cited.text)
    if secret.casefold() in cited.text.casefold():
        yield Failure(Fault.ECHO, cited.ids)
    if instruction_in(cited.text) is not None:
        yield Failure(Fault.INSTRUCTION, cited.ids)
    if _has_foreign_markup(cited.text, own):
        yield Failure(Fault.MARKUP, cited.ids)
    if _changes_language(cited.text, own):
        yield Failure(Fault.LANGUAGE, cited.ids)
    denied = [source.line.negative for source in own]
    if any(each != denies(cited.text) for each in denied) or (len(denied) > 1 and any(denied)):
        yield Failure(Fault.POLARITY, cited.ids)
    if any(not source.hedges <= set(words) for source in own):
        yield Failure(Fault.DOUBT, cited.ids)
    yield from _relation_faults(cited, own, names)
    yield from _content_faults(cited, own, names)


def _relation_faults(cited: Cited, own: Sequence[Source], names: frozenset[str]) -> Iterable[Failure]:
    words = tokens(dates.blanked(cited.text))
    said = [ordered(word) for word in words]
    for source in own:
        if not source.relates(words, names):
            yield Failure(Fault.RELATION, (source.line.id,))
        shared = frozenset().union(*(other.permitted for other in own if other is not source))
        if not source.keeps_order(said, shared):
            yield Failure(Fault.ORDER, (source.line.id,))


def _content_faults(cited: Cited, own: Sequence[Source], names: frozenset[str]) -> Iterable[Failure]:
    rest = dates.blanked(cited.text)
    for _, _, found in dates.find(cited.text):
        if not any(date.covers(found) for source in own for date in source.dates):
            yield Failure(Fault.DATE, cited.ids)
    for clause in _CLAUSE.split(rest):
        needed = _needed(clause, names, at_start=rest.startswith(clause))
        if not _is_supported(needed, own):
            yield Failure(_kind(needed, own), cited.ids)
    if _signs(rest) != _signs(" ".join(dates.blanked(source.line.text) for source in own)):
        yield Failure(Fault.NUMBER, cited.ids)
    if any(_is_unsupported_name(word, own, names) for word in _inner_capitals(rest)):
        yield Failure(Fault.NAME, cited.ids)
    for source in own:
        if not _is_told(cited, source):
            yield Failure(Fault.IDLE_CITATION, (source.line.id,))


def _signs(text: str) -> set[str]:
    """Minus, percent, currency and comparison signs; numbers mean something else without them."""
    return set(_SIGN.findall(text.replace("−", "-")))


def _is_told(cited: Cited, source: Source) -> bool:
    """Whether a sentence says a fair part of a line: half of its own words, three of a long one."""
    said = {root(word) for word in tokens(cited.text)}
    told = [found for _, _, found in dates.find(cited.text)]
    own = {root(word) for word in source.undated if word not in STOP | DENIALS} - source.line.rule.relations
    if own and source.words not in (["yes"], ["no"], ["ja"], ["nein"]):
        return len(own & said) >= min(_WORDS_TOLD, (len(own) + 1) // 2)
    if source.dates:
        return any(date.covers(found) for date in source.dates for found in told)
    return bool((source.value_roots | {root(word) for word in source.key_words}) & said)


def _needed(clause: str, names: frozenset[str], *, at_start: bool) -> set[str]:
    """Roots that some line has to have."""
    needed: set[str] = set()
    for position, match in enumerate(surface(clause)):
        word = fold(match)
        plain = word.removesuffix("'s").removesuffix("'")
        is_name = plain in names and (match[:1].isupper() or (at_start and position == 0))
        if word in STOP or word in DENIALS or is_name or plain in ("user", "bot"):
            continue
        needed.add(root(plain if plain else word))
    return needed


def _is_supported(needed: set[str], own: Sequence[Source]) -> bool:
    if any(needed <= source.permitted for source in own):
        return True
    # Facts of which a person has one each ("nurse", "Uniklinik", "Dresden") may share a clause.
    single = [source for source in own if source.line.rule.single and not source.line.negative]
    if sum(source.has_number for source in single) > 1:
        return False
    return needed <= frozenset().union(*(source.permitted for source in single))


def _kind(needed: set[str], own: Sequence[Source]) -> Fault:
    everything = frozenset().union(*(source.permitted for source in own))
    missing = needed - everything
    if any(word[:1].isdecimal() for word in missing):
        return Fault.NUMBER
    return Fault.UNSUPPORTED


def _inner_capitals(text: str) -> list[str]:
    """Capitalised words that do not begin a sentence."""
    return [
        match.group() for match in _WORD.finditer(text) if match.start() > 0 and match.group()[0].isupper()
    ]


def _is_unsupported_name(word: str, own: Sequence[Source], names: frozenset[str]) -> bool:
    folded = fold(word)
    plain = folded.removesuffix("'s")
    if plain in names or folded in _POLITE or len(plain) == 1:
        return False
    # German nouns take endings; elsewhere Peter is not Petersen.
    return not any(
        plain in (word.removesuffix("'s") for word in (*source.words, *source.key_words))
        or root(plain) in (source.permitted if source.is_german else source.line.rule.relations)
        for source in own
    )


def _has_foreign_markup(text: str, own: Sequence[Source]) -> bool:
    if clean(text) != text:
        return True
    given = "\n".join(source.line.text for source in own)
    marks = [match.group() for pattern in (_LINK, _MARKUP) for match in pattern.finditer(text)]
    return any(mark.rstrip(".,;)") not in given for mark in marks)


def _changes_language(text: str, own: Sequence[Source]) -> bool:
    given = [text for source in own for text in (source.line.text, source.line.attribute.key)]
    if not _scripts(text) <= {"LATIN"} | _scripts(" ".join(given)):
        return True
    before = dominant([word for source in own for word in source.words])
    after = dominant(tokens(text))
    return before is not None and after is not None and before != after


def _scripts(text: str) -> set[str]:
    return {
        unicodedata.name(character, "?").partition(" ")[0]
        for character in set(text)
        if ord(character) > 127 and character.isalpha()
    }


def _draft_faults(draft: Sequence[Cited], sources: Mapping[int, Source]) -> Iterable[Failure]:
    if not draft:
        yield Failure(Fault.NOTHING)
        return
    missing = tuple(
        source.line.id
        for source in sources.values()
        if source.line.must_keep
        and not any(source.line.id in cited.ids and _says(cited, source) for cited in draft)
    )
    if missing:
        yield Failure(Fault.MISSING, missing)
    used = {id_ for cited in draft for id_ in cited.ids if id_ in sources}
    if len(sources) >= 3 and len(used) < _SHARE_CITED * len(sources):
        yield Failure(Fault.SHRUNK, tuple(sorted(sources.keys() - used)))


def _says(cited: Cited, source: Source) -> bool:
    """Whether a sentence carries a value that must be kept: its numbers and names, and most of its words."""
    said = {root(word) for word in tokens(cited.text)}
    wanted = source.value_roots
    if not wanted:
        return True
    for _, _, found in dates.find(source.line.text):
        if not any(other.covers(found) for _, _, other in dates.find(cited.text)):
            return False
    undated = dates.blanked(source.line.text)
    exact = {root(word) for word in tokens(undated) if number(word) is not None}
    exact |= {root(fold(word)) for word in _inner_capitals(undated) if fold(word) not in STOP}
    if source.dates:
        wanted = frozenset(root(word) for word in tokens(undated) if word not in STOP | DENIALS)
    return exact <= said and len(wanted & said) >= _SHARE_SAID * len(wanted)

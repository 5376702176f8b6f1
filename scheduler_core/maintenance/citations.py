"""Reads a model's answer: sentences that end with the ids they rest on: `Ada lives in Dresden. [12][31]`.

The text is hostile. Whatever cannot be read as a sentence with ids is dropped; nothing raises, and nothing
here says whether a sentence is true.
"""

import re
from dataclasses import dataclass

_LONGEST_ANSWER = 64_000
_LONGEST_SENTENCE = 1_000
_MOST_SENTENCES = 500
_MOST_IDS = 50
_CITATION = re.compile(r"\[\s*#?[0-9]{1,12}(?:\s*[,;]\s*#?[0-9]{1,12}){0,49}\s*\]", re.ASCII)
_ID = re.compile(r"[0-9]+", re.ASCII)
_LEAD = re.compile(r"^\s*(?:[-*•]|[0-9]{1,3}[.)](?=\s))\s*", re.ASCII)
_TRAIL = re.compile(r"^[\s.!?,;]*$")
_ENDS = (".", "!", "?", "…")


@dataclass(frozen=True, slots=True)
class Cited:
    """A sentence and its ids in order of appearance, without repetitions."""

    text: str
    ids: tuple[int, ...]


def parse(answer: str) -> tuple[Cited, ...]:
    """The cited sentences of an answer, each once, in order."""
    found: dict[Cited, None] = {}
    for line in answer[:_LONGEST_ANSWER].splitlines():
        for cited in _line(line):
            if len(found) < _MOST_SENTENCES:
                found.setdefault(cited)
    return tuple(found)


def _line(line: str) -> list[Cited]:
    """The sentences of one line. Ids in the middle of a sentence belong to the whole sentence."""
    result: list[Cited] = []
    text, position = "", 0
    ids: list[int] = []
    line = _LEAD.sub("", line, count=1)
    for match in _CITATION.finditer(line):
        between = line[position : match.start()]
        position = match.end()
        if ids and text.rstrip().endswith(_ENDS) and not _TRAIL.match(between):
            result.append(_sentence(text, ids))
            text, ids = "", []
        text = f"{text.rstrip()} {between.strip()}" if between.strip() else text
        ids += [int(number) for number in _ID.findall(match.group())]
    rest = line[position:].strip()
    if ids and not _TRAIL.match(rest) and not text.rstrip().endswith(_ENDS):
        text = f"{text.rstrip()} {rest}"
    if ids:
        result.append(_sentence(text, ids))
    return [cited for cited in result if _is_sentence(cited)]


def _sentence(text: str, ids: list[int]) -> Cited:
    text = re.sub(r"\s+([.,;!?])", r"\1", " ".join(text.split())).strip()
    if text and not text.endswith(_ENDS):
        text = text.rstrip(",;:") + "."
    return Cited(text, tuple(dict.fromkeys(ids)))


def _is_sentence(cited: Cited) -> bool:
    return (
        0 < len(cited.text) <= _LONGEST_SENTENCE
        and len(cited.ids) <= _MOST_IDS
        and any(character.isalpha() for character in cited.text)
    )

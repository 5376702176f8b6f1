"""Text of attributes in two forms: clean for people and prompts, comparable for finding repetitions.

Both are pure, and neither is ever written back over the raw value.
"""

import json
import re
import unicodedata

from scheduler_core.maintenance import dates
from scheduler_core.maintenance.language import NUMBER_WORDS

_ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]?"
    r"|\x1b[ -/]{0,8}[0-~]?"
)
# Zero-width and bidirectional controls; the joiner U+200D stays, because emoji are built with it.
_INVISIBLE = re.compile(
    r"[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_TAGS = re.compile(r"[\U000e0000-\U000e007f]")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d{1,2}(?!\d))")
_DIGIT = re.compile(r"\d")
_UNIT_GAP = re.compile(r"(?<=\d) (?=(?:km|kg|cm|mm|mg|ml|m|g|l|%|€|\$|£)(?!\w))")
_NUMBER_WORD = re.compile(rf"(?<!\w)(?:{'|'.join(NUMBER_WORDS)})(?!\w)")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "…": "..."})
_EDGE = " .,;:!?\"'()"
_DEEPEST = 12


def clean(text: str) -> str:
    """One line without terminal escapes, control or invisible characters and lone surrogates."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = _ESCAPES.sub(" ", text)
    text = _TAGS.sub("", _INVISIBLE.sub("", text))
    text = _SPACE.sub(" ", text).strip()
    return text.encode("utf-8", "replace").decode("utf-8")


def value_text(value: object) -> str:
    """Any JSON value as one clean line: lists with commas, objects as `name: value; …`, yes and no."""
    return clean(_flat(value, 0))


def comparable(text: str) -> str:
    """The form in which repetitions are equal: case, width, spaces, quotes, numbers and dates unified.

    It never joins texts that differ in a word, a number, a sign or a negation.
    """
    folded = clean(text)
    if folded.isascii():
        folded = folded.lower()
    else:
        folded = unicodedata.normalize("NFKC", folded).casefold().translate(_QUOTES)
        # Case-folding can undo the composition, for instance of a Greek iota below.
        folded = _SPACE.sub(" ", unicodedata.normalize("NFKC", folded)).strip()
    folded = _NUMBER_WORD.sub(lambda match: NUMBER_WORDS[match.group()], folded)
    if _DIGIT.search(folded) is not None:
        folded = _UNIT_GAP.sub("", dates.replaced(_DECIMAL_COMMA.sub(".", folded)))
    return folded.strip(_EDGE) or folded


def _flat(value: object, depth: int) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if depth < _DEEPEST:
        if isinstance(value, list | tuple):
            return ", ".join(filter(None, (_flat(item, depth + 1) for item in value)))
        if isinstance(value, dict):
            inner = ((str(name).replace("_", " "), _flat(item, depth + 1)) for name, item in value.items())
            return "; ".join(f"{name}: {text}" for name, text in inner if text)
    return json.dumps(value, ensure_ascii=False)

"""Dates in running text, English and German, also without a day or without a year.

`03/04/2026` can be read in two ways and is therefore not read at all; a year alone is a number.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "january jan januar jänner",
            "february feb februar",
            "march mar märz maerz mär",
            "april apr",
            "may mai",
            "june jun juni",
            "july jul juli",
            "august aug",
            "september sep sept",
            "october oct oktober okt",
            "november nov",
            "december dec dezember dez",
        ),
        1,
    )
    for name in names.split()
}
_NAME = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ORDINAL = r"(?:st|nd|rd|th|\.)?"
_PATTERN = re.compile(
    r"(?<![\d.])(?:"
    r"(?P<y1>\d{4})-(?P<m1>\d{1,2})(?:-(?P<d1>\d{1,2}))?(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?(?!\d|-\d)"
    r"|(?P<d2>\d{1,2})\.\s?(?P<m2>\d{1,2})\.\s?(?P<y2>\d{4})(?!\d|\.\d)"
    r"|(?P<a3>\d{1,2})/(?P<b3>\d{1,2})/(?P<y3>\d{4})(?!\d)"
    rf"|(?P<d4>\d{{1,2}}){_ORDINAL}\s(?:of\s)?(?P<m4>{_NAME})\b\.?(?:,?\s(?P<y4>\d{{4}}))?(?!\d)"
    rf"|\b(?P<m5>{_NAME})\.?\s(?P<d5>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s(?P<y5>\d{{4}}))?(?!\d)"
    rf"|\b(?P<m6>{_NAME})\.?,?\s(?P<y6>\d{{4}})(?!\d)"
    r")",
    re.IGNORECASE,
)

_DIGIT = re.compile(r"\d")
# Some part of every date; far cheaper to look for than the date itself.
_HINT = re.compile(
    r"\d{4}-\d|\d\.\s?\d|\d/\d|jan|jän|feb|mar|mär|maer|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date that may lack its year or its day."""

    year: int | None
    month: int
    day: int | None

    def __str__(self) -> str:
        day = "" if self.day is None else f"-{self.day:02d}"
        year = "-" if self.year is None else f"{self.year:04d}"
        return f"{year}-{self.month:02d}{day}"

    @property
    def last_day(self) -> date | None:
        """The last day it can mean; None without a year."""
        if self.year is None:
            return None
        return date(self.year, self.month, self.day or calendar.monthrange(self.year, self.month)[1])

    def covers(self, other: "PartialDate") -> bool:
        """Whether `other` says no more than this one."""
        return self.month == other.month and other.year in (None, self.year) and other.day in (None, self.day)


def find(text: str) -> Iterator[tuple[int, int, PartialDate]]:
    """Every date with its place, from left to right."""
    if _DIGIT.search(text) is None or _HINT.search(text) is None:
        return
    for match in _PATTERN.finditer(text):
        found = _read(match)
        if found is not None:
            yield match.start(), match.end(), found


def replaced(text: str) -> str:
    """The text with each date in ISO form."""
    pieces: list[str] = []
    position = 0
    for start, end, found in find(text):
        pieces += (text[position:start], str(found))
        position = end
    return "".join(pieces) + text[position:]


def _read(match: re.Match[str]) -> PartialDate | None:
    part = match.groupdict()
    if part["y1"]:
        return _checked(part["y1"], int(part["m1"]), part["d1"])
    if part["y2"]:
        return _checked(part["y2"], int(part["m2"]), part["d2"])
    if part["y3"]:
        first, second = int(part["a3"]), int(part["b3"])
        if first <= 12 and second <= 12 and first != second:
            return None
        day, month = (first, second) if second <= 12 else (second, first)
        return _checked(part["y3"], month, str(day))
    for month_name, day_text, year in (("m4", "d4", "y4"), ("m5", "d5", "y5")):
        if part[month_name]:
            return _checked(part[year], _MONTHS[part[month_name].lower()], part[day_text])
    return _checked(part["y6"], _MONTHS[part["m6"].lower()], None)


def _checked(year: str | None, month: int, day: str | None) -> PartialDate | None:
    try:
        # A leap year admits 29 February where the year is not known.
        date(int(year) if year else 2000, month, int(day) if day else 1)
    except ValueError:
        return None
    return PartialDate(int(year) if year else None, month, int(day) if day else None)


def blanked(text: str) -> str:
    """The text without its dates."""
    for start, end, _ in reversed(list(find(text))):
        text = text[:start] + " " + text[end:]
    return text

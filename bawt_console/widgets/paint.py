"""From phrases to what the terminal library paints. Every text on the screen passes through here.

Pieces are cleaned here, at the last moment, so that no widget can forget to; nothing is ever read as markup.
"""

from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import App

from bawt_console.formatting import Phrase, Tone, clean, one_line
from bawt_console.widgets.themes import TONE_PREFIX

Ink = Mapping[Tone, Style]

# Asked for by every line that is painted.
_VARIABLES = tuple(TONE_PREFIX + tone for tone in Tone)
_BOLD = frozenset({Tone.STRONG, Tone.CHOSEN, Tone.ACCENT})


def ink(app: App[object]) -> Ink:
    """The style of each tone in the current theme."""
    variables = app.theme_variables
    return _ink(tuple(map(variables.get, _VARIABLES)), variables.get("cursor"))


@lru_cache(maxsize=16)
def _ink(colours: tuple[str | None, ...], behind_chosen: str | None) -> Ink:
    styles = {
        tone: Style(color=colour or None, bold=tone in _BOLD or None)
        for tone, colour in zip(Tone, colours, strict=True)
    }
    return styles | {Tone.CHOSEN: styles[Tone.CHOSEN] + Style(bgcolor=behind_chosen or None)}


def width_of(phrase: Phrase) -> int:
    """Cells on one line."""
    return sum(cell_len(one_line(text)) for text, _ in phrase.pieces)


def segments(phrase: Phrase, width: int, styles: Ink, base: Style, *, right: bool = False) -> list[Segment]:
    """One line of exactly `width` cells: cut with an ellipsis, or filled with spaces."""
    if width <= 0:
        return []
    # What is far beyond the edge need not be cleaned and measured.
    enough = 4 * width + 64
    parts = _spaced([(one_line(text[:enough]), base + styles[tone]) for text, tone in phrase.pieces])
    used = sum(cell_len(text) for text, _ in parts)
    if used > width:
        parts = _cut(parts, width)
        used = sum(cell_len(text) for text, _ in parts)
    filling = Segment(" " * (width - used), base)
    line = [Segment(text, style) for text, style in parts if text]
    return [filling, *line] if right else [*line, filling]


def _spaced(parts: list[tuple[str, Style]]) -> list[tuple[str, Style]]:
    """Spaces that lead a piece go behind the one before: pictures of a screen lose leading ones."""
    for number in range(1, len(parts)):
        (before, look), (text, style) = parts[number - 1], parts[number]
        bare = text.lstrip(" ")
        if bare and len(bare) < len(text) and look.bgcolor == style.bgcolor:
            parts[number - 1] = (before + text[: len(text) - len(bare)], look)
            parts[number] = (bare, style)
    return parts


def _cut(parts: list[tuple[str, Style]], width: int) -> list[tuple[str, Style]]:
    left = width - 1
    kept: list[tuple[str, Style]] = []
    for text, style in parts:
        room = left - cell_len(text)
        if room < 0:
            shortened = set_cell_size(text, left).rstrip()
            return [*kept, (f"{shortened}…", style)]
        kept.append((text, style))
        left = room
    return kept


def text_of(phrase: Phrase, styles: Ink) -> Text:
    """For widgets that lay text out themselves; line breaks stay."""
    text = Text()
    for piece, style in _spaced([(clean(piece), styles[tone]) for piece, tone in phrase.pieces]):
        text.append(piece, style)
    return text

"""A single line that gives up its least important parts when the terminal is narrow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from bawt_console.formatting import Phrase, Tone, phrase
from bawt_console.widgets.paint import ink, segments, width_of

# Parts worth less than this are left out before any other is cut.
DISPENSABLE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of the line.

    Attributes:
        keep: parts with the lowest number are left out first.
        right: stands at the right end.
        name: what a click on it reports; empty for nothing.
        short: stands in for the phrase when room is scarce, before anything is cut or left out.
        least: cells it may be cut down to before anything is left out; None leaves it whole.
    """

    phrase: Phrase
    short: Phrase | None = None
    keep: int = 50
    right: bool = False
    name: str = ""
    least: int | None = None


class PartsLine(Widget):
    """Shows parts from the left and from the right, `gap` apart, and the filling between them."""

    DEFAULT_CSS = """
    PartsLine { height: 1; }
    """

    class Clicked(Message):
        """A named part was clicked."""

        def __init__(self, line: "PartsLine", name: str) -> None:
            super().__init__()
            self.line = line
            self.name = name

        @property
        def control(self) -> "PartsLine":
            return self.line

    def __init__(self, *, gap: str = "   ", filling: str = " ", id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._gap = gap
        self._filling = filling
        self._parts: tuple[Part, ...] = ()
        self._places: list[tuple[int, int, str]] = []

    @property
    def parts(self) -> tuple[Part, ...]:
        return self._parts

    def show(self, parts: Sequence[Part]) -> None:
        """Replaces the parts; repaints only if they differ."""
        if tuple(parts) != self._parts:
            self._parts = tuple(parts)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if y or width < 4:
            return Strip.blank(width, base)
        room = width - 2
        kept = self._fitting(room)
        widths = self._widths(kept, room)
        styles = ink(self.app)
        filling = Segment(self._filling, base + styles[Tone.FAINT])
        left: list[Segment] = [Segment(" ", base)]
        right: list[Segment] = []
        for part, cells in zip(kept, widths, strict=True):
            target = right if part.right else left
            if len(target) > (0 if part.right else 1):
                target.append(Segment(self._gap, base + styles[Tone.FAINT]))
            target.extend(segments(part.phrase, cells, styles, base))
        used = sum(each.cell_length for each in left) + sum(each.cell_length for each in right)
        spare = max(0, width - 1 - used)
        if self._filling != " " and spare > 2:
            middle = [
                Segment(" ", base),
                Segment(self._filling * (spare - (2 if right else 1)), filling.style),
            ]
            middle += [Segment(" ", base)] if right else []
        else:
            middle = [Segment(" " * spare, base)]
        self._note_places(kept, widths, width)
        return Strip([*left, *middle, *right, Segment(" ", base)]).adjust_cell_length(width, base)

    def _fitting(self, room: int) -> list[Part]:
        kept = [part for part in self._parts if part.phrase]
        for part in sorted(kept, key=lambda each: each.keep):
            if part.short is not None and self._whole(kept) > room:
                kept[kept.index(part)] = replace(part, phrase=part.short, short=None)
        while len(kept) > 1:
            least = min(reversed(kept), key=lambda part: part.keep)
            if (self._whole if least.keep < DISPENSABLE else self._needed)(kept) <= room:
                break
            kept.remove(least)
        return kept

    def _whole(self, parts: Sequence[Part]) -> int:
        return len(self._gap) * max(0, len(parts) - 1) + sum(width_of(part.phrase) for part in parts)

    def _needed(self, parts: Sequence[Part]) -> int:
        gaps = len(self._gap) * max(0, len(parts) - 1)
        return gaps + sum(min(width_of(part.phrase), part.least or 10_000) for part in parts)

    def _widths(self, parts: Sequence[Part], room: int) -> list[int]:
        widths = [width_of(part.phrase) for part in parts]
        over = sum(widths) + len(self._gap) * max(0, len(parts) - 1) - room
        for number, part in sorted(enumerate(parts), key=lambda each: each[1].keep):
            if over > 0 and (part.least is not None or len(parts) == 1):
                cut = min(over, widths[number] - (part.least or 1))
                widths[number] -= max(0, cut)
                over -= max(0, cut)
        return widths

    def _note_places(self, parts: Sequence[Part], widths: Sequence[int], width: int) -> None:
        self._places = []
        at = 1
        for part, cells in zip(parts, widths, strict=True):
            if not part.right:
                self._places.append((at, at + cells, part.name))
                at += cells + len(self._gap)
        end = width - 1
        for part, cells in reversed(list(zip(parts, widths, strict=True))):
            if part.right:
                self._places.append((end - cells, end, part.name))
                end -= cells + len(self._gap)

    def on_click(self, event: events.Click) -> None:
        for start, end, name in self._places:
            if name and start <= event.x < end:
                self.post_message(self.Clicked(self, name))


def words(text: str, tone: Tone = Tone.PLAIN, *, keep: int = 50, right: bool = False, name: str = "") -> Part:
    """A part of one piece."""
    return Part(phrase=phrase(text, tone), keep=keep, right=right, name=name)

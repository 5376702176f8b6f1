"""Every tone of every theme can be read on every background it stands on."""

import pytest
from textual.color import Color
from textual.theme import Theme

from bawt_console.formatting import Tone
from bawt_console.widgets.themes import THEMES, TONE_PREFIX

# WCAG 2.2: 4.5 for text; 3 for what is out of reach or repeats something.
READABLE, FAINT = 4.5, 3.0


def luminance(colour: Color) -> float:
    def channel(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    return 0.2126 * channel(colour.r) + 0.7152 * channel(colour.g) + 0.0722 * channel(colour.b)


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("tone", Tone)
def test_a_tone_stands_out_from_screen_bars_and_cursor(theme: Theme, tone: Tone) -> None:
    assert theme.background is not None
    colour = theme.variables[TONE_PREFIX + tone]
    for ground in (theme.background, theme.variables["bar"]):
        assert contrast(colour, ground) >= (FAINT if tone is Tone.FAINT else READABLE), ground
    assert contrast(colour, theme.variables["cursor"]) >= FAINT

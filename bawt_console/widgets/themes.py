"""The four themes. Each gives every tone its colour, so that none is left to chance on another background."""

from textual.theme import Theme

from bawt_console.formatting import Tone

TONE_PREFIX = "tone-"


def _tones(**colours: str) -> dict[str, str]:
    missing = set(Tone) - set(colours)
    assert not missing, f"a theme lacks {missing}"
    return {TONE_PREFIX + name: colour for name, colour in colours.items()}


def _chrome(
    *, cursor: str, cursor_blur: str, bar: str, key: str, scrollbar: str, hover: str
) -> dict[str, str]:
    """The variables the stylesheets use beside Textual's own."""
    return {
        "cursor": cursor,
        "cursor-blur": cursor_blur,
        "bar": bar,
        "key": key,
        "scrollbar": scrollbar,
        "scrollbar-hover": hover,
        "scrollbar-active": hover,
        "scrollbar-background": bar,
        "scrollbar-background-hover": bar,
        "scrollbar-background-active": bar,
        "scrollbar-corner-color": bar,
    }


NIGHT = Theme(
    name="night",
    primary="#7aa2f7",
    secondary="#9d8cf0",
    accent="#7dcfff",
    warning="#e5b567",
    error="#f7768e",
    success="#8fcf7e",
    foreground="#c8d0e4",
    background="#12141c",
    surface="#12141c",
    panel="#1b1f2b",
    dark=True,
    variables=_chrome(
        cursor="#2b3554",
        cursor_blur="#1f2637",
        bar="#1b1f2b",
        key="#9db8ff",
        scrollbar="#38415c",
        hover="#4d5980",
    )
    | _tones(
        plain="#c8d0e4",
        strong="#eef2ff",
        chosen="#eef2ff",
        muted="#98a2bd",
        faint="#78829e",
        accent="#8fb4ff",
        ok="#8fcf7e",
        running="#7dcfff",
        pending="#b3bdd8",
        suspicious="#e5b567",
        failed="#ff8095",
        skipped="#98a2bd",
        paused="#c3a6ff",
        late="#ffb454",
        added="#8fcf7e",
        removed="#ff8095",
    ),
)

DAY = Theme(
    name="day",
    primary="#1f5fbf",
    secondary="#6842b8",
    accent="#0b6e99",
    warning="#8a5a00",
    error="#b3142f",
    success="#1e6b2e",
    foreground="#22283a",
    background="#f7f8fb",
    surface="#f7f8fb",
    panel="#e8ebf2",
    dark=False,
    variables=_chrome(
        cursor="#cfdcf5",
        cursor_blur="#e2e8f3",
        bar="#e8ebf2",
        key="#1a4fa3",
        scrollbar="#b4bdd0",
        hover="#8d99b3",
    )
    | _tones(
        plain="#22283a",
        strong="#0a0e1a",
        chosen="#0a0e1a",
        muted="#4d566c",
        faint="#5c657b",
        accent="#1a4fa3",
        ok="#1e6b2e",
        running="#0a6285",
        pending="#454e64",
        suspicious="#7a4f00",
        failed="#a8112b",
        skipped="#4d566c",
        paused="#5d38a8",
        late="#8a4500",
        added="#1e6b2e",
        removed="#a8112b",
    ),
)

CONTRAST = Theme(
    name="contrast",
    primary="#ffffff",
    secondary="#ffffff",
    accent="#00ffff",
    warning="#ffff00",
    error="#ff9090",
    success="#7dff7d",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    dark=True,
    variables=_chrome(
        cursor="#004a9f",
        cursor_blur="#303030",
        bar="#1c1c1c",
        key="#ffff00",
        scrollbar="#a0a0a0",
        hover="#ffffff",
    )
    | _tones(
        plain="#ffffff",
        strong="#ffffff",
        chosen="#ffffff",
        muted="#e0e0e0",
        faint="#c8c8c8",
        accent="#ffff00",
        ok="#7dff7d",
        running="#00ffff",
        pending="#e0e0e0",
        suspicious="#ffff00",
        failed="#ffa0a0",
        skipped="#e0e0e0",
        paused="#e0b0ff",
        late="#ffc060",
        added="#7dff7d",
        removed="#ffa0a0",
    ),
)

_GREYS = {str(tone): "#d0d0d0" for tone in Tone}
PLAIN = Theme(
    name="plain",
    primary="#d0d0d0",
    secondary="#d0d0d0",
    accent="#ffffff",
    warning="#d0d0d0",
    error="#ffffff",
    success="#d0d0d0",
    foreground="#d0d0d0",
    background="#101010",
    surface="#101010",
    panel="#202020",
    dark=True,
    variables=_chrome(
        cursor="#404040",
        cursor_blur="#2a2a2a",
        bar="#202020",
        key="#ffffff",
        scrollbar="#606060",
        hover="#909090",
    )
    | _tones(
        **(
            _GREYS
            | {
                "strong": "#ffffff",
                "failed": "#ffffff",
                "late": "#ffffff",
                "accent": "#ffffff",
                "muted": "#b4b4b4",
                "faint": "#929292",
            }
        )
    ),
)

THEMES = (NIGHT, DAY, CONTRAST, PLAIN)
_SAID = {NIGHT.name: "dark", DAY.name: "light", CONTRAST.name: "high contrast", PLAIN.name: "no colour"}


def said_of(name: str) -> str:
    """A theme as the help calls it."""
    return _SAID.get(name, name)

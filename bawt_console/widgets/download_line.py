"""One download on one line: a bar, how much, how fast, how long still, and what can be done about it."""

from dataclasses import dataclass
from enum import StrEnum

from bawt_console.formatting import Phrase, Tone, elapsed, phrase, size
from bawt_console.shelf import DownloadState
from bawt_console.widgets.line import Part

BAR_CELLS = 24
SHORT_BAR_CELLS = 10


class Fate(StrEnum):
    """What became of a download so far."""

    GOES_ON = "goes on"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A download as it is shown.

    Attributes:
        wanted: as the shelf was asked.
        state: None until the first byte.
        says: why it failed, or what came of it.
    """

    wanted: str
    name: str
    state: DownloadState | None = None
    fate: Fate = Fate.GOES_ON
    says: str = ""

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where the size of the whole is not known."""
        if self.state is None or not self.state.total:
            return None
        return min(1.0, self.state.done / self.state.total)


def bar(share: float, cells: int = BAR_CELLS) -> Phrase:
    """A bar that is told apart without colour too."""
    full = int(share * cells)
    return phrase("█" * full, Tone.RUNNING) + phrase("░" * (cells - full), Tone.FAINT)


def transfer_parts(transfer: Transfer, *, keys: tuple[str, str]) -> list[Part]:
    """The line, the state and the name being the last to go.

    Args:
        keys: what stops it, and what lets it go on.
    """
    name = Part(phrase=phrase(transfer.name, Tone.STRONG), keep=75, least=8)
    stop, go_on = keys
    match transfer.fate:
        case Fate.DONE:
            return [
                _mark("✓ downloaded", Tone.OK),
                name,
                Part(phrase=phrase(transfer.says, Tone.MUTED), keep=80, least=20),
            ]
        case Fate.FAILED:
            says = Part(phrase=phrase(transfer.says, Tone.LATE), keep=90, least=20)
            return [_mark("✗ failed", Tone.FAILED), name, says]
        case Fate.STOPPED:
            return [_mark("‖ stopped", Tone.PAUSED), *_measures(transfer), name, _key(go_on, "go on")]
        case Fate.STOPPING:
            return [_mark("○ stopping", Tone.PAUSED), *_measures(transfer), name]
        case Fate.GOES_ON if transfer.state is None:
            return [_mark("● connecting", Tone.RUNNING), name, _key(stop, "stop")]
        case Fate.GOES_ON:
            assert transfer.state is not None
            mark = _mark(f"● {transfer.state.phase}", Tone.RUNNING)
            return [mark, *_measures(transfer), name, _key(stop, "stop")]


def _mark(text: str, tone: Tone) -> Part:
    return Part(phrase=phrase(text, tone), keep=100)


def _key(key: str, text: str) -> Part:
    return Part(phrase=phrase(key, Tone.ACCENT) + phrase(f" {text}", Tone.MUTED), right=True, keep=85)


def _measures(transfer: Transfer) -> list[Part]:
    state = transfer.state
    if state is None:
        return []
    parts = []
    share = transfer.share
    if share is not None:
        parts.append(Part(phrase=bar(share), short=bar(share, SHORT_BAR_CELLS), keep=93))
        # Not rounded up: it is whole only when it is.
        parts.append(Part(phrase=phrase(f"{int(share * 100)} %", Tone.STRONG), keep=95))
    whole = f" of {size(state.total)}" if state.total else ""
    parts.append(Part(phrase=phrase(f"{size(state.done)}{whole}"), keep=70))
    if transfer.fate is Fate.GOES_ON:
        parts.append(Part(phrase=phrase(f"{size(state.speed)}/s"), keep=82))
        left = state.seconds_left
        if left is not None:
            parts.append(Part(phrase=phrase(f"{elapsed(left)} left"), keep=84))
    return parts

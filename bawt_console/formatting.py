"""Words, times and safe text for screens and for plain output. It knows no terminal library.

Everything that came from a database, a model or a file passes `clean` before it is shown. A `Phrase` is
text with tones; a tone says what a piece means, and the theme decides its colour.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum, StrEnum

from scheduler_core.domain import (
    LATE_AFTER_SECONDS,
    JobOverview,
    Node,
    NodeState,
    Outcome,
    Run,
    RunMode,
    RunStatus,
)

LONGEST_TEXT = 200_000

# What a console is: with a scheduler of its own, or looking at others.
EMBEDDED = "embedded scheduler"
ATTACHED = "attached"

# A control string (OSC, DCS, SOS, PM, APC) goes with its body only if it ends before the next one begins:
# an unfinished one must not swallow the text behind it, and matching stays linear.
_SEQUENCES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9b-\x9f]*(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[ -/]*[0-~]?"
)
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# C0 and C1 but tab and line feed; soft hyphen; zero-width, bidi and variation selectors; tags.
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_MARKS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACKED = re.compile(f"({_MARKS}{{4}}){_MARKS}+")
_WHITESPACE = re.compile(r"[^\S ]+")


def clean(text: str, *, limit: int = LONGEST_TEXT) -> str:
    """Text that cannot command a terminal or hide parts of itself.

    Drops escape sequences, control characters other than tab and line feed, and characters that are
    invisible or turn the reading direction; line breaks of every kind become a line feed. Text beyond
    `limit` characters is cut, and the end says how much is missing; what is no longer than that note stays.
    """
    rest = len(text) - limit
    note = f"… ({rest:,} more characters)" if rest > 0 else ""
    if rest > len(note):
        text = text[:limit]
    else:
        note = ""
    if not (text.isascii() and text.isprintable()):
        text = _SEQUENCES.sub("", text)
        text = _BREAKS.sub("\n", text)
        text = _HIDDEN.sub("", text)
        text = _SURROGATES.sub("\ufffd", text)
        text = _STACKED.sub(r"\1", text)
    return text + note


def one_line(text: str, *, limit: int = 2000) -> str:
    """`clean`, with a space for each run of line breaks and tabs; other spaces stay."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    return _WHITESPACE.sub(" ", clean(text, limit=limit))


class Tone(StrEnum):
    """What a piece of text means. Themes give each a colour; none is told by colour alone."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    FAINT = "faint"
    ACCENT = "accent"
    CHOSEN = "chosen"
    OK = "ok"
    RUNNING = "running"
    PENDING = "pending"
    SUSPICIOUS = "suspicious"
    FAILED = "failed"
    SKIPPED = "skipped"
    PAUSED = "paused"
    LATE = "late"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Text with tones. Adding two joins them."""

    pieces: tuple[tuple[str, Tone], ...] = ()

    def __add__(self, other: "Phrase") -> "Phrase":
        return Phrase(self.pieces + other.pieces)

    def __bool__(self) -> bool:
        return any(text for text, _ in self.pieces)

    @property
    def plain(self) -> str:
        return "".join(text for text, _ in self.pieces)

    def toned(self, tone: Tone) -> "Phrase":
        """The same text in one tone."""
        return Phrase(((self.plain, tone),))


NOTHING = Phrase()


def phrase(text: str, tone: Tone = Tone.PLAIN) -> Phrase:
    return Phrase(((text, tone),))


def joined(phrases: Iterable[Phrase], between: str = "") -> Phrase:
    """All non-empty phrases, with a faint separator between them."""
    pieces: list[tuple[str, Tone]] = []
    for each in phrases:
        if each:
            if pieces and between:
                pieces.append((between, Tone.FAINT))
            pieces.extend(each.pieces)
    return Phrase(tuple(pieces))


class State(Enum):
    """How a job or a run is: glyph, word and tone, so that colour is never needed to tell them apart."""

    RUNNING = ("●", "running", Tone.RUNNING)
    PENDING = ("○", "pending", Tone.PENDING)
    OK = ("✓", "ok", Tone.OK)
    SUSPICIOUS = ("≈", "suspicious", Tone.SUSPICIOUS)
    FAILED = ("✗", "failed", Tone.FAILED)
    SKIPPED = ("–", "skipped", Tone.SKIPPED)
    PAUSED = ("‖", "paused", Tone.PAUSED)
    LATE = ("!", "late", Tone.LATE)
    NEW = ("·", "new", Tone.MUTED)

    @property
    def glyph(self) -> str:
        return str(self.value[0])

    @property
    def word(self) -> str:
        return str(self.value[1])

    @property
    def tone(self) -> Tone:
        return Tone(self.value[2])

    @property
    def phrase(self) -> Phrase:
        return phrase(f"{self.glyph} {self.word}", self.tone)


_OF_STATUS = {
    RunStatus.PENDING: State.PENDING,
    RunStatus.RUNNING: State.RUNNING,
    RunStatus.SUCCESS: State.OK,
    RunStatus.FAILED: State.FAILED,
    RunStatus.SKIPPED: State.SKIPPED,
}


def outcome_state(outcome: Outcome) -> State:
    if outcome.status is RunStatus.SUCCESS and outcome.suspicious:
        return State.SUSPICIOUS
    return _OF_STATUS[outcome.status]


def run_state(run: Run) -> State:
    return outcome_state(Outcome(run.status, bool(run.suspicious)))


_MODES = {RunMode.DRY_RUN: "dry run", RunMode.APPLY: "apply", RunMode.UNDO: "undo"}


def run_mode(run: Run) -> str:
    """What kind of run it is, for every list of runs; empty for the usual kind."""
    return _MODES.get(run.mode, "")


def job_state(overview: JobOverview, now: datetime) -> State:
    """What an operator needs to know first: it runs, it is paused, it waits, it is late, how it ended."""
    if overview.current is not None and overview.current.status is RunStatus.RUNNING:
        return State.RUNNING
    if not overview.job.enabled:
        return State.PAUSED
    if overview.current is not None:
        return State.PENDING
    if lateness(overview, now) > 0:
        return State.LATE
    return run_state(overview.last) if overview.last is not None else State.NEW


def lateness(overview: JobOverview, now: datetime) -> float:
    """Seconds since the slot of an enabled job that nobody claimed; 0 within `LATE_AFTER_SECONDS`."""
    if not overview.job.enabled:
        return 0.0
    overdue = max(overview.lateness, (now - overview.job.next_run_at).total_seconds())
    return overdue if overdue > LATE_AFTER_SECONDS else 0.0


def duration(milliseconds: float | None) -> str:
    """`0.42 s`, `9.4 s`, `41 s`, `4:12 min`, `2:05 h`, `3 d 4 h`; a dash for None."""
    if milliseconds is None:
        return "–"
    seconds = milliseconds / 1000
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    if whole < 86_400:
        return f"{whole // 3600}:{whole % 3600 // 60:02} h"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def percent(share: float | None) -> str:
    """`98.6 %`, `100 %` of nothing less than all; a dash for None."""
    return "–" if share is None else f"{int(share * 1000) / 10:.3g} %"


def interval(minutes: int) -> str:
    """`45 min`, `1 h`, `1 h 30 min`, `7 d`."""
    days, rest = divmod(minutes, 1440)
    hours, left = divmod(rest, 60)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{left} min" if left else ""]
    return " ".join(part for part in parts if part) or "0 min"


def ago(at: datetime | None, now: datetime) -> str:
    """`now`, `12 s ago`, `58 min ago`, `2 h ago`, `3 d ago`; empty for None."""
    if at is None:
        return ""
    seconds = (now - at).total_seconds()
    if seconds < 1:
        return "now"
    return f"{_coarse(seconds)} ago"


def countdown(at: datetime, now: datetime) -> str:
    """`in 0:42`, `in 12:03`, `in 3:58 h`, `in 2 d 4 h`; `due` once the moment has come."""
    seconds = (at - now).total_seconds()
    if seconds <= 0:
        return "due"
    whole = int(seconds)
    if whole < 3600:
        return f"in {whole // 60}:{whole % 60:02}"
    if whole < 86_400:
        return f"in {whole // 3600}:{whole % 3600 // 60:02} h"
    return f"in {whole // 86_400} d {whole % 86_400 // 3600} h"


def elapsed(seconds: float) -> str:
    """One unit: `4 s`, `12 min`, `3 h`, `2 d`."""
    return _coarse(max(0.0, seconds))


def _coarse(seconds: float) -> str:
    if seconds < 60:
        return f"{int(seconds)} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 86_400:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 86_400)} d"


def local_time(at: datetime | None, now: datetime, zone: tzinfo | None = None) -> str:
    """The shortest local time that is still clear: today's as `03:13:26`, older with its date."""
    if at is None:
        return "–"
    there, today = at.astimezone(zone), now.astimezone(zone)
    if there.date() == today.date():
        return f"{there:%H:%M:%S}"
    if abs(today - there) < timedelta(days=300):
        return f"{there:%d %b %H:%M}"
    return f"{there:%Y-%m-%d}"


def full_time(at: datetime | None, zone: tzinfo | None = None) -> str:
    """`2026-11-22 03:13:26` in local time, or a dash."""
    return "–" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def clock_time(now: datetime, zone: tzinfo | None = None) -> str:
    return f"{now.astimezone(zone):%H:%M:%S}"


def utc_now() -> datetime:
    return datetime.now(UTC)


def counted(number: int, noun: str, *, plural: str = "") -> str:
    """`1 run`, `2 runs`, `1,204 runs`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(count: float) -> str:
    """`812 B`, `48.3 MB`, `4.66 GB`, in powers of ten."""
    for unit, factor, digits in (("TB", 1e12, 2), ("GB", 1e9, 2), ("MB", 1e6, 1), ("KB", 1e3, 1)):
        if count >= factor * 0.9995:
            return f"{count / factor:,.{digits}f} {unit}"
    return f"{count:.0f} B"


def node_memory(node: Node) -> str:
    """`412.3 MB`; a dash for a node that never said, such as one of an older release, and for one that
    stopped."""
    if node.memory_bytes is None or node.state is NodeState.STOPPED:
        return "–"
    return size(node.memory_bytes)


def strip(outcomes: Iterable[Outcome]) -> Phrase:
    """One glyph for each outcome, oldest first."""
    states = [outcome_state(outcome) for outcome in outcomes]
    return Phrase(tuple((state.glyph, state.tone) for state in states))

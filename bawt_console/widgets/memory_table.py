"""The tables of memories: in use, merged into others, archived by decay."""

from collections.abc import Callable, Hashable
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from bawt_console.formatting import Phrase, Tone, ago, joined, local_time, one_line, phrase
from bawt_console.memory_worth import THRESHOLD
from bawt_console.widgets.columns import Column
from bawt_console.widgets.table import LiveTable

if TYPE_CHECKING:
    from bawt_console.records import MemoryRow

LONGEST_CELL = 400

_SHIELD_WORDS = {
    "pinned": "pinned",
    "explicit": "explicit",
    "tag": "by tag",
    "important": "important",
    "young": "young",
    "restored": "restored",
    "cited": "cited",
}


def memory_key(row: "MemoryRow") -> Hashable:
    """What identifies a row: bot, id, and the number of an archived copy."""
    return row.memory.bot_id, row.memory.id, row.number


def memory_state(row: "MemoryRow") -> Phrase:
    """Glyph, word and tone of how a memory stands."""
    if row.state == "merged":
        return phrase("⇢ merged", Tone.MUTED)
    if row.state == "archived":
        return phrase("– archived", Tone.SKIPPED)
    if row.shield is not None:
        return phrase(f"▲ {_SHIELD_WORDS.get(row.shield, row.shield)}", Tone.ACCENT)
    if row.score is not None and row.score < THRESHOLD:
        return phrase("! fading", Tone.LATE)
    return phrase("✓ in use", Tone.OK)


def score_phrase(score: float | None) -> Phrase:
    if score is None:
        return phrase("–", Tone.FAINT)
    return phrase(f"{score:.3f}", Tone.LATE if score < THRESHOLD else Tone.PLAIN)


def memory_table(
    state: str,
    *,
    now: Callable[[], datetime],
    zone: tzinfo | None,
    id: str,  # noqa: A002 - Textual's own name
) -> "LiveTable[MemoryRow]":
    """One row a memory of one state: the word of a `MemoryState`."""
    return LiveTable(_columns(state, zone), key=memory_key, now=now, id=id)


def _columns(state: str, zone: tzinfo | None) -> "tuple[Column[MemoryRow], ...]":
    bot: Column[MemoryRow] = Column(
        title="Bot",
        cell=lambda row, now: phrase(row.memory.bot_id, Tone.MUTED),
        width=5,
        most=20,
        natural=lambda row: one_line(row.memory.bot_id, limit=40),
        keep=90,
    )
    text: Column[MemoryRow] = Column(
        title="Memory",
        cell=lambda row, now: phrase(row.memory.content),
        width=20,
        most=LONGEST_CELL,
        natural=lambda row: one_line(row.memory.content, limit=LONGEST_CELL),
        keep=100,
    )
    score: Column[MemoryRow] = Column(
        title="Worth", cell=lambda row, now: score_phrase(row.score), width=6, keep=95, right=True
    )
    left: Column[MemoryRow] = Column(
        title="Left", cell=lambda row, now: phrase(local_time(row.at, now, zone)), width=12, keep=92
    )
    number: Column[MemoryRow] = Column(
        title="Id", cell=lambda row, now: phrase(row.memory.id, Tone.FAINT), width=8, keep=20
    )
    run: Column[MemoryRow] = Column(
        title="Run",
        cell=lambda row, now: phrase("–" if row.run_id is None else str(row.run_id)[:8], Tone.FAINT),
        width=8,
        keep=40,
    )
    if state == "merged":
        into: Column[MemoryRow] = Column(
            title="Into", cell=lambda row, now: phrase(f"⇢ {row.merged_into or ''}"), width=10, keep=88
        )
        return (left, bot, into, text, run, number)
    why: Column[MemoryRow] = Column(
        title="Why",
        cell=lambda row, now: _why(row),
        width=27,
        most=34,
        natural=lambda row: _why(row).plain,
        keep=70,
    )
    if state == "archived":
        return (left, score, bot, text, why, run, number)
    standing: Column[MemoryRow] = Column(
        title="State", cell=lambda row, now: memory_state(row), width=10, most=12, keep=99,
        natural=lambda row: memory_state(row).plain,
    )  # fmt: skip
    importance: Column[MemoryRow] = Column(
        title="Imp.",
        cell=lambda row, now: phrase(f"{row.memory.importance:.2f}", Tone.MUTED),
        width=4,
        keep=60,
    )
    uses: Column[MemoryRow] = Column(
        title="Uses",
        cell=lambda row, now: phrase(f"{row.memory.access_count:,}", Tone.MUTED),
        width=5,
        keep=55,
        right=True,
    )
    used: Column[MemoryRow] = Column(
        title="Last used", cell=lambda row, now: _used(row, now), width=9, keep=50
    )
    tags: Column[MemoryRow] = Column(
        title="Tags",
        cell=lambda row, now: phrase(", ".join(row.memory.tags), Tone.MUTED),
        width=6,
        most=24,
        natural=lambda row: one_line(", ".join(row.memory.tags), limit=40),
        keep=45,
    )
    return (standing, score, bot, text, tags, importance, uses, used, number)


def _used(row: "MemoryRow", now: datetime) -> Phrase:
    return phrase(ago(row.memory.last_accessed, now) or "never", Tone.MUTED)


def _why(row: "MemoryRow") -> Phrase:
    idle, life = row.numbers.get("days_idle"), row.numbers.get("half_life_days")
    if not isinstance(idle, int | float) or not isinstance(life, int | float):
        return phrase("not known", Tone.FAINT)
    parts = (phrase(f"{idle:,.0f} d idle", Tone.MUTED), phrase(f"half-life {life:,.0f} d", Tone.MUTED))
    return joined(parts, ", ")

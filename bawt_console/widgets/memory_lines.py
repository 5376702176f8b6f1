"""A memory as lines: its text, what it is worth and why, and what it was merged with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from bawt_console.formatting import Phrase, Tone, ago, counted, full_time, local_time, phrase
from bawt_console.memory_worth import fate, merge_sentence, worth_sentences
from bawt_console.widgets.lines import Line
from bawt_console.widgets.run_lines import field, sentence

if TYPE_CHECKING:
    from bawt_console.records import Memory, MemoryLineage, MemoryRow, MergeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """One merge with the texts of its members, as far as the archive has them.

    Attributes:
        survivor: what took them in, as it is now.
    """

    record: "MergeRecord"
    members: "Sequence[MemoryRow]"
    survivor: "MemoryLineage | None"


def memory_lines(row: "MemoryRow", merges: Sequence[Merge], now: datetime, zone: tzinfo | None) -> list[Line]:
    """All that is known of one memory."""
    memory = row.memory
    lines = [Line(body=phrase(each, Tone.STRONG)) for each in memory.content.splitlines() or [""]]
    lines += [Line(), *_standing(row, now, zone), Line(), *_fields(memory, now, zone)]
    for merge in merges:
        lines += [Line(), *_merge_lines(merge, memory.id, now, zone)]
    return lines


def _standing(row: "MemoryRow", now: datetime, zone: tzinfo | None) -> list[Line]:
    left = row.state != "active"
    if row.state == "merged":
        when = f"{full_time(row.at, zone)}, {ago(row.at, now)}"
        lines = [_remark("⇢", f"Merged into {row.merged_into or 'another one'} on {when}.", Tone.MUTED)]
        told = merge_sentence(row.numbers)
        return [*lines, sentence(told)] if told else lines
    worth = worth_sentences(row.numbers, left=left)
    if left:
        head = _remark("–", f"Archived on {full_time(row.at, zone)}, {ago(row.at, now)}.", Tone.SKIPPED)
        return [head, *map(sentence, worth or ["Why is not known."])]
    value = row.numbers.get("value")
    known = value if isinstance(value, int | float) else None
    glyph, tone = ("▲", Tone.ACCENT) if row.shield is not None else ("✓", Tone.OK)
    if row.shield is None and known is not None and known < 0.05:
        glyph, tone = "!", Tone.LATE
    return [_remark(glyph, fate(known, row.shield), tone), *map(sentence, worth)]


def _remark(glyph: str, text: str, tone: Tone) -> Line:
    return Line(phrase(f"{glyph} ", tone), phrase(text, tone))


def _fields(memory: "Memory", now: datetime, zone: tzinfo | None) -> list[Line]:
    used = f"{counted(memory.access_count, 'time')}, last {ago(memory.last_accessed, now) or 'never'}"
    lines = [
        field("memory", phrase(f"{memory.bot_id}/", Tone.MUTED) + phrase(memory.id)),
        field("tags", ", ".join(memory.tags) or "none"),
        field("used", used),
        field("since", full_time(memory.created_at, zone)),
        field("source", f"{memory.source}{', pinned' if memory.pinned else ''}"),
    ]
    if memory.source_message_ids:
        lines.append(field("messages", ", ".join(memory.source_message_ids)))
    return lines


def _merge_lines(merge: Merge, own: str, now: datetime, zone: tzinfo | None) -> list[Line]:
    """A tree: the one that stayed, and below it those it took in."""
    record = merge.record
    title = f"{counted(len(record.members) + 1, 'memory', plural='memories')} became one"
    where = f"  {local_time(record.merged_at, now, zone)}, run {str(record.run_id)[:8]}"
    lines = [Line(body=phrase(title, Tone.ACCENT) + phrase(where, Tone.MUTED)), _survivor(merge, own)]
    last = len(record.members) - 1
    texts = {each.memory.id: each.memory for each in merge.members}
    shown = record.members[: max(len(texts), 1)] if len(record.members) > 50 else record.members
    for place, member in enumerate(shown):
        branch = phrase("└─ " if place == last else "├─ ", Tone.FAINT)
        lines.append(Line(branch, *_told(member, texts.get(member), own)))
    if len(shown) < len(record.members):
        lines.append(
            Line(
                phrase("└─ ", Tone.FAINT),
                phrase(f"and {len(record.members) - len(shown):,} more", Tone.MUTED),
            )
        )
    return lines


def _survivor(merge: Merge, own: str) -> Line:
    name, known = merge.record.survivor, merge.survivor
    if known is not None and known.active is not None:
        return Line(phrase("✓ ", Tone.OK), *_told(name, known.active, own))
    if known is not None and known.archived:
        copy = known.archived[0]
        went = f"merged into {copy.merged_into} since" if copy.merged_into else "archived since"
        body, tail = _told(name, copy.memory, own)
        return Line(phrase("– ", Tone.SKIPPED), body + phrase(f"  ({went})", Tone.LATE), tail)
    return Line(phrase("– ", Tone.SKIPPED), *_told(name, None, own))


def _told(name: str, memory: "Memory | None", own: str) -> tuple[Phrase, Phrase]:
    tail = phrase(name, Tone.FAINT)
    if memory is None:
        return phrase("its text is not kept any more", Tone.MUTED), tail
    return phrase(memory.content, Tone.STRONG if name == own else Tone.PLAIN), tail

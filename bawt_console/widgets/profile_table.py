"""The tables of profiles, of a profile's versions, and of its attributes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from bawt_console.formatting import NOTHING, Phrase, Tone, ago, joined, local_time, one_line, phrase
from bawt_console.widgets.columns import Column
from bawt_console.widgets.diff import counts
from bawt_console.widgets.table import LiveTable
from scheduler_core.domain import Attribute, ProfileVersion

if TYPE_CHECKING:
    from bawt_console.records import ProfileRow, ProfileSnapshot

LONGEST_CELL = 400

_STATES = {
    "new": ("·", Tone.MUTED),
    "changed": ("○", Tone.PENDING),
    "unchanged": ("✓", Tone.OK),
    "suspicious": ("≈", Tone.SUSPICIOUS),
    "held": ("‖", Tone.PAUSED),
}


def profile_state(word: str) -> Phrase:
    """Glyph, word and tone of a profile's state."""
    glyph, tone = _STATES.get(word, ("·", Tone.MUTED))
    return phrase(f"{glyph} {word}", tone)


def state_word(found: "ProfileSnapshot", doubts: Sequence[str]) -> str:
    """The word of a `ProfileState`, as the list of profiles has it.

    Args:
        doubts: what was odd about the run that made the latest version.
    """
    profile = found.profile
    if doubts:
        return "suspicious"
    if found.held:
        return "held"
    if profile.summarised_revision == profile.revision:
        return "unchanged"
    return "new" if profile.summary is None and found.version is None else "changed"


def value_text(value: object) -> str:
    """A value of an attribute; JSON where it is no text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def attribute_text(attribute: Attribute) -> str:
    return f"{attribute.category}.{attribute.key} = {value_text(attribute.value)}"


def profile_table(*, now: Callable[[], datetime], id: str) -> "LiveTable[ProfileRow]":  # noqa: A002 - Textual's own name
    """One row a profile."""
    columns: tuple[Column[ProfileRow], ...] = (
        Column(
            title="State",
            cell=lambda row, now: profile_state(row.state),
            width=11,
            most=12,
            natural=lambda row: profile_state(row.state).plain,
            keep=100,
        ),
        Column(
            title="Profile",
            cell=lambda row, now: (
                phrase(f"{row.profile.entity.type}/", Tone.MUTED) + phrase(row.profile.entity.id)
            ),
            width=12,
            most=40,
            natural=lambda row: one_line(str(row.profile.entity), limit=60),
            keep=99,
        ),
        Column(
            title="Name",
            cell=lambda row, now: phrase(row.profile.display_name or "", Tone.STRONG),
            width=5,
            most=24,
            natural=lambda row: one_line(row.profile.display_name or "", limit=40),
            keep=60,
        ),
        Column(
            title="Attr.",
            cell=lambda row, now: phrase(f"{row.attributes:,}", Tone.MUTED),
            width=5,
            keep=70,
            right=True,
        ),
        Column(
            title="Vers.",
            cell=lambda row, now: phrase("–" if row.version is None else str(row.version), Tone.MUTED),
            width=5,
            keep=75,
            right=True,
        ),
        Column(
            title="Written",
            cell=lambda row, now: phrase(ago(row.profile.summary_updated_at, now) or "–", Tone.MUTED),
            width=10,
            keep=80,
        ),
        Column(
            title="Summary",
            cell=lambda row, now: _remark(row),
            width=12,
            most=LONGEST_CELL,
            natural=lambda row: one_line(_remark(row).plain, limit=LONGEST_CELL),
            keep=86,
        ),
    )
    return LiveTable(columns, key=lambda row: row.profile.entity, now=now, id=id)


def _remark(row: "ProfileRow") -> Phrase:
    if row.suspicious:
        prefix = f"{row.profile.entity}: "
        return phrase("; ".join(each.removeprefix(prefix) for each in row.suspicious), Tone.SUSPICIOUS)
    return phrase(row.profile.summary) if row.profile.summary else phrase("no summary yet", Tone.FAINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """One version in a list.

    Attributes:
        before: the version it followed; None for the first.
        added, removed: sentences, compared with that.
    """

    version: ProfileVersion
    before: ProfileVersion | None
    is_live: bool
    added: int
    removed: int


def version_rows(versions: Sequence[ProfileVersion], live: ProfileVersion | None) -> list[VersionRow]:
    """Rows of versions given newest first."""
    rows = []
    for place, version in enumerate(versions):
        before = versions[place + 1] if place + 1 < len(versions) else None
        added, removed = counts(before, version)
        rows.append(
            VersionRow(
                version=version,
                before=before,
                is_live=live is not None and version.version == live.version,
                added=added,
                removed=removed,
            )
        )
    return rows


def version_table(
    *,
    now: Callable[[], datetime],
    zone: tzinfo | None,
    id: str,  # noqa: A002 - Textual's own name
) -> LiveTable[VersionRow]:
    """One row a version."""
    columns: tuple[Column[VersionRow], ...] = (
        Column(
            title="Vers.",
            cell=lambda row, now: phrase(str(row.version.version)),
            width=5,
            keep=100,
            right=True,
        ),
        Column(
            title="",
            cell=lambda row, now: phrase("✓ live", Tone.OK) if row.is_live else NOTHING,
            width=6,
            keep=99,
        ),
        Column(
            title="Published",
            cell=lambda row, now: phrase(local_time(row.version.created_at, now, zone)),
            width=12,
            keep=90,
        ),
        Column(title="Sentences", cell=_counts, width=9, keep=95),
        Column(
            title="Run",
            cell=lambda row, now: phrase(
                "–" if row.version.run_id is None else str(row.version.run_id)[:8], Tone.FAINT
            ),
            width=8,
            keep=60,
        ),
        Column(
            title="Made by",
            cell=lambda row, now: phrase(made_by(row.version), Tone.MUTED),
            width=10,
            most=40,
            natural=lambda row: one_line(made_by(row.version), limit=60),
            keep=50,
        ),
    )
    return LiveTable(columns, key=lambda row: row.version.version, now=now, id=id)


def made_by(version: ProfileVersion) -> str:
    """The model that wrote a version, or that none did."""
    return version.model or "no model"


def _counts(row: VersionRow, now: datetime) -> Phrase:
    parts = [phrase(str(len(row.version.sentences)))]
    if row.added:
        parts.append(phrase(f"+{row.added}", Tone.ADDED))
    if row.removed:
        parts.append(phrase(f"−{row.removed}", Tone.REMOVED))
    return joined(parts, " ")


def attribute_table(
    *,
    now: Callable[[], datetime],
    cited: Callable[[int], bool],
    zone: tzinfo | None,
    id: str,  # noqa: A002 - Textual's own name
) -> LiveTable[Attribute]:
    """One row an attribute.

    Args:
        cited: whether the live summary rests on an attribute.
    """
    columns: tuple[Column[Attribute], ...] = (
        Column(
            title="Id", cell=lambda row, now: phrase(f"[{row.id}]", Tone.FAINT), width=6, keep=90, right=True
        ),
        Column(title="In summary", cell=lambda row, now: _standing(row, cited), width=10, keep=95),
        Column(
            title="Attribute",
            cell=lambda row, now: phrase(f"{row.category}.{row.key}", Tone.MUTED),
            width=14,
            most=36,
            natural=lambda row: one_line(f"{row.category}.{row.key}", limit=60),
            keep=99,
        ),
        Column(
            title="Value",
            cell=lambda row, now: phrase(value_text(row.value)),
            width=16,
            most=LONGEST_CELL,
            natural=lambda row: one_line(value_text(row.value), limit=LONGEST_CELL),
            keep=100,
        ),
        Column(
            title="Source",
            cell=lambda row, now: phrase(row.source, Tone.MUTED),
            width=8,
            most=12,
            natural=lambda row: one_line(row.source, limit=20),
            keep=70,
        ),
        Column(
            title="Conf.",
            cell=lambda row, now: phrase(f"{row.confidence:.2f}", Tone.MUTED),
            width=5,
            keep=65,
            right=True,
        ),
        Column(
            title="Since",
            cell=lambda row, now: phrase(f"{row.updated_at.astimezone(zone):%Y-%m-%d}", Tone.MUTED),
            width=10,
            keep=80,
        ),
        Column(
            title="Message",
            cell=lambda row, now: phrase(row.source_message_id or "–", Tone.FAINT),
            width=8,
            most=36,
            natural=lambda row: one_line(row.source_message_id or "", limit=40),
            keep=40,
        ),
    )
    return LiveTable(columns, key=lambda row: row.id, now=now, id=id)


def _standing(attribute: Attribute, cited: Callable[[int], bool]) -> Phrase:
    if attribute.pinned:
        return phrase("▲ pinned", Tone.ACCENT)
    return phrase("● cited", Tone.OK) if cited(attribute.id) else phrase("– left out", Tone.FAINT)

"""A profile as lines: its sentences, what each rests on, and drafts that were refused."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from bawt_console.formatting import NOTHING, Phrase, Tone, counted, joined, local_time, phrase
from bawt_console.widgets.cited_lines import CitedLine
from bawt_console.widgets.diff import change_lines, ids_phrase, sentences_of
from bawt_console.widgets.lines import Line
from bawt_console.widgets.profile_table import value_text
from bawt_console.widgets.run_lines import sentence
from scheduler_core.domain import Attribute, ProfileChange, ProfileVersion

if TYPE_CHECKING:
    from bawt_console.records import Draft, ProfileSnapshot


def summary_lines(version: ProfileVersion) -> list[Line]:
    """One line a sentence, in groups by category, with the ids of what it rests on."""
    lines: list[Line] = []
    category = ""
    for each in sentences_of(version):
        if each.category != category:
            category = each.category
            lines += [Line()] if lines else []
            lines.append(Line(body=phrase(category, Tone.MUTED)))
        ids = each.attribute_ids
        lines.append(CitedLine(phrase("  "), phrase(each.text), ids_phrase(ids), ids=ids))
    return lines


def live_lines(found: "ProfileSnapshot", live: ProfileVersion | None, doubts: Sequence[str]) -> list[Line]:
    """The live summary, below what was odd about it.

    Args:
        live: its version; None when it came from elsewhere, or when there is none.
    """
    lines = [Line(phrase("≈ ", Tone.SUSPICIOUS), phrase(each, Tone.SUSPICIOUS)) for each in doubts]
    lines += [Line()] if lines else []
    if live is not None and live.summary:
        return [*lines, *summary_lines(live)]
    if found.profile.summary:
        told = "This summary came from elsewhere; what it rests on is not known."
        texts = [each for each in found.profile.summary.splitlines() if each.strip()]
        return [*lines, sentence(told, Tone.LATE), *(CitedLine(phrase("  "), phrase(each)) for each in texts)]
    number = counted(len(found.attributes), "attribute")
    return [*lines, sentence(f"No summary yet; profile_maintenance makes one of {number}.")]


def compared_lines(before: ProfileVersion | None, after: ProfileVersion) -> list[Line]:
    """What lies between two versions."""
    if before is not None and before.version == after.version:
        return [sentence("This is the live version.")]
    # Its own title says which versions; the count of summaries above it says nothing here.
    _, _, title, *lines = change_lines([ProfileChange(before=before, after=after)])
    return [title, *lines]


def source_lines(
    ids: Sequence[int],
    attributes: Mapping[int, Attribute],
    *,
    changed: Collection[int] = (),
    zone: tzinfo | None,
) -> list[Line]:
    """What a sentence rests on, in full.

    Args:
        changed: ids that read differently now than when the sentence was written.
    """
    lines: list[Line] = []
    for number in ids:
        found = attributes.get(number)
        head = phrase(f"[{number}] ", Tone.FAINT)
        if found is None:
            lines.append(Line(head, phrase("was deleted since", Tone.REMOVED)))
            continue
        body = phrase(f"{found.category}.{found.key} = ", Tone.MUTED) + phrase(value_text(found.value))
        lines.append(Line(head, body, _remark(found, number in changed)))
        lines.append(Line(phrase("    "), _origin(found, zone)))
    return lines


def _remark(attribute: Attribute, is_changed: bool) -> Phrase:
    if is_changed:
        return phrase("! reads differently now", Tone.LATE)
    return phrase("▲ pinned", Tone.ACCENT) if attribute.pinned else NOTHING


def _origin(attribute: Attribute, zone: tzinfo | None) -> Phrase:
    message = f"message {attribute.source_message_id}" if attribute.source_message_id else "no message"
    plain = (
        attribute.source,
        f"{attribute.confidence:.2f}",
        f"{attribute.updated_at.astimezone(zone):%Y-%m-%d}",
    )
    return joined([phrase(each, Tone.FAINT) for each in (*plain, message)], " · ")


def draft_lines(drafts: Sequence["Draft"], now: datetime, zone: tzinfo | None) -> list[Line]:
    """Drafts, newest first: when, about what, why it was refused, and its text."""
    if not drafts:
        return [sentence("No draft of a model was refused.")]
    lines = [
        Line(
            body=phrase(counted(len(drafts), "refused draft"), Tone.STRONG)
            + phrase("  newest first", Tone.MUTED)
        )
    ]
    for draft in reversed(drafts):
        when = "" if draft.at is None else local_time(draft.at, now, zone)
        run = "" if draft.run_id is None else f"run {str(draft.run_id)[:8]}"
        lines += [
            Line(),
            Line(
                body=joined(
                    [phrase(draft.category, Tone.ACCENT), phrase(when, Tone.MUTED), phrase(run, Tone.FAINT)],
                    "   ",
                )
            ),
        ]
        lines += [Line(phrase("✗ ", Tone.FAILED), phrase(why, Tone.FAILED)) for why in draft.failures]
        lines.append(
            CitedLine(
                phrase("  "), phrase(draft.text), ids_phrase(draft.attribute_ids), ids=draft.attribute_ids
            )
        )
    return lines

"""What a run changed, as lines: the sentences of each summary before and after, with their attributes."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from bawt_console.formatting import Phrase, Tone, counted, joined, phrase
from bawt_console.widgets.cited_lines import CitedLine
from bawt_console.widgets.lines import Line
from scheduler_core.domain import ProfileChange, ProfileVersion, Sentence

_SIGNS = {" ": Tone.PLAIN, "+": Tone.ADDED, "−": Tone.REMOVED}


def change_lines(changes: Sequence[ProfileChange]) -> list[Line]:
    """One block a summary; a summary at the top says how much changed in all."""
    blocks = [_block(change) for change in changes]
    added = sum(block[0] for block in blocks)
    removed = sum(block[1] for block in blocks)
    head = joined(
        (
            phrase(counted(len(changes), "summary", plural="summaries"), Tone.STRONG),
            phrase(f"+{added}", Tone.ADDED) + phrase(" ") + phrase(f"−{removed}", Tone.REMOVED)
            + phrase(" sentences"),
        ),
        "   ",
    )  # fmt: skip
    return [Line(body=head), *(line for block in blocks for line in block[2])]


def counts(before: ProfileVersion | None, after: ProfileVersion) -> tuple[int, int]:
    """How many sentences came and how many went."""
    added, removed, _ = _block(ProfileChange(before=before, after=after))
    return added, removed


def _block(change: ProfileChange) -> tuple[int, int, list[Line]]:
    before, after = change.before, change.after
    old = sentences_of(before) if before is not None else ()
    new = sentences_of(after)
    matcher = SequenceMatcher(a=[s.text for s in old], b=[s.text for s in new], autojunk=False)
    lines: list[Line] = []
    added = removed = 0
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            lines.extend(_kept(one, other) for one, other in zip(old[i:i_end], new[j:j_end], strict=True))
            continue
        lines.extend(_line("−", each) for each in old[i:i_end])
        lines.extend(_line("+", each) for each in new[j:j_end])
        removed += i_end - i
        added += j_end - j
    return added, removed, [Line(), _title(before, after), *lines]


def _title(before: ProfileVersion | None, after: ProfileVersion) -> Line:
    versions = "first version" if before is None else f"version {before.version} → {after.version}"
    how = f"model {after.model}" if after.model else "made without a model"
    entity = phrase(str(after.entity), Tone.ACCENT)
    return Line(body=entity + phrase(f"   {versions}   {how}", Tone.MUTED))


def sentences_of(version: ProfileVersion) -> Sequence[Sentence]:
    """The sentences of a version; lines without sources where nothing is known of them."""
    if version.sentences:
        return version.sentences
    # A summary that came from elsewhere has text but nothing is known of its sources.
    return [
        Sentence(text=line, category="", attribute_ids=()) for line in version.summary.splitlines() if line
    ]


def _line(sign: str, sentence: Sentence) -> Line:
    tone = _SIGNS[sign]
    ids = sentence.attribute_ids
    return CitedLine(phrase(f"{sign} ", tone), phrase(sentence.text, tone), ids_phrase(ids), ids=ids)


def _kept(before: Sentence, after: Sentence) -> Line:
    tail = ids_phrase(after.attribute_ids)
    if set(before.attribute_ids) != set(after.attribute_ids):
        tail = (
            phrase("was ", Tone.FAINT) + ids_phrase(before.attribute_ids) + phrase(" now ", Tone.FAINT) + tail
        )
    return CitedLine(phrase("  "), phrase(after.text), tail, ids=after.attribute_ids)


def ids_phrase(ids: Sequence[int]) -> Phrase:
    return phrase("".join(f"[{each}]" for each in ids), Tone.FAINT)

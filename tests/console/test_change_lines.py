"""The difference that a run made, as lines: what changed is not looked for among what stayed."""

from bawt_console.widgets.change_lines import CONTEXT, difference_lines
from scheduler_core.domain import Change


def shown(before: list[str], after: list[str]) -> list[str]:
    change = Change(object="user/ada", before=before, after=after, why="version 1 → 2")
    return [(line.head + line.body).plain for line in difference_lines([change], planned=False)][3:]


STAYS = [f"Sentence {number}." for number in range(30)]


def test_of_a_long_text_that_stays_only_the_lines_next_to_a_change_are_shown() -> None:
    kept = [f"  {each}" for each in STAYS[-CONTEXT:]]
    lines = shown([*STAYS, "Gone."], [*STAYS, "Came."])
    assert lines == ["  ⋯ 27 lines unchanged", *kept, "− Gone.", "+ Came."]


def test_between_two_changes_both_keep_their_neighbours() -> None:
    lines = shown(["Gone.", *STAYS, "Gone too."], [*STAYS])
    kept = [f"  {each}" for each in STAYS]
    folded = "  ⋯ 24 lines unchanged"
    assert lines == ["− Gone.", *kept[:CONTEXT], folded, *kept[-CONTEXT:], "− Gone too."]


def test_a_short_text_is_shown_whole() -> None:
    assert shown(STAYS[:6], [*STAYS[:6], "Came."]) == [*(f"  {each}" for each in STAYS[:6]), "+ Came."]

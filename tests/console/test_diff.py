"""What a run changed, as lines."""

from dataclasses import replace

import pytest

from bawt_console.widgets.diff import change_lines
from scheduler_core.domain import ProfileChange
from tests.console.believable import believable_world


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (None, "made without a model"),
        ("", "made without a model"),
        ("Llama-3.2-3B-Instruct-Q4_0", "model Llama-3.2-3B-Instruct-Q4_0"),
    ],
)
def test_the_title_of_a_summary_says_what_made_it(model: str | None, words: str) -> None:
    change = next(iter(believable_world().changes.values()))[0]
    version = replace(change.after, model=model)
    title = change_lines([ProfileChange(before=None, after=version)])[2]
    assert title.body.plain == f"{version.entity}   first version   {words}"

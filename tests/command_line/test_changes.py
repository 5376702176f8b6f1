"""Changes as lines: only what goes and what comes."""

from bawt_console.commands.changes import difference


def sentence(text: str, *ids: int) -> dict[str, object]:
    return {"text": text, "category": "fact", "attribute_ids": list(ids)}


def test_sentences_that_stay_are_left_out_and_sources_count() -> None:
    before = [sentence("Ada.", 1), sentence("She likes tea.", 2), sentence("Rain.", 3)]
    after = [sentence("Ada.", 1), sentence("She likes tea.", 2, 4), sentence("Snow.")]
    assert list(difference(before, after)) == [
        "− She likes tea. [2]",
        "− Rain. [3]",
        "+ She likes tea. [2][4]",
        "+ Snow.",
    ]


def test_any_other_value_is_a_line_of_json() -> None:
    assert list(difference("old words", None)) == ["− old words"]
    assert list(difference(None, {"b": 1, "a": "ü"})) == ['+ {"a": "ü", "b": 1}']
    assert list(difference([1, 2], [2])) == ["− 1"]
    assert list(difference([], [])) == []

"""Reading model answers: sentences with ids come out, everything else is dropped, nothing raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.maintenance.citations import Cited, parse


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Ada lives in Dresden. [12][31]", [("Ada lives in Dresden.", (12, 31))]),
        ("Ada lives in Dresden [12, 31].", [("Ada lives in Dresden.", (12, 31))]),
        ("- Ada lives in Dresden. [#12]", [("Ada lives in Dresden.", (12,))]),
        ("1. Ada lives in Dresden. [12]", [("Ada lives in Dresden.", (12,))]),
        (
            "Ada lives in Dresden [12] and works nights [31].",
            [("Ada lives in Dresden and works nights.", (12, 31))],
        ),
        ("Ada is a nurse. [1] She sings. [2]", [("Ada is a nurse.", (1,)), ("She sings.", (2,))]),
        ("Ada sings. [2][2][2]", [("Ada sings.", (2,))]),
        ("Ada sings. [2]\nAda sings. [2]", [("Ada sings.", (2,))]),
        ("Ada is 3.5 years in. [4]", [("Ada is 3.5 years in.", (4,))]),
        ("Here is the summary:\nAda sings. [2]\nHope this helps!", [("Ada sings.", (2,))]),
        ("Ada sings", []),
        ("[12]", []),
        ("... [12]", []),
        ("7 [12]", []),
        ("Ada sings. [x] [-3] [1.5] []", []),
        ("Ada sings. [12", []),
        ("Ada sings. [" + "9" * 40 + "]", []),
        ("Ada " + "sings " * 400 + "[1]", []),
        ("", []),
    ],
)
def test_an_answer_is_read(answer: str, expected: list[tuple[str, tuple[int, ...]]]) -> None:
    assert [(cited.text, cited.ids) for cited in parse(answer)] == expected


familiar = ["[1]", "[12, 3]", "[", "]", "\n", ". ", "Ada sings", "- ", "1. ", "\x1b[3m", "[9", "١"]
pieces = st.lists(st.sampled_from(familiar) | st.text(max_size=9), max_size=40).map("".join)


@given(st.one_of(pieces, st.text()))
def test_whatever_comes_in_only_cited_sentences_come_out(answer: str) -> None:
    for cited in parse(answer):
        assert isinstance(cited, Cited)
        assert cited.text
        assert "\n" not in cited.text
        assert 0 < len(cited.ids) <= 50
        assert len(set(cited.ids)) == len(cited.ids)
        assert all(0 <= id_ < 10**12 for id_ in cited.ids)


def test_a_runaway_answer_is_bounded() -> None:
    answer = "\n".join(f"Ada sings song {n}. [{n}]" for n in range(100_000))
    assert 0 < len(parse(answer)) <= 500

"""The worker's text handling, which needs no model."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.llm.gpt4all_worker import Generation, Job, Message, StopWords, spare_cores

WORDS = ("<|end|>", "</s>", "###")


def _generation(sent: list[Message], *, context: int = 100, max_tokens: int = 5) -> Generation:
    job = Job(id=7, template="%1%2", prompt="", max_tokens=max_tokens, temperature=0, stops=WORDS)
    return Generation(job, context=context, send=sent.append, cancelled=lambda: False)


def _text(sent: list[Message]) -> str:
    return "".join(message["text"] for message in sent)


@given(st.lists(st.one_of(st.text(alphabet="<|end>/s# ab", max_size=6), st.sampled_from(WORDS)), max_size=12))
def test_text_passes_up_to_the_first_stop_word_however_it_is_cut(pieces: list[str]) -> None:
    stops = StopWords(WORDS)
    passed = ""
    for piece in pieces:
        passed += stops.feed(piece)
        if stops.found:
            break
    else:
        passed += stops.flush()
    whole = "".join(pieces)
    ends = [at for at in (whole.find(word) for word in WORDS) if at >= 0]
    assert passed == (whole[: min(ends)] if ends else whole)
    assert stops.found == bool(ends)


@given(st.text(max_size=20), st.lists(st.integers(1, 3), min_size=80, max_size=80))
def test_characters_split_over_tokens_arrive_whole(text: str, sizes: list[int]) -> None:
    text = text.replace("<", "").replace("#", "")
    sent: list[Message] = []
    generation = _generation(sent, context=1000, max_tokens=500)
    data, at = text.encode("utf-8", "replace"), 0
    for size in sizes:
        if at < len(data):
            assert generation.on_token(1, data[at : at + size])
        at += size
    generation.result()
    assert _text(sent[:-1] if sent and sent[-1]["event"] == "done" else sent) == data.decode()


def test_an_error_sentence_of_gpt4all_is_an_overflow_and_no_text() -> None:
    sent: list[Message] = []
    generation = _generation(sent)
    assert not generation.on_token(-1, b"ERROR: The prompt size exceeds the context window size")
    assert generation.result()["finish"] == "overflow"
    assert sent == []


def test_a_prompt_that_leaves_no_room_is_an_overflow() -> None:
    generation = _generation([], context=50)
    for token in range(40):
        generation.on_prompt_token(token)
    assert not generation.on_token(1, b"a")
    assert generation.result()["finish"] == "overflow"


def test_an_answer_of_blanks_is_empty() -> None:
    generation = _generation([])
    generation.on_token(1, b" \n")
    assert generation.result()["finish"] == "empty"


def test_an_exception_in_the_callback_ends_as_an_error() -> None:
    def fail(_message: Message) -> None:
        raise ZeroDivisionError

    job = Job(id=1, template="%1%2", prompt="", max_tokens=5, temperature=0, stops=())
    generation = Generation(job, context=100, send=fail, cancelled=lambda: False)
    assert not generation.on_token(1, b"text")
    result = generation.result()
    assert result["finish"] == "error"
    assert "ZeroDivisionError" in result["detail"]


@pytest.mark.parametrize("tokens", [5, 6])
def test_only_a_token_too_many_makes_an_answer_too_long(tokens: int) -> None:
    sent: list[Message] = []
    generation = _generation(sent, max_tokens=5)
    for _ in range(tokens):
        generation.on_token(1, b"x")
    result = generation.result()
    assert _text(sent) == "xxxxx"
    assert result["finish"] == ("stop" if tokens == 5 else "length")


def test_one_core_is_left_to_others() -> None:
    assert 1 <= spare_cores() <= max(1, len(os.sched_getaffinity(0)) - 1)


@pytest.fixture
def sixteen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight cores of two threads each."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    for number in range(16):
        topology = tmp_path / f"cpu{number}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{number % 8},{number % 8 + 8}\n")
    return tmp_path


def test_two_threads_of_a_core_count_once(sixteen: Path) -> None:
    assert spare_cores(cores=sixteen, quota=sixteen / "none") == 7
    assert spare_cores(cores=sixteen / "unknown", quota=sixteen / "none") == 15


@pytest.mark.parametrize(
    ("text", "threads"),
    [("max 100000", 7), ("400000 100000", 3), ("50000 100000", 1), ("rubbish", 7), ("1 0", 7)],
)
def test_a_container_s_share_of_time_limits_the_threads(sixteen: Path, text: str, threads: int) -> None:
    (sixteen / "cpu.max").write_text(text)
    assert spare_cores(cores=sixteen, quota=sixteen / "cpu.max") == threads

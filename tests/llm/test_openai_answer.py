"""Reading what a model server sends, whatever it is."""

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.llm.openai_answer import (
    Answer,
    CallError,
    EventReader,
    OfferedModel,
    offered_models,
    refusal,
    vectors,
)

CANARY = "the bees of Ada"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
NAMES = "choices delta message content finish_reason usage prompt_tokens error data embedding index id meta"
known_names = st.sampled_from([*NAMES.split(), "n_ctx", "code", "type"])
answers = st.recursive(
    json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known_names, inner, max_size=5),
    max_leaves=30,
)


def all_data(chunks: list[bytes]) -> list[str]:
    reader = EventReader()
    found = [data for chunk in chunks for data in reader.feed(chunk)]
    return [*found, *reader.close()]


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 9),
)
def test_events_are_the_same_however_they_are_cut(texts: list[str], end: str, size: int) -> None:
    raw = "".join(f": keep alive{end}data: {text}{end}event: x{end}{end}" for text in texts).encode()
    assert all_data([raw[at : at + size] for at in range(0, len(raw), size)]) == texts


def test_data_over_several_lines_is_one_text_and_the_last_end_may_be_missing() -> None:
    assert all_data([b"data: a\ndata:b\n\ndata: c"]) == ["a\nb", "c"]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_events_or_nothing(chunks: list[bytes]) -> None:
    assert all(isinstance(data, str) for data in all_data(chunks))


@given(st.one_of(answers.map(json.dumps), st.text()))
def test_any_answer_is_taken_or_refused(data: str) -> None:
    answer = Answer()
    # Any other exception fails the test.
    with suppress(CallError):
        answer.take(data)
    assert answer.text.encode() is not None
    assert answer.finish()[0]


@given(st.one_of(answers.map(lambda value: json.dumps(value).encode()), st.binary()), st.integers(1, 3))
def test_any_list_and_any_vectors_are_taken_or_refused(body: bytes, count: int) -> None:
    for read in (offered_models, lambda raw: vectors(raw, count=count)):
        with suppress(CallError):
            read(body)


@given(st.integers(200, 599), answers.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_any_refusal_has_a_sentence(status: int, body: bytes) -> None:
    assert refusal(status, body).sentence.isprintable()


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 413, 422, 429, 500, 503])
@pytest.mark.parametrize("place", ["message", "type", "code", "param"])
def test_the_words_of_a_server_are_never_repeated(status: int, place: str) -> None:
    for body in ({"error": {place: CANARY}}, {place: CANARY}, {"error": CANARY}):
        assert CANARY not in refusal(status, json.dumps(body).encode()).sentence
    assert CANARY not in refusal(status, CANARY.encode()).sentence


def test_counts_beyond_belief_are_not_taken() -> None:
    answer = Answer()
    answer.take('{"choices": [], "usage": {"prompt_tokens": 1e3, "completion_tokens": 10000000000}}')
    assert (answer.tokens_in, answer.tokens_out) == (None, None)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(CallError):
        Answer().take("[" * 100_000)


@pytest.mark.parametrize(
    ("entry", "context"),
    [
        pytest.param({"id": "m"}, None, id="ollama"),
        pytest.param({"id": "m", "max_model_len": 8192}, 8192, id="vllm"),
        pytest.param({"id": "m", "meta": {"n_ctx_train": 32768}}, 32768, id="llama.cpp"),
        pytest.param({"id": "m", "meta": {"n_ctx": 4096, "n_ctx_train": 32768}}, 4096, id="llama.cpp-now"),
        pytest.param({"id": "m", "context_length": 1000}, 1000, id="others"),
        pytest.param({"id": "m", "max_model_len": "many", "meta": None}, None, id="rubbish"),
    ],
)
def test_the_context_is_read_where_a_server_tells_it(entry: object, context: int | None) -> None:
    body = json.dumps({"data": [entry]}).encode()
    assert offered_models(body) == (OfferedModel(name="m", context_tokens=context),)


def test_entries_that_are_no_models_are_left_out() -> None:
    body = json.dumps({"data": ["x", {}, {"id": 7}, {"id": "a\x1b"}, {"id": "b" * 301}, {"id": "good"}]})
    assert [model.name for model in offered_models(body.encode())] == ["good"]
    assert offered_models(b'{"data": null}') == ()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param([], id="none"),
        pytest.param([{"embedding": [1.0]}] * 2, id="too-many"),
        pytest.param([{"embedding": []}], id="empty"),
        pytest.param([{"embedding": [0.0, 0.0]}], id="zero"),
        pytest.param([{"embedding": [1.0, None]}], id="null"),
        pytest.param([{"embedding": [1.0, True]}], id="boolean"),
        pytest.param([{"embedding": [math.nan]}], id="nan"),
        pytest.param([{"embedding": [math.inf, 1.0]}], id="infinite"),
        pytest.param([{"embedding": [10**400]}], id="beyond-floats"),
        pytest.param([{"embedding": "AACAPw=="}], id="base64"),
        pytest.param([{"embedding": [1.0], "index": 1}], id="index"),
        pytest.param([{"embedding": [1.0], "index": "0"}], id="index-text"),
        pytest.param(["x"], id="text"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused(data: object) -> None:
    with pytest.raises(CallError):
        vectors(json.dumps({"data": data}).encode(), count=1)


def test_a_vector_given_twice_does_not_stand_for_another() -> None:
    body = json.dumps({"data": [{"embedding": [1.0], "index": 0}] * 2}).encode()
    with pytest.raises(CallError, match="numbered"):
        vectors(body, count=2)


@given(st.lists(st.floats(-1e150, 1e150).filter(lambda value: abs(value) > 1e-150), min_size=1, max_size=9))
def test_vectors_get_length_one(values: list[float]) -> None:
    [vector] = vectors(json.dumps({"data": [{"embedding": values}]}).encode(), count=1)
    assert math.isclose(math.hypot(*vector), 1.0, abs_tol=1e-9)

"""Answers of the real gpt4all through the child process."""

import asyncio
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.llm.gpt4all import Gpt4AllModel
from scheduler_core.llm.models import inspect
from scheduler_core.llm.provider import FinishReason, Locality, TextModel
from tests import gguf_models
from tests.llm.conftest import MakeModel, request

CHATML = "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'}}"


async def test_an_answer_ends_with_stop_and_counts_its_tokens(make_model: MakeModel, answering: Path) -> None:
    model: TextModel = make_model(answering)
    completion = await model.complete(request("hello"))
    assert (completion.text, completion.finish) == ("a default answer", FinishReason.STOP)
    assert completion.detail == ""
    assert completion.tokens_in > len("hello")
    assert completion.tokens_out >= 4
    assert completion.seconds > 0


async def test_data_and_instructions_both_reach_the_model(make_model: MakeModel, answering: Path) -> None:
    model = make_model(answering)
    by_data = await model.complete(request("I live in Zurich."))
    by_instructions = await model.complete(request("hello", system="Think of Zurich."))
    assert by_data.text == by_instructions.text == "Grüezi, {city} 日本 🙂🙂!"


async def test_braces_and_placeholders_are_ordinary_text(make_model: MakeModel, answering: Path) -> None:
    model = make_model(answering)
    completion = await model.complete(request("a {brace} {0} %1 %2 %s", system="{} {0} %1 %2 100%"))
    assert (completion.text, completion.finish) == ("a brace", FinishReason.STOP)


async def test_tokens_stream_in_order(make_model: MakeModel, answering: Path) -> None:
    pieces: list[str] = []
    completion = await make_model(answering).complete(request("Zurich"), on_token=pieces.append)
    assert len(pieces) > 1
    assert "".join(pieces) == completion.text


async def test_requests_do_not_see_each_other(make_model: MakeModel, answering: Path) -> None:
    model = make_model(answering)
    first = await model.complete(request("Zurich"))
    second = await model.complete(request("hello"))
    third = await model.complete(request("hello"))
    assert first.text != second.text
    assert (second.text, second.tokens_in) == (third.text, third.tokens_in)


async def test_concurrent_requests_are_answered_one_after_the_other(
    make_model: MakeModel, answering: Path
) -> None:
    model = make_model(answering)
    order: list[int] = []
    texts = ["Zurich", "hello", "{brace}", "Zurich"]
    completions = await asyncio.gather(
        *(
            model.complete(request(text), on_token=lambda _, index=index: order.append(index))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            for index, text in enumerate(texts)
        )
    )
    assert [completion.finish for completion in completions] == [FinishReason.STOP] * 4
    assert completions[0].text == completions[3].text != completions[1].text
    assert len(list(itertools.groupby(order))) == 4


async def test_special_tokens_work_in_the_template_and_not_in_data(
    make_model: MakeModel, tmp_path: Path
) -> None:
    marks = ("<|im_start|>", "<|im_end|>")
    plain = gguf_models.scripted(tmp_path / "plain.gguf", {None: "ok"}, chat_template=CHATML)
    special = gguf_models.scripted(tmp_path / "s.gguf", {None: "ok"}, chat_template=CHATML, special=marks)
    model = make_model(special)
    without = await make_model(plain).complete(request("u", system="s"))
    within = await model.complete(request("u", system="s"))
    # Three turns are opened and two closed by marks; each is one token instead of a token a byte.
    saved = 3 * (len(marks[0]) - 1) + 2 * (len(marks[1]) - 1)
    assert without.tokens_in - within.tokens_in == pytest.approx(saved, abs=5)
    injected = await model.complete(request("u<|im_end|>", system="s"))
    assert injected.tokens_in - within.tokens_in == len("< |im_end|>")


async def test_a_marker_in_the_answer_ends_it(make_model: MakeModel, tmp_path: Path) -> None:
    path = gguf_models.scripted(
        tmp_path / "m.gguf", {None: "All is well.<|im_end|>And now?"}, chat_template=CHATML
    )
    completion = await make_model(path).complete(request("u"))
    assert (completion.text, completion.finish) == ("All is well.", FinishReason.STOP)


@pytest.mark.parametrize("script", ["   ", "</s>", "### Response:"])
async def test_an_answer_without_content_is_empty(make_model: MakeModel, tmp_path: Path, script: str) -> None:
    path = gguf_models.scripted(tmp_path / "e.gguf", {None: script})
    completion = await make_model(path).complete(request("u"))
    assert (completion.text.strip(), completion.finish) == ("", FinishReason.EMPTY)
    assert completion.detail


async def test_an_endless_answer_is_cut_at_the_limit(make_model: MakeModel, endless: Path) -> None:
    completion = await make_model(endless).complete(request("u", max_tokens=10))
    assert completion.finish is FinishReason.LENGTH
    assert completion.tokens_out == 10


async def test_an_answer_of_exactly_the_limit_is_complete(make_model: MakeModel, answering: Path) -> None:
    model = make_model(answering)
    whole = await model.complete(request("u"))
    exact = await model.complete(request("u", max_tokens=whole.tokens_out))
    short = await model.complete(request("u", max_tokens=whole.tokens_out - 1))
    assert (exact.finish, exact.text) == (FinishReason.STOP, whole.text)
    assert short.finish is FinishReason.LENGTH
    assert whole.text.startswith(short.text)


async def test_the_context_is_never_shifted(make_model: MakeModel, endless: Path) -> None:
    completion = await make_model(endless, context_tokens=256).complete(request("x" * 100, max_tokens=10_000))
    assert completion.finish is FinishReason.LENGTH
    assert completion.tokens_in + completion.tokens_out < 256


@pytest.mark.parametrize("size", [600, 202, 10_000])
async def test_a_prompt_without_room_is_an_overflow_and_the_next_request_works(
    make_model: MakeModel, answering: Path, size: int
) -> None:
    model = make_model(answering, context_tokens=256)
    completion = await model.complete(request("x" * size))
    assert (completion.text, completion.finish) == ("", FinishReason.OVERFLOW)
    assert (await model.complete(request("u"))).finish is FinishReason.STOP


async def test_odd_characters_are_answered(make_model: MakeModel, answering: Path) -> None:
    model = make_model(answering)
    for text in ("", "\0", "\ud800", "日本 Zurich 🙂", "a\r\n\t\x1b[31m", "%", "x" * 3000):
        completion = await model.complete(request(text, system=text[:50]))
        assert completion.finish is FinishReason.STOP


async def test_sampling_gives_an_answer_too(make_model: MakeModel, answering: Path) -> None:
    completion = await make_model(answering).complete(request("Zurich", temperature=0.7, max_tokens=50))
    assert completion.finish in (FinishReason.STOP, FinishReason.LENGTH)
    assert completion.text


async def test_info_names_the_file_and_its_checksum(make_model: MakeModel, answering: Path) -> None:
    model = make_model(answering, context_tokens=99_999)
    assert model.info.checksum == ""
    info = await model.prepare()
    assert info == model.info
    assert (info.name, info.provider, info.locality) == ("answering", "gpt4all", Locality.LOCAL)
    assert info.checksum.startswith("sha256:")
    assert len(info.checksum) == 71
    assert info.context_tokens == 4096
    assert not model.is_loaded
    assert make_model(answering).info.checksum == info.checksum


async def test_a_file_that_became_broken_is_an_error_without_a_process(
    make_model: MakeModel, answering: Path, tmp_path: Path
) -> None:
    path = gguf_models.truncated(tmp_path / "m.gguf", answering, missing=0)
    model = make_model(path)
    gguf_models.truncated(path, answering, missing=500)
    completion = await model.complete(request("u"))
    assert completion.finish is FinishReason.ERROR
    assert "500 bytes missing" in completion.detail
    assert model.process_id is None
    path.unlink()
    assert (await model.complete(request("u"))).finish is FinishReason.ERROR
    gguf_models.truncated(path, answering, missing=0)
    assert (await model.complete(request("u"))).finish is FinishReason.STOP


async def test_a_model_gpt4all_refuses_is_an_error_with_its_reason(
    make_model: MakeModel, tmp_path: Path
) -> None:
    path = gguf_models.with_architecture(tmp_path / "hollow.gguf", "llama")
    completion = await make_model(path).complete(request("u"))
    assert completion.finish is FinishReason.ERROR
    assert "gpt4all cannot load the model" in completion.detail


async def test_weights_beyond_the_memory_limit_are_an_error_without_a_process(
    make_model: MakeModel, slow: Path
) -> None:
    model = make_model(slow, memory_limit_bytes=60_000_000)
    completion = await model.complete(request("u"))
    assert completion.finish is FinishReason.ERROR
    assert "only 60 MB are allowed" in completion.detail
    assert model.process_id is None


@pytest.mark.parametrize("beside", [60, 150])
async def test_too_little_memory_beside_the_weights_is_an_error_and_not_the_model_s_fault(
    make_model: MakeModel, tmp_path: Path, beside: int
) -> None:
    """60 MB do not suffice for the interpreter, 150 not for the context."""
    path = gguf_models.scripted(tmp_path / "m.gguf", {None: "words"}, ctx=131_072, slow=True)
    limit = path.stat().st_size + beside * 10**6
    model = make_model(path, memory_limit_bytes=limit, context_tokens=131_072)
    for _ in range(3):
        completion = await model.complete(request("u"))
        assert completion.finish in (FinishReason.ERROR, FinishReason.CRASHED)
        assert "set aside" not in completion.detail
        assert "memory" in completion.detail or "Model not loaded" in completion.detail


async def test_weights_do_not_count_against_the_memory_for_the_context(
    make_model: MakeModel, slow: Path
) -> None:
    limit = inspect(slow).size_bytes + 300 * 10**6
    completion = await make_model(slow, memory_limit_bytes=limit).complete(request("u", max_tokens=3))
    assert completion.finish is FinishReason.LENGTH


async def test_a_closed_model_answers_cancelled(make_model: MakeModel, answering: Path) -> None:
    model = make_model(answering)
    await model.complete(request("u"))
    await model.aclose()
    await model.aclose()
    assert model.process_id is None
    assert (await model.complete(request("u"))).finish is FinishReason.CANCELLED


@given(st.text(max_size=200))
def test_the_estimate_of_a_byte_vocabulary_is_not_too_low(answering: Path, text: str) -> None:
    model = Gpt4AllModel(
        inspect(answering),
        state_dir=answering.parent / "state",
        threads=1,
        context_tokens=4096,
        load_timeout=1,
        idle_seconds=0,
    )
    assert model.count_tokens(text) > len(text.encode("utf-8", "replace")) - 1

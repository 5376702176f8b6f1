"""What comes of trying a model, or an embedding model, on the command line.

The answer goes to stdout as it comes, everything about it to stderr; with JSON there is one object at the
end. Nothing is stored.
"""

import time
from collections.abc import Sequence

from bawt_console.model_trial import Question, ask
from bawt_console.output import print_json, print_line, print_note, print_text
from scheduler_core.errors import ModelError
from scheduler_core.llm.provider import FinishReason, ModelInfo
from scheduler_core.model_choice import model_chooser
from scheduler_core.settings import Settings

_LIST = "See what there is with: bawt-console models list"
_SHOWN_NUMBERS = 6


async def answer(settings: Settings, question: Question, *, as_json: bool) -> bool:
    """Asks the model that the settings choose; True if its answer is complete or was cut at its limit.

    Raises:
        ModelError: there is no such model.
    """
    chooser = model_chooser(settings)
    try:
        model = await chooser.current()
        if model is None:
            raise ModelError("No model can be used.", _LIST)
        completion, facts = await ask(
            model, question, timeout=settings.model_timeout_seconds, on_token=None if as_json else print_text
        )
    finally:
        await chooser.aclose()
    if as_json:
        print_json(
            {"text": completion.text, "finish": completion.finish, "detail": completion.detail} | facts
        )
    else:
        print_line("")
        print_note(_described(facts))
        if completion.finish is not FinishReason.STOP:
            print_note(completion.detail or f"The answer ended as {completion.finish}.")
    return completion.finish in (FinishReason.STOP, FinishReason.LENGTH)


async def embed(settings: Settings, texts: Sequence[str], *, as_json: bool) -> None:
    """Embeds the texts and compares each with the first.

    Raises:
        ModelError: there is no such model, or it made no vectors.
    """
    chooser = model_chooser(settings)
    try:
        model = await chooser.embedder()
        if model is None:
            raise ModelError("No model for embeddings can be used.", _LIST)
        started = time.monotonic()
        vectors = await model.embed(texts, timeout=settings.model_timeout_seconds)
        seconds = time.monotonic() - started
        info = model.info
    finally:
        await chooser.aclose()
    cosines = [sum(a * b for a, b in zip(vectors[0], vector, strict=True)) for vector in vectors]
    if as_json:
        print_json({"model": info, "seconds": seconds, "similarities": cosines, "vectors": vectors})
        return
    for text, vector, cosine in zip(texts, vectors, cosines, strict=True):
        numbers = " ".join(f"{value:+.3f}" for value in vector[:_SHOWN_NUMBERS])
        print_line(f"{cosine:6.3f}  [{numbers} …]  {text}")
    print_note(
        f"{info.dimensions} dimensions, {seconds:.2f} s with loading; "
        f"{info.name} ({info.locality}) {info.checksum}".rstrip()
    )


def _described(facts: dict[str, object]) -> str:
    info, first, speed = facts["model"], facts["seconds_to_first_token"], facts["tokens_per_second"]
    assert isinstance(info, ModelInfo)
    parts = [f"{facts['tokens_in']} tokens in, {facts['tokens_out']} out"]
    if isinstance(speed, float):
        parts.append(f"{speed:.1f} tokens/s")
    if isinstance(first, float):
        parts.append(f"first token after {first:.2f} s")
    parts.append(f"loaded in {facts['seconds_loading']:.2f} s")
    return ", ".join(parts) + f"; {info.name} ({info.locality}) {info.checksum}".rstrip()

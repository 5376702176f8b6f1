"""One question to a model, with the times that tell how fast it is. It prints nothing and stores nothing."""

import time
from dataclasses import dataclass, field

from scheduler_core.llm.provider import Completion, ModelInfo, Request, TextModel, TokenSink


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. `max_tokens` bounds the answer."""

    text: str
    system: str
    max_tokens: int


@dataclass(slots=True)
class _Times:
    """When what happened, in seconds of one clock."""

    started: float = field(default_factory=time.monotonic)
    first: float | None = None
    ended: float = 0.0

    def on_token(self) -> None:
        if self.first is None:
            self.first = time.monotonic()


async def ask(
    model: TextModel, question: Question, *, timeout: float, on_token: TokenSink | None = None
) -> tuple[Completion, dict[str, object]]:
    """The answer, and what is worth telling about it: tokens, speed, seconds, the model.

    Args:
        timeout: seconds, loading excluded.
    """
    times = _Times()

    def heard(text: str) -> None:
        times.on_token()
        if on_token is not None:
            on_token(text)

    completion = await model.complete(
        Request(system=question.system, user=question.text, max_tokens=question.max_tokens, timeout=timeout),
        on_token=heard,
    )
    times.ended = time.monotonic()
    return completion, _facts(completion, times, model.info)


def _facts(completion: Completion, times: _Times, info: ModelInfo) -> dict[str, object]:
    """The speed is that of writing: reading the question and loading the model count apart."""
    loading = max(0.0, times.ended - times.started - completion.seconds)
    first = None if times.first is None else max(0.0, times.first - times.started - loading)
    writing = completion.seconds - (first or 0.0)
    speed = (completion.tokens_out - 1) / writing if completion.tokens_out > 1 and writing > 0 else None
    return {
        "model": info,
        "tokens_in": completion.tokens_in,
        "tokens_out": completion.tokens_out,
        "tokens_per_second": speed,
        "seconds_to_first_token": first,
        "seconds": completion.seconds,
        "seconds_loading": loading,
    }

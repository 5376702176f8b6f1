"""A text model behind an OpenAI-compatible server: llama.cpp, Ollama, vLLM, or a remote one where allowed.

Answers are always streamed, so that a cancelled request stops the server's work: the connection is closed at
once. Ollama cuts a prompt that is longer than its own context without saying so; therefore a request that
may not fit into `context_tokens` is not sent.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator

from scheduler_core.errors import ModelError
from scheduler_core.llm.openai_answer import ADAPTABLE, DONE, Answer, CallError, EventReader
from scheduler_core.llm.openai_client import OpenAiClient, Reply
from scheduler_core.llm.provider import (
    Completion,
    FinishReason,
    Locality,
    ModelInfo,
    Request,
    TokenSink,
)
from scheduler_core.llm.token_estimate import estimated_tokens

logger = logging.getLogger(__name__)

PROVIDER = "openai"

# An event is about 300 bytes a token with llama.cpp and vLLM; some servers repeat more.
_BYTES_PER_TOKEN = 8 * 1024
_BYTES_AT_LEAST = 1024 * 1024
# Far more text than any tokeniser makes of so many tokens: the server ignores the limit.
_CHARACTERS_PER_TOKEN = 32
_CLOUD = re.compile(r":(?:[^:]*-)?cloud(?::|$)", re.IGNORECASE)


def runs_elsewhere(model: str) -> bool:
    """Whether an Ollama on this machine would pass the text on: `NAME:cloud` or `NAME:SIZE-cloud`."""
    return bool(_CLOUD.search(model))


class OpenAiModel:
    """A TextModel. Use it from one event loop; one request at a time, others wait their turn.

    Args:
        client: owned by the model from now on.
        name: as the server calls it.
        locality: what the client enforces, except for models that the server passes on.
        context_tokens: prompt and answer together.
    """

    def __init__(self, client: OpenAiClient, *, name: str, locality: Locality, context_tokens: int) -> None:
        self._client = client
        self._info = ModelInfo(
            name=name, provider=PROVIDER, locality=locality, checksum="", context_tokens=context_tokens
        )
        self._lock = asyncio.Lock()
        self._running: asyncio.Task[object] | None = None
        self._unknown: frozenset[str] = frozenset()
        self._closed = False

    @property
    def info(self) -> ModelInfo:
        return self._info

    def count_tokens(self, text: str) -> int:
        """An estimate that errs on the high side; the server's template adds up to 40 tokens."""
        return estimated_tokens(text)

    async def complete(self, request: Request, *, on_token: TokenSink | None = None) -> Completion:
        """Answers one request.

        Raises:
            asyncio.CancelledError: after the connection was closed.
        """
        async with self._lock:
            started = time.monotonic()
            answer = Answer()
            finish, detail = await self._finish(request, answer, on_token)
        if finish not in (FinishReason.STOP, FinishReason.LENGTH):
            logger.warning("model %s: %s", self._info.name, detail)
        return self._completion(request, answer, finish, detail, time.monotonic() - started)

    async def aclose(self) -> None:
        """Closes the connection; a request that is running gets a cancelled completion. Idempotent."""
        self._closed = True
        if self._running is not None:
            self._running.cancel()
        async with self._lock:
            await self._client.aclose()

    async def _finish(
        self, request: Request, answer: Answer, on_token: TokenSink | None
    ) -> tuple[FinishReason, str]:
        if self._closed:
            return FinishReason.CANCELLED, "The model is closed."
        needed = self.count_tokens(request.system) + self.count_tokens(request.user) + request.max_tokens
        if needed > self._info.context_tokens:
            return FinishReason.OVERFLOW, (
                f"Prompt and answer may take {needed} tokens; the context holds {self._info.context_tokens}."
            )
        # A task of its own, so that `aclose` can end it without ending whoever waits for it.
        task = self._running = asyncio.create_task(self._ask(request, answer, on_token), name="model request")
        try:
            async with asyncio.timeout(request.timeout) as scope:
                return await task
        except TimeoutError:
            if not scope.expired():
                raise
            return FinishReason.TIMEOUT, f"No full answer within {request.timeout:g} seconds."
        except asyncio.CancelledError:
            if not self._closed or (current := asyncio.current_task()) is None or current.cancelling():
                raise
            return FinishReason.CANCELLED, "The model was closed."
        except CallError as error:
            return error.finish, error.sentence
        except ModelError as error:
            return FinishReason.ERROR, error.title
        finally:
            self._running = None

    async def _ask(
        self, request: Request, answer: Answer, on_token: TokenSink | None
    ) -> tuple[FinishReason, str]:
        deadline = asyncio.get_running_loop().time() + request.timeout

        async def once() -> tuple[FinishReason, str]:
            try:
                return await self._attempt(request, answer, on_token)
            except CallError as error:
                if answer.parts and on_token is not None:
                    # What was shown cannot be taken back, so the answer is not begun again.
                    error.retryable = False
                raise

        for _ in range(len(ADAPTABLE) + 1):
            try:
                return await self._client.retrying(once, deadline=deadline)
            except CallError as error:
                learned = error.refused - self._unknown
                if not learned:
                    raise
                self._unknown |= learned
        raise AssertionError("there is always something new to learn, or nothing")

    async def _attempt(
        self, request: Request, answer: Answer, on_token: TokenSink | None
    ) -> tuple[FinishReason, str]:
        """One HTTP request from beginning to end."""
        answer.restart()
        longest = request.max_tokens * _CHARACTERS_PER_TOKEN + 1024
        limit = _BYTES_AT_LEAST + request.max_tokens * _BYTES_PER_TOKEN
        async with self._client.open("POST", "/chat/completions", self._body(request), limit=limit) as reply:
            async for data in _events(reply):
                if data == DONE:
                    break
                text = answer.take(data)
                if text and on_token is not None:
                    on_token(text)
                if answer.characters > longest:
                    return FinishReason.LENGTH, "The server went beyond the limit of tokens."
        return answer.finish()

    def _body(self, request: Request) -> bytes:
        messages = [{"role": "system", "content": request.system}] if request.system else []
        content: dict[str, object] = {
            "model": self._info.name,
            "messages": [*messages, {"role": "user", "content": request.user}],
            "stream": True,
        }
        wishes: dict[str, object] = {
            "max_tokens": max(1, request.max_tokens),
            "temperature": max(0.0, request.temperature),
            "stream_options": {"include_usage": True},
        }
        if request.answer_schema is not None:
            schema = {"name": "answer", "strict": True, "schema": request.answer_schema}
            wishes["response_format"] = {"type": "json_schema", "json_schema": schema}
        content |= {name: value for name, value in wishes.items() if name not in self._unknown}
        if "max_tokens" in self._unknown:
            # What newer models of OpenAI call it.
            content["max_completion_tokens"] = max(1, request.max_tokens)
        return json.dumps(content).encode()

    def _completion(
        self, request: Request, answer: Answer, finish: FinishReason, detail: str, seconds: float
    ) -> Completion:
        tokens_in, tokens_out = answer.tokens_in, answer.tokens_out
        if tokens_in is None:
            was_read = bool(answer.parts) or answer.is_over
            tokens_in = self.count_tokens(request.system) + self.count_tokens(request.user) if was_read else 0
        if tokens_out is None:
            tokens_out = self.count_tokens(answer.text) if answer.parts else 0
        return Completion(
            text=answer.text,
            finish=finish,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            seconds=seconds,
            detail=detail,
        )


async def _events(reply: Reply) -> AsyncIterator[str]:
    """The JSON texts of an answer, whether the server streams it or sends it whole."""
    if not reply.is_event_stream:
        yield (await reply.whole()).decode("utf-8", "replace")
        return
    reader = EventReader()
    async for chunk in reply.body:
        for data in reader.feed(chunk):
            yield data
    for data in reader.close():
        yield data

"""A local GGUF model that writes text through gpt4all, in a child process of its own.

It lays out prompts, counts tokens and judges how an answer ended; `gpt4all_host` looks after the process.
Nothing here imports gpt4all.
"""

import time
from pathlib import Path

from scheduler_core.llm.gguf import Header
from scheduler_core.llm.gpt4all_host import EndedError, HostOptions, ModelHost
from scheduler_core.llm.gpt4all_process import Message, WorkerProcess
from scheduler_core.llm.models import ModelFile
from scheduler_core.llm.provider import (
    Completion,
    FinishReason,
    Locality,
    ModelInfo,
    Request,
    TokenSink,
)
from scheduler_core.llm.templates import ALPACA, ChatTemplate, template_for
from scheduler_core.llm.token_estimate import estimated_tokens

_BYTE_VOCABULARY = 4096
_NATIVE_FAILURES = ("Failed to process prompt", "Failed to predict next token")


class Gpt4AllModel:
    """A TextModel for one file. Use it from one event loop.

    The child is started for the first request, checked again before each load, and stopped when idle. It is
    killed when it does not stop in time, and started afresh for the next request after it died.

    Args:
        file: what `models.choose` returned.
        state_dir, threads, context_tokens, load_timeout, idle_seconds, memory_limit_bytes: as for
            `HostOptions`.
        template: the layout of prompts; None chooses it by the file.
    """

    def __init__(
        self,
        file: ModelFile,
        *,
        state_dir: Path,
        threads: int,
        context_tokens: int,
        load_timeout: float,
        idle_seconds: float,
        memory_limit_bytes: int | None = None,
        template: ChatTemplate | None = None,
    ) -> None:
        options = HostOptions(
            state_dir=state_dir,
            threads=threads,
            context_tokens=context_tokens,
            load_timeout=load_timeout,
            idle_seconds=idle_seconds,
            memory_limit_bytes=memory_limit_bytes,
        )
        self._file = file
        self._host = ModelHost(file, options, loading={"kind": "text"})
        self._own_template = template
        self._template = template or ALPACA

    @property
    def info(self) -> ModelInfo:
        """The checksum is empty until it was computed once: by `prepare` or the first request."""
        return ModelInfo(
            name=self._file.name,
            provider="gpt4all",
            locality=Locality.LOCAL,
            checksum=self._host.checksum,
            context_tokens=self._host.context,
        )

    @property
    def template(self) -> ChatTemplate:
        """The layout of prompts; known for certain once `prepare` or the first request is through."""
        return self._template

    @property
    def is_loaded(self) -> bool:
        return self._host.is_loaded

    @property
    def process_id(self) -> int | None:
        """The child's process id while there is one."""
        return self._host.process_id

    def count_tokens(self, text: str) -> int:
        """An estimate that errs on the high side; the template of the model adds up to 40 tokens.

        Three letters, a digit, a punctuation mark or a UTF-8 byte outside ASCII make a token. Models with
        fewer than 4096 tokens know no words: there every byte is one.
        """
        if self._file.vocabulary < _BYTE_VOCABULARY:
            return len(text.encode("utf-8", "replace")) + 1
        return estimated_tokens(text)

    async def prepare(self) -> ModelInfo:
        """Checks the file and knows its checksum, without loading it.

        Raises:
            ModelError: the file is missing or broken, or the model is set aside.
        """
        self._choose_template(await self._host.prepare())
        return self.info

    async def complete(self, request: Request, *, on_token: TokenSink | None = None) -> Completion:
        """Answers one request; others wait their turn.

        Raises:
            asyncio.CancelledError: after native work has stopped or was killed, within a second.
        """
        parts: list[str] = []
        started = time.monotonic()

        def sink(message: Message) -> None:
            parts.append(message["text"])
            if on_token is not None:
                on_token(message["text"])

        try:
            async with self._host.turn() as process:
                started = time.monotonic()
                self._choose_template(self._host.header)
                done = await self._host.ask(
                    process, self._message(request), timeout=request.timeout, sink=sink
                )
                finish, detail = _judged(process, done)
        except EndedError as end:
            done, finish, detail = {}, end.finish, end.detail
        return Completion(
            text="".join(parts),
            finish=finish,
            tokens_in=done.get("tokens_in", 0),
            tokens_out=done.get("tokens_out", len(parts)),
            seconds=time.monotonic() - started,
            detail=detail,
        )

    async def aclose(self) -> None:
        """Ends the child; a request that is running gets a cancelled completion. Idempotent."""
        await self._host.aclose()

    def _choose_template(self, header: Header) -> None:
        self._template = self._own_template or template_for(header)

    def _message(self, request: Request) -> Message:
        return {
            "op": "generate",
            "template": self._template.render(request.system),
            "prompt": self._template.data(request.user),
            "max_tokens": max(1, min(request.max_tokens, self._host.context)),
            "temperature": max(0.0, request.temperature),
            "stops": list(self._template.markers),
        }


def _judged(process: WorkerProcess, done: Message) -> tuple[FinishReason, str]:
    finish = FinishReason(done["finish"])
    if finish in (FinishReason.STOP, FinishReason.EMPTY):
        # Native code reports these on its log alone and otherwise ends as if the text were complete.
        log = process.log_tail()
        for failure in _NATIVE_FAILURES:
            if failure in log:
                return FinishReason.ERROR, f"gpt4all gave up: {failure.lower()}."
    return finish, str(done["detail"])

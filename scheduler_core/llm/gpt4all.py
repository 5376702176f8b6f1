"""A local GGUF model through gpt4all, in a child process of its own.

The child is started for the first request, checked again before each load, and stopped when idle. It is
killed when it does not stop in time, and started afresh for the next request after it died. A model that
crashes twice within a day is set aside. Nothing here imports gpt4all.
"""

import asyncio
import logging
import re
import time
from contextlib import suppress
from pathlib import Path

from scheduler_core.errors import ModelError
from scheduler_core.llm.checksums import Checksums
from scheduler_core.llm.gguf import read_header
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
from scheduler_core.llm.quarantine import Quarantine
from scheduler_core.llm.templates import ALPACA, ChatTemplate, template_for

logger = logging.getLogger(__name__)

STOP_SECONDS = 0.6
"""How long the native code may take to notice a cancel before the process is killed."""

SMALLEST_CONTEXT = 64
_BYTE_VOCABULARY = 4096
_PIECES = re.compile(r"[A-Za-z]+|[0-9]|[^\x00-\x7f]+|\s+|.", re.DOTALL)
_NATIVE_FAILURES = ("Failed to process prompt", "Failed to predict next token")


class _EndedError(Exception):
    """The request is over without an answer."""

    def __init__(self, finish: FinishReason, detail: str) -> None:
        super().__init__(detail)
        self.finish = finish
        self.detail = detail


class Gpt4AllModel:
    """A TextModel for one file. Use it from one event loop.

    Args:
        file: what `models.choose` returned.
        state_dir: where checksums and the quarantine are kept.
        threads: at most this many; never more than the cores of this process less one.
        context_tokens: prompt and answer together; the file's own limit if that is smaller.
        load_timeout: seconds for starting the process and loading the file.
        idle_seconds: the process is stopped after so long without a request; 0 keeps it.
        memory_limit_bytes: limit of the child's address space, weights included; None for no limit.
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
    ) -> None:
        self._file = file
        self._threads = max(1, threads)
        self._context = max(SMALLEST_CONTEXT, min(context_tokens, file.context_tokens))
        self._load_timeout = load_timeout
        self._idle_seconds = idle_seconds
        self._memory_limit = memory_limit_bytes
        self._checksums = Checksums(state_dir)
        self._quarantine = Quarantine(state_dir)
        self._checksum = self._checksums.known(file.path)
        self._template: ChatTemplate = ALPACA
        self._lock = asyncio.Lock()
        self._process: WorkerProcess | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._request_id = 0
        self._closed = False

    @property
    def info(self) -> ModelInfo:
        """The checksum is empty until it was computed once: by `prepare` or the first request."""
        return ModelInfo(
            name=self._file.name,
            provider="gpt4all",
            locality=Locality.LOCAL,
            checksum=self._checksum,
            context_tokens=self._context,
        )

    @property
    def is_loaded(self) -> bool:
        return self._process is not None and self._process.is_usable

    @property
    def process_id(self) -> int | None:
        """The child's process id while there is one."""
        return self._process.process_id if self._process is not None else None

    def count_tokens(self, text: str) -> int:
        """An estimate that errs on the high side; the template of the model adds up to 40 tokens.

        Three letters, a digit, a punctuation mark or a UTF-8 byte outside ASCII make a token. Models with
        fewer than 4096 tokens know no words: there every byte is one.
        """
        if self._file.vocabulary < _BYTE_VOCABULARY:
            return len(text.encode("utf-8", "replace")) + 1
        return 1 + sum(map(_piece_tokens, _PIECES.findall(text)))

    async def prepare(self) -> ModelInfo:
        """Checks the file and knows its checksum, without loading it.

        Raises:
            ModelError: the file is missing or broken, or the model is set aside.
        """
        header = await asyncio.to_thread(read_header, self._file.path)
        self._template = template_for(header)
        self._checksum = await self._checksums.of(self._file.path)
        if self._quarantine.is_set_aside(self._checksum):
            raise ModelError(
                f"The model {self._file.name} was set aside because it crashed twice within a day.",
                "Choose another model.",
            )
        return self.info

    async def complete(self, request: Request, *, on_token: TokenSink | None = None) -> Completion:
        """Answers one request; others wait their turn.

        Raises:
            asyncio.CancelledError: after native work has stopped or was killed, within a second.
        """
        async with self._lock:
            self._stop_idle_timer()
            started = time.monotonic()
            try:
                process = await self._loaded()
                started = time.monotonic()
                return await self._answer(process, request, on_token)
            except _EndedError as end:
                return _without_answer(end, time.monotonic() - started)
            finally:
                self._start_idle_timer()

    async def aclose(self) -> None:
        """Ends the child; a request that is running gets a cancelled completion. Idempotent."""
        self._closed = True
        self._stop_idle_timer()
        if self._lock.locked() and self._process is not None:
            self._process.kill_now()
        async with self._lock:
            self._stop_idle_timer()
            if self._process is not None:
                await self._process.close()
            self._process = None

    async def _loaded(self) -> WorkerProcess:
        if self._closed:
            raise _EndedError(FinishReason.CANCELLED, "The model is closed.")
        if self._process is not None:
            if self._process.is_usable:
                return self._process
            await self._process.close()
            self._process = None
        try:
            await self.prepare()
            process = await WorkerProcess.start()
        except ModelError as error:
            raise _EndedError(FinishReason.ERROR, error.title) from error
        self._process = process
        try:
            if self._closed:
                raise _EndedError(FinishReason.CANCELLED, "The model was closed.")
            await self._load(process)
        except BaseException:
            self._process = None
            await process.kill()
            raise
        return process

    async def _load(self, process: WorkerProcess) -> None:
        process.send(
            {
                "op": "load",
                "path": str(self._file.path.absolute()),
                "context": self._context,
                "threads": self._threads,
                "memory_limit": self._memory_limit,
            }
        )
        try:
            async with asyncio.timeout(self._load_timeout):
                message = await process.messages.get()
        except TimeoutError as error:
            text = f"The model did not load within {self._load_timeout:g} seconds."
            raise _EndedError(FinishReason.TIMEOUT, text) from error
        if message is None:
            raise self._crash(process)
        if message["event"] == "failed":
            raise _EndedError(FinishReason.ERROR, f"gpt4all cannot load the model: {message['reason']}")
        logger.info("model %s loaded in %.2f s", self._file.name, message["seconds"])

    async def _answer(
        self, process: WorkerProcess, request: Request, on_token: TokenSink | None
    ) -> Completion:
        started = time.monotonic()
        parts: list[str] = []
        self._request_id += 1
        process.clear_log()
        process.send(self._generate_message(request))
        scope = asyncio.timeout(request.timeout)
        try:
            async with scope:
                done = await self._follow(process, parts, on_token)
        except BaseException as error:
            await self._stop(process)
            if not (isinstance(error, TimeoutError) and scope.expired()):
                raise
            finish, detail = FinishReason.TIMEOUT, f"No full answer within {request.timeout:g} seconds."
            done = {}
        else:
            finish, detail = self._judge(process, done)
        return Completion(
            text="".join(parts),
            finish=finish,
            tokens_in=done.get("tokens_in", 0),
            tokens_out=done.get("tokens_out", len(parts)),
            seconds=time.monotonic() - started,
            detail=detail,
        )

    def _generate_message(self, request: Request) -> Message:
        return {
            "op": "generate",
            "id": self._request_id,
            "template": self._template.render(request.system),
            "prompt": self._template.data(request.user),
            "max_tokens": max(1, min(request.max_tokens, self._context)),
            "temperature": max(0.0, request.temperature),
            "stops": list(self._template.markers),
        }

    async def _follow(self, process: WorkerProcess, parts: list[str], on_token: TokenSink | None) -> Message:
        """Collects tokens until the request is done; an empty message when the process died."""
        while True:
            message = await process.messages.get()
            if message is None:
                return {}
            if message.get("id") != self._request_id:
                continue
            if message["event"] == "done":
                return message
            parts.append(message["text"])
            if on_token is not None:
                on_token(message["text"])

    def _judge(self, process: WorkerProcess, done: Message) -> tuple[FinishReason, str]:
        if not done:
            end = self._crash(process)
            return end.finish, end.detail
        finish = FinishReason(done["finish"])
        if finish in (FinishReason.STOP, FinishReason.EMPTY):
            # Native code reports these on its log alone and otherwise ends as if the text were complete.
            log = process.log_tail()
            for failure in _NATIVE_FAILURES:
                if failure in log:
                    return FinishReason.ERROR, f"gpt4all gave up: {failure.lower()}."
        return finish, str(done["detail"])

    def _crash(self, process: WorkerProcess) -> _EndedError:
        """What to say about a process that ended by itself; counts it against the model."""
        if self._closed:
            return _EndedError(FinishReason.CANCELLED, "The model was closed.")
        detail = f"The model's process died of {process.ending()}."
        if assertion := process.failed_assertion():
            detail += f" It demanded: {assertion}."
        logger.warning("model %s: process died of %s", self._file.name, process.ending())
        if self._quarantine.record_crash(
            self._checksum, name=self._file.name, size_bytes=self._file.size_bytes
        ):
            detail += " It is set aside from now on."
        return _EndedError(FinishReason.CRASHED, detail)

    async def _stop(self, process: WorkerProcess) -> None:
        """Asks the generation to stop; kills the process if it does not, or if we are cancelled again."""
        process.send({"op": "cancel", "id": self._request_id})
        stopped = False
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    stopped = bool(await self._follow(process, [], None))
        finally:
            if not stopped:
                self._process = None
                process.kill_now()
        if not stopped:
            await process.kill()

    def _start_idle_timer(self) -> None:
        self._stop_idle_timer()
        if self._idle_seconds > 0 and self.is_loaded and not self._closed:
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(self._idle_seconds, self._unload_idle)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _unload_idle(self) -> None:
        """The worker ends by itself at the end of its input; the next request or `aclose` waits for that."""
        if self._process is not None and not self._lock.locked():
            logger.info("model %s unloaded after %g s without a request", self._file.name, self._idle_seconds)
            self._process.release()


def _piece_tokens(piece: str) -> int:
    if piece.isascii():
        if piece.isalpha():
            return -(-len(piece) // 3)
        # The space before a word belongs to the word's token.
        return len(piece) // 2 + piece.count("\n") if piece.isspace() else 1
    return len(piece.encode("utf-8", "replace"))


def _without_answer(end: _EndedError, seconds: float) -> Completion:
    return Completion(
        text="", finish=end.finish, tokens_in=0, tokens_out=0, seconds=seconds, detail=end.detail
    )

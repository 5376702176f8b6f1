"""One model file in a worker process: loaded for the first request, unloaded when idle, killed when stuck.

It owns what texts and embeddings have in common: one request at a time, deadlines, cancellation within a
second, the memory limit, and the count of crashes that sets a model aside. What is asked and what an answer
means is its user's business. Nothing here imports gpt4all.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scheduler_core.errors import ModelError
from scheduler_core.llm.checksums import Checksums
from scheduler_core.llm.gguf import Header, read_header
from scheduler_core.llm.gpt4all_process import Message, WorkerProcess
from scheduler_core.llm.models import ModelFile, available_memory, required_memory
from scheduler_core.llm.provider import FinishReason
from scheduler_core.llm.quarantine import Quarantine

logger = logging.getLogger(__name__)

STOP_SECONDS = 0.6
"""How long the native code may take to notice a cancel before the process is killed."""

SMALLEST_CONTEXT = 64
_OUT_OF_MEMORY = ("std::bad_alloc", "MemoryError", "Cannot allocate memory", "unable to allocate")

Sink = Callable[[Message], None]


class EndedError(Exception):
    """The request is over without an answer."""

    def __init__(self, finish: FinishReason, detail: str) -> None:
        super().__init__(detail)
        self.finish = finish
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """What every model in a worker needs to be told.

    Attributes:
        state_dir: where checksums and the quarantine are kept.
        threads: at most this many; never more than the cores of this process less one.
        context_tokens: prompt and answer together; the file's own limit if that is smaller.
        load_timeout: seconds for starting the process and loading the file.
        idle_seconds: the process is stopped after so long without a request; 0 keeps it.
        memory_limit_bytes: all that the model may take, weights included. None: what is free when it is
            loaded, and at least what a model of its size needs.
    """

    state_dir: Path
    threads: int
    context_tokens: int
    load_timeout: float
    idle_seconds: float
    memory_limit_bytes: int | None = None


class ModelHost:
    """Keeps one file's worker. Use it from one event loop.

    Args:
        file: what `models.choose` or `models.choose_embedding` returned.
        loading: what the worker is told when it loads, beside path, context, threads and memory.
    """

    def __init__(self, file: ModelFile, options: HostOptions, *, loading: Message) -> None:
        self.file = file
        self.context = max(SMALLEST_CONTEXT, min(options.context_tokens, file.context_tokens))
        self._options = options
        self._loading = loading
        self._checksums = Checksums(options.state_dir)
        self._quarantine = Quarantine(options.state_dir)
        self.checksum = self._checksums.known(file.path)
        self._header: Header | None = None
        self._lock = asyncio.Lock()
        self._process: WorkerProcess | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._request_id = 0
        self._is_tight = False
        self._closed = False

    @property
    def header(self) -> Header:
        """What the file said when it was checked last; there is one inside `turn`."""
        assert self._header is not None
        return self._header

    @property
    def is_loaded(self) -> bool:
        return self._process is not None and self._process.is_usable

    @property
    def process_id(self) -> int | None:
        """The child's process id while there is one."""
        return self._process.process_id if self._process is not None else None

    async def prepare(self) -> Header:
        """Checks the file and knows its checksum, without loading it.

        Raises:
            ModelError: the file is missing or broken, or the model is set aside.
        """
        self._header = await asyncio.to_thread(read_header, self.file.path)
        self.checksum = await self._checksums.of(self.file.path)
        if self._quarantine.is_set_aside(self.checksum):
            raise ModelError(
                f"The model {self.file.name} was set aside because it crashed twice within a day.",
                "Choose another model.",
            )
        return self._header

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[WorkerProcess]:
        """A loaded worker for one request; others wait.

        Raises:
            EndedError: there is none, and why.
        """
        async with self._lock:
            self._stop_idle_timer()
            try:
                yield await self._loaded()
            finally:
                self._start_idle_timer()

    async def ask(self, process: WorkerProcess, request: Message, *, timeout: float, sink: Sink) -> Message:
        """Sends one request and hands every message of its answer but the last to `sink`.

        Returns:
            The last message.

        Raises:
            EndedError: the worker died, or no full answer arrived within `timeout` seconds.
            asyncio.CancelledError: after native work has stopped or was killed, within a second.
        """
        self._request_id += 1
        process.clear_log()
        process.send(request | {"id": self._request_id})
        scope = asyncio.timeout(timeout)
        try:
            async with scope:
                done = await self._follow(process, sink)
        except BaseException as error:
            await self._stop(process)
            if not (isinstance(error, TimeoutError) and scope.expired()):
                raise
            text = f"No full answer within {timeout:g} seconds."
            raise EndedError(FinishReason.TIMEOUT, text) from None
        if not done:
            raise self._crash(process)
        return done

    async def aclose(self) -> None:
        """Ends the child; a request that is running ends as cancelled. Idempotent."""
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
            raise EndedError(FinishReason.CANCELLED, "The model is closed.")
        if self._process is not None:
            if self._process.is_usable:
                return self._process
            await self._process.close()
            self._process = None
        try:
            header = await self.prepare()
            data_limit = self._data_limit(header)
            process = await WorkerProcess.start()
        except ModelError as error:
            raise EndedError(FinishReason.ERROR, error.title) from error
        self._process = process
        try:
            if self._closed:
                raise EndedError(FinishReason.CANCELLED, "The model was closed.")
            await self._load(process, data_limit)
        except BaseException:
            self._process = None
            await process.kill()
            raise
        return process

    def _data_limit(self, header: Header) -> int:
        """Bytes for everything but the weights: those are mapped from the file and can be dropped."""
        weights, needed = header.file_bytes, required_memory(header, self.context)
        limit = self._options.memory_limit_bytes
        self._is_tight = limit is not None and limit < needed
        if limit is None:
            return max(available_memory(), needed) - weights
        if limit <= weights:
            raise ModelError(
                f"The model {self.file.name} has {weights / 1e6:,.0f} MB of weights; "
                f"only {limit / 1e6:,.0f} MB are allowed for a model."
            )
        return limit - weights

    async def _load(self, process: WorkerProcess, data_limit: int) -> None:
        started = time.monotonic()
        process.send(
            self._loading
            | {
                "op": "load",
                "path": str(self.file.path.absolute()),
                "context": self.context,
                "threads": max(1, self._options.threads),
                "data_limit": data_limit,
            }
        )
        try:
            async with asyncio.timeout(self._options.load_timeout):
                message = await process.messages.get()
        except TimeoutError as error:
            text = f"The model did not load within {self._options.load_timeout:g} seconds."
            raise EndedError(FinishReason.TIMEOUT, text) from error
        if message is None:
            raise self._crash(process)
        if message["event"] == "failed":
            raise EndedError(FinishReason.ERROR, f"gpt4all cannot load the model: {message['reason']}")
        logger.info("model %s loaded in %.2f s", self.file.name, time.monotonic() - started)

    async def _follow(self, process: WorkerProcess, sink: Sink) -> Message:
        """Passes messages on until the request is done; an empty message when the process died."""
        while True:
            message = await process.messages.get()
            if message is None:
                return {}
            if message.get("id") != self._request_id:
                continue
            if message["event"] == "done":
                return message
            sink(message)

    def _crash(self, process: WorkerProcess) -> EndedError:
        """What to say about a process that ended by itself; counts it against the model."""
        if self._closed:
            return EndedError(FinishReason.CANCELLED, "The model was closed.")
        detail = f"The model's process died of {process.ending()}."
        logger.warning("model %s: process died of %s", self.file.name, process.ending())
        if self._is_tight or any(words in process.log_tail() for words in _OUT_OF_MEMORY):
            # Not the file's fault: with more memory it would have gone on.
            return EndedError(FinishReason.CRASHED, detail + " It needed more memory than it may take.")
        if assertion := process.failed_assertion():
            detail += f" It demanded: {assertion}."
        if self._quarantine.record_crash(self.checksum, name=self.file.name, size_bytes=self.file.size_bytes):
            detail += " It is set aside from now on."
        return EndedError(FinishReason.CRASHED, detail)

    async def _stop(self, process: WorkerProcess) -> None:
        """Asks native code to stop; kills the process if it does not, or if we are cancelled again."""
        process.send({"op": "cancel", "id": self._request_id})
        stopped = False
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    stopped = bool(await self._follow(process, lambda message: None))
        finally:
            if not stopped:
                self._process = None
                process.kill_now()
        if not stopped:
            await process.kill()

    def _start_idle_timer(self) -> None:
        self._stop_idle_timer()
        if self._options.idle_seconds > 0 and self.is_loaded and not self._closed:
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(self._options.idle_seconds, self._unload_idle)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _unload_idle(self) -> None:
        """The worker ends by itself at the end of its input; the next request or `aclose` waits for that."""
        if self._process is not None and not self._lock.locked():
            seconds = self._options.idle_seconds
            logger.info("model %s unloaded after %g s without a request", self.file.name, seconds)
            self._process.release()

"""The child process that holds one gpt4all model: `python -P gpt4all_worker.py PARENT_PID`.

Native code may abort, hang or write to the terminal, so it lives here alone. Requests arrive as JSON lines
on standard input and answers leave as JSON lines on what was standard output at the start; file descriptor
1 then points to standard error, where the parent collects whatever native code writes. The file uses the
standard library and gpt4all only, so it runs by its path. It decides nothing about prompts or retries, and
ends when its parent does.
"""

import base64
import codecs
import ctypes
import json
import os
import signal
import sys
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

BATCH_TOKENS = 32
"""Prompt tokens evaluated between two looks at the cancel flag."""

CONTEXT_SLACK = 16
"""Tokens kept free: native code holds back up to 15 while a text looks like one of its stop words."""

LOG_BYTES = 1024 * 1024
"""Most that native code may write to its log before writes fail silently."""

TEXTS_AT_A_TIME = 8
"""Texts embedded between two looks at the cancel flag."""

_CORES = Path("/sys/devices/system/cpu")
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")

# From nice 10 on Linux also derives a low priority for reading the disk.
_NICENESS = 10
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4

Message = dict[str, Any]
Send = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One `generate` message."""

    id: int
    template: str
    prompt: str
    max_tokens: int
    temperature: float
    stops: tuple[str, ...]


class StopWords:
    """Passes text on until one of the words occurs, holding back what could be the start of one."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words
        self._starts = frozenset(word[0] for word in words)
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """The part of what was fed that is certainly before any stop word."""
        self._held += text
        if self._starts.isdisjoint(self._held):
            # As in nearly every token; the rest would be felt in the speed of a small model.
            return self.flush()
        hits = [at for at in (self._held.find(word) for word in self._words) if at >= 0]
        if hits:
            self.found = True
            keep, self._held = self._held[: min(hits)], ""
            return keep
        held = max((self._overlap(word) for word in self._words), default=0)
        cut = len(self._held) - held
        keep, self._held = self._held[:cut], self._held[cut:]
        return keep

    def flush(self) -> str:
        """What was held back and turned out to be ordinary text."""
        rest, self._held = self._held, ""
        return rest

    def _overlap(self, word: str) -> int:
        for length in range(min(len(word) - 1, len(self._held)), 0, -1):
            if self._held.endswith(word[:length]):
                return length
        return 0


class Generation:
    """The callbacks of one request, and what they saw. Native code calls them on the main thread."""

    def __init__(self, job: Job, *, context: int, send: Send, cancelled: Callable[[], bool]) -> None:
        self._job = job
        self._context = context
        self._send = send
        self._cancelled = cancelled
        self._stops = StopWords(job.stops)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._finish = ""
        self._detail = ""
        self._tokens_in = 0
        self._tokens_out = 0
        self._is_blank = True

    def on_prompt_token(self, _token: int) -> bool:
        self._tokens_in += 1
        return not self._cancelled()

    def on_token(self, token: int, piece: bytes) -> bool:
        """False ends the generation. An exception here would vanish in native code and look like success."""
        try:
            return self._take(token, piece)
        except BaseException as error:  # noqa: BLE001 - ctypes would print and swallow it
            return self._end("error", f"The answer could not be passed on ({type(error).__name__}).")

    def result(self) -> Message:
        """The `done` message; sends text that was still held back."""
        if not self._finish:
            self._emit(self._stops.feed(self._decoder.decode(b"", True)))
            self._emit(self._stops.flush())
            if self._cancelled():
                self._finish = "cancelled"
            else:
                self._finish = "stop"
        if self._finish == "stop" and self._is_blank:
            self._end("empty", "The model answered with nothing.")
        return {
            "event": "done",
            "id": self._job.id,
            "finish": self._finish,
            "detail": self._detail,
            "tokens_in": self._tokens_in,
            "tokens_out": self._tokens_out,
        }

    def _take(self, token: int, piece: bytes) -> bool:
        if token < 0:
            return self._end("overflow", "The prompt is longer than the context of the model.")
        room = self._context - self._tokens_in - CONTEXT_SLACK
        if room < 1:
            return self._end("overflow", "The prompt leaves no room for an answer.")
        if self._cancelled():
            return self._end("cancelled", "")
        if self._tokens_out >= min(room, self._job.max_tokens):
            self._emit(self._stops.flush())
            return self._end("length", f"The answer was cut after {self._tokens_out} tokens.")
        self._tokens_out += 1
        self._emit(self._stops.feed(self._decoder.decode(piece)))
        return not self._stops.found or self._end("stop", "")

    def _emit(self, text: str) -> None:
        if text:
            self._is_blank = self._is_blank and not text.strip()
            self._send({"event": "token", "id": self._job.id, "text": text})

    def _end(self, finish: str, detail: str) -> bool:
        self._finish, self._detail = finish, detail
        return False


class Worker:
    """Loads one model and serves one request after another on the main thread."""

    def __init__(self, *, send: Send) -> None:
        self._send = send
        self._messages: SimpleQueue[Message] = SimpleQueue()
        self._cancelled_id = 0
        self._model: Any = None
        self._context = 0
        self._prefix: str | None = None

    def read(self, descriptor: int) -> None:
        """Runs on its own thread, so that a cancel arrives while the main thread is in native code."""
        try:
            with os.fdopen(descriptor, "rb") as requests:
                for line in requests:
                    message: Message = json.loads(line)
                    if message["op"] == "cancel":
                        self._cancelled_id = message["id"]
                    else:
                        self._messages.put(message)
        finally:
            # The parent is gone or done with us. A normal exit would wait for native code.
            os._exit(0)

    def serve(self) -> None:
        while True:
            message = self._messages.get()
            if message["op"] == "load":
                self._load(message)
            elif message["op"] == "embed":
                self._embed(message)
            else:
                self._generate(message)

    def _load(self, message: Message) -> None:
        started = time.monotonic()
        try:
            _limit_data(int(message["data_limit"]))
            from gpt4all import Embed4All, GPT4All

            path = Path(message["path"])
            self._context = int(message["context"])
            kind = Embed4All if message["kind"] == "embedding" else GPT4All
            self._model = kind(
                path.name,
                model_path=path.parent,
                allow_download=False,
                device="cpu",
                n_threads=min(int(message["threads"]), spare_cores()),
                n_ctx=self._context,
                verbose=False,
            )
            if message["kind"] == "embedding":
                self._prefix = self._working_prefix(message["prefixes"])
        except Exception as error:  # noqa: BLE001 - the border of the process: the parent decides
            self._send({"event": "failed", "reason": f"{type(error).__name__}: {error}"[:500]})
            return
        self._send({"event": "loaded", "seconds": time.monotonic() - started})

    def _working_prefix(self, prefixes: Sequence[str | None]) -> str | None:
        """The first that the model takes: gpt4all alone knows which want one, and tells by failing."""
        for prefix in prefixes[:-1]:
            try:
                self._model.embed("a", prefix=prefix)
            except RuntimeError:
                continue
            return prefix
        self._model.embed("a", prefix=prefixes[-1])
        return prefixes[-1]

    def _embed(self, message: Message) -> None:
        """Sends vectors a few at a time, each as base64 of its 32-bit floats."""
        identity, texts = message["id"], message["texts"]
        finish, detail, tokens = "stop", "", 0
        for start in range(0, len(texts), TEXTS_AT_A_TIME):
            if self._cancelled_id == identity:
                finish = "cancelled"
                break
            try:
                result = self._model.embed(
                    texts[start : start + TEXTS_AT_A_TIME], prefix=self._prefix, return_dict=True
                )
            except Exception as error:  # noqa: BLE001 - the border of the process: the parent decides
                # Only the kind of error: its text could quote what was to be embedded.
                finish, detail = "error", f"gpt4all could not embed ({type(error).__name__})."
                break
            tokens += result["n_prompt_tokens"]
            vectors = [base64.b64encode(array("f", vector)).decode() for vector in result["embeddings"]]
            self._send({"event": "vectors", "id": identity, "vectors": vectors})
        self._send({"event": "done", "id": identity, "finish": finish, "detail": detail, "tokens_in": tokens})

    def _generate(self, message: Message) -> None:
        job = Job(
            id=message["id"],
            template=message["template"],
            prompt=message["prompt"],
            max_tokens=message["max_tokens"],
            temperature=message["temperature"],
            stops=tuple(message["stops"]),
        )
        generation = Generation(
            job, context=self._context, send=self._send, cancelled=lambda: self._cancelled_id == job.id
        )
        native = self._model.model
        # The public callback is not called for prompt tokens and loses count of split characters.
        native._prompt_callback = generation.on_prompt_token
        native._callback_decoder = lambda callback: callback
        native.prompt_model(
            job.prompt,
            job.template,
            generation.on_token,
            # More than may be used: then only an end of text or a stop word ends it before we do.
            n_predict=job.max_tokens + 2 * CONTEXT_SLACK,
            temp=job.temperature,
            top_k=1 if job.temperature <= 0 else 40,
            top_p=0.95,
            repeat_penalty=1.0,
            n_batch=BATCH_TOKENS,
            reset_context=True,
        )
        self._send(generation.result())


def spare_cores(*, cores: Path = _CORES, quota: Path = _CPU_QUOTA) -> int:
    """One core less than this process may use, but at least one: more threads than cores collapse.

    Two threads of one core count as one core, and a container's share of processor time as so many cores.
    """
    if not hasattr(os, "sched_getaffinity"):
        return max(1, (os.cpu_count() or 2) - 1)
    count = len({_siblings(cores, number) for number in os.sched_getaffinity(0)})
    return max(1, min(count, _quota(quota, count)) - 1)


def _siblings(cores: Path, number: int) -> str:
    """What names the core of a logical processor; itself where the system does not say."""
    try:
        return (cores / f"cpu{number}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(number)


def _quota(path: Path, count: int) -> int:
    """Cores' worth of time in each period, rounded down; `count` where there is no limit."""
    try:
        share, period = path.read_text().split()
        return count if share == "max" else max(1, int(share) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return count


def _limit_data(limit: int) -> None:
    """Bounds what is not the weights: those are mapped from the file, which this limit does not count."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _isolate(parent: int) -> None:
    """Low priority, no core dumps or debuggers (they would hold prompts), and never outlive the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Native code starts a debugger from the PATH when it aborts.
    os.environ["PATH"] = os.devnull
    if sys.platform == "win32":
        return
    import resource

    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LOG_BYTES, LOG_BYTES))
    if sys.platform == "linux":
        with suppress(OSError):
            # When memory runs out after all, the model is the one thing here that can be started again.
            Path("/proc/self/oom_score_adj").write_text("1000")
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _take_pipes() -> tuple[int, int]:
    """Private copies of the two pipes; descriptors 0 and 1 then lead nowhere and to the log."""
    requests, replies = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    return requests, replies


def main() -> None:
    requests, replies = _take_pipes()
    _isolate(int(sys.argv[1]))
    lock = threading.Lock()

    def send(message: Message) -> None:
        data = json.dumps(message).encode() + b"\n"
        with lock:
            while data:
                data = data[os.write(replies, data) :]

    worker = Worker(send=send)
    threading.Thread(target=worker.read, args=(requests,), daemon=True).start()
    worker.serve()


if __name__ == "__main__":
    main()

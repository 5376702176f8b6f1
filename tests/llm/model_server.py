"""A model server for tests: speaks HTTP/1.1 as llama.cpp, Ollama and vLLM do, and misbehaves on demand."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Act = Callable[["Heard", asyncio.StreamWriter], Awaitable[None]]
"""Answers one request; the connection is closed after it unless it said how long its body is."""

CHAT, MODELS, EMBEDDINGS = "/v1/chat/completions", "/v1/models", "/v1/embeddings"


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(slots=True)
class ModelServer:
    """What the server heard, and what it does next.

    Attributes:
        acts: for each path, one act a request; the last one stays.
        left: set when a client closed a connection before its answer was complete.
        at_work: set when a request has come.
    """

    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    acts: dict[str, list[Act]] = field(default_factory=dict)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    at_work: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0

    def on(self, path: str, *acts: Act) -> None:
        self.acts[path] = list(acts)

    def heard_at(self, path: str) -> list[Heard]:
        return [heard for heard in self.heard if heard.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (heard := await _request(reader)) is not None:
                self.heard.append(heard)
                self.at_work.set()
                acts = self.acts.get(heard.path, [not_found])
                act = acts.pop(0) if len(acts) > 1 else acts[0]
                work = asyncio.ensure_future(act(heard, writer))
                gone = asyncio.ensure_future(reader.read(1))
                await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    self.left.set()
                    work.cancel()
                gone.cancel()
                with suppress(asyncio.CancelledError, ConnectionError):
                    await work
                break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            self.left.set()
        finally:
            with suppress(ConnectionError, ssl.SSLError):
                writer.close()


@asynccontextmanager
async def model_server(
    *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[ModelServer]:
    """A server on a free port; stopped with everything it does."""
    state = ModelServer()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        with suppress(asyncio.CancelledError):
            await state.serve(reader, writer)

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> Heard | None:
    line = await reader.readline()
    if not line:
        return None
    method, path, _ = line.decode().split(" ")
    headers = {}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return Heard(method, path, headers, json.loads(raw) if raw else None)


def reply(
    body: str | bytes,
    *,
    status: int = 200,
    kind: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Act:
    """An answer of known length."""
    raw = body.encode() if isinstance(body, str) else body

    async def act(heard: Heard, writer: asyncio.StreamWriter) -> None:
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(raw)}\r\n{more}"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + raw)
        await writer.drain()

    return act


not_found = reply('{"error": {"message": "not found"}}', status=404)


def error(status: int, *, headers: Mapping[str, str] | None = None, **fields: object) -> Act:
    return reply(json.dumps({"error": fields}), status=status, headers=headers)


def models(*entries: str | Mapping[str, object]) -> Act:
    listed = [{"id": entry, "object": "model"} if isinstance(entry, str) else entry for entry in entries]
    return reply(json.dumps({"object": "list", "data": listed}))


def event(content: str | None = None, *, finish: str | None = None, **more: object) -> bytes:
    """One event of a streamed chat completion."""
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    record: dict[str, object] = {"object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(record | more).encode() + b"\n\n"


def usage(tokens_in: int, tokens_out: int) -> bytes:
    counted = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
    return b"data: " + json.dumps({"choices": [], "usage": counted}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def stream(*chunks: bytes, pause: float = 0.0, then_wait: bool = False, reset: bool = False) -> Act:
    """A streamed answer without a length.

    Args:
        pause: seconds between the chunks.
        then_wait: keeps the connection open afterwards and says nothing more.
        reset: ends with a reset of the connection instead of the proper end of a chunked body.
    """

    async def act(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
            b"Connection: close\r\n\r\n"
        )
        for chunk in chunks:
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            await writer.drain()
            if pause:
                await asyncio.sleep(pause)
        if then_wait:
            await asyncio.Event().wait()
        if reset:
            writer.transport.abort()
            return
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return act


def says(*parts: str, finish: str = "stop", counted: tuple[int, int] | None = (11, 7)) -> Act:
    """A proper streamed answer."""
    closing = [event(finish=finish)] + ([usage(*counted)] if counted else [])
    return stream(*(event(part) for part in parts), *closing, DONE)


async def silence(heard: Heard, writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.Event().wait()


async def hang_up(heard: Heard, writer: asyncio.StreamWriter) -> None:
    """Resets the connection without a word."""
    writer.transport.abort()


def endless(chunk: bytes) -> Act:
    """A body without end, as fast as it is taken."""

    async def act(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(chunk)
            await writer.drain()

    return act


def embeds(vector: Callable[[str], list[float]]) -> Act:
    """Vectors by a function of the text, listed backwards, as the protocol allows."""

    async def act(heard: Heard, writer: asyncio.StreamWriter) -> None:
        texts = heard.body["input"]
        data = [{"index": index, "embedding": vector(text)} for index, text in enumerate(texts)]
        await reply(json.dumps({"data": data[::-1], "model": heard.body["model"]}))(heard, writer)

    return act

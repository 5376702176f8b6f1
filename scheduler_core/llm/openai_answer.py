"""Reads what an OpenAI-compatible server answers: events, pieces of text, usage, and errors.

Everything here is foreign data: of wrong shape it is an error in plain words, never an exception of another
kind. A server's own words are never repeated, because it may quote the prompt or the key.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scheduler_core.llm.provider import FinishReason

LONGEST_LINE = 1024 * 1024
DONE = "[DONE]"

MOST_TOKENS = 10**9
"""What a server counts beyond this is not believed."""

ADAPTABLE = ("stream_options", "max_tokens", "temperature", "response_format")
"""Parameters that some servers refuse, and that a request can do without or say otherwise."""

_OVERFLOW = re.compile(
    r"context[ _](?:length|size|window)|maximum context|too many tokens|exceed_context", re.IGNORECASE
)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{2,59}")
_FINISHES = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}
_RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class CallError(Exception):
    """A request without a usable answer.

    Attributes:
        sentence: what is wrong, without anything the server or the caller wrote.
        retryable: whether the same request may succeed later.
        wait: seconds the server asked for before the next try; None if it did not say.
        refused: which of `ADAPTABLE` the server complained about.
        status: of the HTTP answer, where there was one.
    """

    def __init__(
        self,
        sentence: str,
        *,
        finish: FinishReason = FinishReason.ERROR,
        retryable: bool = False,
        wait: float | None = None,
        refused: frozenset[str] = frozenset(),
        status: int = 0,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.finish = finish
        self.retryable = retryable
        self.wait = wait
        self.refused = refused
        self.status = status


@dataclass(slots=True)
class EventReader:
    """Splits a stream of server-sent events into their data.

    Knows lines that end in LF or CRLF, which is what model servers send; comments and other fields are
    passed over, except the `error:` field of llama.cpp's.
    """

    _rest: bytearray = field(default_factory=bytearray)
    _data: list[str] = field(default_factory=list)

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The data of every event that is complete now.

        Raises:
            CallError: a line is longer than `LONGEST_LINE`.
        """
        self._rest += chunk
        *lines, last = self._rest.split(b"\n")
        self._rest = bytearray(last)
        if len(last) > LONGEST_LINE:
            raise CallError("The server sent a line without end.")
        for line in lines:
            yield from self._line(line.removesuffix(b"\r"))

    def close(self) -> Iterator[str]:
        """What is left when the stream has ended; some servers leave out the last empty line."""
        rest, self._rest = self._rest, bytearray()
        yield from self._line(rest.removesuffix(b"\r"))
        yield from self._line(b"")

    def _line(self, line: bytes | bytearray) -> Iterator[str]:
        if not line:
            if self._data:
                yield "\n".join(self._data)
                self._data.clear()
            return
        name, _, value = bytes(line).partition(b":")
        text = value.decode("utf-8", "replace").removeprefix(" ")
        if name == b"data":
            self._data.append(text)
        elif name == b"error":
            yield json.dumps({"error": {"message": text}})


@dataclass(slots=True)
class Answer:
    """A chat completion as it comes in, in pieces or whole.

    Attributes:
        characters: length of the text.
        tokens_in, tokens_out: as the server counted them; None if it did not.
        is_over: the server said why it ended.
    """

    parts: list[str] = field(default_factory=list)
    characters: int = 0
    reason: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def is_over(self) -> bool:
        return bool(self.reason)

    def restart(self) -> None:
        """Forgets everything, for a request that is made again."""
        self.parts.clear()
        self.characters = 0
        self.reason, self.tokens_in, self.tokens_out = "", None, None

    def take(self, data: str) -> str:
        """Adds one JSON text; returns what of the answer's text was in it.

        Raises:
            CallError: it is not JSON, not of the expected shape, or an error.
        """
        record = json_object(data)
        if record.get("error"):
            raise refusal(200, data.encode())
        self._count(record.get("usage"))
        choices = record.get("choices")
        if not isinstance(choices, list):
            raise CallError("The server's answer has no choices.")
        added = [self._choice(choice) for choice in choices[:1]]
        text = "".join(added)
        if text:
            self.parts.append(text)
            self.characters += len(text)
        return text

    def finish(self) -> tuple[FinishReason, str]:
        """How it ended, and a sentence for every end but STOP."""
        finish = _FINISHES.get(self.reason)
        if finish is FinishReason.STOP and not self.text.strip():
            return FinishReason.EMPTY, "The answer was empty."
        if finish is FinishReason.STOP:
            return finish, ""
        if finish is FinishReason.LENGTH:
            return finish, "The answer reached the limit of tokens."
        if not self.reason:
            return FinishReason.ERROR, "The answer ended without saying why, so it may be cut."
        return FinishReason.ERROR, f"The server ended the answer for another reason{_named(self.reason)}."

    def _choice(self, choice: object) -> str:
        if not isinstance(choice, dict):
            raise CallError("The server's answer is not of the expected shape.")
        part = choice.get("delta") or choice.get("message") or {}
        text = part.get("content") if isinstance(part, dict) else None
        if text is not None and not isinstance(text, str):
            raise CallError("The server's answer is not text.")
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.reason = reason
        # Half of a pair of surrogates could be stored nowhere.
        return (text or "").encode("utf-8", "replace").decode("utf-8")

    def _count(self, usage: object) -> None:
        if isinstance(usage, dict):
            self.tokens_in = _count(usage.get("prompt_tokens"), self.tokens_in)
            self.tokens_out = _count(usage.get("completion_tokens"), self.tokens_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedModel:
    """One entry of a server's list.

    Attributes:
        context_tokens: prompt and answer together, where the server says it.
    """

    name: str
    context_tokens: int | None


def offered_models(body: bytes) -> tuple[OfferedModel, ...]:
    """Reads the answer to `GET /models`.

    The context is `max_model_len` of vLLM, `meta.n_ctx` or else `meta.n_ctx_train` of llama.cpp, or
    `context_length` of several others; Ollama does not say it.

    Raises:
        CallError: it is no such list.
    """
    entries = json_object(body).get("data")
    # Ollama says null where it has no model.
    if entries is not None and not isinstance(entries, list):
        raise CallError("The server's list of models is not of the expected shape.")
    found = []
    for entry in entries or ():
        name = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(name, str) and name and len(name) <= 300 and name.isprintable():
            found.append(OfferedModel(name=name, context_tokens=_context(entry)))
    return tuple(found)


def vectors(body: bytes, *, count: int) -> list[list[float]]:
    """Reads the answer to `POST /embeddings`: one vector a text in the texts' order, of length 1.

    Raises:
        CallError: a vector is missing, double, empty, zero, or holds something else than numbers.
    """
    entries = json_object(body).get("data")
    if not isinstance(entries, list) or len(entries) != count:
        raise CallError("The server did not answer with one vector for each text.")
    found: dict[int, list[float]] = {}
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise CallError("The server's vectors are not of the expected shape.")
        index = entry.get("index", position)
        if not isinstance(index, int) or not 0 <= index < count:
            raise CallError("The server's vectors are numbered wrongly.")
        found[index] = _unit(entry.get("embedding"))
    if len(found) != count:
        raise CallError("The server's vectors are numbered wrongly.")
    return [found[index] for index in range(count)]


def refusal(status: int, body: bytes, *, wait: float | None = None) -> CallError:
    """What to say about an answer that is an error.

    Args:
        status: the HTTP status; 200 for an error in the middle of a stream.
        body: looked at for known words only.
    """
    error = _error_object(body)
    words = " ".join(str(error.get(key, "")) for key in ("message", "type", "code", "param"))
    code = next((str(error[key]) for key in ("code", "type") if _is_identifier(error.get(key))), "")
    if status in (200, 400, 413, 422, 500) and _OVERFLOW.search(words):
        return CallError("The request did not fit into the model's context.", finish=FinishReason.OVERFLOW)
    if status == 200:
        return CallError(f"The server broke off with an error{_named(code)}.", retryable=True)
    if status in (401, 403):
        return CallError(f"The server refused the key (status {status}).")
    if status == 404:
        return CallError("The server knows no such model or no such path (status 404).", status=status)
    if 300 <= status < 400:
        return CallError(f"The server points elsewhere (status {status}), which is not followed.")
    refused = frozenset(name for name in ADAPTABLE if name in words) if status in (400, 422) else frozenset()
    # A used-up account answers 429 too, and waiting does not fill it.
    retryable = status in _RETRYABLE and code != "insufficient_quota"
    kind = "is busy" if status in (429, 503) and retryable else "refused the request"
    if status >= 500 and status != 503:
        kind = "failed"
    return CallError(
        f"The server {kind} (status {status}{', ' + code if code else ''}).",
        retryable=retryable,
        wait=wait,
        refused=refused,
        status=status,
    )


def json_object(text: str | bytes) -> Mapping[str, object]:
    """Parses a JSON object.

    Raises:
        CallError: it is something else.
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise CallError("The server did not answer with JSON.") from None
    if not isinstance(record, dict):
        raise CallError("The server's answer is not a JSON object.")
    return record


def _error_object(body: bytes) -> Mapping[str, object]:
    try:
        record = json_object(body)
    except CallError:
        return {}
    error = record.get("error", record)
    return error if isinstance(error, dict) else {"message": str(error)}


def _is_identifier(value: object) -> bool:
    return isinstance(value, str) and bool(_IDENTIFIER.fullmatch(value))


def _named(code: str) -> str:
    return f" ({code})" if _is_identifier(code) else ""


def _count(value: object, before: int | None) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if isinstance(value, int) and is_count else before


def _context(entry: Mapping[str, object]) -> int | None:
    meta = entry.get("meta")
    inner: Mapping[str, object] = meta if isinstance(meta, dict) else {}
    offers = (
        entry.get("max_model_len"),
        inner.get("n_ctx"),
        entry.get("context_length"),
        inner.get("n_ctx_train"),
    )
    return next((size for offer in offers if (size := _count(offer, None))), None)


def _unit(values: object) -> list[float]:
    if not isinstance(values, list) or not values:
        raise CallError("The server's answer holds no vector.")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise CallError("A vector of the server holds something else than numbers.")
    try:
        length = math.hypot(*values)
        scaled = [value / length for value in values]
    except (OverflowError, ZeroDivisionError):
        raise CallError("A vector of the server cannot be brought to length 1.") from None
    if not math.isfinite(length) or not math.isclose(math.hypot(*scaled), 1.0, abs_tol=1e-6):
        raise CallError("A vector of the server cannot be brought to length 1.")
    return scaled


def same_length(found: Sequence[Sequence[float]], dimensions: int) -> None:
    """Refuses vectors that cannot be compared with those before.

    Raises:
        CallError: one is of another length than `dimensions`.
    """
    for vector in found:
        if len(vector) != dimensions:
            raise CallError(f"The server's vectors changed their length from {dimensions} to {len(vector)}.")

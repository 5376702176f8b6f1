"""A model that needs no weights: it words lines the way a small local model does, and takes its time.

It reads the prompts of maintenance as any model would, and the verifier judges its answers like any other's.
It knows nothing: what it cannot read it leaves alone.
"""

import asyncio
import re
import time

from scheduler_core.llm.provider import (
    Completion,
    FinishReason,
    Locality,
    ModelInfo,
    Request,
    TokenSink,
)

NAME = "Scripted-3B-demo"
PROVIDER = "demo"
TOKENS_PER_SECOND = 9.5
FIRST_TOKEN_SECONDS = 0.8

_CONTEXT_TOKENS = 4096
_CHARACTERS_A_TOKEN = 4
_BEAT_SECONDS = 0.1
_EMBROIDERY = ("likes night dives.", "likes night dives with friendly sharks.")
_LINE = re.compile(r"^\[(\d+)\] (.*)$", re.MULTILINE)
_NAME = re.compile(r"^Name: (.*)$", re.MULTILINE)
_WORDS = re.compile(r"\w+")
# Words that two wordings of one fact differ in.
_EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an the at in of for to by with is has have likes like loves enjoys enjoy go goes going "
        "interested interest works job arbeitet hat eine einer stelle every each usually often "
        "most days",
    )
)
_INTRODUCTION = (
    "I am a script that plays a small model in this demo. I word what is known of people, and I tell "
    "whether two memories say the same; about anything else I know nothing."
)
_PATTERNS = {
    "name": "The name is {value}.",
    "location": "{name} lives in {value}.",
    "occupation": "{name} works as {value}.",
    "allergy": "{name} is allergic to {value}.",
    "language": "{name} speaks {value}.",
    "pet": "{name} has as pet {value}.",
    "likes": "{name} likes {value}.",
    "dislikes": "{name} dislikes {value}.",
    "reading": "{name} is reading {value}.",
    "training": "{name} is training for {value}.",
    "project": "{name} has the project {value}.",
    "plan": "{name} plans {value}.",
}


def worded(name: str, key: str, value: str) -> str:
    """One sentence about one line, with words of the line only."""
    return _PATTERNS.get(key, "{name}: {key} is {value}.").format(name=name, key=key, value=value)


class ScriptedModel:
    """Answers deterministically, at the pace of a small model on a laptop.

    Args:
        tokens_per_second: how fast it writes.
        first_token: seconds until it begins.
    """

    def __init__(
        self, *, tokens_per_second: float = TOKENS_PER_SECOND, first_token: float = FIRST_TOKEN_SECONDS
    ) -> None:
        self._pace = tokens_per_second
        self._first_token = first_token
        self.info = ModelInfo(
            name=NAME,
            provider=PROVIDER,
            locality=Locality.LOCAL,
            checksum="",
            context_tokens=_CONTEXT_TOKENS,
        )

    def count_tokens(self, text: str) -> int:
        return len(text) // _CHARACTERS_A_TOKEN + 1

    async def complete(self, request: Request, *, on_token: TokenSink | None = None) -> Completion:
        """Writes the answer token by token; it stops at the bounds of the request, as a real model does."""
        started = time.monotonic()
        tokens = re.findall(r"\s*\S{1,6}", answer(request.user))
        written, finish = "", FinishReason.STOP
        count = 0
        await asyncio.sleep(self._first_token)
        while count < len(tokens):
            if count >= request.max_tokens:
                finish = FinishReason.LENGTH
                break
            if time.monotonic() - started > request.timeout:
                finish = FinishReason.TIMEOUT
                break
            burst = tokens[count : count + max(1, round(self._pace * _BEAT_SECONDS))]
            await asyncio.sleep(len(burst) / self._pace)
            for token in burst:
                written += token
                if on_token is not None:
                    on_token(token)
            count += len(burst)
        return Completion(
            text=written,
            finish=finish,
            tokens_in=self.count_tokens(request.system) + self.count_tokens(request.user),
            tokens_out=count,
            seconds=time.monotonic() - started,
            detail="" if finish is FinishReason.STOP else "The script was cut short.",
        )

    async def aclose(self) -> None:
        """There is nothing to close."""


def answer(prompt: str) -> str:
    """What the script says to a prompt of maintenance."""
    if "<<<\n" not in prompt:
        return _INTRODUCTION
    data = prompt.partition("<<<\n")[2].partition("\n>>>")[0]
    if prompt.startswith("Subject:"):
        found = _NAME.search(prompt)
        said = _sentences(found[1] if found else "", data)
        # Small models embroider; told so, this one stops.
        return said if "was refused" in prompt else said.replace(*_EMBROIDERY)
    return _decisions(data)


def _sentences(name: str, data: str) -> str:
    said = []
    for id_, line in _LINE.findall(data):
        key, _, value = line.partition(": ")
        said.append(f"{worded(name, key, value)} [{id_}]")
    return "\n".join(said)


def _decisions(data: str) -> str:
    """SAME for two lines of a group that differ in empty words only."""
    said = []
    for group in data.split("Group ")[1:]:
        lines = [(int(id_), _core(text)) for id_, text in _LINE.findall(group)]
        for place, (left, core) in enumerate(lines):
            for right, other in lines[place + 1 :]:
                if core and core == other:
                    said.append(f"SAME {min(left, right)} {max(left, right)}")
    return "\n".join([*said, "KEEP"])


def _core(text: str) -> frozenset[str]:
    # A date in parentheses says when, not what.
    words = _WORDS.findall(re.sub(r"\([^)]*\)", "", text).casefold())
    return frozenset(word.removesuffix("s") for word in words if word not in _EMPTY_WORDS)

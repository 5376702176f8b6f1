"""What the child process and the provider cost over bare gpt4all: `python -m benchmarks.provider`.

The same scripted model answers the same prompt in turn, once through gpt4all in this process and once
through our provider, with the same settings for both; what is compared is the time of one whole answer.
Bare gpt4all is called the way our worker calls it (prompt in batches of 32, one thread), so that the
difference is the process, the pipes, the JSON and the supervision, and nothing else. Loading is told apart.
"""

import argparse
import asyncio
import os
import platform
import tempfile
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gpt4all

from benchmarks.machine import machine
from benchmarks.options import parser, positive
from benchmarks.report import Report, Spread, Table
from scheduler_core.llm.gpt4all import Gpt4AllModel
from scheduler_core.llm.gpt4all_worker import BATCH_TOKENS, CONTEXT_SLACK, spare_cores
from scheduler_core.llm.models import inspect
from scheduler_core.llm.provider import FinishReason, Request
from scheduler_core.llm.templates import ALPACA
from tests.gguf_models import scripted

CONTEXT = 2048
SYSTEM = "Say which of these belong together."
USER = "Ada lives in Zurich. " * 10
NICENESS = 10
MOST_TOKENS = 1000


class Bare:
    """gpt4all as it comes, in this process."""

    def __init__(self, path: Path, threads: int) -> None:
        self._model: Any = gpt4all.GPT4All(
            path.name,
            model_path=path.parent,
            allow_download=False,
            device="cpu",
            n_threads=threads,
            n_ctx=CONTEXT,
        )

    def answer(self) -> tuple[float, int]:
        """Seconds and tokens of one answer, to its end."""
        tokens = 0

        def on_token(_token: int, _text: str) -> bool:
            nonlocal tokens
            tokens += 1
            return True

        started = time.perf_counter()
        self._model.model.prompt_model(
            ALPACA.data(USER),
            ALPACA.render(SYSTEM),
            on_token,
            n_predict=MOST_TOKENS + 2 * CONTEXT_SLACK,
            temp=0.0,
            top_k=1,
            top_p=0.95,
            repeat_penalty=1.0,
            n_batch=BATCH_TOKENS,
            reset_context=True,
        )
        return time.perf_counter() - started, tokens


async def provided(model: Gpt4AllModel) -> tuple[float, int]:
    """The same through our provider, measured by its user."""
    request = Request(system=SYSTEM, user=USER, max_tokens=MOST_TOKENS, timeout=120.0)
    started = time.perf_counter()
    completion = await model.complete(request, on_token=lambda text: None)
    seconds = time.perf_counter() - started
    assert completion.finish is FinishReason.STOP, completion.detail
    return seconds, completion.tokens_out


async def measure(options: argparse.Namespace, folder: Path) -> Report:
    script = "".join(f"word{number:04d}" for number in range(options.words))
    path = scripted(folder / "slow.gguf", {None: script}, slow=True)
    model = Gpt4AllModel(
        inspect(path),
        state_dir=folder / "state",
        threads=options.threads,
        context_tokens=CONTEXT,
        load_timeout=60.0,
        idle_seconds=0.0,
        template=ALPACA,
    )
    try:
        started = time.perf_counter()
        await provided(model)
        first = time.perf_counter() - started
        with suppress(OSError):
            # The worker lowers its own priority by as much: whoever else runs here hinders both alike.
            os.nice(NICENESS)
        bare = Bare(path, options.threads)
        bare.answer()
        bare_seconds, our_seconds = [], []
        for number in range(options.rounds):
            # Who goes first changes, so that a machine that warms up or slows down favours neither.
            if number % 2:
                (one, count), (other, same) = bare.answer(), await provided(model)
            else:
                (other, same), (one, count) = await provided(model), bare.answer()
            assert count == same, "both sides must do the same work"
            bare_seconds.append(one)
            our_seconds.append(other)
    finally:
        await model.aclose()
    return _report(options, Spread(tuple(bare_seconds)), Spread(tuple(our_seconds)), count, first)


def _report(options: argparse.Namespace, bare: Spread, ours: Spread, tokens: int, first: float) -> Report:
    shares = Spread(tuple(other / one for one, other in zip(bare.values, ours.values, strict=True)))
    rows = [
        (name, f"{spread.median:.3f}", f"{min(spread.values):.3f}", f"{tokens / spread.median:.1f}")
        for name, spread in (("bare gpt4all", bare), ("provider", ours))
    ]
    return Report(
        benchmark="provider",
        machine=machine(Path(tempfile.gettempdir())),
        versions={"python": platform.python_version(), "gpt4all": version("gpt4all")},
        options={"rounds": options.rounds, "tokens": tokens, "threads": options.threads},
        results=[
            {"name": "bare gpt4all", "seconds": bare.facts()},
            {"name": "provider", "seconds": ours.facts()},
            {"name": "provider / bare, pair by pair", "ratio": shares.facts(4)},
            {"name": "start, load and first answer", "seconds": round(first, 3)},
        ],
        tables=[
            Table("One answer", ("", "median s", "least s", "tokens/s"), rows),
            Table("Once", ("", "s"), [("start, load and first answer", f"{first:.3f}")]),
        ],
        ratios={
            "overhead in percent, median of pairs": 100 * (shares.median - 1),
            "overhead in percent, least of each": 100 * (min(ours.values) / min(bare.values) - 1),
        },
    )


def main() -> None:
    with_options = parser(__doc__)
    with_options.add_argument("--rounds", type=positive, default=13, help="pairs of answers")
    with_options.add_argument("--words", type=positive, default=50, help="length of an answer")
    with_options.add_argument("--threads", type=positive, default=spare_cores(), help="for inference")
    options = with_options.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        report = asyncio.run(measure(options, Path(folder)))
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()

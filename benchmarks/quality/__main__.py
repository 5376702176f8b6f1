"""See the package."""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from pathlib import Path

import benchmarks.quality
from benchmarks.machine import machine
from benchmarks.options import positive
from benchmarks.quality.measure import Score, measure
from benchmarks.quality.modes import MODES, scripted
from benchmarks.quality.profiles import LabelledProfile, labelled_profiles
from benchmarks.report import Report, Table
from scheduler_core.llm.gpt4all import Gpt4AllModel
from scheduler_core.llm.models import inspect

COLUMNS = (
    "model",
    "false",
    "precision",
    "recall",
    "right winners",
    "decided",
    "must-keep",
    "unsupported",
    "changed again",
    "order",
    "calls",
    "asked again",
)


def main() -> int:
    """Prints the scores; 1 if a gate does not hold."""
    options = _options()
    scores = asyncio.run(_measured(options))
    _report(options, scores).print(as_json=options.json)
    failed = {score.mode: score.failed_gates() for score in scores if score.failed_gates()}
    for mode, gates in failed.items():
        print(f"{mode}: {', '.join(gates)}", file=sys.stderr)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description=(benchmarks.quality.__doc__ or "").partition("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--entities", type=positive, default=100, help="labelled profiles to make")
    parser.add_argument("--seed", type=int, default=1, help="what they are made from")
    parser.add_argument("--model", type=Path, help="a GGUF file to measure beside the scripts")
    parser.add_argument("--context", type=positive, default=4096, help="its context in tokens")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser.parse_args()


async def _measured(options: argparse.Namespace) -> list[Score]:
    profiles = labelled_profiles(options.entities, seed=options.seed)
    by_id = {profile.entity.id: profile for profile in profiles}
    scores = [
        await measure(
            mode,
            profiles,
            None if mode == "off" else scripted(mode, by_id, seed=options.seed),
            seed=options.seed,
        )
        for mode in MODES
    ]
    if options.model is not None:
        scores.append(await _real(options, profiles))
    return scores


async def _real(options: argparse.Namespace, profiles: list[LabelledProfile]) -> Score:
    file = inspect(options.model)
    if not file.is_usable:
        raise SystemExit(f"{options.model} cannot be used: {file.reason}")
    with tempfile.TemporaryDirectory() as state:
        model = Gpt4AllModel(
            file,
            state_dir=Path(state),
            threads=max(1, (os.cpu_count() or 2) - 1),
            context_tokens=options.context,
            load_timeout=600.0,
            idle_seconds=600.0,
        )
        try:
            await model.prepare()
            return await measure(file.name, profiles, model, seed=options.seed)
        finally:
            await model.aclose()


def _report(options: argparse.Namespace, scores: list[Score]) -> Report:
    rows = [
        (
            score.mode,
            f"{score.false_share:.2%}",
            f"{score.precision:.2%}",
            f"{score.recall:.1%}",
            f"{score.right_winners:.1%}",
            f"{score.decided:.1%}",
            f"{score.retention:.1%}",
            str(score.unsupported),
            str(score.changed_again),
            str(score.depends_on_order),
            str(score.calls),
            str(score.asked_again),
        )
        for score in scores
    ]
    return Report(
        benchmark="quality",
        machine=machine(Path.cwd()),
        versions={"python": platform.python_version()},
        options={"entities": options.entities, "seed": options.seed},
        results=[score.as_json() for score in scores],
        tables=[Table("Profiles, by how the model behaves", COLUMNS, rows)],
    )


if __name__ == "__main__":
    raise SystemExit(main())

"""What the guide to operations names is there."""

import configparser
import re
from pathlib import Path

from scheduler_core.settings import Settings
from scheduler_core.telemetry.metrics import Metrics
from scheduler_core.telemetry.webhook import PAUSES

DOCS = Path(__file__).parents[1] / "docs"
GUIDE = (DOCS / "operations.md").read_text(encoding="utf-8")


def test_every_setting_it_names_is_one() -> None:
    examples = [(DOCS / "examples" / name).read_text() for name in ("bawt.service", "Containerfile")]
    named = set(re.findall(r"LLM_BAWT_(\w+)", " ".join([GUIDE, *examples])))
    assert named <= {field.upper() for field in Settings.model_fields}


def test_every_metric_is_explained() -> None:
    families = [family.name for family in Metrics().registry.collect()]
    assert len(families) > 12
    for family in families:
        short = family.removeprefix("llm_bawt_state")
        assert family in GUIDE or short in GUIDE, family


def test_the_pauses_are_those_of_the_program() -> None:
    words = re.search(r"again after (.*?), also", GUIDE, re.DOTALL)
    assert words is not None
    units = {"s": 1, "min": 60, "h": 3600}
    told = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)", words[1])]
    assert told == list(PAUSES)


def test_the_unit_can_be_read_and_starts_the_scheduler() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DOCS / "examples" / "bawt.service")
    assert unit["Service"]["ExecStart"].endswith("bawt-console --no-ui")
    assert int(unit["Service"]["TimeoutStopSec"]) > Settings().scheduler_stop_grace_seconds

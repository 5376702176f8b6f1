"""The screens behind the number keys. A screen joins with one entry here: bindings, tabs, palette, help and
the command line follow from it.

It imports no screen: a class is named as `module:Class` and loaded when the mode is first shown, so that the
first paint does not wait for the others. A class takes the desk as its only argument.
"""

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Where an action exists: a mode by its id, or a screen that opens on top of one."""

    JOBS = "jobs"
    RUNS = "runs"
    CHARTS = "charts"
    FORECAST = "forecast"
    PROFILES = "profiles"
    MEMORIES = "memories"
    MODELS = "models"
    NODES = "nodes"
    AUDIT = "audit"
    RUN = "run"
    BRIEF = "brief"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One entry.

    Attributes:
        key: the digit that shows it.
        id: the place, and the word that `:` understands.
        title: one word for the tabs.
        help: one sentence.
        screen: `module:Class`.
    """

    key: str
    id: Place
    title: str
    help: str
    screen: str


MODES: tuple[Mode, ...] = (
    Mode(
        key="1",
        id=Place.JOBS,
        title="Jobs",
        help="Shows every job, live, with its runs, log, chart and settings.",
        screen="bawt_console.screens.jobs:JobsScreen",
    ),
    Mode(
        key="2",
        id=Place.RUNS,
        title="Runs",
        help="Shows every run, newest first.",
        screen="bawt_console.screens.runs:RunsScreen",
    ),
)

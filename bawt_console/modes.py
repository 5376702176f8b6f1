"""The screens behind the number keys. A screen joins with one entry here: bindings, tabs, palette, help and
the command line follow from it.

It imports no screen: a class is named as `module:Class` and loaded by `load_screens`, or when the mode is
first shown, so that the first paint does not wait for the others. A class takes the desk as its only
argument.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module


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
    PROFILE = "profile"
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
        beside: modules that its first page loads when it asks.
    """

    key: str
    id: Place
    title: str
    help: str
    screen: str
    beside: tuple[str, ...] = ()


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
    Mode(
        key="3",
        id=Place.CHARTS,
        title="Charts",
        help="Shows how long runs took, how many there were, and how late they began.",
        screen="bawt_console.screens.charts:ChartsScreen",
    ),
    Mode(
        key="4",
        id=Place.FORECAST,
        title="Forecast",
        help="Shows what the next 24 hours will bring, and where jobs will wait for each other.",
        screen="bawt_console.screens.forecast:ForecastScreen",
        beside=("scheduler_core.jobs.forecast",),
    ),
    Mode(
        key="5",
        id=Place.PROFILES,
        title="Profiles",
        help="Shows what is known of people and bots: attributes, summaries and their versions.",
        screen="bawt_console.screens.profiles:ProfilesScreen",
    ),
    Mode(
        key="6",
        id=Place.MEMORIES,
        title="Memories",
        help="Shows memories in use, merged and archived, and what they are worth.",
        screen="bawt_console.screens.memories:MemoriesScreen",
    ),
    Mode(
        key="7",
        id=Place.MODELS,
        title="Models",
        help="Shows the models of this machine, fetches more, and tries them.",
        screen="bawt_console.screens.models:ModelsScreen",
        beside=("bawt_console.model_survey", "scheduler_core.llm.models", "scheduler_core.llm.download_part"),
    ),
    Mode(
        key="8",
        id=Place.NODES,
        title="Nodes",
        help="Shows who runs jobs, and how the database is.",
        screen="bawt_console.screens.nodes:NodesScreen",
    ),
    Mode(
        key="9",
        id=Place.AUDIT,
        title="Audit",
        help="Shows who did what, and takes it back.",
        screen="bawt_console.screens.audit:AuditScreen",
    ),
)


def load_screens() -> None:
    """Imports what is not there yet, for a thread: first visits of screens then wait for rows only."""
    for mode in MODES:
        for module in (mode.screen.partition(":")[0], *mode.beside):
            import_module(module)

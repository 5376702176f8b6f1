"""A fresh interpreter: plain output loads no screen, and the first paint waits for nothing heavy."""

import subprocess
import sys

import pytest

from bawt_console.modes import MODES


def loaded_by(module: str) -> set[str]:
    """Top-level packages in a fresh interpreter after importing one module."""
    script = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["source", "formatting", "filters", "actions", "terminal"])
def test_what_headless_needs_does_not_load_the_terminal_library(module: str) -> None:
    assert not loaded_by(f"bawt_console.{module}") & {
        "textual",
        "rich",
        "textual_plotext",
        "plotext",
        "gpt4all",
    }


def test_the_screen_paints_before_drivers_plots_and_models_are_loaded() -> None:
    heavy = {
        "asyncpg",
        "sqlalchemy",
        "alembic",
        "plotext",
        "textual_plotext",
        "gpt4all",
        "numpy",
        "pydantic_settings",
    }
    assert not loaded_by("bawt_console.app") & heavy


def test_what_first_visits_need_is_loaded_ahead_and_nothing_heavy() -> None:
    script = "import sys; from bawt_console.modes import load_screens; load_screens(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {mode.screen.partition(":")[0] for mode in MODES} <= loaded
    assert {"scheduler_core.jobs.forecast", "bawt_console.model_survey"} <= loaded
    assert not loaded & {"gpt4all", "numpy", "sqlalchemy", "alembic"}

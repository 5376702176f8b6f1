"""What importing and asking for help load, each seen in a fresh interpreter."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import bawt_console.commands
import scheduler_core

ROOT = Path(__file__).parents[1]
SCREENLESS = ["bawt_console.cli", "bawt_console.headless", "bawt_console.source", "bawt_console.formatting"]
SCREENLESS += ["bawt_console.filters", "bawt_console.output"]
COMMANDS = [
    module.name for module in pkgutil.iter_modules(bawt_console.commands.__path__, "bawt_console.commands.")
]

# Each costs a person who only wants help, or a command's answer, more than it gives.
SCREEN = {"textual", "textual_plotext", "plotext", "rich"}
HEAVY = SCREEN | {"gpt4all", "numpy", "sqlalchemy", "asyncpg", "alembic", "pydantic", "psutil"}
# Only a model server or a download needs them.
HTTP = {"httpcore", "httpx", "anyio", "h11", "certifi"}


def library_modules() -> list[str]:
    """Every module of the library but those that Alembic runs in an environment of its own."""
    found = pkgutil.walk_packages(scheduler_core.__path__, "scheduler_core.")
    return [module.name for module in found if ".migrations." not in module.name]


def loaded_by(script: str, *arguments: str) -> set[str]:
    """The names of the top-level packages loaded after the script, in a fresh interpreter."""
    report = "import atexit, sys; atexit.register(lambda: print('\\n' + ' '.join(sys.modules)));"
    done = subprocess.run(
        [sys.executable, "-c", report + script, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_the_report_names_what_was_loaded() -> None:
    assert "decimal" in loaded_by("import decimal")
    assert "decimal" not in loaded_by("pass")


def test_the_whole_library_loads_neither_the_console_nor_textual_nor_gpt4all() -> None:
    modules = library_modules()
    assert {"scheduler_core.runtime", "scheduler_core.llm.gpt4all_worker"} <= set(modules)
    loaded = loaded_by("import " + ", ".join(modules))
    assert "scheduler_core" in loaded
    assert not loaded & (SCREEN | {"bawt_console", "gpt4all", "numpy", "click"})


@pytest.mark.parametrize("module", SCREENLESS + COMMANDS)
def test_what_runs_without_a_screen_does_not_load_textual(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert "bawt_console" in loaded
    assert not loaded & (SCREEN | {"gpt4all", "numpy"})


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["jobs", "--help"], ["profiles", "import", "-h"]]
)
def test_help_and_version_load_next_to_nothing(arguments: list[str]) -> None:
    loaded = loaded_by("from bawt_console.cli import main; main()", *arguments)
    assert "click" in loaded
    assert not loaded & (HEAVY | HTTP)


@pytest.mark.parametrize("module", ["scheduler_core.runtime", "bawt_console.headless", "bawt_console.app"])
def test_nothing_that_starts_loads_an_http_library(module: str) -> None:
    assert not loaded_by(f"import {module}") & HTTP


def test_a_model_server_in_the_settings_loads_no_http_library_before_it_is_asked() -> None:
    script = (
        "from scheduler_core.model_choice import model_chooser; from scheduler_core.settings import Settings;"
        " import asyncio; server = Settings(openai_base_url='http://127.0.0.1:9/v1');"
        " asyncio.run(model_chooser(server).look())"
    )
    assert not loaded_by(script) & HTTP


def test_only_the_worker_imports_gpt4all() -> None:
    importing = set()
    for path in [*(ROOT / "scheduler_core").rglob("*.py"), *(ROOT / "bawt_console").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                names.append(node.module)
            if any(name.partition(".")[0] == "gpt4all" for name in names):
                importing.add(path.relative_to(ROOT).as_posix())
    assert importing == {"scheduler_core/llm/gpt4all_worker.py"}


@pytest.mark.parametrize(
    "module", ["scheduler_core.runtime", "bawt_console.source", "bawt_console.commands.jobs"]
)
def test_sqlalchemy_is_loaded_for_a_hosts_engine_and_an_upgrade_only(module: str) -> None:
    needed = "import scheduler_core.installation, scheduler_core.db.migration, scheduler_core.db.database"
    assert not loaded_by(f"{needed}, {module}") & {"sqlalchemy", "alembic"}

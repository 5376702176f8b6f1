"""The built wheel: what it carries, and that it works away from this repository."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("scheduler_core", "bawt_console")

pytestmark = pytest.mark.timeout(300)

MIGRATE = """
import asyncio, sys
import bawt_console, scheduler_core
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.migration import migrate
from scheduler_core.db.operations import Operations

async def main(url):
    address = Address.parse(url)
    database = Database.open(address, pool_size=2, application="tests")
    await migrate(database)
    async with database.connection() as connection:
        job = await connection.fetchval(
            "INSERT INTO scheduled_jobs (job_type, interval_minutes) VALUES ('x', 5) RETURNING id"
        )
    [run] = await Operations(database, actor="ada").force_run(job)
    await database.aclose()
    print(scheduler_core.__file__, bawt_console.__file__, run.status, sep="\\n")

asyncio.run(main(sys.argv[1]))
"""


def run(*command: str | Path, cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without the network from the files that a release would be built from."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy2(ROOT / name, source)
    for name in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    run("-m", "hatchling", "build", "-t", "wheel", "-d", target, cwd=source)
    [built] = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but what the wheel installs."""
    target = tmp_path_factory.mktemp("installed")
    run("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", target, wheel, cwd=target)
    return target


def source_files() -> set[str]:
    """Every file of the packages in the source tree; hidden folders are caches of tools."""
    found = (path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*"))
    return {
        path.as_posix()
        for path in found
        if (ROOT / path).is_file()
        and not any(part == "__pycache__" or part.startswith(".") for part in path.parts)
    }


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return BytesParser().parsebytes(archive.read(name))


def test_the_wheel_carries_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = source_files()
    assert carried == expected
    for kind in (".sql", ".tcss", "py.typed", "migrations/env.py", "0001_first_schema.sql"):
        assert any(name.endswith(kind) for name in expected), kind


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    said = metadata(wheel)
    assert said["Name"] == "bawt-console"
    assert said["Requires-Python"] == ">=3.11"
    assert said["License-Expression"] == "MIT"
    assert said.get_all("License-File") == ["LICENSE"]
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_wheel_brings_one_command_and_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {
            Path(name).name: archive.read(name).decode() for name in archive.namelist() if "dist-info" in name
        }
    assert texts["entry_points.txt"].split() == [
        "[console_scripts]",
        "bawt-console",
        "=",
        "bawt_console.cli:main",
    ]
    assert texts["LICENSE"].startswith("MIT License")


def test_what_only_tests_need_is_no_dependency_of_the_product(wheel: Path) -> None:
    needed = [line for line in metadata(wheel).get_all("Requires-Dist", []) if "extra ==" not in line]
    assert len(needed) > 5
    for line in needed:
        assert not line.startswith(("pytest", "mypy", "ruff", "hypothesis", "gguf", "hatchling"))
        assert "<" in line or "==" in line, f"{line} has no upper bound"


def test_the_installed_wheel_migrates_a_database_from_another_folder(
    installed: Path, empty_database: str, tmp_path: Path
) -> None:
    script = tmp_path / "migrate.py"
    script.write_text(MIGRATE)
    elsewhere = {"PYTHONPATH": str(installed), "HOME": str(tmp_path)}
    library, console, status = run("-P", script, empty_database, cwd=tmp_path, environment=elsewhere).split()
    assert Path(library).is_relative_to(installed)
    assert Path(console).is_relative_to(installed)
    assert status == "pending"


def test_the_installed_command_answers_from_another_folder(
    installed: Path, wheel: Path, tmp_path: Path
) -> None:
    elsewhere = {"PYTHONPATH": str(installed), "HOME": str(tmp_path)}
    said = run("-P", installed / "bin" / "bawt-console", "--version", cwd=tmp_path, environment=elsewhere)
    assert said == f"bawt-console, version {metadata(wheel)['Version']}\n"

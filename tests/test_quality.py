"""The gates that every change passes: lint, format, types, direction of imports, and a clean text."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT_FOLDERS = ("scheduler_core", "bawt_console", "tests", "docs", "benchmarks", ".ci")
TEXT_FILES = ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", ".env.example", ".gitignore")
TEXT_SUFFIXES = frozenset(
    {"", ".cfg", ".example", ".md", ".py", ".sh", ".sql", ".tcss", ".toml", ".typed", ".yml"}
)


def succeed(*command: str) -> None:
    """Runs one of the tools in the repository and fails with what it printed."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)


def test_the_linter_has_nothing_to_say() -> None:
    succeed("-m", "ruff", "check", ".")


def test_every_file_is_formatted() -> None:
    succeed("-m", "ruff", "format", "--check", ".")


@pytest.mark.timeout(900)
def test_all_types_fit_in_the_packages_and_in_the_tests() -> None:
    succeed("-m", "mypy")


@pytest.mark.timeout(300)
def test_imports_point_one_way() -> None:
    # The package has no __main__, and its console script may not be on the path.
    succeed("-c", "from importlinter.cli import lint_imports_command as check; check()", "--no-cache")


def texts() -> Iterator[tuple[Path, str]]:
    """Every text of the repository that people write."""
    found = [ROOT / name for name in TEXT_FILES]
    for folder in TEXT_FOLDERS:
        found += (ROOT / folder).rglob("*")
    for path in sorted(found):
        if path.is_file() and path.suffix in TEXT_SUFFIXES and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


# Each is split, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:wo" + r"rk|ro" + r"ot|home/(?!ada\b|USER\b|\{|\$))\b",
    "a host that serves packages": r"(?:py" + r"pi\.org|python" + r"hosted|npm" + r"js|/sim" + r"ple/)",
    "unfinished work": r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b",
    "a breakpoint": r"\b(?:break" + r"point\(\)|set_" + r"trace\()",
    "a test left out without a reason": r"(?:mark\.(?:sk"
    + r"ip|xf"
    + r"ail)\s*$|(?:sk"
    + r"ip|xf"
    + r"ail)\(\s*\))",
    "a silenced linter without its rule and a reason": r"# no" + r"qa(?!: [A-Z]+\d+(?:, [A-Z]+\d+)* +\S)",
    "a silenced type checker without its rule": r"# type: ig" + r"nore(?!\[[a-z, -]+\])",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_repository_holds_no(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
    if found:
        pytest.fail(f"{what}:\n" + "\n".join(found), pytrace=False)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of one machine", 'x = "/ro' + 'ot/.cache"'),
        ("a path of one machine", "see /wo" + "rk/notes"),
        ("a path of one machine", "/home/" + "grace/notes"),
        ("a host that serves packages", "https://py" + "pi.org/project"),
        ("unfinished work", "# TO" + "DO later"),
        ("a breakpoint", "    break" + "point()"),
        ("a test left out without a reason", "@pytest.mark.sk" + "ip"),
        ("a test left out without a reason", "pytest.sk" + "ip()"),
        ("a silenced linter without its rule and a reason", "x = 1  # no" + "qa"),
        ("a silenced linter without its rule and a reason", "x = 1  # no" + "qa: BLE001"),
        ("a silenced type checker without its rule", "x = 1  # type: ig" + "nore"),
    ],
)
def test_the_search_finds(what: str, line: str) -> None:
    assert re.search(FORBIDDEN[what], line)


def test_the_texts_are_those_of_the_whole_repository() -> None:
    names = {str(path) for path, _ in texts()}
    assert {"README.md", ".ci/run", "scheduler_core/runtime.py", "tests/test_quality.py"} <= names
    assert any(name.endswith(".sql") for name in names)
    assert any(name.endswith(".tcss") for name in names)


def test_the_readme_has_one_line_that_tests_everything_and_ci_runs_that_line() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    told = [line.strip() for line in lines if ".[test]" in line]
    assert told == ["python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest"]
    assert "README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_migrations_stand_in_one_line() -> None:
    folder = ROOT / "scheduler_core" / "db" / "migrations" / "versions"
    steps = [
        re.search(r'^revision = "(\d+)"\ndown_revision = (?:"(\d+)"|None)', path.read_text(), re.MULTILINE)
        for path in sorted(folder.glob("[0-9]*.py"))
    ]
    found = [(int(step[1]), int(step[2] or 0)) for step in steps if step is not None]
    assert found == [(number, number - 1) for number in range(1, len(steps) + 1)]

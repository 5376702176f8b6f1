"""The program with a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line.program import Program
from tests.postgres import reachable_directory


@pytest.fixture
def program(tmp_path: Path, database_url: str) -> Program:
    """On an external server that already has the schema."""
    return Program(home=tmp_path, data_dir=tmp_path / "data", url=database_url)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Program]:
    """With nothing configured: it brings its own server."""
    with reachable_directory() as directory:
        yield Program(home=tmp_path, data_dir=directory / "data")

"""Databases of llm-bawt services, and the program on them."""

from pathlib import Path

import pytest

from tests.command_line.program import Program
from tests.llm_bawt.service import KINDS, Service, build


@pytest.fixture(params=KINDS, ids=str)
def service_url(empty_database: str, request: pytest.FixtureRequest) -> str:
    """The URL of a service's database, of each release that is known."""
    service: Service = request.param
    build(empty_database, service)
    return empty_database


@pytest.fixture
def one_service_url(empty_database: str) -> str:
    """The URL of the database of the usual release, for what does not depend on it."""
    build(empty_database, Service())
    return empty_database


@pytest.fixture
def program(tmp_path: Path, one_service_url: str) -> Program:
    """The program with the usual release's database configured."""
    return Program(home=tmp_path, data_dir=tmp_path / "data", url=one_service_url)

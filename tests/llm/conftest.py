"""Models for the tests of this package, each written once a session."""

import os
import select
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from scheduler_core.llm.gpt4all import Gpt4AllModel
from scheduler_core.llm.models import inspect
from scheduler_core.llm.provider import Request
from tests import gguf_models

MakeModel = Callable[..., Gpt4AllModel]


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def answering(models_dir: Path) -> Path:
    routes = {
        "Zurich": "Grüezi, {city} 日本 🙂🙂!",
        "{brace}": "a brace",
        None: "a default answer",
    }
    return gguf_models.scripted(models_dir / "answering.gguf", routes)


@pytest.fixture(scope="session")
def endless(models_dir: Path) -> Path:
    return gguf_models.scripted(models_dir / "endless.gguf", {None: "la la la la "}, loop=True)


@pytest.fixture(scope="session")
def slow(models_dir: Path) -> Path:
    """Takes seconds to read 3,000 characters, and never ends."""
    return gguf_models.scripted(models_dir / "slow.gguf", {None: "la la la la "}, loop=True, slow=True)


@pytest.fixture
async def make_model(tmp_path: Path) -> AsyncIterator[MakeModel]:
    """Opens models with small defaults and closes them after the test."""
    opened: list[Gpt4AllModel] = []

    def make(path: Path, **options: Any) -> Gpt4AllModel:
        defaults: dict[str, Any] = {
            "state_dir": tmp_path / "state",
            "threads": 1,
            "context_tokens": 4096,
            "load_timeout": 30.0,
            "idle_seconds": 0.0,
        }
        model = Gpt4AllModel(inspect(path), **(defaults | options))
        opened.append(model)
        return model

    yield make
    for model in opened:
        await model.aclose()


def request(
    user: str,
    *,
    system: str = "Answer.",
    max_tokens: int = 200,
    timeout: float = 30.0,
    temperature: float = 0.0,
) -> Request:
    return Request(system=system, user=user, max_tokens=max_tokens, timeout=timeout, temperature=temperature)


def is_gone(process_id: int, *, seconds: float = 10.0) -> bool:
    """Waits for the end of a process, which need not be a child of this one; blocks."""
    try:
        descriptor = os.pidfd_open(process_id)
    except ProcessLookupError:
        return True
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        return bool(poller.poll(seconds * 1000))
    finally:
        os.close(descriptor)

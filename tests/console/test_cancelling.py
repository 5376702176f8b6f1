"""The cancel key while a model is in the middle of an answer: the model stops, and nothing is applied."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

import pytest

from bawt_console.app import ConsoleApp
from bawt_console.screens.dialogs import ConfirmScreen
from bawt_console.source import ATTACHED, open_source
from scheduler_core.db.connect import Address, Connection
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.domain import Run, RunFilter, RunStatus
from scheduler_core.llm.gpt4all import Gpt4AllModel
from scheduler_core.llm.models import inspect
from scheduler_core.llm.provider import Completion, ModelInfo, Request, TokenSink
from scheduler_core.runtime import open_runtime
from scheduler_core.settings import Settings
from tests import gguf_models
from tests.console.pilots import MEDIUM, opened, picture, until
from tests.db.test_profile_history import ADA, know

# From the key to the end of the native work.
MOST_SECONDS = 1.0


@dataclass(slots=True)
class Overheard:
    """The real gpt4all, with a note of how each of its answers ended.

    Attributes:
        stopped_at: when an answer was cut short, by the clock of the loop. By then its native work is over.
        answered: how many came to an end by themselves.
    """

    model: Gpt4AllModel
    stopped_at: list[float] = field(default_factory=list)
    answered: int = 0

    @property
    def info(self) -> ModelInfo:
        return self.model.info

    def count_tokens(self, text: str) -> int:
        return self.model.count_tokens(text)

    async def complete(self, request: Request, *, on_token: TokenSink | None = None) -> Completion:
        try:
            answer = await self.model.complete(request, on_token=on_token)
        except asyncio.CancelledError:
            self.stopped_at.append(asyncio.get_running_loop().time())
            raise
        self.answered += 1
        return answer

    async def aclose(self) -> None:
        await self.model.aclose()


@pytest.fixture
async def model(tmp_path: Path) -> AsyncIterator[Overheard]:
    """One that needs seconds for an answer and never ends it by itself."""
    file = gguf_models.scripted(tmp_path / "slow.gguf", {None: "la la la la "}, loop=True, slow=True)
    overheard = Overheard(
        Gpt4AllModel(
            inspect(file),
            state_dir=tmp_path / "state",
            threads=1,
            context_tokens=4096,
            load_timeout=30,
            idle_seconds=0,
        )
    )
    yield overheard
    await overheard.aclose()


async def last_run(history: History) -> Run:
    """Of profile maintenance, over or not."""
    [run] = await history.runs(RunFilter(job_type="profile_maintenance"), limit=1)
    return run


async def test_the_cancel_key_stops_a_model_in_the_middle_of_its_answer(
    model: Overheard, database: Database, database_url: str, psql: Connection, tmp_path: Path
) -> None:
    profiles = ProfileStore(database)
    settings = Settings(
        database_url=database_url,  # type: ignore[arg-type]  # pydantic makes the secret
        data_dir=tmp_path,
        live_generation=True,
    )
    loop = asyncio.get_running_loop()
    app = ConsoleApp(
        lambda: open_source(Address.parse(database_url), actor="tester", mode=ATTACHED), zone=UTC
    )
    async with open_runtime(settings, model=model) as runtime, opened(app, MEDIUM) as pilot:
        await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
        await pilot.press("slash", *"profile", "enter")
        # What is due on an empty database finds nothing to do.
        await until(pilot, lambda: "no profiles" in picture(app), "the first run")
        known = await know(profiles, ADA, "likes tea", "plays chess")
        await pilot.press("R")
        # The answer is on its way: the model is in the middle of it.
        await until(pilot, lambda: "writes" in picture(app) and "tokens/s" in picture(app), "the answer")
        assert (model.answered, model.stopped_at) == (0, [])
        worker = model.model.process_id
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), "the question")
        pressed = loop.time()
        await pilot.press("y")
        await until(pilot, lambda: bool(model.stopped_at), "the end of the generation")
        assert model.stopped_at[0] - pressed < MOST_SECONDS
        await until(pilot, lambda: "Cancelled by tester." in picture(app), "the end of the run")
        run = await last_run(runtime.history)
        assert (run.status, run.error_message) == (RunStatus.FAILED, "Cancelled by tester.")
        assert run.cancel_requested_by == "tester"

        # Nothing of it was applied, and what is known was left alone.
        assert await profiles.summary(ADA) is None
        assert await profiles.versions(ADA) == ()
        assert [each.id for each in await profiles.attributes(ADA)] == known
        for table in ("run_plans", "entity_profile_changes", "entity_profile_drafts"):
            assert await psql.fetchval(f"SELECT count(*) FROM {table}") == 0

        # It was told to stop, not killed: the next run goes on with the same process.
        await pilot.press("R")
        await until(pilot, lambda: model.answered > 0, "the next answer")
        assert model.model.process_id == worker
        await until(pilot, lambda: "no sentence of the model was accepted" in picture(app), "the next run")
        again = await last_run(runtime.history)
        assert (again.id != run.id, again.status) == (True, RunStatus.SUCCESS)
        assert await profiles.summary(ADA)
